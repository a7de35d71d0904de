import Glibc
import Guarding
public import Logging
public import NIOCore
import SMPProtocol
import TLSTransport

/// An SMP server: versions 9 to 14, queues and messages kept in a directory.
///
/// An OK to SEND means that the message survives a crash of the process. Log lines name neither addresses nor queues.
public final class Relay: Sendable {
    /// What clients are told: `smp://fingerprint@host:port`, without the create password.
    public let address: String
    /// SHA-256 of the CA certificate, 32 bytes: the relay's identity.
    public let fingerprint: [UInt8]
    /// The TCP port that is listened on.
    public let port: Int
    /// The TCP port of the status pages, if they are served.
    public let statusPort: Int?

    private let listener: any Channel
    private let status: StatusServer?
    private let hub: RelayHub
    private let settings: Guarded<RelayConfiguration>
    private let connections: OpenChannels
    private let watch: RelayWatch
    private let upkeep: Task<Void, Never>

    private static let upkeepPeriod: Duration = .seconds(5)
    private static let certificateTurns = 8640
    /// How long connections have to read their last answers when the relay stops.
    private static let farewell: Duration = .seconds(3)
    private static let syncTime: Duration = .seconds(10)

    /// Starts a relay; when this returns it accepts connections.
    ///
    /// The first start makes a certificate authority and a leaf. Blocks for as long as it takes to count what is stored.
    /// - Parameters:
    ///   - configuration: where and how.
    ///   - group: whose event loops carry the connections; its owner shuts it down after the relay.
    ///   - logger: for what an operator should know.
    public static func start(
        _ configuration: RelayConfiguration, group: any EventLoopGroup, logger: Logger
    ) async throws(RelayError) -> Relay {
        try configuration.check()
        let hub = try openHub(configuration)
        do throws(RelayError) {
            return try await start(configuration, hub: hub, group: group, logger: logger)
        } catch {
            hub.close()
            throw error
        }
    }

    private static func openHub(_ configuration: RelayConfiguration) throws(RelayError) -> RelayHub {
        let store = try QueueStore(directory: configuration.directory)
        var core = RelayCore(store: store, limits: configuration.queueLimits)
        core.isDraining = configuration.isDraining
        return RelayHub(core: core) { Int64(time(nil)) }
    }

    private static func start(
        _ configuration: RelayConfiguration, hub: RelayHub, group: any EventLoopGroup, logger: Logger
    ) async throws(RelayError) -> Relay {
        let watch = RelayWatch(
            records: try RecordSync(path: QueueStore.databasePath(configuration.directory)), hub: hub,
            configuration: configuration)
        let authority = CertificateAuthority(directory: configuration.directory + "/tls")
        let credentials: TLSCredentials
        let context: TLSServerContext
        do throws(TLSError) {
            credentials = try authority.credentials()
            context = try TLSServerContext(credentials: credentials)
        } catch { throw .certificate("\(error)") }
        let settings = Guarded(configuration)
        let connections = OpenChannels()
        let status = try await serveStatus(configuration, watch, group)
        let listener: any Channel
        do throws(TLSError) {
            listener = try await TLSServer.listen(
                host: configuration.host, port: configuration.port, context: context, group: group,
                handshakeTimeout: configuration.handshakeTimeout
            ) { channel in
                connections.add(channel)
                let configuration = settings.withLock { $0 }
                try channel.pipeline.syncOperations.addHandlers(
                    BlockFramer(), RelayConnection(hub: hub, configuration: configuration, logger: logger))
            }
        } catch {
            await status?.close()
            throw RelayError(listening: error, host: configuration.host, port: configuration.port)
        }
        let upkeep = Task {
            await keepUp(watch: watch, authority: authority, context: context, logger: logger)
        }
        return Relay(
            settings: settings, fingerprint: credentials.fingerprint, listener: listener, status: status, hub: hub,
            connections: connections, watch: watch, upkeep: upkeep)
    }

