import Database
import DoubleRatchet
public import GRDB
import Logging
import NIOCore
import Primitives
import SMPClient
import SMPProtocol

extension AgentLink {
    /// The receiving chain is stored at least every so many messages, before the ACK that passes that point.
    static let storedEvery = 128
    /// After a subscription's OK a waiting message comes at once; after this long without one the queue counts as empty.
    static let drainDelay = TimeAmount.milliseconds(300)

    // MARK: Subscriptions

    /// Asks the relay for everything that waits in our queue and for what comes.
    func subscribe(_ connection: Connection) {
        guard let receive = connection.receive, connection.subscription == .none, !isStopping else { return }
        need(receive.server)
        let slot = slot(receive.server)
        guard let client = slot.client else { return }
        connection.subscription = .subscribing
        let id = connection.row.id
        let generation = slot.generation
        client.submit(.subscribe, entity: receive.row.recipientID, authorization: .x25519(receive.auth))
            .whenComplete { [weak self] outcome in
                self?.assumeIsolated { $0.subscribed(id, outcome, generation: generation) }
            }
    }

    private func subscribed(_ id: ConnectionID, _ outcome: Result<ServerResponse, any Error>, generation: Int) {
        guard let connection = connections[id], let receive = connection.receive,
            slot(receive.server).generation == generation, connection.subscription == .subscribing
        else { return }
        activity &+= 1
        switch outcome {
        case .success(.ok), .success(.subscribed):
            connection.subscription = .draining
            loop.scheduleTask(in: Self.drainDelay) { [weak self] in
                self?.assumeIsolated { link in
                    guard let connection = link.connections[id] else { return }
                    if connection.subscription == .draining, connection.unacknowledged == nil {
                        link.drained(connection)
                    }
                }
            }
        case .success(.message): break  // it comes as a push too
        case .success(.error(.auth)):
            connection.subscription = .idle
            if connection.row.state != .deleting { fail(id, .queueGone) }
        case .success(let other):
            connection.subscription = .idle
            logger.error("a relay answered SUB with \(other.name)")
        case .failure: slot(receive.server).client?.close()
        }
    }

    private func drained(_ connection: Connection) {
        connection.subscription = .idle
        if connection.isSendQueueGone {
            fail(connection.row.id, .queueGone)
        } else {
            tell(.drained(connection.row.id))
        }
    }

    // MARK: Pushes

    /// Takes what a relay pushed, in order.
    func receive(_ push: SMPPush, from server: SMPServer, generation: Int) {
        guard slot(server).generation == generation, !isStopping,
            let id = recipients[RecipientAddress(server: server.identity, id: push.entity)],
            let connection = connections[id]
        else { return }
        activity &+= 1
        switch push.event {
        case .message(let messageID, let body):
            connection.subscription = .draining
            connection.unacknowledged = messageID
            do throws(AgentLinkError) {
                try handle(body, relayID: messageID, on: connection)
            } catch {
                // Not acknowledged: it comes again with the next subscription.
                logger.error("connection \(id): \(error)")
                if case .storage = error { fail(id, error) } else { acknowledge(connection) }
            }
        case .end:
            connection.subscription = .idle
            logger.error("the subscription of connection \(id) was taken by another program")
            tell(.subscriptionTaken(id))
        case .deleted: fail(id, .queueGone)
        }
    }

    private func handle(_ body: ArraySlice<UInt8>, relayID: [UInt8], on connection: Connection) throws(AgentLinkError) {
        guard let receive = connection.receive else { return }
        let opened: ReceiveQueue.Opened
        do {
            opened = try receive.open(body, relayID: relayID)
        } catch {
            logger.warning("connection \(connection.row.id): a message that is not for this queue: \(error)")
            return acknowledge(connection)
        }
        switch opened {
        case .quota:
            let id = connection.row.id
            return acknowledge(connection) { link in
                if let connection = link.connections[id] { link.tellCapacity(connection) }
            }
        case .envelope(let envelope, let senderEndToEndKey, let senderKey):
            switch envelope {
            case .confirmation(let version, let parameters, let encrypted):
                try handleConfirmation(
                    on: connection, version: version, parameters: parameters, encrypted,
                    senderEndToEndKey: senderEndToEndKey,
                    senderKey: senderKey)
            case .message(_, let encrypted): return try handleMessage(encrypted, on: connection)
            case .invitation(_, let link, let info):
                tell(.contactRequest(connection.row.id, link: link, info: Array(info)))
            case .ratchetKey(let version, let parameters, _):
                try handleRatchetKey(parameters, version: version, on: connection)
            }
        }
        acknowledge(connection)
    }

