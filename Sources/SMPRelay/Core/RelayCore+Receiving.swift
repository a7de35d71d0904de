package import Primitives
import SMPProtocol

extension RelayCore {
    /// A command to the queue that its recipient calls `id`, verified by `key`.
    package mutating func receive(
        _ command: RecipientCommand, queue id: QueueID, key: AuthKey, on connection: ConnectionID, now: Int64
    ) -> Outcome {
        guard connections[connection] != nil else { return .refused(.authorization) }
        return catching { core, outcome throws(RelayError) in
            guard let queue = try core.store.queue(recipient: id), queue.record.recipientKey == key else {
                outcome.reply = .refused(.authorization)
                return
            }
            core.store.touch(queue, day: day(now))
            switch command {
            case .subscribe: try core.subscribe(queue, by: connection, now: now, &outcome)
            case .acknowledge(let id): try core.acknowledge(id, of: queue, by: connection, now: now, &outcome)
            case .get: try core.get(queue, by: connection, now: now, &outcome)
            case .secure(let senderKey): try core.secure(queue, with: senderKey, &outcome)
            case .turnOff: if !queue.record.isOff { try core.store.turnOff(queue) }
            case .delete: try core.delete(queue, by: connection, &outcome)
            }
        }
    }

    /// Makes `connection` the queue's receiver; another one is told that its time is over.
    mutating func hold(_ queue: ActiveQueue, by connection: ConnectionID, _ outcome: inout Outcome) {
        let id = queue.record.recipientID
        if let holder = queue.subscription?.connection, holder != connection {
            outcome.pushes.append(Push(connection: holder, event: .ended(id)))
        }
        endSubscription(of: queue)
        queue.subscription = Subscription(connection: connection, next: queue.spool.head)
        connections[connection]?.queues[id] = queue
    }

    private mutating func subscribe(
        _ queue: ActiveQueue, by connection: ConnectionID, now: Int64, _ outcome: inout Outcome
    ) throws(RelayError) {
        guard connections[connection]?.got[queue.record.recipientID] == nil else {
            outcome.reply = .refused(.prohibited)
            return
        }
        // A repeated SUB delivers again what is not acknowledged.
        hold(queue, by: connection, &outcome)
        try expireMessages(of: queue, now: now)
        try deliver(queue, to: &outcome)
    }

    private mutating func acknowledge(
        _ id: ArraySlice<UInt8>, of queue: ActiveQueue, by connection: ConnectionID, now: Int64,
        _ outcome: inout Outcome
    ) throws(RelayError) {
        if let got = connections[connection]?.got[queue.record.recipientID] {
            return try acknowledge(id, got: got, of: queue, by: connection, &outcome)
        }
        guard let subscription = queue.subscription, subscription.connection == connection,
            let place = subscription.unacknowledged.firstIndex(where: { $0.id.elementsEqual(id) })
        else {
            outcome.reply = .refused(.noMessage)
            return
        }
        queue.takenAt = now
        // Cumulative: what was delivered before is acknowledged with it.
        let last = subscription.unacknowledged[place]
        try drop(through: last.sequence, of: queue, tag: last.tag)
        counters.messagesAcknowledged += place + 1
        for earlier in subscription.unacknowledged[..<place] { addresses.released(earlier.tag) }
        releaseSenders(of: queue, &outcome)
        if window(of: connection) > 1 {
            try deliver(queue, to: &outcome)
        } else if let next = try nextDelivery(of: queue) {
            outcome.reply = .message(next)
        }
    }

    private mutating func acknowledge(
        _ id: ArraySlice<UInt8>, got: [UInt8], of queue: ActiveQueue, by connection: ConnectionID,
        _ outcome: inout Outcome
    ) throws(RelayError) {
        guard got.elementsEqual(id) else {
            outcome.reply = .refused(.noMessage)
            return
        }
        connections[connection]?.got[queue.record.recipientID] = nil
        // Another connection's subscription may have had it acknowledged meanwhile.
        guard !queue.spool.isEmpty, let head = try queue.spool.read(queue.spool.head), head.id == got else { return }
        try drop(through: queue.spool.head, of: queue, tag: head.tag)
        counters.messagesAcknowledged += 1
        try deliver(queue, to: &outcome)
    }

