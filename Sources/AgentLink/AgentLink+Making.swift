import Database
import DoubleRatchet
import GRDB
import Logging
import NIOCore
import Primitives
import SMPClient
import SMPProtocol

/// The making and unmaking of connections: each step looks at the row, does one thing at a relay, stores what came of it.
extension AgentLink {
    /// Goes on with a connection that is being made or deleted; does nothing for one that stands.
    func advance(_ connection: Connection) {
        guard !isStopping else { return }
        guard !connection.isAdvancing else {
            connection.advanceAgain = true
            return
        }
        connection.isAdvancing = true
        let id = connection.row.id
        Task {
            while let connection = connections[id] {
                connection.advanceAgain = false
                await self.step(connection)
                if !connection.advanceAgain || isStopping { break }
            }
            connections[id]?.isAdvancing = false
        }
    }

    private func step(_ connection: Connection) async {
        do throws(AgentLinkError) {
            switch connection.row.state {
            case .creating: try await create(connection)
            case .joining: try await join(connection)
            case .allowing: try await allow(connection)
            case .deleting: try await delete(connection)
            case .greeting:
                if connection.subscription == .none { subscribe(connection) }
                flush(connection)
                try await greet(connection)
            case .offered, .confirmed, .joined, .connected:
                if connection.subscription == .none { subscribe(connection) }
                flush(connection)
            case .failed: break
            }
        } catch {
            switch error {
            // It goes on when the relay is back.
            case .relayUnreachable, .relayIncompatible, .relayIdentity, .stopped: break
            case .relayBusy: makeQueueLater(connection, error)
            case .storage:
                // A full disk, for one. What is in memory may be ahead of the rows, and none of that has left: from the rows
                // again, in a while.
                logger.error("connection \(connection.row.id): \(error)")
                forget(connection.row.id)
                wakeLater(connection.row.id)
            default: fail(connection.row.id, error)
            }
        }
    }

    /// A relay that makes no queues now may do so later.
    private func makeQueueLater(_ connection: Connection, _ error: AgentLinkError) {
        // One look later is enough, whoever has asked meanwhile.
        guard !connection.isQueueRetryDue else { return }
        connection.isQueueRetryDue = true
        let delay = connection.queueRetryDelay
        connection.queueRetryDelay = min(60, delay * 2)
        connection.isQueueRefused = true
        let id = connection.row.id
        tell(.queueRefused(id, error, retryIn: Int(delay)))
        loop.scheduleTask(in: configuration.retryUnit * Int(delay)) { [weak self] in
            self?.assumeIsolated { link in
                guard let connection = link.connections[id] else { return }
                connection.isQueueRetryDue = false
                link.advance(connection)
            }
        }
    }

    // MARK: Initiator

    private func create(_ connection: Connection) async throws(AgentLinkError) {
        let queue = try await makeQueue(for: connection)
        // Deleted meanwhile: the row has to know the queue, so that it is deleted as well.
        guard connection.row.state == .creating else { return try install(queue, on: connection) }
        let keys = AgreementKeys()
        let link = ConnectionLink.invitation(
            queues: [queue.uri], parameters: keys.publicParameters.text, versions: AgentEnvelope.versions)
        connection.row.agreementKeys = keys.encoded()
        connection.row.link = link.description
        connection.row.state = .offered
        try install(queue, on: connection)
        tell(.linkReady(connection.row.id, link: link.description))
    }

    private func allow(_ connection: Connection) async throws(AgentLinkError) {
        guard let send = connection.send, let receive = connection.receive else { throw .noConnection }
        try await secure(connection, send)
        if !receive.row.senderKey.isEmpty, !receive.row.secured { try await secureOwn(connection, receive) }
        guard connection.row.state == .allowing else { return }
        let isFast = send.row.messagingMode
        let item = try confirmation(
            on: connection, .confirmation(info: connection.row.info[...]), parameters: nil)
        connection.row.state = isFast ? .connected : .greeting
        try storeConfirmation(item, on: connection)
        flush(connection)
        if isFast { tell(.connected(connection.row.id, info: connection.row.peerInfo)) }
    }

