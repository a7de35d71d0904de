import Database
import DoubleRatchet
public import GRDB
import Logging
import NIOCore
import Primitives
import SMPClient
import SMPProtocol

extension AgentLink {
    /// How many numbers are reserved ahead of need.
    static let reservedBlock: Int64 = 128
    /// So many bulk messages are told as delivered at a time.
    static let deliveredRun: Int64 = 16

    /// Encrypts and stores `message` and hands it to the relay as soon as it can; any size up to 4 MiB + 64 KiB.
    ///
    /// `alongside` runs in the same transaction with the last number that the message uses.
    /// - Returns: that number; `delivered` with it or a later one says that the relay has it.
    @discardableResult
    public func send(
        _ message: [UInt8], on id: ConnectionID,
        alongside: @Sendable (GRDB.Database, Int64) throws -> Void = { _, _ in }
    ) throws(AgentLinkError) -> Int64 {
        guard message.count <= Segment.messageLimit else { throw .messageTooLong(message.count) }
        let connection = try sendable(id)
        return try store(
            Self.bodies(of: message[...], first: connection.row.sentID + 1), on: connection, alongside: alongside)
    }

    /// Sends a bulk message, given in pieces, without storing it, when the connection is live and its window has room;
    /// waits until then.
    ///
    /// `checkpoint` runs inside the transaction that reserves the next block of numbers, when one is due: the engine stores
    /// there how far the transfer is.
    /// - Returns: the numbers of its segments.
    public func sendBulk(
        _ pieces: [[UInt8]], on id: ConnectionID, checkpoint: @Sendable (GRDB.Database) throws -> Void = { _ in }
    ) async throws(AgentLinkError) -> ClosedRange<Int64> {
        guard let connection = connections[id] else { throw .noConnection }
        if !connection.isRekeying { _ = try sendable(id) }
        let count = pieces.reduce(0) { $0 + $1.count }
        guard count <= Segment.messageLimit else { throw .messageTooLong(count) }
        let segments = Int64(Segment.count(for: count))
        try await waitUntilLive(connection)
        let first = connection.row.sentID + 1
        let last = first + segments - 1
        if last > connection.row.reservedID || !connection.row.unstored {
            connection.syncRow()
            var row = connection.row
            row.reservedID = last + Self.reservedBlock
            row.unstored = true
            let reserved = row
            try storage(durable: true) { db in
                try reserved.updatePosition(db)
                try checkpoint(db)
            }
            // Only now: a number counts as reserved when the database says so.
            connection.row = reserved
        }
        var message = BulkMessage(pieces: pieces, count: count, first: first)
        while let part = message.next() {
            let wire = try encrypt(part, of: &message, on: connection)
            connection.window.append(
                SendWindow.Item(id: connection.row.sentID, body: wire, isStored: false, isAuthorized: true))
        }
        flush(connection)
        return first...last
    }

    /// Stores exact positions now, with `alongside` in the same transaction.
    public func store(
        _ id: ConnectionID, durable: Bool = false, alongside: @Sendable (GRDB.Database) throws -> Void
    ) throws(AgentLinkError) {
        guard let connection = connections[id] else { return try storage(durable: durable, alongside) }
        try storePosition(connection, durable: durable, alongside: alongside)
    }

    /// Writes what changes with messages; `unstored` stays while bulk messages are unanswered.
    func storePosition(
        _ connection: Connection, durable: Bool = false, alongside: (GRDB.Database) throws -> Void = { _ in }
    ) throws(AgentLinkError) {
        connection.syncRow()
        let row = connection.row
        try storage(durable: durable || connection.isChainNew) { db in
            try row.updatePosition(db)
            try alongside(db)
        }
        connection.isChainNew = false
        connection.receivedSinceStored = 0
    }

    /// Encrypts one agent message.
    /// - Returns: its number and the SEND body. The ratchet and the row have moved on, in memory.
    func encrypt(_ message: AMessage, on connection: Connection) throws(AgentLinkError) -> (Int64, [UInt8]) {
        guard var ratchet = connection.ratchet, let send = connection.send else { throw .noConnection }
        do {
            let number = connection.row.sentID + 1
            let plain = AgentMessage.message(id: number, previousHash: connection.row.sentHash[...], message).encoded()
            let sealed = try ratchet.encrypt(plain, paddedTo: AgentEnvelope.messagePadding)
            let envelope = AgentEnvelope.message(version: connection.row.agentVersion, encrypted: sealed[...]).encoded()
            let wire = try send.seal(envelope)
            connection.ratchet = ratchet
            connection.row.sentID = number
            connection.row.sentHash = SHA256.hash(plain)
            return (number, wire)
        } catch {
            throw .ratchet("\(error)")
        }
    }