    private mutating func get(
        _ queue: ActiveQueue, by connection: ConnectionID, now: Int64, _ outcome: inout Outcome
    ) throws(RelayError) {
        let id = queue.record.recipientID
        guard connections[connection]?.queues[id] == nil else {
            outcome.reply = .refused(.prohibited)
            return
        }
        try expireMessages(of: queue, now: now)
        guard !queue.spool.isEmpty, let message = try queue.spool.read(queue.spool.head) else { return }
        connections[connection]?.got[id] = message.id
        counters.messagesDelivered += 1
        outcome.reply = .message(OutgoingMessage(queue: id, message: message, box: queue.box))
    }

    private mutating func secure(
        _ queue: ActiveQueue, with key: AuthKey, _ outcome: inout Outcome
    ) throws(RelayError) {
        if let present = queue.record.senderKey {
            if present != key { outcome.reply = .refused(.authorization) }
        } else {
            try store.secure(queue, with: key)
        }
    }

    private mutating func delete(
        _ queue: ActiveQueue, by connection: ConnectionID, _ outcome: inout Outcome
    ) throws(RelayError) {
        let id = queue.record.recipientID
        try remove(queue)
        counters.queuesDeleted += 1
        connections[connection]?.got[id] = nil
        let holder = queue.subscription?.connection
        endSubscription(of: queue)
        releaseSenders(of: queue, &outcome)
        if let holder, holder != connection { outcome.pushes.append(Push(connection: holder, event: .deleted(id))) }
    }

    /// Pushes what the queue's receiver may have now. `fresh` is the message with the highest number, if it is at hand.
    mutating func deliver(
        _ queue: ActiveQueue, fresh: StoredMessage? = nil, to outcome: inout Outcome
    ) throws(RelayError) {
        guard let connection = queue.subscription?.connection else { return }
        guard connections[connection]?.hasRoom == true else {
            if !queue.isWaitingForRoom, hasNext(queue) {
                queue.isWaitingForRoom = true
                connections[connection]?.waiting.append(queue)
            }
            return
        }
        while let delivery = try nextDelivery(of: queue, fresh: fresh) {
            outcome.pushes.append(Push(connection: connection, event: .message(delivery)))
        }
    }

    /// Unacknowledged messages of a queue that may be under way to the connection.
    package func window(of connection: ConnectionID) -> Int { connections[connection]?.window ?? 1 }

    private func hasNext(_ queue: ActiveQueue) -> Bool {
        guard let subscription = queue.subscription, subscription.next < queue.spool.tail else { return false }
        let count = subscription.unacknowledged.count
        // A queue's one message at a time is plain SMP; what goes beyond it is bounded for all queues together.
        guard count > 0, let connection = connections[subscription.connection] else { return count == 0 }
        return count < connection.window && connection.underWay < DeliveryWindow.messagesOfConnection
    }

    /// The next message that the window allows, now under way.
    private mutating func nextDelivery(
        of queue: ActiveQueue, fresh: StoredMessage? = nil
    ) throws(RelayError) -> OutgoingMessage? {
        while hasNext(queue), let sequence = queue.subscription?.next {
            let isFresh = fresh != nil && sequence == queue.spool.tail - 1
            let message = isFresh ? fresh : try queue.spool.read(sequence)
            queue.subscription?.next = sequence + 1
            guard let message else {
                // A slot that a power cut has torn. It goes now if it is the oldest, else with those before it.
                if sequence == queue.spool.head { try drop(through: sequence, of: queue, tag: nil) }
                continue
            }
            counters.messagesDelivered += 1
            if let connection = queue.subscription?.connection { connections[connection]?.underWay += 1 }
            queue.subscription?.unacknowledged.append(.init(sequence: sequence, id: message.id, tag: message.tag))
            return OutgoingMessage(queue: queue.record.recipientID, message: message, box: queue.box)
        }
        return nil
    }
}
