/// A field of the message grammar, for errors.
public enum ChatField: String, Hashable, Sendable {
    /// The number in front of the event.
    case messageID = "message id"
    /// The event's name.
    case event = "event name"
    /// One of the parameters.
    case parameter = "parameter"
    /// A content part's namespace and type.
    case contentType = "content type"
    /// A content part's size.
    case contentSize = "content size"
    /// A content part's hash.
    case contentHash = "content hash"
    /// The list of content parts.
    case contentParts = "content part"
    /// The bodies of content parts.
    case body = "body"
}

/// What is wrong with a JSON text.
public enum JSONFault: String, Hashable, Sendable {
    /// The text is longer than its limit.
    case tooLong = "is too long"
    /// Arrays and objects are nested deeper than `ChatLimits.jsonDepth`.
    case tooDeep = "is nested too deep"
    /// An object has a key twice.
    case duplicateKey = "has a key twice"
    /// A byte that JSON does not allow there, or an early end.
    case syntax = "is malformed"
    /// A string that is not Unicode.
    case notUnicode = "is not valid unicode"
}

/// What is wrong with a chat message.
public enum ChatProtocolError: Error, Hashable, Sendable {
    /// The message, of `count` bytes, is longer than `limit`.
    case messageTooLong(count: Int, limit: Int)
    /// What stands before the first body part is longer than `limit` bytes.
    case headerTooLong(limit: Int)
    /// The message does not go on as the grammar asks at `offset`, a count of bytes from its start.
    case malformed(ChatField, offset: Int)
    /// A number above 2⁶³ − 1 that begins at `offset`.
    case numberTooLarge(ChatField, offset: Int)
    /// There are more than `limit` of these.
    case tooMany(ChatField, limit: Int)
    /// The body of `part`, counted from 1, has only `available` of its `size` bytes.
    case bodyIncomplete(part: Int, size: Int64, available: Int)
    /// Bytes are left at `offset` after the last body part.
    case trailingBytes(offset: Int)
    /// A known event lacks `what`.
    case missing(_ what: String, event: String)
    /// A known event has a `what` that cannot be.
    case invalid(_ what: String, event: String)
    /// A JSON text is wrong at `offset`, a count of bytes from its start.
    case json(JSONFault, offset: Int)
}

extension ChatProtocolError: CustomStringConvertible {
    /// One lower-case sentence without any text of the peer.
    public var description: String {
        switch self {
        case .messageTooLong(let count, let limit): "a message of \(count) bytes where at most \(limit) are allowed"
        case .headerTooLong(let limit): "the head of a message exceeds \(limit) bytes"
        case .malformed(let field, let offset): "malformed message: \(field.rawValue) at byte \(offset)"
        case .numberTooLarge(let field, let offset): "malformed message: \(field.rawValue) too large at byte \(offset)"
        case .tooMany(let field, let limit): "a message has more than \(limit) \(field.rawValue)s"
        case .bodyIncomplete(let part, let size, let available):
            "part \(part) of a message has \(available) of its \(size) bytes"
        case .trailingBytes(let offset): "unexpected bytes after the end of a message at byte \(offset)"
        case .missing(let what, let event): "\(event) without \(what)"
        case .invalid(let what, let event): "\(event) with an invalid \(what)"
        case .json(let fault, let offset): "the JSON of a message \(fault.rawValue) at byte \(offset)"
        }
    }
}
