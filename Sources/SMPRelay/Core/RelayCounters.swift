/// What has happened since the start, for operators: plain numbers, counted where it happens, told in totals only.
package struct RelayCounters: Sendable, Equatable {
    /// Connections let in.
    package var connections = 0
    package var queuesMade = 0
    package var queuesDeleted = 0
    /// Queues that nobody used for too long.
    package var queuesExpired = 0
    package var messagesReceived = 0
    /// Bytes of the bodies of received messages.
    package var bytesReceived = 0
    /// Messages handed to recipients; those handed out again are counted again.
    package var messagesDelivered = 0
    package var messagesAcknowledged = 0
    /// Messages that nobody fetched in time.
    package var messagesExpired = 0
    /// Failures of the disk or the database.
    package var storageFailures = 0
    /// Commands, queues and connections that were refused, by reason.
    package var refusals: [RefusalReason: Int] = [:]

    /// Counts a refusal.
    package mutating func refuse(_ reason: RefusalReason) { refusals[reason, default: 0] += 1 }
}

/// Why something was refused, as an operator wants it told apart; the names are labels of metrics.
package enum RefusalReason: String, Sendable, CaseIterable {
    /// A wrong key or password, or no such queue.
    case authorization
    /// The queue holds as many messages as it may, or has not been drained since it did.
    case queueFull = "queue-full"
    /// All that the relay may store is stored.
    case relayFull = "relay-full"
    /// The disk has no more room.
    case diskFull = "disk-full"
    /// The sender's network keeps as much stored as it may.
    case networkFull = "network-full"
    /// The network has made as many queues in an hour as it may.
    case newQueues = "new-queues"
    /// The relay makes no new queues.
    case draining
    /// There are as many connections as there may be.
    case connections
    /// The hello was malformed, of a foreign version, or meant for another relay.
    case handshake
    /// A block or command was malformed.
    case syntax
    /// The command is not allowed here.
    case prohibited
    /// The acknowledged message is not the one that was delivered.
    case noMessage = "no-message"
    /// The disk or the database failed.
    case storage
}
