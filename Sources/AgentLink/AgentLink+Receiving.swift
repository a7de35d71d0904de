import Database
import DoubleRatchet
import GRDB
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
    /// After an acknowledgement's plain OK, the time without another message that makes a queue count as empty.
    static let quietDelay = TimeAmount.milliseconds(20)
    /// A subscription that failed for a passing reason is tried again after this long.
    static let resubscribeDelay = TimeAmount.seconds(2)

    // MARK: Subscriptions

    /// Asks the relay for everything that waits in our queue and for what comes.
    func subscribe(_ connection: Connection) {
        guard let receive = connection.receive, connection.subscription == .none, !isStopping,
            connection.row.state != .deleting, connection.row.state != .failed
        else { return }
        need(receive.server)
        let slot = slot(receive.server)
        guard let client = slot.client else { return }
        connection.subscription = .subscribing
        connection.subscriptionSerial += 1
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
            let serial = connection.subscriptionSerial
            loop.scheduleTask(in: Self.drainDelay) { [weak self] in
                self?.assumeIsolated { link in
                    guard let connection = link.connections[id], connection.subscriptionSerial == serial else { return }
                    if connection.subscription == .draining { link.drained(connection) }
                }
            }
        case .success(.message): break  // it comes as a push too
        case .success(.error(.auth)):
            connection.subscription = .idle
            if connection.row.state != .deleting { fail(id, .queueGone) }
        case .success(let other):
            logger.error("a relay answered SUB with \(other.name)")
            subscribeLater(connection)
        case .failure: slot(receive.server).client?.close()
        }
    }

    /// Gives a subscription up and asks for it again in a while: what is not acknowledged comes again.
    func subscribeLater(_ connection: Connection) {
        connection.unsubscribed()
        let id = connection.row.id
        loop.scheduleTask(in: Self.resubscribeDelay) { [weak self] in
            self?.assumeIsolated { link in
                if let connection = link.connections[id] { link.subscribe(connection) }
            }
        }
    }

    /// The relay had nothing more when it answered; a sender at work may have by now. Asked once in a while: telling the
    /// engine at every message that a fast recipient has caught up would cost more than the message.
    func lookForDrain(_ connection: Connection) {
        guard !connection.isDrainLookedFor else { return }
        connection.isDrainLookedFor = true
        let id = connection.row.id
        let serial = connection.subscriptionSerial
        loop.scheduleTask(in: Self.quietDelay) { [weak self] in
            self?.assumeIsolated { link in
                guard let connection = link.connections[id] else { return }
                connection.isDrainLookedFor = false
                // A newer subscription looks for itself.
                if connection.subscriptionSerial == serial { link.drained(connection) }
            }
        }
    }

    /// The queue is empty, unless a message or the answer to an ACK is still under way.
    private func drained(_ connection: Connection) {
        guard connection.unacknowledged == nil, connection.behind.isEmpty, connection.acknowledging == 0,
            connection.subscription == .draining || connection.subscription == .idle
        else { return }
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
            let connection = connections[id], connection.row.state != .deleting, connection.row.state != .failed
        else { return }
        activity &+= 1
        switch push.event {
        case .message(let messageID, let body): receive(body, relayID: messageID, on: connection)
        case .end:
            connection.unsubscribed()
            connection.subscription = .taken
            logger.error("the subscription of connection \(id) was taken by another program")
            tell(.subscriptionTaken(id))
        case .deleted: fail(id, .queueGone)
        }
    }

    private func receive(_ body: ArraySlice<UInt8>, relayID: [UInt8], on connection: Connection) {
        // One at a time; a relay that pushes more has to repeat it.
        guard connection.unacknowledged == nil, connection.subscription != .taken else { return }
        connection.subscription = .draining
        connection.unacknowledged = relayID
        // It came before the relay's connection was lost, and the engine is not done with it.
        if let held = connection.held.first(where: { $0.relayID == relayID }) {
            return connection.behind.append(Delivered(relayID: relayID, token: held.token))
        }
        let (ratchet, row, receive) = (connection.ratchet, connection.row, connection.receive)
        do throws(AgentLinkError) {
            try handle(body, relayID: relayID, on: connection)
        } catch {
            logger.error("connection \(connection.row.id): \(error)")
            guard case .storage = error else { return acknowledge(connection) }
            // A full disk, for one: nothing has happened, and it comes again with the next subscription.
            if connection.row.sentID == row.sentID {
                (connection.ratchet, connection.row, connection.receive) = (ratchet, row, receive)
                connection.isChainNew = false
            }
            subscribeLater(connection)
        }
    }

    private func handle(_ body: ArraySlice<UInt8>, relayID: [UInt8], on connection: Connection) throws(AgentLinkError) {
        guard let receive = connection.receive else { return }
        if try handleNext(body, relayID: relayID, of: receive, on: connection) { return }
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
        case .envelope(let envelope, let senderEndToEndKey, let senderKey, let sentAt):
            connection.heardAt = sentAt
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
        guard let receive = connection.receive, connection.row.state == .connected, !connection.isRekeying else {
            return
        }
        do throws(AgentLinkError) {
            try store([.queueContinue(receive.senderAddress)], on: connection)
        } catch {
            logger.error("connection \(connection.row.id): \(error)")
        }
    }

    // MARK: Orderly exit

    /// Stores the unfinished and the unacknowledged bulk messages, and exact positions.
    func storeAtExit(_ connection: Connection) throws(AgentLinkError) {
        guard connection.ratchet != nil else { return }
        let isBulk = connection.row.kind == .file
        // What was encrypted and refused goes out again byte for byte at the next start. Without an answer (the relay is
        // down) it may have arrived: then it is a duplicate, which the peer recognizes.
        let unsent = connection.window.unstored
        connection.row.unstored = false
        connection.row.reservedID = connection.row.sentID
        let assemblies = isBulk ? Array(connection.assemblies.values) : []
        // The stored chain has passed what the engine holds: the relay's copy will count as handled.
        let held = connection.held
        try storePosition(connection) { db in
            for bulk in held { try SegmentRow.insert(db, connection.row.id, held: bulk) }
            for item in unsent { try OutboxRow.insert(db, connection.row.id, item) }
            for assembly in assemblies {
                for (number, messageID, body) in assembly.segments {
                    let segment = Segment(first: assembly.first, number: number, total: assembly.total, body: body)
                    try SegmentRow.insert(db, connection.row.id, messageID: messageID, segment)
                }
            }
        }
        // The engine may still acknowledge them: then their rows go.
        for index in connection.held.indices { connection.held[index].isStored = true }
    }
}
