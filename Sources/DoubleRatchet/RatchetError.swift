/// Why a ratchet refuses.
public enum RatchetError: Error, Equatable, Sendable {
    /// A layout is violated; the text names it.
    case malformed(String)
    /// A key or tag does not fit any chain that we know.
    case undecryptable
    /// The chain has passed this number: the message came before.
    case duplicate(number: UInt32)
    /// The message is further ahead than numbers are passed over.
    case tooFarAhead(count: Int)
    /// This party has no sending chain yet: it must receive first.
    case cannotSendYet
    /// All numbers of a chain are used up; an answer of the peer starts a new one.
    case outOfNumbers
    /// The plaintext does not fit.
    case tooLong(count: Int, limit: Int)
}

extension RatchetError: CustomStringConvertible {
    /// One lower-case sentence.
    public var description: String {
        switch self {
        case .malformed(let what): "malformed \(what)"
        case .undecryptable: "a message that the keys of this connection do not open"
        case .duplicate(let number): "message \(number) came twice"
        case .tooFarAhead(let count): "\(count) messages are missing before this one"
        case .cannotSendYet: "nothing has been received that a sending key could be made from"
        case .outOfNumbers: "no message numbers are left before the other side answers"
        case .tooLong(let count, let limit): "\(count) bytes where at most \(limit) fit"
        }
    }
}
