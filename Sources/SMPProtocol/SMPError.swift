/// What is wrong with bytes or text of the SimpleX messaging protocol.
public enum SMPProtocolError: Error, Equatable, Sendable {
    /// A layout is violated; the text names it.
    case malformed(String)
    /// No version in common; both ranges.
    case incompatible(ours: String, theirs: String)
    /// A key, signature or tag does not fit.
    case authentication(String)
    /// A server address or link that cannot be read; the text says where.
    case badLink(String)
    /// More bytes than the layout holds.
    case tooLong(count: Int, limit: Int)
}

extension SMPProtocolError: CustomStringConvertible {
    /// One lower-case sentence.
    public var description: String {
        switch self {
        case .malformed(let what): "malformed \(what)"
        case .incompatible(let ours, let theirs): "no common version: we speak \(ours), the other side \(theirs)"
        case .authentication(let what): "\(what) is not authentic"
        case .badLink(let what): what
        case .tooLong(let count, let limit): "\(count) bytes where at most \(limit) fit"
        }
    }
}

/// An error that a server answers with (smp.md, section 3): `ERR ` and one of these.
public enum SMPServerError: Error, Equatable, Sendable {
    /// The block cannot be read.
    case block
    /// The session id is another connection's.
    case session
    /// A command that cannot be carried out as given.
    case command(CommandError)
    /// A proxy's error, as text.
    case proxy(String)
    /// Unknown queue, wrong key, suspended queue.
    case auth
    /// The queue is blocked by the operator, as text.
    case blocked(String)
    /// A service error.
    case service
    /// Encryption failed.
    case crypto
    /// The queue is full.
    case quota
    /// The server's storage, as text.
    case store(String)
    /// The message expired.
    case expired
    /// Not the message delivered on this connection.
    case noMessage
    /// The message is too long.
    case largeMessage
    /// Something else in the server.
    case `internal`
    /// A word that we do not know.
    case unknown(String)

    /// Why a command cannot be carried out.
    public enum CommandError: String, Equatable, Sendable {
        /// No such command in this version.
        case unknown = "UNKNOWN"
        /// The arguments do not parse.
        case syntax = "SYNTAX"
        /// Not allowed now.
        case prohibited = "PROHIBITED"
        /// Authorization is missing.
        case noAuth = "NO_AUTH"
        /// Authorization where none belongs.
        case hasAuth = "HAS_AUTH"
        /// The queue id is missing.
        case noEntity = "NO_ENTITY"
    }

    /// The text after `ERR `.
    public var text: String {
        switch self {
        case .block: "BLOCK"
        case .session: "SESSION"
        case .command(let error): "CMD \(error.rawValue)"
        case .proxy(let text): text.isEmpty ? "PROXY" : "PROXY \(text)"
        case .auth: "AUTH"
        case .blocked(let text): text.isEmpty ? "BLOCKED" : "BLOCKED \(text)"
        case .service: "SERVICE"
        case .crypto: "CRYPTO"
        case .quota: "QUOTA"
        case .store(let text): text.isEmpty ? "STORE" : "STORE \(text)"
        case .expired: "EXPIRED"
        case .noMessage: "NO_MSG"
        case .largeMessage: "LARGE_MSG"
        case .internal: "INTERNAL"
        case .unknown(let text): text
        }
    }

    /// Reads the text after `ERR `.
    public init(text: String) {
        let words = text.split(separator: " ", maxSplits: 1).map(String.init)
        let rest = words.count > 1 ? words[1] : ""
        switch words.first ?? "" {
        case "BLOCK": self = .block
        case "SESSION": self = .session
        case "CMD": self = CommandError(rawValue: rest).map { .command($0) } ?? .unknown(text)
        case "PROXY": self = .proxy(rest)
        case "AUTH": self = .auth
        case "BLOCKED": self = .blocked(rest)
        case "SERVICE": self = .service
        case "CRYPTO": self = .crypto
        case "QUOTA": self = .quota
        case "STORE": self = .store(rest)
        case "EXPIRED": self = .expired
        case "NO_MSG": self = .noMessage
        case "LARGE_MSG": self = .largeMessage
        case "INTERNAL": self = .internal
        default: self = .unknown(text)
        }
    }
}