    /// Our queue was full and is empty again: says so to the peer, whose sends were refused (A_QCONT).
    private func tellCapacity(_ connection: Connection) {
        guard let receive = connection.receive, connection.row.state == .connected else { return }
        do throws(AgentLinkError) {
            try store([.queueContinue(receive.senderAddress)], on: connection)
        } catch {
            logger.error("connection \(connection.row.id): \(error)")
        }
    }

    // MARK: Confirmations

    private func handleConfirmation(
        on connection: Connection, version: UInt16, parameters: ArraySlice<UInt8>?, _ encrypted: ArraySlice<UInt8>,
        senderEndToEndKey: X25519PublicKey?, senderKey: AuthKey?
    ) throws(AgentLinkError) {
        switch (connection.row.state, parameters) {
        case (.offered, .some(let parameters)):
            try handleJoiner(
                connection, version: version, parameters, encrypted, senderEndToEndKey: senderEndToEndKey,
                senderKey: senderKey)
        case (.joined, nil), (.joining, nil):
            try handleAnswer(
                connection, version: version, encrypted, senderEndToEndKey: senderEndToEndKey, senderKey: senderKey)
        default: logger.info("connection \(connection.row.id): a repeated confirmation is ignored")
        }
    }

    /// Initiator: somebody joined. The engine decides whether to let them in.
    private func handleJoiner(
        _ connection: Connection, version: UInt16, _ parameters: ArraySlice<UInt8>, _ encrypted: ArraySlice<UInt8>,
        senderEndToEndKey: X25519PublicKey?, senderKey: AuthKey?
    ) throws(AgentLinkError) {
        guard let keys = connection.row.agreementKeys.flatMap(AgreementKeys.init), let senderEndToEndKey,
            var receive = connection.receive
        else { throw .peer("a confirmation without keys") }
        var ratchet: Ratchet
        let plain: [UInt8]
        let queue: SMPQueueInfo
        let info: [UInt8]
        do {
            ratchet = try keys.initiator(peer: try E2EParameters(decoding: parameters))
            plain = try ratchet.decrypt(encrypted)
            guard case .confirmationWithQueues(let queues, let peerInfo) = try AgentMessage(plain[...]),
                let first = queues.first
            else { throw AgentLinkError.peer("a confirmation without a queue for the answer") }
            (queue, info) = (first, Array(peerInfo))
        } catch {
            throw .peer("a confirmation that cannot be read: \(error)")
        }
        let send = try SendQueue.new(connection: connection.row.id, queue)
        receive.use(peerKey: senderEndToEndKey)
        receive.row.senderKey = senderKey?.spki ?? []
        connection.row.agreementKeys = nil
        connection.row.agentVersion = min(version, AgentEnvelope.versions.upperBound)
        connection.row.sequence = .confirmed(hash: SHA256.hash(plain))
        connection.row.peerInfo = info
        connection.row.state = .confirmed
        connection.row.ratchet = ratchet.encoded()
        let (row, receiveRow) = (connection.row, receive.row)
        try storage(durable: true) { db in
            try row.update(db)
            try receiveRow.save(db)
            try send.row.save(db)
        }
        (connection.ratchet, connection.receive, connection.send) = (ratchet, receive, send)
        tell(.confirmation(connection.row.id, info: info))
    }

    /// Joiner: the initiator let us in.
    private func handleAnswer(
        _ connection: Connection, version: UInt16, _ encrypted: ArraySlice<UInt8>, senderEndToEndKey: X25519PublicKey?,
        senderKey: AuthKey?
    ) throws(AgentLinkError) {
        guard var ratchet = connection.ratchet, var receive = connection.receive, let send = connection.send else {
            throw .peer("a confirmation before ours")
        }
        let plain: [UInt8]
        let info: [UInt8]
        do {
            plain = try ratchet.decrypt(encrypted)
            guard case .confirmation(let peerInfo) = try AgentMessage(plain[...]) else {
                throw AgentLinkError.peer("an answer of the wrong kind")
            }
            info = Array(peerInfo)
        } catch {
            throw .peer("a confirmation that cannot be read: \(error)")
        }
        if let senderEndToEndKey { receive.use(peerKey: senderEndToEndKey) }
        receive.row.senderKey = senderKey?.spki ?? []
        let isFast = send.row.messagingMode
        connection.row.sequence = .confirmed(hash: SHA256.hash(plain))
        connection.row.peerInfo = info
        connection.row.state = isFast ? .connected : .greeting
        connection.row.ratchet = ratchet.encoded()
        let (row, receiveRow) = (connection.row, receive.row)
        try storage(durable: true) { db in
            try row.update(db)
            try receiveRow.save(db)
        }
        (connection.ratchet, connection.receive) = (ratchet, receive)
        if isFast {
            tell(.connected(connection.row.id, info: info))
        } else {
            greet(connection)
        }
    }

