package import Primitives

extension RelayCore {
    /// A sender's message.
    package struct Submission: Sendable {
        /// The queue as the sender calls it.
        let queue: QueueID
        /// The key that has verified the command; nil if it carried no authorization.
        let key: AuthKey?
        let notifies: Bool
        let body: ArraySlice<UInt8>
        /// The id the message gets: 24 random bytes.
        let messageID: [UInt8]

        package init(
            queue: QueueID, key: AuthKey?, notifies: Bool, body: ArraySlice<UInt8>,
            messageID: [UInt8] = SecureRandom.nonce(24)
        ) {
            self.queue = queue
            self.key = key
            self.notifies = notifies
            self.body = body
            self.messageID = messageID
        }
    }

    /// SEND: the message is stored before the answer is OK.
    package mutating func send(_ submission: Submission, on connection: ConnectionID, now: Int64) -> Outcome {
        guard let tag = connections[connection]?.tag else { return .refused(.authorization) }
        return catching { core, outcome throws(RelayError) in
            guard let queue = try core.store.queue(sender: submission.queue), !queue.record.isOff,
                queue.record.senderKey == submission.key
            else {
                outcome.reply = .refused(.authorization)
                return
            }
            core.store.touch(queue, day: day(now))
            // Once a sender was refused everything is, until the recipient has taken all and the mark.
            guard !queue.spool.endsWithMarker else {
                core.counters.refuse(.queueFull)
                outcome.reply = .refused(.quota)
                return
            }
            var message = StoredMessage(
                kind: .message, notifies: submission.notifies, id: submission.messageID, timestamp: now, tag: tag,
                body: submission.body)
            if let reason = core.obstacle(for: tag, in: queue) {
                core.counters.refuse(reason)
                message.kind = .quotaMarker
                message.tag = 0
                message.body = []
                outcome.reply = .refused(.quota)
            }
            _ = try core.store.append(message, to: queue)
            if message.kind == .message {
                core.addresses.stored(tag)
                core.counters.messagesReceived += 1
                core.counters.bytesReceived += submission.body.count
            }
            try core.deliver(queue, fresh: message, to: &outcome)
            // A sender with a window waits for the recipient here, before it is refused.
            if message.kind == .message, core.window(of: connection) > 1, core.isHoldingBack(queue, now: now) {
                queue.heldBack.insert(connection)
                outcome.isHeldBack = true
            }
        }
    }

    /// SKEY: `key` has signed the command itself.
    package mutating func secure(bySender id: QueueID, key: AuthKey, now: Int64) -> Outcome {
        catching { core, outcome throws(RelayError) in
            guard let queue = try core.store.queue(sender: id), queue.record.senderCanSecure, !queue.record.isOff else {
                outcome.reply = .refused(.authorization)
                return
            }
            core.store.touch(queue, day: day(now))
            if let present = queue.record.senderKey {
                if present != key { outcome.reply = .refused(.authorization) }
            } else {
                try core.store.secure(queue, with: key)
            }
        }
    }

    /// What keeps a message from being stored, if anything does.
    private func obstacle(for tag: AddressLimits.Tag, in queue: ActiveQueue) -> RefusalReason? {
        let record = queue.record
        let limit =
            if record.senderKey != nil {
                limits.messagesPerQueue
            } else {
                record.senderCanSecure ? limits.messagesUnsecured : limits.messagesPublic
            }
        if queue.spool.count >= limit { return .queueFull }
        if store.storedBytes + SpoolLayout.slotCount > limits.totalBytes { return .relayFull }
        return addresses.mayStore(tag) ? nil : .networkFull
    }
}
