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
        connection.ratchet = ratchet
        connection.receivedSinceStored += 1
        // The new sending chain must not be forgotten once it is used; it is stored with what the message brings.
        connection.isChainNew = ratchet.receivingSteps != steps
        guard case .message(let number, let previous, let message)? = try? AgentMessage(plain[...]) else {
            logger.warning("connection \(connection.row.id): an agent message of an unknown kind")
            try storePosition(connection)
            return acknowledge(connection)
        }
        let integrity = connection.row.sequence.receive(number, hash: SHA256.hash(plain), previous: Array(previous))
        switch message {
        case .message(let body): try handleBody(body, number: number, integrity: integrity, on: connection)
        case .hello:
            try handleHello(connection)
            acknowledge(connection)
        case .queueContinue(let address):
            try storePosition(connection)
            if let send = connection.send, address.senderID == send.row.senderID { peerHasRoom(connection) }
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
                return try hold(
                    Array(body), first: number, total: 1, ids: number...number, integrity: integrity, isStored: false,
                    on: connection)
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
        if connection.assemblies[segment.first] == nil {
            try dropOldest(connection)
            connection.assemblies[segment.first] = Assembly(segment)
        }
        let isNew = connection.assemblies[segment.first]?.insert(segment, id: number) ?? false
        // Only the head tells bulk from a message that must not be lost; without it the segments are stored.
        if connection.row.kind == .file, connection.assemblies[segment.first]?.isBulk == nil {
            let isBulk = connection.assemblies[segment.first]?.head.map(configuration.isBulk)
            connection.assemblies[segment.first]?.isBulk = isBulk
        }
        guard let assembly = connection.assemblies[segment.first] else { return acknowledge(connection) }
        let isBulk = assembly.isBulk ?? false
        do throws(AgentLinkError) {
            if !assembly.isComplete {
                try keep(segment, isNew: isNew, number: number, isBulk: isBulk, on: connection)
                if integrity != .ok, isBulk { tell(.gap(connection.row.id, integrity)) }
                acknowledge(connection)
            } else if isBulk {
                let ids = (assembly.numbers.min() ?? number)...(assembly.numbers.max() ?? number)
                connection.assemblies[segment.first] = nil
                try hold(
                    assembly.message(), first: segment.first, total: assembly.total, ids: ids, integrity: integrity,
                    isStored: assembly.isStored, on: connection)
            } else {
                let last = assembly.numbers.max() ?? number
                try deliver(
                    assembly.message(), number: last, integrity: integrity, on: connection, assembled: segment.first)
                connection.assemblies[segment.first] = nil
            }
        } catch {
            // It comes again; the others are acknowledged and have to stay.
            var kept = assembly
            if isNew { kept.remove(segment.number) }
            connection.assemblies[segment.first] = kept
            throw error
        }
    }

    /// A segment of a message that is not whole: bulk stays in memory, for it can be asked for again.
    private func keep(
        _ segment: Segment, isNew: Bool, number: Int64, isBulk: Bool, on connection: Connection
    ) throws(AgentLinkError) {
        if !isBulk || connection.isChainNew {
            try storePosition(connection) { db in
                if isNew { try SegmentRow.insert(db, connection.row.id, messageID: number, segment) }
            }
            if isNew { connection.assemblies[segment.first]?.isStored = true }
        } else if connection.receivedSinceStored >= Self.storedEvery {
            try storePosition(connection)
        }
    }

    /// A whole bulk message: the engine acknowledges it when its bytes are safe.
    private func hold(
        _ body: [UInt8], first: Int64, total: Int, ids: ClosedRange<Int64>, integrity: Integrity, isStored: Bool,
        on connection: Connection
    ) throws(AgentLinkError) {
        let held = HeldBulk(
            token: nextToken(connection.row.id), relayID: connection.unacknowledged, first: first, total: total,
            ids: ids, integrity: integrity, body: body, isStored: isStored || connection.isChainNew)
        if connection.isChainNew {
            // The stored chain passes the message, so that the message has to be stored as well.
            try storePosition(connection) { db in try SegmentRow.insert(db, connection.row.id, held: held) }
        }
        connection.held.append(held)
        waitFor(held, on: connection)
        tellBulk(held, on: connection)
    }

    func nextToken(_ id: ConnectionID) -> BulkToken {
        nextBulkSerial += 1
        return BulkToken(connection: id, serial: nextBulkSerial)
    }

    func tellBulk(_ held: HeldBulk, on connection: Connection) {
        tell(.bulk(connection.row.id, ids: held.ids, integrity: held.integrity, body: held.body, held.token))
    }

    /// A whole message: stored in the transaction that stores the chain, acknowledged, told.
    private func deliver(
        _ body: [UInt8], number: Int64, integrity: Integrity, on connection: Connection, assembled: Int64? = nil
    ) throws(AgentLinkError) {
        connection.syncRow()
        let row = connection.row
        let inbound = try storage(durable: connection.isChainNew) { db in
            try row.updatePosition(db)
            if let assembled { try SegmentRow.delete(db, row.id, first: assembled) }
            return try InboundRow.insert(db, row.id, messageID: number, integrity: integrity, body: body)
        }
        connection.isChainNew = false
        connection.receivedSinceStored = 0
        acknowledge(connection)
        tell(.message(row.id, inbound: inbound, messageID: number, integrity: integrity, body: body))
    }

    private func handleHello(_ connection: Connection) throws(AgentLinkError) {
        guard connection.row.state == .greeting else { return try storePosition(connection) }
        connection.row.state = .connected
        if connection.row.role == .initiator {
            // Our HELLO and the state that it leads to are one step.
            try store([.hello], on: connection, durable: true) { db, _ in try connection.row.update(db) }
        } else {
            connection.syncRow()
            let row = connection.row
            try storage(durable: true) { db in try row.update(db) }
        }
        connection.isChainNew = false
        tell(.connected(connection.row.id, info: connection.row.peerInfo))
    }

    /// At most four messages are under assembly on one connection; the oldest gives way.
    private func dropOldest(_ connection: Connection) throws(AgentLinkError) {
        guard connection.assemblies.count >= 4, let oldest = connection.assemblies.keys.min() else { return }
        if connection.assemblies[oldest]?.isStored == true {
            try storage { db in try SegmentRow.delete(db, connection.row.id, first: oldest) }
        }
        connection.assemblies[oldest] = nil
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
