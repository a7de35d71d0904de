public import Database
public import GRDB
public import Logging
public import NIOCore
public import SMPProtocol

/// Duplex encrypted connections over SMP queues: making, joining, sending, receiving, surviving.
///
/// One owner a profile. State is in the database before anything is sent that depends on it. All work is on one event loop.
public actor AgentLink {
    /// What the link runs with.
    public struct Configuration: Sendable {
        /// The relays on which new queues are made, by turns.
        public var servers: [SMPServer]
        /// Says which messages are parts of a file's chunk stream (given the first bytes of a whole message).
        public var isBulk: @Sendable (ArraySlice<UInt8>) -> Bool
        /// Identifies the running kernel's boot.
        public var bootID: String
        /// With these.
        public init(servers: [SMPServer], bootID: String, isBulk: @escaping @Sendable (ArraySlice<UInt8>) -> Bool) {
            self.servers = servers
            self.bootID = bootID
            self.isBulk = isBulk
        }
    }

    /// What happens, in order. One consumer.
    public nonisolated let events: AsyncStream<AgentEvent>

    /// A link over `database`; nothing moves before `start`.
    public init(database: ProfileDatabase, configuration: Configuration, group: any EventLoopGroup, logger: Logger) {
        fatalError("being written")
    }

    /// Subscribes everything (contacts, file connections, then pending ones) and goes on where the database says.
    public func start() async throws { }

    /// Orderly exit: unfinished segments and exact ratchet positions are stored, then acknowledged; relays are left.
    public func stop() async { }

    /// Looks at a connection's row again after the engine changed it (new, allowed, deleting).
    public func wake(_ connection: ConnectionID) { }

    /// Encrypts and stores `message` and hands it to the relay as soon as it can; any size up to 4 MiB + 64 KiB.
    ///
    /// `alongside` runs in the same transaction with the last number that the message uses.
    /// - Returns: that number; `delivered` with it or a later one says that the relay has it.
    @discardableResult
    public func send(
        _ message: [UInt8], on connection: ConnectionID,
        alongside: @Sendable (GRDB.Database, Int64) throws -> Void = { _, _ in }
    ) async throws(AgentLinkError) -> Int64 { throw .noConnection }

    /// Sends a bulk message without storing it, when the connection is live and its window has room; waits until then.
    ///
    /// `checkpoint` runs inside the transaction that reserves the next block of numbers, when one is due: the engine stores
    /// there how far the transfer is.
    /// - Returns: the numbers of its segments.
    public func sendBulk(
        _ pieces: [[UInt8]], on connection: ConnectionID,
        checkpoint: @Sendable (GRDB.Database) throws -> Void = { _ in }
    ) async throws(AgentLinkError) -> ClosedRange<Int64> { throw .noConnection }

    /// The bytes of a bulk message are safe: lets the relay drop it.
    ///
    /// `checkpoint` runs inside the transaction that stores the receiving chain, when one is due (every 128 messages).
    public func acknowledge(_ token: BulkToken, checkpoint: @Sendable (GRDB.Database) throws -> Void = { _ in }) async { }

    /// Stores exact positions now, with `alongside` in the same transaction.
    public func store(
        _ connection: ConnectionID, durable: Bool = false, alongside: @Sendable (GRDB.Database) throws -> Void
    ) async throws(AgentLinkError) { }

    /// The highest number handled on this connection (`seen` of x.file.want).
    public func received(on connection: ConnectionID) -> Int64 { 0 }

    /// What the link is doing.
    public func status() -> LinkStatus {
        LinkStatus(connecting: 0, outstanding: 0, unsent: 0, down: [:], activity: 0)
    }

    /// Tries all relays that are down, and full queues, again now.
    public func retryNow() { }

    /// The security code of a connection: equal on both sides, from the key agreement's associated data.
    public func securityCode(_ connection: ConnectionID) -> String? { nil }

    /// Renews the ratchets of all connections (agent envelope 'R'), after a copied or restored profile.
    public func rekey() async throws(AgentLinkError) { }
}