    // MARK: Joiner

    private func join(_ connection: Connection) async throws(AgentLinkError) {
        // Our confirmation is on its way.
        if connection.window.count > 0 { return flush(connection) }
        // It has arrived; the number may be higher after a restart.
        if connection.row.sentID >= 1, connection.receive != nil {
            connection.row.state = .joined
            let row = connection.row
            return try storage { db in try row.update(db) }
        }
        guard let text = connection.row.link else { throw .badLink("it is empty") }
        let link: ConnectionLink
        do { link = try ConnectionLink(text) } catch { throw .badLink("\(error)") }
        switch link {
        case .invitation(let queues, let text, let versions):
            let parameters: E2EParameters
            do { parameters = try E2EParameters(text: text) } catch { throw .badLink("\(error)") }
            try await join(
                connection, queues[0], parameters,
                agentVersion: min(versions.upperBound, AgentEnvelope.versions.upperBound))
        case .contact(let queues, _): try await request(connection, queues[0])
        }
    }

    private func join(
        _ connection: Connection, _ queue: QueueURI, _ parameters: E2EParameters, agentVersion: UInt16
    ) async throws(AgentLinkError) {
        if connection.send == nil { try prepareJoin(connection, queue, parameters, agentVersion: agentVersion) }
        guard let send = connection.send else { throw .noConnection }
        try await secure(connection, send)
        if connection.receive == nil {
            try install(try await makeQueue(for: connection, or: send.server), on: connection)
        }
        guard connection.row.state == .joining, let receive = connection.receive,
            let keys = connection.row.agreementKeys.flatMap(AgreementKeys.init)
        else { return }
        let message = AgentMessage.confirmationWithQueues(
            [receive.queueInfo(version: send.row.version)], info: connection.row.info[...])
        let version = connection.ratchet?.version ?? E2EParameters.versions.upperBound
        let item = try confirmation(on: connection, message, parameters: keys.publicParameters(version: version))
        connection.row.agreementKeys = nil
        try storeConfirmation(item, on: connection)
        flush(connection)
    }

    private func prepareJoin(
        _ connection: Connection, _ queue: QueueURI, _ parameters: E2EParameters, agentVersion: UInt16
    ) throws(AgentLinkError) {
        let keys = AgreementKeys()
        do {
            connection.ratchet = try keys.joiner(peer: parameters)
        } catch {
            throw .badLink("\(error)")
        }
        connection.row.agreementKeys = keys.encoded()
        connection.row.agentVersion = agentVersion
        connection.syncRow()
        let send = try SendQueue.new(connection: connection.row.id, queue)
        let row = connection.row
        try storage(durable: true) { db in
            try row.update(db)
            try send.row.save(db)
        }
        connection.send = send
    }

    /// A contact address: we make an invitation of our own and send it there; from then on we are its initiator.
    private func request(_ connection: Connection, _ address: QueueURI) async throws(AgentLinkError) {
        if connection.receive == nil {
            let queue = try await makeQueue(for: connection, or: address.server)
            guard connection.row.state == .joining else { return try install(queue, on: connection) }
            connection.row.agreementKeys = AgreementKeys().encoded()
            try install(queue, on: connection)
        }
        guard let receive = connection.receive, let keys = connection.row.agreementKeys.flatMap(AgreementKeys.init)
        else {
            return
        }
        let link = ConnectionLink.invitation(
            queues: [receive.uri], parameters: keys.publicParameters.text, versions: AgentEnvelope.versions)
        let envelope = AgentEnvelope.invitation(
            version: AgentEnvelope.versions.upperBound, link: link.description, info: connection.row.info[...]
        ).encoded()
        let body: [UInt8]
        do {
            body = try SendQueue.new(connection: connection.row.id, address).sealFirst(envelope, senderKey: nil)
        } catch {
            throw .badLink("\(error)")
        }
        switch try await perform(
            .send(notify: true, body: body[...]), on: address.server, entity: address.senderID, authorization: .none)
        {
        case .ok: break
        case .error(.auth): throw .linkUsed
        case .error(.quota): throw .relayRefused("the address has too many requests waiting; try again later")
        case let other: throw .relayRefused("\(address.server.display) refused the request: \(other.name)")
        }
        // The owner may have answered before this, or the engine given up.
        guard connection.row.state == .joining else { return }
        connection.row.role = .initiator
        connection.row.link = link.description
        connection.row.state = .offered
        let row = connection.row
        try storage { db in try row.update(db) }
    }

