import DequeModule
package import Primitives
import SMPProtocol

/// The relay without sockets and clock: who is connected, which queues they receive from, and what each command does.
///
/// Commands come with the key that has verified them, checked outside so that the core never waits for a signature; the
/// core makes sure that this key is still the queue's. Not thread-safe.
package struct RelayCore {
    package let store: QueueStore
    package private(set) var limits: QueueLimits
    /// Whether no new queues are made; those there are go on.
    package var isDraining = false
    package var counters = RelayCounters()
    var addresses: AddressLimits
    var connections: [ConnectionID: Connection] = [:]

    struct Connection {
        /// Whose limits the connection's commands count against.
        let tag: AddressLimits.Tag
        /// The queues it receives from.
        var queues: [QueueID: ActiveQueue] = [:]
        /// Messages it got by GET and has not acknowledged.
        var got: [QueueID: [UInt8]] = [:]
        /// Whether it takes more messages now.
        var hasRoom = true
        /// Unacknowledged messages of a queue that may be under way to it: one in plain SMP.
        var window = 1
        /// Unacknowledged messages of all its queues.
        var underWay = 0
        /// Queues with a message to push once there is room.
        var waiting: Deque<ActiveQueue> = []
    }

    /// Messages handed to a connection at once when it has room again.
    private static let messagesPerTurn = 16

    package init(store: QueueStore, limits: QueueLimits) {
        self.store = store
        self.limits = limits
        addresses = AddressLimits(newQueuesPerHour: limits.newQueuesPerHour, storedBytes: limits.storedBytesPerAddress)
    }

    /// Changes what bounds the queues. What is stored already stays, also where that is more than is allowed now.
    package mutating func apply(_ limits: QueueLimits) {
        self.limits = limits
        addresses.apply(newQueuesPerHour: limits.newQueuesPerHour, storedBytes: limits.storedBytesPerAddress)
    }

    // MARK: Connections

    /// A connection from `address` (4 or 16 bytes, else not limited) has come.
    package mutating func connect(_ connection: ConnectionID, address: [UInt8]) {
        connections[connection] = Connection(tag: addresses.tag(of: address))
        counters.connections += 1
    }

    /// The connection takes `messages` unacknowledged messages of a queue at a time, as pushes.
    package mutating func open(_ connection: ConnectionID, window messages: Int) {
        connections[connection]?.window = messages
    }

    /// A connection is gone; what it has not acknowledged will be delivered to the next one.
    /// - Returns: what others are to be told.
    @discardableResult
    package mutating func disconnect(_ connection: ConnectionID) -> [Push] {
        guard let state = connections.removeValue(forKey: connection) else { return [] }
        var outcome = Outcome(reply: .ok)
        for queue in state.queues.values {
            queue.subscription = nil
            queue.isWaitingForRoom = false
            releaseSenders(of: queue, &outcome)
        }
        return outcome.pushes
    }

    /// Whether the connection receives from any queue.
    package func isSubscribed(_ connection: ConnectionID) -> Bool { connections[connection]?.queues.isEmpty == false }

    /// The connection takes no more messages for now; answers to its commands excepted.
    package mutating func pause(_ connection: ConnectionID) { connections[connection]?.hasRoom = false }

    /// The connection takes messages again: the first ones for it. Others wait for the next call.
    package mutating func resume(_ connection: ConnectionID, now: Int64) -> Outcome {
        connections[connection]?.hasRoom = true
        return catching { core, outcome throws(RelayError) in
            for _ in 0..<Self.messagesPerTurn {
                guard let queue = core.connections[connection]?.waiting.popFirst() else { return }
                guard queue.isWaitingForRoom, queue.subscription?.connection == connection else { continue }
                queue.isWaitingForRoom = false
                try core.deliver(queue, to: &outcome)
            }
        }
    }

    /// Whether messages wait for the connection to have room.
    package func hasWaiting(_ connection: ConnectionID) -> Bool { connections[connection]?.waiting.isEmpty == false }

    // MARK: Credentials

    /// The key that verifies commands of the recipient of queue `id`; nil if there is no such queue.
    package mutating func recipientKey(of id: QueueID) -> AuthKey? {
        (try? store.queue(recipient: id))?.record.recipientKey
    }

    /// What authorizes SEND to the queue that its sender calls `id`.
    package mutating func senderCredential(of id: QueueID) -> SenderCredential {
        guard let queue = try? store.queue(sender: id) else { return .unknown }
        return queue.record.senderKey.map { .key($0) } ?? .unsecured
    }

    // MARK: Making queues

    /// NEW. `subscribing` makes the connection its receiver at once.
    package mutating func create(
        recipientKey: AuthKey, deliverySecret: SecretBytes, senderCanSecure: Bool, subscribing: Bool,
        on connection: ConnectionID, now: Int64
    ) -> Outcome {
        guard let tag = connections[connection]?.tag else { return .refused(.authorization) }
        guard !isDraining, addresses.takeQueue(tag, now: now) else {
            counters.refuse(isDraining ? .draining : .newQueues)
            return .refused(.quota)
        }
        return catching { core, outcome throws(RelayError) in
            let queue = try core.store.create(
                recipientKey: recipientKey, deliverySecret: deliverySecret, senderCanSecure: senderCanSecure,
                day: day(now))
            core.counters.queuesMade += 1
            if subscribing { core.hold(queue, by: connection, &outcome) }
            outcome.reply = .queueMade(
                recipientID: queue.record.recipientID, senderID: queue.record.senderID,
                senderCanSecure: senderCanSecure)
        }
    }

    // MARK: Upkeep

    /// Looks at the next `count` queues for messages and queues whose time is over.
    package mutating func sweep(_ count: Int, now: Int64) -> Outcome {
        catching { core, outcome throws(RelayError) in
            _ = try core.store.sweep(count) { queue throws(RelayError) in
                try core.expireMessages(of: queue, now: now)
                if queue.subscription != nil { return core.store.touch(queue, day: day(now)) }
                let idleDays = day(now) - queue.record.activeDay
                guard idleDays > core.limits.idleQueueLifetimeInDays else { return }
                try core.remove(queue)
                core.counters.queuesExpired += 1
            }
        }
    }

    /// Drops what is too old from the front of a queue, unless it is under way to a recipient.
    mutating func expireMessages(of queue: ActiveQueue, now: Int64) throws(RelayError) {
        let oldest = now - Int64(limits.messageLifetimeInDays) * 86400
        guard queue.subscription?.unacknowledged.isEmpty ?? true else { return }
        while !queue.spool.isEmpty {
            let message = try queue.spool.read(queue.spool.head)
            if let message, message.timestamp >= oldest { return }
            try drop(through: queue.spool.head, of: queue, tag: message?.tag)
            counters.messagesExpired += 1
        }
    }

    /// Lets held back OKs go once few messages wait, or if nobody receives from the queue any more.
    mutating func releaseSenders(of queue: ActiveQueue, _ outcome: inout Outcome) {
        guard !queue.heldBack.isEmpty, queue.subscription == nil || !isBehind(queue) else { return }
        for sender in queue.heldBack {
            outcome.pushes.append(Push(connection: sender, event: .room(queue.record.senderID)))
        }
        queue.heldBack = []
    }

    /// Whether the sender is ahead of a recipient that takes messages out: it had better wait a little.
    func isHoldingBack(_ queue: ActiveQueue, now: Int64) -> Bool {
        queue.subscription != nil && isBehind(queue) && now <= queue.takenAt + Self.restInSeconds
    }

    /// Whether more messages wait than keep a recipient busy.
    private func isBehind(_ queue: ActiveQueue) -> Bool {
        queue.spool.count > min(limits.messagesPerQueue / 2, DeliveryWindow.messagesAhead)
    }

    /// A recipient that has acknowledged nothing for longer than this drains nothing.
    private static let restInSeconds: Int64 = 1

    /// Ends the queue's subscription.
    mutating func endSubscription(of queue: ActiveQueue) {
        guard let subscription = queue.subscription else { return }
        connections[subscription.connection]?.underWay -= subscription.unacknowledged.count
        connections[subscription.connection]?.queues[queue.record.recipientID] = nil
        queue.subscription = nil
        queue.isWaitingForRoom = false
    }

    /// Forgets the messages of `queue` up to and with `sequence`, also as messages under way.
    mutating func drop(through sequence: UInt64, of queue: ActiveQueue, tag: UInt64?) throws(RelayError) {
        try store.drop(through: sequence, of: queue)
        if let tag { addresses.released(tag) }
        guard var subscription = queue.subscription else { return }
        // Taken out while it changes, so that its arrays are not copied.
        queue.subscription = nil
        let before = subscription.unacknowledged.count
        subscription.unacknowledged.removeAll { $0.sequence <= sequence }
        connections[subscription.connection]?.underWay -= before - subscription.unacknowledged.count
        subscription.next = max(subscription.next, queue.spool.head)
        queue.subscription = subscription
    }

    /// Deletes a queue, with what its messages counted for.
    mutating func remove(_ queue: ActiveQueue) throws(RelayError) {
        for sequence in queue.spool.head..<queue.spool.tail {
            if let tag = try queue.spool.tag(of: sequence) { addresses.released(tag) }
        }
        try store.delete(queue)
    }

    /// Runs `body`; what the store throws becomes the reply.
    mutating func catching(
        _ body: (inout RelayCore, inout Outcome) throws(RelayError) -> Void
    ) -> Outcome {
        var outcome = Outcome(reply: .ok)
        do throws(RelayError) {
            try body(&self, &outcome)
        } catch {
            outcome.reply = .refused(error.isOutOfSpace ? .quota : .storage)
            outcome.failure = error
            counters.storageFailures += 1
            if error.isOutOfSpace { counters.refuse(.diskFull) }
        }
        return outcome
    }
}

/// Days since 1970.
func day(_ seconds: Int64) -> Int { Int(seconds / 86400) }
