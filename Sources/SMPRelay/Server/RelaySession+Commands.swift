import Primitives
import WireFormat

/// An answer's bytes, and what follows it on the same connection.
struct Answer {
    var command: [UInt8]
    var pushes: [Push] = []

    init(_ command: [UInt8], pushes: [Push] = []) {
        self.command = command
        self.pushes = pushes
    }
}

extension RelaySession {
    /// Carries out one command.
    mutating func answer(_ transmission: Transmission, version: UInt16, forwarding: BoxKey?) -> Answer {
        let command: ClientCommand
        do throws(ClientCommand.Defect) {
            command = try ClientCommand(transmission.command)
        } catch {
            switch error {
            case .unknown: return Answer(ServerWord.unknown)
            case .syntax: return Answer(ServerWord.syntax)
            }
        }
        switch command {
        case .ping:
            return isBare(transmission) ? Answer(ServerWord.pong) : Answer(ServerWord.hasAuthorization)
        case .forward(let sealed):
            guard isBare(transmission) else { return Answer(ServerWord.hasAuthorization) }
            return forward(sealed, transmission.correlation, forwarding)
        case .make(let queue): return make(queue, transmission)
        case .recipient(let command): return receive(command, transmission)
        case .send(let notifies, let body): return send(notifies, body, transmission, version)
        case .secureBySender(let key): return secure(key, transmission)
        }
    }

    /// Whether a command has neither authorization nor queue.
    private func isBare(_ transmission: Transmission) -> Bool {
        transmission.authorization.isEmpty && transmission.entity.isEmpty
    }

    private mutating func make(_ queue: ClientCommand.NewQueue, _ transmission: Transmission) -> Answer {
        guard transmission.entity.isEmpty else { return Answer(ServerWord.hasAuthorization) }
        guard !transmission.authorization.isEmpty else { return Answer(ServerWord.noAuthorization) }
        guard authorizer.verifies(transmission, by: queue.recipientKey), isAllowed(queue.password) else {
            return Answer(ServerWord.authorization)
        }
        let deliveryKey = X25519PrivateKey()
        guard let secret = try? deliveryKey.agree(with: queue.deliveryKey) else { return Answer(ServerWord.syntax) }
        let connection = connection
        let outcome = hub.perform(connection) { core, now in
            core.create(
                recipientKey: queue.recipientKey, deliverySecret: secret, senderCanSecure: queue.senderCanSecure,
                subscribing: queue.isSubscribing, on: connection, now: now)
        }
        return answer(outcome, deliveryKey: deliveryKey.publicKey)
    }

    private func isAllowed(_ given: ArraySlice<UInt8>?) -> Bool {
        guard let password else { return true }
        return constantTimeEquals(Array(given ?? []), password)
    }

    private mutating func receive(_ command: RecipientCommand, _ transmission: Transmission) -> Answer {
        guard !transmission.authorization.isEmpty else { return Answer(ServerWord.noAuthorization) }
        guard !transmission.entity.isEmpty else { return Answer(ServerWord.noEntity) }
        let id = QueueID(transmission.entity)
        let key = id.flatMap { id in hub.look { $0.recipientKey(of: id) } ?? nil }
        guard authorizer.verifies(transmission, by: key), let id, let key else {
            return Answer(ServerWord.authorization)
        }
        let connection = connection
        return answer(
            hub.perform(connection) { core, now in
                core.receive(command, queue: id, key: key, on: connection, now: now)
            })
    }

    mutating func send(
        _ notifies: Bool, _ body: ArraySlice<UInt8>, _ transmission: Transmission, _ version: UInt16
    ) -> Answer {
        guard !transmission.entity.isEmpty else { return Answer(ServerWord.noEntity) }
        var verified: AuthKey?
        let id = QueueID(transmission.entity)
        if !transmission.authorization.isEmpty {
            let credential = id.flatMap { id in hub.look { $0.senderCredential(of: id) } } ?? .unknown
            if case .key(let key) = credential { verified = key }
            guard authorizer.verifies(transmission, by: verified) else { return Answer(ServerWord.authorization) }
        }
        guard let id else { return Answer(ServerWord.authorization) }
        guard body.count <= ClientCommand.bodyLimit(version: version) else { return Answer(ServerWord.largeMessage) }
        let submission = RelayCore.Submission(queue: id, key: verified, notifies: notifies, body: body)
        let connection = connection
        return answer(hub.perform(connection) { core, now in core.send(submission, on: connection, now: now) })
    }

    mutating func secure(_ key: AuthKey, _ transmission: Transmission) -> Answer {
        guard !transmission.authorization.isEmpty else { return Answer(ServerWord.noAuthorization) }
        guard !transmission.entity.isEmpty else { return Answer(ServerWord.noEntity) }
        guard authorizer.verifies(transmission, by: key), let id = QueueID(transmission.entity) else {
            return Answer(ServerWord.authorization)
        }
        return answer(hub.perform(connection) { core, now in core.secure(bySender: id, key: key, now: now) })
    }

    private mutating func answer(_ outcome: Outcome, deliveryKey: X25519PublicKey? = nil) -> Answer {
        note(outcome)
        let command: [UInt8]
        switch outcome.reply {
        case .ok: command = ServerWord.ok
        case .message(let delivery): command = ServerWord.message(delivery)
        case .refused(let refusal): command = ServerWord.refusal(refusal)
        case .queueMade(let recipientID, let senderID, let senderCanSecure):
            guard let deliveryKey else { preconditionFailure("only NEW makes queues") }
            command = ServerWord.queueMade(
                recipientID: recipientID, senderID: senderID, deliveryKey: deliveryKey,
                senderCanSecure: senderCanSecure)
        }
        return Answer(command, pushes: outcome.pushes)
    }
}