    /// Encrypts agent messages, stores them with the new position, and hands them over.
    @discardableResult
    func store(
        _ messages: [AMessage], on connection: Connection, durable: Bool = false,
        alongside: (GRDB.Database, Int64) throws -> Void = { _, _ in }
    ) throws(AgentLinkError) -> Int64 {
        let before = (connection.ratchet, connection.row)
        var items: [SendWindow.Item] = []
        for message in messages {
            let (messageID, wire) = try encrypt(message, on: connection)
            items.append(SendWindow.Item(id: messageID, body: wire, isStored: true, isAuthorized: true))
        }
        let last = connection.row.sentID
        // A machine that loses power must not encrypt a second plaintext with a number: those ahead are reserved, synced.
        let mustReserve = last > connection.row.reservedID
        if mustReserve { connection.row.reservedID = last + Self.reservedBlock }
        connection.syncRow()
        let row = connection.row
        let written = items
        do throws(AgentLinkError) {
            try storage(durable: durable || mustReserve) { db in
                try row.updatePosition(db)
                for item in written { try OutboxRow.insert(db, row.id, item) }
                try alongside(db, last)
            }
        } catch {
            (connection.ratchet, connection.row) = before
            throw error
        }
        for item in items {
            let isKept = connection.window.count < SendWindow.bodiesInMemory
            connection.window.append(
                isKept
                    ? item
                    : SendWindow.Item(id: item.id, body: nil, isStored: true, isAuthorized: item.isAuthorized))
        }
        activity &+= 1
        flush(connection)
        return last
    }

    /// Submits what the window allows.
    func flush(_ connection: Connection) {
        guard !isStopping, let server = connection.send?.server else { return }
        need(server)
        connection.window.bound = configuration.sendBound
        let slot = slot(server)
        guard connection.window.hasNext, let client = slot.client, let send = connection.send else { return }
        let id = connection.row.id
        let generation = slot.generation
        while let item = connection.window.next() {
            guard let body = body(of: item, on: connection) else { return }
            // Without its body, which the window keeps until the answer.
            let (number, isStored) = (item.id, item.isStored)
            client.submit(
                .send(notify: true, body: body[...]), entity: send.row.senderID,
                authorization: item.isAuthorized ? .x25519(send.auth) : .none
            ) { outcome in
                self.assumeIsolated { $0.answered(id, number, isStored: isStored, outcome, generation: generation) }
            }
        }
    }

    /// The SEND body, from the database if it is not in memory; nil if that fails: then it is tried again later.
    private func body(of item: SendWindow.Item, on connection: Connection) -> [UInt8]? {
        if let body = item.body { return body }
        do throws(AgentLinkError) {
            if let body = try storage({ db in try OutboxRow.body(db, connection.row.id, item.id) }) { return body }
            logger.error("connection \(connection.row.id): message \(item.id) is not in the outbox")
        } catch {
            logger.error("connection \(connection.row.id): \(error)")
        }
        connection.window.refused(item.id)
        scheduleFullRetry(connection)
        return nil
    }

    private func answered(
        _ id: ConnectionID, _ number: Int64, isStored: Bool, _ outcome: Result<ServerResponse, SMPClientError>,
        generation: Int
    ) {
        guard let connection = connections[id], let server = connection.send?.server else { return }
        let slot = slot(server)
        guard slot.generation == generation else { return }
        activity &+= 1
        switch outcome {
        case .success(.ok):
            connection.fullRetryDelay = 1
            connection.fullRetry?.cancel()
            connection.fullRetry = nil
            if isStored { removeFromOutbox(connection, number) }
            if let delivered = connection.window.accepted(number) {
                told(connection, delivered: delivered, isStored: isStored)
            }
            if connection.isToldFull, !connection.window.isFull {
                connection.isToldFull = false
                tell(.quota(id, full: false))
            }
            scheduleFullRetry(connection)
            flush(connection)
            connection.resumeRoomWaiters()
        case .success(.error(.quota)):
            connection.window.refused(number)
            tellDelivered(connection)
            if !connection.isToldFull {
                connection.isToldFull = true
                tell(.quota(id, full: true))
            }
            scheduleFullRetry(connection)
        case .success(.error(.internal)), .success(.error(.store)), .success(.error(.unknown)):
            // The relay's own trouble, a full disk for one: it passes.
            logger.error("a relay could not take a message: \(outcome)")
            connection.window.refused(number)
            scheduleFullRetry(connection)
        case .success(.error(.auth)), .success(.error(.blocked)):
            connection.window.rejected(number)
            sendQueueIsGone(connection)
        case .success(let other):
            connection.window.rejected(number)
            logger.error("a relay answered SEND with \(other.name)")
            fail(id, .peer("the relay answered a message with \(other.name)"))
        case .failure:
            // The client closes after a missed deadline; `lost` rewinds the window.
            slot.client?.close()
        }
    }

    /// Tells the engine that the relay has messages: each stored one, bulk ones in runs.
    private func told(_ connection: Connection, delivered: Int64, isStored: Bool) {
        connection.delivered = delivered
        if isStored || connection.window.count == 0 || delivered - connection.toldDelivered >= Self.deliveredRun {
            tellDelivered(connection)
        }
    }

