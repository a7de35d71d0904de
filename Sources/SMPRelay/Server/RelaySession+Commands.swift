import Primitives
import SMPProtocol

/// An answer, and what follows it on the same connection.
struct Answer {
    var response: ServerResponse
    var pushes: [Push] = []
    /// The OK waits until the queue has room again.
    var isHeldBack = false

    init(_ response: ServerResponse, pushes: [Push] = []) {
        self.response = response
        self.pushes = pushes
    }

    init(_ error: SMPServerError) { response = .error(error) }
}

extension RelaySession {
    /// Carries out one command.
    mutating func answer(_ transmission: Transmission, _ agreed: Agreed) -> Answer {
        let command: ClientCommand
        do { command = try ClientCommand(transmission.command) } catch { return Answer(SMPServerError(error)) }
        switch command {
        case .ping:
            return isBare(transmission) ? Answer(.pong) : Answer(.command(.hasAuth))
        case .forwarded(let sealed):
            guard isBare(transmission) else { return Answer(.command(.hasAuth)) }
            return forward(sealed, transmission.correlationID, agreed.forwarding)
        case .new(let queue): return make(queue, transmission)
        case .send(let notify, let body): return send(notify, body, transmission, version: agreed.version)
        case .secureBySender(let key): return secure(key, transmission)
        case .subscribe: return receive(.subscribe, transmission)
        case .secure(let key): return receive(.secure(key), transmission)
        case .acknowledge(let id): return receive(.acknowledge(id), transmission)
        case .get: return receive(.get, transmission)
        case .suspend: return receive(.turnOff, transmission)
        case .delete: return receive(.delete, transmission)
        }
    }

    /// Whether a command has neither authorization nor queue.
    private func isBare(_ transmission: Transmission) -> Bool {
        transmission.authorization.isEmpty && transmission.entityID.isEmpty
    }

    private mutating func make(_ queue: ClientCommand.NewQueue, _ transmission: Transmission) -> Answer {
        guard transmission.entityID.isEmpty else { return Answer(.command(.hasAuth)) }
        guard !transmission.authorization.isEmpty else { return Answer(.command(.noAuth)) }
        guard authorizer.verifies(transmission, by: queue.recipientKey), isAllowed(queue.password) else {
            return Answer(.auth)
        }
        let deliveryKey = X25519PrivateKey()
        guard let secret = try? deliveryKey.agree(with: queue.agreementKey) else { return Answer(.command(.syntax)) }
        let connection = connection
        let outcome = hub.perform(connection) { core, now in
            core.create(
                recipientKey: queue.recipientKey, deliverySecret: secret, senderCanSecure: queue.isSenderSecured,
                subscribing: queue.subscribe, on: connection, now: now)
        }
        return answer(outcome, deliveryKey: deliveryKey.publicKey)
    }

    private func isAllowed(_ given: String?) -> Bool {
        guard let password else { return true }
        return constantTimeEquals(Array((given ?? "").utf8), password)
    }

    private mutating func receive(_ command: RecipientCommand, _ transmission: Transmission) -> Answer {
        let id = QueueID(transmission.entityID)
        let key: AuthKey?
        if case .acknowledge = command, transmission.authorization.isEmpty, let id, let bound = boundKey(of: id) {
            key = bound
        } else {
            guard !transmission.authorization.isEmpty else { return Answer(.command(.noAuth)) }
            guard !transmission.entityID.isEmpty else { return Answer(.command(.noEntity)) }
            key = id.flatMap { id in hub.look { $0.recipientKey(of: id) } ?? nil }
            guard authorizer.verifies(transmission, by: key) else { return Answer(.auth) }
            switch command {
            case .subscribe, .acknowledge: if let id, let key { bind(id, to: key) }
            case .secure, .get, .turnOff, .delete: break
            }
        }
        guard let id, let key else { return Answer(.auth) }
        let connection = connection
        return answer(
            hub.perform(connection) { core, now in
                core.receive(command, queue: id, key: key, on: connection, now: now)
            })
    }

    /// SEND, direct or forwarded in `version`; what a proxy forwards neither binds a queue nor is bound.
    mutating func send(
        _ notifies: Bool, _ body: ArraySlice<UInt8>, _ transmission: Transmission, version: UInt16,
        isForwarded: Bool = false
    ) -> Answer {
        guard !transmission.entityID.isEmpty else { return Answer(.command(.noEntity)) }
        var verified: AuthKey?
        let id = QueueID(transmission.entityID)
        if !transmission.authorization.isEmpty {
            let credential = id.flatMap { id in hub.look { $0.senderCredential(of: id) } } ?? .unknown
            if case .key(let key) = credential { verified = key }
            guard authorizer.verifies(transmission, by: verified) else { return Answer(.auth) }
            if let id, let verified, !isForwarded { bind(id, to: verified) }
        } else if let id, !isForwarded {
            verified = boundKey(of: id)
        }
        guard let id else { return Answer(.auth) }
        guard body.count <= SMP.maximumMessageSize(version) else { return Answer(.largeMessage) }
        let submission = RelayCore.Submission(queue: id, key: verified, notifies: notifies, body: body)
        let connection = connection
        return answer(hub.perform(connection) { core, now in core.send(submission, on: connection, now: now) })
    }

    /// SKEY, direct or forwarded: signed by the key that it brings.
    mutating func secure(_ key: AuthKey, _ transmission: Transmission) -> Answer {
        guard !transmission.authorization.isEmpty else { return Answer(.command(.noAuth)) }
        guard !transmission.entityID.isEmpty else { return Answer(.command(.noEntity)) }
        guard authorizer.verifies(transmission, by: key), let id = QueueID(transmission.entityID) else {
            return Answer(.auth)
        }
        return answer(hub.perform(connection) { core, now in core.secure(bySender: id, key: key, now: now) })
    }

    private mutating func answer(_ outcome: Outcome, deliveryKey: X25519PublicKey? = nil) -> Answer {
        if let failure = outcome.failure { note(failure) }
        let response: ServerResponse
        switch outcome.reply {
        case .ok: response = .ok
        case .message(let message): response = message.response
        case .refused(let refusal): response = .error(SMPServerError(refusal))
        case .queueMade(let recipientID, let senderID, let senderCanSecure):
            guard let deliveryKey else { preconditionFailure("only NEW makes queues") }
            response = .ids(
                .init(
                    recipientID: recipientID.bytes, senderID: senderID.bytes, serverKey: deliveryKey,
                    isSenderSecured: senderCanSecure))
        }
        var answer = Answer(response, pushes: outcome.pushes)
        answer.isHeldBack = outcome.isHeldBack
        return answer
    }
}

extension SMPServerError {
    /// What a client is told of a refusal.
    init(_ refusal: Refusal) {
        switch refusal {
        case .authorization: self = .auth
        case .prohibited: self = .command(.prohibited)
        case .quota: self = .quota
        case .noMessage: self = .noMessage
        case .storage: self = .internal
        }
    }

    /// What a client is told of bytes that are no command.
    init(_ defect: ClientCommand.CommandSyntax) {
        switch defect {
        case .unknown: self = .command(.unknown)
        case .syntax: self = .command(.syntax)
        }
    }
}
