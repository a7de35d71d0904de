import GRDB
public import SMPProtocol

/// The settings that `sxfile config` knows.
public enum Setting: String, Sendable, CaseIterable {
    /// The relays on which new queues are made, comma-separated; `SXFILE_RELAY` overrides it.
    case relay
    /// The name that contacts see.
    case name
    /// The largest file, in bytes, that is taken inside a message.
    case inlineLimit = "inline-limit"
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
        case .relay: "relays on which this profile receives, comma-separated (SXFILE_RELAY overrides it)"
        case .name: "the name that new contacts see"
        case .inlineLimit: "largest file taken inside a message, in bytes"
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
        case .relay, .name, .hook: nil
        case .inlineLimit: "1048576"
        case .lane: "auto"
        case .offerPublic, .dialPublic, .notify: "no"
        }
    }
}

extension Profile {
    /// The value in force: the environment's, the profile's, or the standard one.
    public func setting(_ setting: Setting) throws(EngineError) -> String? {
        try read { db in try self.setting(db, setting) }
    }

    /// Sets a value, or with nil goes back to the standard one.
    /// - Throws: `badAddress`, `badSetting`.
    public func set(_ setting: Setting, _ value: String?) throws(EngineError) {
        if let value { try Self.check(setting, value) }
        try write { db in try Meta.set(db, "setting." + setting.rawValue, value) }
    }

    /// The relays on which new queues are made; none if none is set.
    /// - Throws: `badAddress`.
    public func relays() throws(EngineError) -> [SMPServer] {
        guard let text = try setting(.relay) else { return [] }
        return try Self.servers(text)
    }

    func setting(_ db: GRDB.Database, _ setting: Setting) throws -> String? {
        if setting == .relay, let relay = environment["SXFILE_RELAY"], !relay.isEmpty { return relay }
        return try Meta.value(db, "setting." + setting.rawValue) ?? setting.standard
    }

    /// The largest inline file that we take, in bytes.
    func inlineLimit(_ db: GRDB.Database) throws -> UInt64 {
        try setting(db, .inlineLimit).flatMap { UInt64($0) } ?? 1_048_576
    }

    private static func check(_ setting: Setting, _ value: String) throws(EngineError) {
        switch setting {
        case .relay:
            if try servers(value).isEmpty { throw .badAddress(value) }
        case .name:
            let isPlain = value.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
            guard !value.isEmpty, value.utf8.count <= 128, isPlain else {
                throw .badSetting("a name has 1 to 128 bytes and no control characters")
            }
        case .inlineLimit:
            guard let bytes = UInt64(value), bytes <= 4_194_304 else {
                throw .badSetting("inline-limit is a number of bytes up to 4194304")
            }
        case .lane:
            guard ["auto", "relay"].contains(value) else { throw .badSetting("lane is auto or relay") }
        case .hook: _ = try HookCommand(value)
        case .offerPublic, .dialPublic, .notify:
            guard ["yes", "no"].contains(value) else { throw .badSetting("\(setting.rawValue) is yes or no") }
        }
    }

    private static func servers(_ text: String) throws(EngineError) -> [SMPServer] {
        var servers: [SMPServer] = []
        for part in addresses(in: text) {
            guard let server = try? SMPServer(part) else { throw .badAddress(part) }
            servers.append(server)
        }
        return servers
    }

    /// Addresses of one relay hold commas too (several hosts): a new one begins with its scheme.
    static func addresses(in text: String) -> [String] {
        var addresses: [String] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: true) {
            let part = String(part.drop { $0 == " " })
            if part.contains("://") || addresses.isEmpty {
                addresses.append(part)
            } else {
                addresses[addresses.count - 1] += "," + part
            }
        }
        return addresses
    }
}
