/// Why a relay cannot be used, or a connection to it ended.
public enum SMPClientError: Error, Equatable, Sendable {
    /// No connection: name, network, or nobody there.
    case unreachable(String)
    /// The relay is not the one that its address names, or cannot prove it.
    case identity(String)
    /// No version in common, or not a relay at all.
    case incompatible(String)
    /// A step took longer than its deadline.
    case timedOut(String)
    /// The connection ended.
    case closed(String)
}

extension SMPClientError: CustomStringConvertible {
    /// One lower-case sentence.
    public var description: String {
        switch self {
        case .unreachable(let what), .identity(let what), .incompatible(let what), .timedOut(let what),
            .closed(let what):
            what
        }
    }
}

/// What a relay says without being asked, or in answer to a subscription or acknowledgement: always here, once, in order.
public struct SMPPush: Sendable {
    /// What happened to the queue.
    public enum Event: Sendable {
        /// A message: the relay's id of it, and the bytes sealed for the recipient.
        case message(id: [UInt8], body: ArraySlice<UInt8>)
        /// Another connection subscribed to the queue.
        case end
        /// The queue was deleted.
        case deleted
    }

    /// The recipient id of the queue.
    public let entity: [UInt8]
    /// What happened.
    public let event: Event
}

/// How long the steps of a client may take, in seconds.
public struct SMPClientDeadlines: Sendable {
    /// Name, TCP, TLS, hello.
    public var connect: Int64
    /// A command's answer.
    public var command: Int64
    /// Silence after which the relay is asked whether it is there.
    public var silence: Int64

    /// The usual ones.
    public init(connect: Int64 = 15, command: Int64 = 30, silence: Int64 = 600) {
        self.connect = connect
        self.command = command
        self.silence = silence
    }
}