    /// Slow flow, joiner: secures our queue with the peer's key and says HELLO, once.
    private func greet(_ connection: Connection) async throws(AgentLinkError) {
        guard connection.row.role == .joiner, let receive = connection.receive, !receive.row.senderKey.isEmpty else {
            return
        }
        if !receive.row.secured { try await secureOwn(connection, receive) }
        guard connection.row.state == .greeting, var row = connection.receive?.row else { return }
        // The key has served; without it HELLO counts as said.
        row.senderKey = []
        let greeted = row
        try store([.hello], on: connection) { db, _ in try greeted.save(db) }
        connection.receive?.row = greeted
    }

    // MARK: Deleting

    private func delete(_ connection: Connection) async throws(AgentLinkError) {
        if let receive = connection.receive {
            let response = try await perform(
                .delete, on: receive.server, entity: receive.row.recipientID, authorization: .x25519(receive.auth))
            switch response {
            case .ok, .error(.auth): break
            case let other: logger.warning("a relay answered DEL with \(other.name)")
            }
        }
        let id = connection.row.id
        try storage { db in
            for table in ["contacts", "transfers"] {
                try db.execute(
                    sql: "UPDATE \(table) SET connection = NULL WHERE connection = ?", arguments: [id.rawValue])
            }
            try db.execute(sql: "DELETE FROM connections WHERE id = ?", arguments: [id.rawValue])
        }
        forget(id)
        activity &+= 1
    }

    // MARK: Steps in common

    /// Makes a queue on the next of our relays, or on `fallback` if the profile has none.
    private func makeQueue(
        for connection: Connection, or fallback: SMPServer? = nil
    ) async throws(AgentLinkError) -> ReceiveQueue {
        var servers = configuration.servers
        if servers.isEmpty, let fallback { servers = [fallback] }
        guard !servers.isEmpty else { throw .relayRefused("no relay is set; run `sxfile config set relay smp://…`") }
        var problem = AgentLinkError.stopped
        for offset in servers.indices {
            let server = servers[(nextServer + offset) % servers.count]
            do throws(AgentLinkError) {
                let queue = try await makeQueue(for: connection, on: server)
                nextServer += 1
                return queue
            } catch {
                // One that may make a queue later counts for more than one that is down: nobody else looks at it again.
                if case .relayBusy = problem {} else { problem = error }
            }
        }
        throw problem
    }

    private func makeQueue(for connection: Connection, on server: SMPServer) async throws(AgentLinkError)
        -> ReceiveQueue
    {
        let auth = X25519PrivateKey()
        let agreement = X25519PrivateKey()
        let response = try await perform(
            .new(
                ClientCommand.NewQueue(
                    recipientKey: .x25519(auth.publicKey), agreementKey: agreement.publicKey, password: server.password,
                    isSenderSecured: configuration.makesSenderSecuredQueues)
            ),
            on: server, entity: [], authorization: .x25519(auth))
        switch response {
        case .ids(let ids):
            do {
                return try ReceiveQueue.new(
                    connection: connection.row.id, server: server, auth: auth, agreement: agreement, ids: ids)
            } catch {
                throw .relayIncompatible("\(server.display) answered NEW with an unusable key")
            }
        case .error(.auth):
            throw .relayRefused("\(server.display) wants a password to make queues: smp://fingerprint:password@host")
        case .error(.quota):
            throw .relayBusy("\(server.display) makes no more queues now, for anybody or for this network")
        case let other: throw .relayRefused("\(server.display) refused to make a queue: \(other.name)")
        }
    }

