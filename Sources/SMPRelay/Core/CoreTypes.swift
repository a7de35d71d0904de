package import Primitives

/// A message on its way to a recipient. It is sealed where it is written, outside of the core.
package struct OutgoingMessage: Sendable {
    /// The queue, as its recipient calls it.
    package let queue: QueueID
    package let message: StoredMessage
    /// The key that the queue's recipient shares with the relay.
    package let box: BoxKey
}

/// The answer to a command.
package enum Reply: Sendable {
    case ok
    case queueMade(recipientID: QueueID, senderID: QueueID, senderCanSecure: Bool)
    case message(OutgoingMessage)
    case refused(Refusal)
}

/// Why a command is not carried out.
package enum Refusal: Sendable, Equatable {
    /// No such queue, a wrong key, a queue that is off: not told apart.
    case authorization
    /// GET and SUB of one queue on one connection.
    case prohibited
    /// The queue, the relay or the address is full.
    case quota
    /// Not the message that was delivered on this connection.
    case noMessage
    /// The relay's disk or database failed.
    case storage
}

/// Something for a connection that did not ask for it.
package struct Push: Sendable {
    package enum Event: Sendable {
        case message(OutgoingMessage)
        /// Another connection receives from the queue now.
        case ended(QueueID)
        /// The queue was deleted.
        case deleted(QueueID)
        /// There is room again in the queue that its sender calls so: OKs held back may go.
        case room(QueueID)
    }

    package let connection: ConnectionID
    package let event: Event
}

/// What a command leads to: its answer, then pushes in order, the asking connection's own among them.
package struct Outcome: Sendable {
    package var reply: Reply
    package var pushes: [Push] = []
    /// An OK that is to wait for `room`: the sender is faster than the recipient.
    package var isHeldBack = false
    /// What went wrong in the store, for the log.
    package var failure: RelayError?

    package static func refused(_ refusal: Refusal) -> Outcome { Outcome(reply: .refused(refusal)) }
}

/// How a queue's SEND must be authorized.
package enum SenderCredential: Sendable {
    case unknown
    case unsecured
    case key(AuthKey)
}

/// The command of a queue's recipient.
package enum RecipientCommand: Sendable {
    case subscribe
    case secure(AuthKey)
    case acknowledge(ArraySlice<UInt8>)
    case get
    case turnOff
    case delete
}

/// What bounds the queues.
package struct QueueLimits: Sendable {
    package var messagesPerQueue = 4096
    /// Messages in a queue that is not secured and that the sender can secure.
    package var messagesUnsecured = 8
    /// Messages in a queue that is not secured and that takes anyone's, such as a contact address.
    package var messagesPublic = 128
    package var totalBytes = 10 << 30
    package var messageLifetimeInDays = 21
    package var idleQueueLifetimeInDays = 90
    package var newQueuesPerHour = 1000
    package var storedBytesPerAddress = 2 << 30

    package init() {}
}