    /// Slow flow, joiner: secures our queue with the peer's key and says HELLO.
    private func greet(_ connection: Connection) {
        let id = connection.row.id
        Task {
            guard let connection = connections[id], let receive = connection.receive else { return }
            do throws(AgentLinkError) {
                if !receive.row.senderKey.isEmpty, !receive.row.secured { try await secureOwn(connection, receive) }
                try store([.hello], on: connection)
            } catch {
                logger.error("connection \(id): \(error)")
            }
        }
    }

    // MARK: Messages

    private func handleMessage(_ encrypted: ArraySlice<UInt8>, on connection: Connection) throws(AgentLinkError) {
        guard var ratchet = connection.ratchet else { return acknowledge(connection) }
        let plain: [UInt8]
        let steps = ratchet.receivingSteps
        do {
            plain = try ratchet.decrypt(encrypted)
        } catch RatchetError.duplicate {
            return acknowledge(connection)  // the chain has passed it: it was handled
        } catch {
            logger.error("connection \(connection.row.id) cannot decrypt a message: \(error)")
            tell(.undecryptable(connection.row.id))
            return acknowledge(connection)
        }
        let isNewChain = ratchet.receivingSteps != steps
        connection.ratchet = ratchet
        connection.receivedSinceStored += 1
        guard case .message(let number, let previous, let message)? = try? AgentMessage(plain[...]) else {
            logger.warning("connection \(connection.row.id): an agent message of an unknown kind")
            try storePosition(connection)
            return acknowledge(connection)
        }
        let integrity = connection.row.sequence.receive(number, hash: SHA256.hash(plain), previous: Array(previous))
        if isNewChain { try storePosition(connection, durable: true) }
        switch message {
        case .message(let body): try handleBody(body, number: number, integrity: integrity, on: connection)
        case .hello:
            try handleHello(connection)
            acknowledge(connection)
        case .queueContinue(let address):
            try storePosition(connection)
            if let send = connection.send, address.senderID == send.row.senderID { retryFullQueue(connection) }
            acknowledge(connection)
        case .receipts, .rotation, .ready, .unknown:
            try storePosition(connection)
            acknowledge(connection)
        }
    }

    private func handleBody(
        _ body: ArraySlice<UInt8>, number: Int64, integrity: Integrity, on connection: Connection
    ) throws(AgentLinkError) {
        guard body.first == UInt8(ascii: "#") else {
            if connection.row.kind == .file, configuration.isBulk(body) {
                return hold(Array(body), ids: number...number, integrity: integrity, on: connection)
            }
            return try deliver(Array(body), number: number, integrity: integrity, on: connection)
        }
        guard let segment = Segment(body) else {
            logger.warning("connection \(connection.row.id): a damaged segment")
            try storePosition(connection)
            return acknowledge(connection)
        }
        try handleSegment(segment, number: number, integrity: integrity, on: connection)
    }

    private func handleSegment(
        _ segment: Segment, number: Int64, integrity: Integrity, on connection: Connection
    ) throws(AgentLinkError) {
        let isBulk = connection.row.kind == .file
        if connection.assemblies[segment.first] == nil {
            try dropOldest(connection)
            connection.assemblies[segment.first] = Assembly(segment)
        }
        connection.assemblies[segment.first]?.insert(segment, id: number)
        guard let assembly = connection.assemblies[segment.first], assembly.isComplete else {
            if !isBulk {
                try storePosition(connection) { db in
                    try SegmentRow.insert(db, connection.row.id, messageID: number, segment)
                }
            } else if connection.receivedSinceStored >= Self.storedEvery {
                try storePosition(connection)
            }
            if integrity != .ok, isBulk { tell(.gap(connection.row.id, integrity)) }
            return acknowledge(connection)
        }
        connection.assemblies[segment.first] = nil
        let first = assembly.numbers.min() ?? number
        let last = assembly.numbers.max() ?? number
        let message = assembly.message()
        if isBulk, configuration.isBulk(message[...]) {
            hold(message, ids: first...last, integrity: integrity, on: connection)
        } else {
            try deliver(message, number: last, integrity: integrity, on: connection, assembled: segment.first)
        }
    }

    /// A whole bulk message: the engine acknowledges it when its bytes are safe.
    private func hold(_ body: [UInt8], ids: ClosedRange<Int64>, integrity: Integrity, on connection: Connection) {
        nextBulkSerial += 1
        let token = BulkToken(connection: connection.row.id, serial: nextBulkSerial)
        connection.heldBulk = token
        tell(.bulk(connection.row.id, ids: ids, integrity: integrity, body: body, token))
    }