    private static func serveStatus(
        _ configuration: RelayConfiguration, _ watch: RelayWatch, _ group: any EventLoopGroup
    ) async throws(RelayError) -> StatusServer? {
        guard let address = configuration.statusAddress else { return nil }
        return try await StatusServer.listen(address, group: group) { watch.status() }
    }

    private init(
        settings: Guarded<RelayConfiguration>, fingerprint: [UInt8], listener: any Channel, status: StatusServer?,
        hub: RelayHub, connections: OpenChannels, watch: RelayWatch, upkeep: Task<Void, Never>
    ) {
        let configuration = settings.withLock { $0 }
        self.settings = settings
        self.fingerprint = fingerprint
        self.listener = listener
        self.status = status
        self.hub = hub
        self.connections = connections
        self.watch = watch
        self.upkeep = upkeep
        port = listener.localAddress?.port ?? configuration.port
        statusPort = status?.port
        let host = configuration.advertisedHost ?? configuration.host
        address = SMPServer(fingerprint: fingerprint, hosts: [host], port: UInt16(clamping: port)).identity
    }

    /// Goes on with other settings: limits and draining at once, password and time-outs for new connections. Directory,
    /// addresses and ports stay as they were at the start.
    public func apply(_ configuration: RelayConfiguration) throws(RelayError) {
        try configuration.check()
        settings.withLock { $0 = configuration }
        let (limits, isDraining) = (configuration.queueLimits, configuration.isDraining)
        _ = hub.look { core in
            core.apply(limits)
            core.isDraining = isDraining
        }
    }

    /// Makes no new queues from now on.
    public func drain() { _ = hub.look { $0.isDraining = true } }

    /// Accepts no more connections, answers what is in hand, closes all connections and the store, and has the disk keep
    /// what is stored, in bounded time. Afterwards another relay can use the directory.
    /// - Returns: whether the disk has said that it keeps everything; if not, it does so by itself a little later.
    @discardableResult
    public func shutdown() async -> Bool {
        upkeep.cancel()
        watch.stop()
        try? await listener.close()
        await connections.leave(within: Self.farewell)
        hub.close()
        // What was being accepted meanwhile.
        await connections.close()
        await upkeep.value
        await status?.close()
        return watch.sync(within: Self.syncTime)
    }

    private static func keepUp(
        watch: RelayWatch, authority: CertificateAuthority, context: TLSServerContext, logger: Logger
    ) async {
        var turn = 0
        while true {
            do { try await Task.sleep(for: upkeepPeriod) } catch { return }
            turn += 1
            for failure in watch.keepUp() { logger.error("\(failure)") }
            guard turn % certificateTurns == 0 else { continue }
            do throws(TLSError) {
                let fresh = try authority.credentials()
                if fresh.chain != context.credentials?.chain { try context.replaceCredentials(fresh) }
            } catch { logger.error("\(RelayError.certificate("\(error)"))") }
        }
    }
}

/// The accepted channels, to close them at the end.
private final class OpenChannels: Sendable {
    private let channels = Guarded<[ObjectIdentifier: any Channel]>([:])

    func add(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        channels.withLock { $0[id] = channel }
        channel.closeFuture.whenComplete { [weak self] _ in
            self?.channels.withLock { $0[id] = nil }
        }
    }

    /// Has every connection answer what is in hand and leave; closes those that take longer.
    func leave(within time: Duration) async {
        let leaving = channels.withLock { Array($0.values) }
        for channel in leaving { channel.pipeline.fireUserInboundEventTriggered(RelayStop()) }
        let deadline = Task {
            try await Task.sleep(for: time)
            await close()
        }
        for channel in leaving { try? await channel.closeFuture.get() }
        deadline.cancel()
    }

    func close() async {
        for channel in channels.withLock({ Array($0.values) }) { try? await channel.close() }
    }
}
