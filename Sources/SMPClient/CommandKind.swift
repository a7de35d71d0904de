import SMPProtocol

/// 24 random bytes: their first 16 tell commands apart.
struct CorrelationID: Hashable {
    private let first: UInt64
    private let second: UInt64

    init(_ bytes: some Collection<UInt8>) {
        var words: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes.prefix(16)) }
        (first, second) = words
    }
}

/// The kind of a command, without what it carries.
enum CommandKind {
    case subscribe, send, acknowledge, ping
    case other(String)

    init(_ command: ClientCommand) {
        switch command {
        case .subscribe: self = .subscribe
        case .send: self = .send
        case .acknowledge: self = .acknowledge
        case .ping: self = .ping
        case .new: self = .other("NEW")
        case .secure: self = .other("KEY")
        case .secureBySender: self = .other("SKEY")
        case .get: self = .other("GET")
        case .suspend: self = .other("OFF")
        case .delete: self = .other("DEL")
        case .forwarded: self = .other("RFWD")
        }
    }

    /// Whether its order among commands on other queues does not matter.
    var sharesBlocks: Bool {
        switch self {
        case .subscribe, .send, .acknowledge: true
        case .ping, .other: false
        }
    }

    /// Whether a MSG may answer it that is a delivery like a pushed one.
    var deliversMessages: Bool {
        switch self {
        case .subscribe, .acknowledge: true
        case .send, .ping, .other: false
        }
    }

    /// Whether it binds its queue to the connection when it is authorized.
    var binds: Bool {
        switch self {
        case .subscribe, .send, .acknowledge: true
        case .ping, .other: false
        }
    }

    /// Whether it ends what is under way of its queue: a repeated SUB delivers again.
    var resetsWindow: Bool {
        switch self {
        case .subscribe, .other: true
        case .send, .acknowledge, .ping: false
        }
    }

    /// Whether it needs no authorization on a bound queue.
    var goesBound: Bool {
        switch self {
        case .send, .acknowledge: true
        case .subscribe, .ping, .other: false
        }
    }

    var name: String {
        switch self {
        case .subscribe: "SUB"
        case .send: "SEND"
        case .acknowledge: "ACK"
        case .ping: "PING"
        case .other(let name): name
        }
    }
}