    /// Stores a new receive queue; NEW has subscribed it.
    private func install(_ queue: ReceiveQueue, on connection: Connection) throws(AgentLinkError) {
        let row = connection.row
        try storage(durable: true) { db in
            try row.update(db)
            try queue.row.save(db)
        }
        connection.receive = queue
        connection.subscription = .idle
        recipients[queue.address] = connection.row.id
        if connection.isQueueRefused {
            connection.isQueueRefused = false
            tell(.queueMade(connection.row.id))
        }
        activity &+= 1
    }

    /// SKEY: the sender secures the peer's queue with its key (fast flow).
    private func secure(_ connection: Connection, _ send: SendQueue) async throws(AgentLinkError) {
        guard send.row.messagingMode, !send.row.secured else { return }
        let response = try await perform(
            .secureBySender(.x25519(send.auth.publicKey)), on: send.server, entity: send.row.senderID,
            authorization: .x25519(send.auth))
        switch response {
        case .ok: break
        case .error(.auth): throw connection.row.state == .joining ? .linkUsed : .queueGone
        case let other: throw .relayRefused("\(send.server.display) refused to secure a queue: \(other.name)")
        }
        connection.send?.row.secured = true
        if let row = connection.send?.row { try storage { db in try row.save(db) } }
    }

    /// KEY: the recipient secures its own queue with the key that the peer's confirmation named (slow flow).
    func secureOwn(_ connection: Connection, _ receive: ReceiveQueue) async throws(AgentLinkError) {
        let key: AuthKey
        do { key = try AuthKey(spki: receive.row.senderKey) } catch { throw .peer("its key is damaged") }
        let response = try await perform(
            .secure(key), on: receive.server, entity: receive.row.recipientID, authorization: .x25519(receive.auth))
        guard case .ok = response else {
            throw .relayRefused("\(receive.server.display) refused to secure a queue: \(response.name)")
        }
        connection.receive?.row.secured = true
        if let row = connection.receive?.row { try storage { db in try row.save(db) } }
    }

    /// Encrypts the confirmation, the first message of a connection.
    private func confirmation(
        on connection: Connection, _ message: AgentMessage, parameters: E2EParameters?
    ) throws(AgentLinkError) -> SendWindow.Item {
        guard var ratchet = connection.ratchet, let send = connection.send else { throw .noConnection }
        do {
            let plain = message.encoded()
            let sealed = try ratchet.encrypt(plain, paddedTo: AgentEnvelope.confirmationPadding)
            let envelope = AgentEnvelope.confirmation(
                version: connection.row.agentVersion, parameters: parameters?.encoded()[...], encrypted: sealed[...])
            let isFast = send.row.messagingMode
            let body = try send.sealFirst(
                envelope.encoded(), senderKey: isFast ? nil : .x25519(send.auth.publicKey))
            connection.ratchet = ratchet
            connection.row.sentID = 1
            connection.row.sentHash = SHA256.hash(plain)
            return SendWindow.Item(id: 1, body: body, isStored: true, isAuthorized: isFast)
        } catch {
            throw .ratchet("\(error)")
        }
    }

    private func storeConfirmation(_ item: SendWindow.Item, on connection: Connection) throws(AgentLinkError) {
        connection.row.reservedID = 1 + Self.reservedBlock
        connection.syncRow()
        let row = connection.row
        try storage(durable: true) { db in
            try row.update(db)
            try OutboxRow.insert(db, row.id, item)
        }
        connection.window.append(item)
        activity &+= 1
    }

    /// One command outside of any window, with its answer.
    func perform(
        _ command: ClientCommand, on server: SMPServer, entity: [UInt8], authorization: Authorization
    ) async throws(AgentLinkError) -> ServerResponse {
        let client = try await client(server)
        commandsOutstanding += 1
        defer { commandsOutstanding -= 1 }
        do {
            let response = try await client.submit(command, entity: entity, authorization: authorization).get()
            activity &+= 1
            return response
        } catch {
            client.close()
            throw .relayUnreachable("\(server.display) did not answer in time")
        }
    }
}