    /// Tells what has not been told.
    func tellDelivered(_ connection: Connection) {
        guard connection.delivered > connection.toldDelivered else { return }
        connection.toldDelivered = connection.delivered
        tell(.delivered(connection.row.id, messageID: connection.delivered))
    }

    /// The peer deleted its queue: what it still sent us is read first, then the connection ends.
    private func sendQueueIsGone(_ connection: Connection) {
        switch connection.row.state {
        case .failed, .deleting: break
        case .joining, .joined: fail(connection.row.id, .linkUsed)
        case .creating, .offered, .confirmed, .allowing, .greeting, .connected:
            connection.isSendQueueGone = true
            switch connection.subscription {
            case .idle where connection.acknowledging == 0:
                // Its last words may be under way: a new subscription brings them, or says that there are none.
                connection.unsubscribed()
                subscribe(connection)
            case .taken: fail(connection.row.id, .queueGone)
            case .none, .subscribing, .draining, .idle: break
            }
        }
    }

    private func removeFromOutbox(_ connection: Connection, _ number: Int64) {
        do {
            try storage { db in try OutboxRow.delete(db, connection.row.id, number) }
        } catch {
            // It is sent again after the next start; the peer recognizes the duplicate.
            logger.error("\(error)")
        }
        if connection.row.state == .joining, number == 1 { advance(connection) }
    }

    private func scheduleFullRetry(_ connection: Connection) {
        guard connection.window.canRetry else { return }
        if connection.mayRetryNow { return retryFullQueue(connection) }
        guard connection.fullRetry == nil else { return }
        let id = connection.row.id
        connection.fullRetry = loop.scheduleTask(
            in: configuration.retryUnit * Int(connection.fullRetryDelay)
        ) { [weak self] in
            self?.assumeIsolated { link in
                guard let connection = link.connections[id] else { return }
                connection.fullRetry = nil
                link.retryFullQueue(connection)
            }
        }
        connection.fullRetryDelay = min(60, connection.fullRetryDelay * 2)
    }

    /// The peer has room again (A_QCONT).
    func peerHasRoom(_ connection: Connection) {
        // With two relays this may overtake the answer to a try that came too early.
        guard connection.window.isFull || connection.window.isProbing else { return }
        connection.fullRetryDelay = 1
        connection.mayRetryNow = true
        retryFullQueue(connection)
    }

    /// Tries a full queue again: by our timer, at each run, or when the peer says that it has room (A_QCONT).
    ///
    /// While the relay is down nothing happens; it is tried again when it is back.
    func retryFullQueue(_ connection: Connection) {
        guard connection.window.canRetry, let send = connection.send, slot(send.server).client != nil, !isStopping
        else { return }
        connection.mayRetryNow = false
        connection.fullRetry?.cancel()
        connection.fullRetry = nil
        connection.window.retry()
        flush(connection)
    }

    /// The bodies of a message: itself, or its segments.
    private static func bodies(of message: ArraySlice<UInt8>, first: Int64) -> [AMessage] {
        guard message.count > Segment.bodyLimit else { return [.message(message)] }
        return bodies(of: [Array(message)], count: message.count, first: first).map { .message($0[...]) }
    }

    private static func bodies(of pieces: [[UInt8]], count: Int, first: Int64) -> [[UInt8]] {
        let total = Segment.count(for: count)
        guard total > 1 else { return [pieces.count == 1 ? pieces[0] : Array(pieces.joined())] }
        var bodies: [[UInt8]] = []
        bodies.reserveCapacity(total)
        var piece = 0
        var offset = 0
        for number in 0..<total {
            var body = Segment.header(first: first, number: number, total: total)
            body.reserveCapacity(Segment.bodyLimit)
            var room = min(Segment.payloadCount, count - number * Segment.payloadCount)
            while room > 0 {
                let taken = min(room, pieces[piece].count - offset)
                body.append(contentsOf: pieces[piece][offset..<offset + taken])
                room -= taken
                offset += taken
                if offset == pieces[piece].count { (piece, offset) = (piece + 1, 0) }
            }
            bodies.append(body)
        }
        return bodies
    }

    private func sendable(_ id: ConnectionID) throws(AgentLinkError) -> Connection {
        guard !isStopping else { throw .stopped }
        guard let connection = connections[id], connection.ratchet != nil, connection.send != nil,
            !connection.isRekeying
        else { throw .noConnection }
        switch connection.row.state {
        case .connected: return connection
        case .failed: throw .queueGone
        case .creating, .offered, .confirmed, .allowing, .joining, .joined, .greeting, .deleting: throw .noConnection
        }
    }

    /// Chunks are encrypted only when they can leave: the relay is connected and the window has room.
    private func waitUntilLive(_ connection: Connection) async throws(AgentLinkError) {
        while true {
            if isStopping { throw .stopped }
            guard let send = connection.send else { throw .noConnection }
            if slot(send.server).client != nil, connection.window.hasRoom, !connection.isRekeying { break }
            need(send.server)
            try await connection.waitForRoom()
        }
        _ = try sendable(connection.row.id)
    }
}