    /// A whole message: stored in the transaction that stores the chain, acknowledged, told.
    private func deliver(
        _ body: [UInt8], number: Int64, integrity: Integrity, on connection: Connection, assembled: Int64? = nil
    ) throws(AgentLinkError) {
        connection.syncRow()
        let row = connection.row
        let inbound = try storage { db in
            try row.updatePosition(db)
            if let assembled { try SegmentRow.delete(db, row.id, first: assembled) }
            return try InboundRow.insert(db, row.id, messageID: number, integrity: integrity, body: body)
        }
        connection.receivedSinceStored = 0
        acknowledge(connection)
        tell(.message(row.id, inbound: inbound, messageID: number, integrity: integrity, body: body))
    }

    private func handleHello(_ connection: Connection) throws(AgentLinkError) {
        guard connection.row.state == .greeting else { return try storePosition(connection) }
        connection.row.state = .connected
        connection.syncRow()
        let row = connection.row
        try storage { db in try row.update(db) }
        if row.role == .initiator { try store([.hello], on: connection) }
        tell(.connected(row.id, info: row.peerInfo))
    }

    /// At most four messages are under assembly on one connection; the oldest gives way.
    private func dropOldest(_ connection: Connection) throws(AgentLinkError) {
        guard connection.assemblies.count >= 4, let oldest = connection.assemblies.keys.min() else { return }
        connection.assemblies[oldest] = nil
        try storage { db in try SegmentRow.delete(db, connection.row.id, first: oldest) }
    }

    // MARK: Acknowledgements

    /// The bytes of a bulk message are safe: lets the relay drop it.
    ///
    /// `checkpoint` runs inside the transaction that stores the receiving chain, when one is due (every 128 messages).
    public func acknowledge(
        _ token: BulkToken, checkpoint: @Sendable (GRDB.Database) throws -> Void = { _ in }
    ) throws(AgentLinkError) {
        guard let connection = connections[token.connection] else { return }
        // Early, so that the checkpoint of whole chunks goes with it.
        if connection.receivedSinceStored >= Self.storedEvery / 2 {
            try storePosition(connection, alongside: checkpoint)
        }
        guard connection.heldBulk == token else { return }
        connection.heldBulk = nil
        acknowledge(connection)
    }

    /// Acknowledges what the relay delivered last on this queue; `then` runs after its OK.
    func acknowledge(_ connection: Connection, then: (@Sendable (isolated AgentLink) -> Void)? = nil) {
        guard let receive = connection.receive, let relayID = connection.unacknowledged else { return }
        connection.unacknowledged = nil
        let slot = slot(receive.server)
        guard let client = slot.client else { return }
        let id = connection.row.id
        let generation = slot.generation
        commandsOutstanding += 1
        client.submit(.acknowledge(relayID[...]), entity: receive.row.recipientID, authorization: .x25519(receive.auth))
            .whenComplete { [weak self] outcome in
                self?.assumeIsolated { link in
                    link.commandsOutstanding -= 1
                    link.acknowledged(id, outcome, generation: generation)
                    if case .success = outcome { then?(link) }
                }
            }
    }

    private func acknowledged(_ id: ConnectionID, _ outcome: Result<ServerResponse, any Error>, generation: Int) {
        guard let connection = connections[id], let receive = connection.receive,
            slot(receive.server).generation == generation
        else { return }
        activity &+= 1
        switch outcome {
        case .success(.ok): if connection.unacknowledged == nil { drained(connection) }
        case .success(.message): break  // the next one; it comes as a push too
        case .success(.error(.noMessage)):
            // Not the message that the relay has under way on this connection: ask again from the start.
            connection.unsubscribed()
            subscribe(connection)
        case .success(let other): logger.error("a relay answered ACK with \(other.name)")
        case .failure: slot(receive.server).client?.close()
        }
    }

    // MARK: Orderly exit

    /// Stores the unfinished bulk segments and exact positions.
    func storeAtExit(_ connection: Connection) throws(AgentLinkError) {
        guard connection.ratchet != nil else { return }
        let isBulk = connection.row.kind == .file
        // What was encrypted and refused goes out again byte for byte at the next start. Without an answer (the relay is
        // down) it may have arrived: then it is a duplicate, which the peer recognizes.
        let unsent = connection.window.unstored
        connection.row.unstored = false
        connection.row.reservedID = connection.row.sentID
        let assemblies = isBulk ? Array(connection.assemblies.values) : []
        try storePosition(connection) { db in
            for item in unsent { try OutboxRow.insert(db, connection.row.id, item) }
            for assembly in assemblies {
                for (number, messageID, body) in assembly.segments {
                    let segment = Segment(first: assembly.first, number: number, total: assembly.total, body: body)
                    try SegmentRow.insert(db, connection.row.id, messageID: messageID, segment)
                }
            }
        }
    }
}
