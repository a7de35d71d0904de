import Primitives

/// A queue in memory: its record, its spool, and who receives from it. Many more queues are on disk than here.
final class ActiveQueue {
    /// The row as it is in the database.
    private(set) var record: QueueRecord
    let spool: Spool
    /// Seals deliveries to the recipient.
    let box: BoxKey
    /// The one connection that receives from the queue.
    var subscription: Subscription?
    /// Whether the queue stands in its connection's line of deliveries that wait for room.
    var isWaitingForRoom = false
    /// When the recipient last acknowledged a message, in this run; seconds since 1970.
    var takenAt = Int64.min / 2
    /// Connections whose OKs are held back until the recipient has taken more.
    var heldBack: Set<ConnectionID> = []
    /// Whether the queue was used since the store last looked for some to forget.
    var wasUsed = true

    init(record: QueueRecord, spool: Spool) {
        self.record = record
        self.spool = spool
        box = BoxKey(sharedSecret: record.deliverySecret)
    }

    func setSenderKey(_ key: AuthKey) { record.senderKey = key }
    func setOff() { record.isOff = true }
    func setActiveDay(_ day: Int) { record.activeDay = day }
}

/// A connection's hold on a queue, by SUB or NEW: messages are pushed to it.
struct Subscription {
    let connection: ConnectionID
    /// What has been handed to the connection and not been acknowledged, oldest first: one message without a window.
    var unacknowledged: [Delivered] = []
    /// The number of the next message to hand out.
    var next: UInt64

    /// A message under way.
    struct Delivered {
        let sequence: UInt64
        let id: [UInt8]
        /// Whose limit the message counts against.
        let tag: UInt64
    }
}

/// Names a connection in this run of the relay.
package struct ConnectionID: Hashable, Sendable {
    package let number: UInt64

    package init(number: UInt64) { self.number = number }
}
