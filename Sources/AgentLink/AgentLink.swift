public import Database
import DoubleRatchet
import GRDB
public import Logging
public import NIOCore
import Primitives
import RateLimit
import SMPClient
public import SMPProtocol
public import TLSTransport

/// Duplex encrypted connections over SMP queues: making, joining, sending, receiving, surviving.
///
/// One owner a profile. State is in the database before anything is sent that depends on it. All of it runs on one event
/// loop, the clients' too, so that what comes from a relay is handled in order and without a change of thread.
public actor AgentLink {
    /// What the link runs with.
    public struct Configuration: Sendable {
        /// The relays on which new queues are made, by turns.
        public var servers: [SMPServer]
        /// Says which messages are parts of a file's chunk stream (given the first bytes of a whole message).
        public var isBulk: @Sendable (ArraySlice<UInt8>) -> Bool
        /// Identifies the running kernel's boot.
        public var bootID: String
        /// How long a relay may take.
        var timeouts = SMPClient.Timeouts()
        /// The first wait before a relay or a full queue is tried again; then twice, four times … sixty times that.
        var retryUnit = TimeAmount.seconds(1)
        /// Whether senders secure our new queues (mode M), as all current agents do.
        var makesSenderSecuredQueues = true
        /// The SMP versions offered to relays.
        var versions = SMP.clientVersions
        /// Whether blocks are encrypted once more inside TLS, with relays that are not of our kind.
        public var encryptsBlocks = true
        /// How relays are reached.
        let route: NetworkRoute
        /// With these.
        public init(
            servers: [SMPServer], route: NetworkRoute = NetworkRoute(), bootID: String,
            isBulk: @escaping @Sendable (ArraySlice<UInt8>) -> Bool
        ) {
            self.servers = servers
            self.route = route
            self.bootID = bootID
            self.isBulk = isBulk
        }

        /// Within a rate, no more messages are given to a relay's connection at a time than a second takes: what else is to be
        /// said does not wait behind them for longer.
        var sendBound: Int {
            guard let rate = route.limiter?.bytesPerSecond else { return SendWindow.limit }
            return Int(min(UInt64(SendWindow.limit), max(2, rate / UInt64(SMP.blockSize))))
        }
    }

    /// What happens, in order. One consumer.
    public nonisolated let events: AsyncStream<AgentEvent>

    let database: ProfileDatabase
    var configuration: Configuration
    let logger: Logger
    let loop: any EventLoop
    private let executor: any SerialExecutor
    private let continuation: AsyncStream<AgentEvent>.Continuation

    var connections: [ConnectionID: Connection] = [:]
    var recipients: [RecipientAddress: ConnectionID] = [:]
    var relays: [String: RelaySlot] = [:]
    /// The one of `relays` that was looked up last.
    var lastSlot: RelaySlot?
    var activity: UInt64 = 0
    var isStopping = false
    var nextServer = 0
    var nextBulkSerial: UInt64 = 0
    /// Commands that are neither in a send window nor counted elsewhere.
    var commandsOutstanding = 0

    /// Everything of the actor runs on its event loop.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// A link over `database`; nothing moves before `start`.
    public init(database: ProfileDatabase, configuration: Configuration, group: any EventLoopGroup, logger: Logger) {
        self.database = database
        self.configuration = configuration
        self.logger = logger
        loop = group.next()
        executor = loop.executor
        (events, continuation) = AsyncStream.makeStream()
    }

    /// Subscribes everything (contacts, file connections, then pending ones) and goes on where the database says.
    public func start() throws(AgentLinkError) {
        try recoverNumbers()
        let (rows, failed, inbound) = try storage { db in
            (try ConnectionRow.fetchLive(db), try ConnectionRow.fetchFailed(db), try InboundRow.fetchAll(db))
        }
        for row in rows {
            do {
                try load(row)
            } catch {
                fail(row.id, error)
            }
        }
        for message in inbound { tell(message.event) }
        for row in rows { if let connection = connections[row.id] { tellHeld(connection) } }
        for row in rows {
            switch row.state {
            case .confirmed: tell(.confirmation(row.id, info: row.peerInfo))
            case .offered: if let link = row.link { tell(.linkReady(row.id, link: link)) }
            case .creating, .allowing, .joining, .joined, .greeting, .connected, .deleting, .failed: break
            }
        }
        for (id, error) in failed { tell(.failed(id, error)) }
        for row in rows { if let connection = connections[row.id] { advance(connection) } }
    }

    /// Orderly exit: unfinished segments and exact ratchet positions are stored, then acknowledged; relays are left.
    public func stop() async {
        guard !isStopping else { return }
        isStopping = true
        for connection in connections.values { connection.resumeRoomWaiters(throwing: .stopped) }
        await answersOutstanding()
        for connection in connections.values {
            tellDelivered(connection)
            do { try storeAtExit(connection) } catch {
                logger.error("storing connection \(connection.row.id) failed: \(error)")
            }
        }
        for slot in relays.values { slot.shutDown() }
        continuation.finish()
    }

    /// Looks at a connection's row again after the engine changed it (new, allowed, deleting).
    public func wake(_ id: ConnectionID) {
        guard !isStopping else { return }
        let stored: ConnectionRow?
        do { stored = try storage { db in try ConnectionRow.fetch(db, id) } } catch {
            logger.error("connection \(id): \(error)")
            return wakeLater(id)
        }
        guard let row = stored else { return forget(id) }
        do {
            if let connection = connections[id] {
                connection.row.state = row.state
                connection.row.info = row.info
                if row.state == .deleting { connection.resumeRoomWaiters(throwing: .noConnection) }
                advance(connection)
            } else if row.state != .failed {
                try load(row)
                guard let connection = connections[id] else { return }
                tellHeld(connection)
                advance(connection)
            }
        } catch {
            fail(id, error)
        }
    }

    /// Looks again when the database may work.
    func wakeLater(_ id: ConnectionID) {
        loop.scheduleTask(in: Self.resubscribeDelay) { [weak self] in
            self?.assumeIsolated { $0.wake(id) }
        }
    }

    /// The relays for new queues, from now on.
    public func use(servers: [SMPServer]) {
        configuration.servers = servers
        for connection in connections.values where connection.row.state == .creating || connection.row.state == .joining
        {
            advance(connection)
        }
    }

    /// The highest number handled on this connection (`seen` of x.file.want).
    public func received(on connection: ConnectionID) -> Int64 { connections[connection]?.row.sequence.last ?? 0 }

    /// When the relay took the last message that came on this connection since the start, in Unix seconds; nil for none.
    public func heard(on connection: ConnectionID) -> Int64? { connections[connection]?.heardAt }

    /// Gives back the bulk message that waits for room on this connection: its `sendBulk` throws `withdrawn`.
    public func withdrawBulk(on connection: ConnectionID) {
        connections[connection]?.resumeRoomWaiters(throwing: .withdrawn)
    }

    /// What the link is doing.
    public func status() -> LinkStatus {
        var status = LinkStatus(
            connecting: 0, outstanding: commandsOutstanding, unsent: 0, down: [:], activity: activity)
        for slot in relays.values {
            if slot.isFirstAttempt { status.connecting += 1 }
            if let error = slot.error { status.down[slot.server.description] = error }
        }
        for connection in connections.values {
            status.outstanding += connection.window.outstanding
            status.unsent += connection.window.count
            if connection.subscription == .subscribing || connection.subscription == .draining {
                status.outstanding += 1
            }
        }
        return status
    }

    /// Tries all relays that are down, and full queues, again now.
    public func retryNow() {
        for slot in relays.values where slot.client == nil && !slot.isConnecting { connect(slot) }
        for connection in connections.values { retryFullQueue(connection) }
    }

    /// Bulk messages that were whole and not acknowledged when the link was stopped.
    private func tellHeld(_ connection: Connection) {
        for held in connection.held { tellBulk(held, on: connection) }
    }

    /// The security code of a connection: equal on both sides, SHA-256 of the key agreement's associated data.
    public func securityCode(_ id: ConnectionID) -> String? {
        guard let ratchet = connections[id]?.ratchet else { return nil }
        return SecurityCode.text(associatedData: ratchet.associatedData)
    }

    // MARK: Shared by the extensions

    func tell(_ event: AgentEvent) {
        activity &+= 1
        continuation.yield(event)
    }

    /// Runs a transaction, with the database's errors as ours.
    func storage<Value>(
        durable: Bool = false, _ body: (GRDB.Database) throws -> Value
    ) throws(AgentLinkError) -> Value {
        do { return try database.write(durable: durable, body) } catch { throw .storage("\(error)") }
    }

    /// Ends a connection for good and says why.
    func fail(_ id: ConnectionID, _ error: AgentLinkError) {
        logger.warning("connection \(id) failed: \(error)")
        do {
            try database.write { db in try ConnectionRow.fail(db, id, error) }
        } catch {
            logger.error("connection \(id): \(error)")
        }
        if let connection = connections[id] {
            guard connection.row.state != .deleting else { return }
            connection.row.state = .failed
            connection.resumeRoomWaiters(throwing: error)
        }
        tell(.failed(id, error))
    }

    /// Drops a connection from memory.
    func forget(_ id: ConnectionID) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        connection.fullRetry?.cancel()
        if let queue = connection.receive { recipients[queue.address] = nil }
        connection.resumeRoomWaiters(throwing: .noConnection)
    }

    /// Waits, for at most five seconds, until no SEND or ACK is without an answer.
    private func answersOutstanding() async {
        for _ in 0..<100 {
            let outstanding = connections.values.reduce(commandsOutstanding) { $0 + $1.window.outstanding }
            if outstanding == 0 { return }
            try? await Task.sleep(for: .milliseconds(50))
        }
    }

    private func load(_ row: ConnectionRow) throws(AgentLinkError) {
        let (receive, send, outbox, segments) = try storage { db in
            (
                try QueueRow.fetch(db, row.id, .receive), try QueueRow.fetch(db, row.id, .send),
                try OutboxRow.fetch(db, row.id), try SegmentRow.fetch(db, row.id)
            )
        }
        let connection = try Connection(row, receive: receive, send: send)
        for message in outbox { connection.window.append(message.item) }
        for segment in segments {
            guard let (first, ids, total, body) = connection.restore(segment) else { continue }
            // How it stood in the sequence is not stored: what is missing below it may still have to be told.
            let gap = connection.row.sequence.missing.last { $0.upperBound < ids.upperBound }
            connection.held.append(
                HeldBulk(
                    token: nextToken(row.id), relayID: nil, first: first, total: total, ids: ids,
                    integrity: gap.map { .skipped($0) } ?? .ok, body: body, isStored: true))
        }
        connections[row.id] = connection
        if let queue = connection.receive { recipients[queue.address] = row.id }
    }

    /// After a crash numbers may have been used that no row knows of: every such connection goes on behind its reserved
    /// block. Within one boot the rows of stored messages are exact, so that only unstored ones (bulk) count.
    private func recoverNumbers() throws(AgentLinkError) {
        let bootID = configuration.bootID
        try storage(durable: true) { db in
            let last = try String.fetchOne(db, sql: "SELECT value FROM meta WHERE key = 'bootId'")
            try db.execute(
                sql: "INSERT OR REPLACE INTO meta (key, value) VALUES ('bootId', ?)", arguments: [bootID])
            let condition = last == bootID ? "unstored = 1" : "reservedId > sentId"
            let ids = try Int64.fetchAll(db, sql: "SELECT id FROM connections WHERE \(condition)")
            for id in ids {
                guard var row = try ConnectionRow.fetch(db, ConnectionID(rawValue: id)) else { continue }
                try Connection.skipReserved(&row)
                try row.updatePosition(db)
            }
        }
    }
}

/// A relay and a queue's recipient id on it.
struct RecipientAddress: Hashable, Sendable {
    let server: String
    let id: [UInt8]
}
