import Database
import DoubleRatchet
import GRDB
import Logging
import Primitives
import SMPProtocol

/// What comes on a connection that is made: numbered messages, whole or in segments.
extension AgentLink {
    /// Handles the next message of a chain with the fewest copies.
    /// - Returns: false, with nothing done, if it is anything else.
    func handleNext(
        _ body: ArraySlice<UInt8>, relayID: [UInt8], of receive: ReceiveQueue, on connection: Connection
    ) throws(AgentLinkError) -> Bool {
        guard connection.ratchet != nil, var opened = receive.openMessage(body, relayID: relayID) else { return false }
        let encrypted = opened.encrypted
        let plain = opened.bytes.withUnsafeMutableBufferPointer { bytes in
            connection.ratchet?.openNext(inPlace: UnsafeMutableBufferPointer(rebasing: bytes[encrypted]))
        }
        guard let plain else { return false }
        let start = encrypted.lowerBound
        connection.heardAt = opened.sentAt
        try handle(
            plain: opened.bytes[(start + plain.lowerBound)..<(start + plain.upperBound)], isChainNew: false,
            on: connection)
        return true
    }

    func handleMessage(_ encrypted: ArraySlice<UInt8>, on connection: Connection) throws(AgentLinkError) {
        let steps = connection.ratchet?.receivingSteps
        let plain: ArraySlice<UInt8>
        do {
            // Where it stands: a copy of the state costs more than the keys of a message.
            guard let opened = try connection.ratchet?.open(encrypted) else { return acknowledge(connection) }
            plain = opened
        } catch RatchetError.duplicate {
            return acknowledge(connection)  // the chain has passed it: it was handled
        } catch {
            logger.error("connection \(connection.row.id) cannot decrypt a message: \(error)")
            tell(.undecryptable(connection.row.id))
            return acknowledge(connection)
        }
        try handle(plain: plain, isChainNew: connection.ratchet?.receivingSteps != steps, on: connection)
    }

    private func handle(
        plain: ArraySlice<UInt8>, isChainNew: Bool, on connection: Connection
    ) throws(AgentLinkError) {
        connection.receivedSinceStored += 1
        // The new sending chain must not be forgotten once it is used; it is stored with what the message brings.
        connection.isChainNew = isChainNew
        guard case .message(let number, let previous, let message)? = try? AgentMessage(plain) else {
            logger.warning("connection \(connection.row.id): an agent message of an unknown kind")
            try storePosition(connection)
            return acknowledge(connection)
        }
        let integrity = connection.row.sequence.receive(number, message: plain, previous: Array(previous))
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
}
