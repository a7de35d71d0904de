import TLSTransport
import TOML

/// The settings that `sxfile config` knows.
public enum Setting: String, Sendable, CaseIterable {
    /// The relays on which new queues are made, comma-separated.
    case relay
    /// The name that contacts see.
    case name
    /// The largest file that is taken inside a message.
    case inlineLimit = "inline-limit"
    /// Bytes a second, for all transfers together, each way.
    case limitRate = "limit-rate"
    /// The SOCKS5 proxy by which relays are reached.
    case proxy
    /// `auto`, or `relay`: no direct connection is offered, dialled or taken.
    case lane
    /// Whether public addresses of this machine are offered for direct connections.
    case offerPublic = "direct.offer-public"
    /// Whether addresses outside this machine's networks are dialled for direct connections.
    case dialPublic = "direct.dial-public"
    /// A program that is run for each transfer that is complete: see `HookCommand`.
    case hook
    /// Whether the desktop is told of each transfer that is complete.
    case notify

    /// What it is for, one line.
    public var summary: String {
        switch self {
        case .relay: "relays on which this profile receives, comma-separated"
        case .name: "the name that new contacts see"
        case .inlineLimit: "largest file taken inside a message, as 500K"
        case .limitRate: "most bytes a second, each way, as 500K or 2M; none without it"
        case .proxy: "socks5://[user:pass@]HOST:PORT for all relays; rules out direct connections"
        case .lane: "auto, or relay: no direct connections to other machines"
        case .offerPublic: "yes: tell public addresses of this machine to contacts who send or get a file"
        case .dialPublic: "yes: connect to addresses outside this machine's networks that a contact names"
        case .hook: "program that is run when a transfer is complete, with its arguments; no shell"
        case .notify: "yes: tell the desktop when a transfer is complete (notify-send)"
        }
    }

    /// The value when none is set; nil if there is none.
    public var standard: String? {
        switch self {
        case .relay, .name, .limitRate, .proxy, .hook: nil
        case .inlineLimit: "1048576"
        case .lane: "auto"
        case .offerPublic, .dialPublic, .notify: "no"
        }
    }

    /// The environment variable that overrides it: `SXFILE_LIMIT_RATE`.
    public var variable: String {
        "SXFILE_" + rawValue.uppercased().map { $0 == "-" || $0 == "." ? "_" : String($0) }.joined()
    }

    /// Where it stands in the file.
    var path: [String] { rawValue.split(separator: ".").map(String.init) }

    /// Checks a value as `config set`, the environment and options give it.
    /// - Throws: `badAddress`, `badSetting`.
    public func check(_ text: String) throws(EngineError) {
        switch self {
        case .relay:
            if try Profile.servers(text).isEmpty { throw .badAddress(text) }
        case .name:
            let isPlain = text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
            guard !text.isEmpty, text.utf8.count <= 128, isPlain else {
                throw .badSetting("a name has 1 to 128 bytes and no control characters")
            }
        case .inlineLimit:
            guard let size = ByteCount(text), size.bytes <= 4_194_304 else {
                throw .badSetting("inline-limit is a size up to 4M, as 500K or 65536")
            }
        case .limitRate:
            guard let rate = ByteCount(text), rate.bytes >= ByteCount.leastRate else {
                throw .badSetting("limit-rate is bytes a second from 16K, as 500K or 2M")
            }
        case .proxy:
            if SOCKSProxy(text) == nil {
                throw .badSetting("a proxy looks like socks5://HOST:PORT or socks5://USER:PASSWORD@HOST:PORT")
            }
        case .lane:
            guard ["auto", "relay"].contains(text) else { throw .badSetting("lane is auto or relay") }
        case .hook: _ = try HookCommand(text)
        case .offerPublic, .dialPublic, .notify:
            guard ["yes", "no"].contains(text) else { throw .badSetting("\(rawValue) is yes or no") }
        }
    }

    /// The value to be shown to whoever may look over a shoulder.
    public func shown(_ text: String) -> String {
        self == .proxy ? SOCKSProxy(text)?.withoutPassword ?? text : text
    }

    /// The program that a value of `hook` names.
    public static func hookProgram(_ text: String) -> String? { (try? HookCommand(text))?.words.first }

    // MARK: - In the file

    /// The text of a value in the file, or nil for one of the wrong kind.
    func text(of value: TOMLValue) -> String? {
        switch (self, value) {
        case (.relay, .array(let values)):
            let texts = values.compactMap { if case .string(let text) = $0 { text } else { nil } }
            return texts.count == values.count ? texts.joined(separator: ",") : nil
        case (.inlineLimit, .integer(let number)), (.limitRate, .integer(let number)): return "\(number)"
        case (.offerPublic, .boolean(let isOn)), (.dialPublic, .boolean(let isOn)), (.notify, .boolean(let isOn)):
            return isOn ? "yes" : "no"
        case (.offerPublic, _), (.dialPublic, _), (.notify, _): return nil
        case (_, .string(let text)): return text
        case (_, .integer), (_, .boolean), (_, .array): return nil
        }
    }

    /// What the file has to hold, for messages.
    var kind: String {
        switch self {
        case .relay: "a string or an array of strings"
        case .name, .lane, .proxy, .hook: "a string"
        case .inlineLimit, .limitRate: "a whole number or a string as \"500K\""
        case .offerPublic, .dialPublic, .notify: "true or false"
        }
    }

    /// A checked text as a value of the file.
    func value(of text: String) -> TOMLValue {
        switch self {
        case .relay:
            let servers = Profile.addresses(in: text)
            return servers.count == 1 ? .string(servers[0]) : .array(servers.map { .string($0) })
        case .inlineLimit, .limitRate: return Int64(text).map { .integer($0) } ?? .string(text)
        case .offerPublic, .dialPublic, .notify: return .boolean(text == "yes")
        case .name, .lane, .proxy, .hook: return .string(text)
        }
    }
}

/// A number of bytes as people write it: `65536`, `500K`, `2M`, `10G`, in powers of 1024.
public struct ByteCount: Equatable, Sendable {
    /// The least rate at which a relay's blocks of 16 KiB pass before somebody gives up waiting.
    public static let leastRate: UInt64 = 16 << 10

    /// The number.
    public let bytes: UInt64

    /// Reads `text`; nil if it is no size.
    public init?(_ text: String) {
        let units: [Character: UInt64] = ["K": 10, "M": 20, "G": 30, "T": 40]
        let shift = text.last.flatMap { units[Character($0.uppercased())] }
        let digits = shift == nil ? text[...] : text.dropLast()
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(digits),
            number < (1 << 50) >> (shift ?? 0)
        else { return nil }
        bytes = number << (shift ?? 0)
    }
}
