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

    private let listener: any Channel
    private let hub: RelayHub
    private let connections: OpenChannels
    private let upkeep: Task<Void, Never>

    private static let upkeepPeriod: Duration = .seconds(5)
    private static let certificateTurns = 8640

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
        if let password = configuration.createPassword, !SMPServer.isPassword(password) { throw .password }
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
        return RelayHub(core: RelayCore(store: store, limits: configuration.queueLimits)) { Int64(time(nil)) }
    }

    private static func start(
        _ configuration: RelayConfiguration, hub: RelayHub, group: any EventLoopGroup, logger: Logger
    ) async throws(RelayError) -> Relay {
        let records = try RecordSync(path: QueueStore.databasePath(configuration.directory))
        let authority = CertificateAuthority(directory: configuration.directory + "/tls")
        let credentials: TLSCredentials
        let context: TLSServerContext
        do throws(TLSError) {
            credentials = try authority.credentials()
            context = try TLSServerContext(credentials: credentials)
        } catch { throw .certificate("\(error)") }
        let connections = OpenChannels()
        let listener: any Channel
        do throws(TLSError) {
            listener = try await TLSServer.listen(
                host: configuration.host, port: configuration.port, context: context, group: group,
                handshakeTimeout: configuration.handshakeTimeout
            ) { channel in
                connections.add(channel)
                try channel.pipeline.syncOperations.addHandlers(
                    BlockFramer(), RelayConnection(hub: hub, configuration: configuration, logger: logger))
            }
        } catch { throw .cannotListen(host: configuration.host, port: configuration.port, reason: "\(error)") }
        let upkeep = Task {
            await keepUp(hub: hub, records: records, authority: authority, context: context, logger: logger)
        }
        return Relay(
            configuration: configuration, fingerprint: credentials.fingerprint, listener: listener, hub: hub,
            connections: connections, upkeep: upkeep)
    }

    private init(
        configuration: RelayConfiguration, fingerprint: [UInt8], listener: any Channel, hub: RelayHub,
        connections: OpenChannels, upkeep: Task<Void, Never>
    ) {
        self.fingerprint = fingerprint
        self.listener = listener
        self.hub = hub
        self.connections = connections
        self.upkeep = upkeep
        port = listener.localAddress?.port ?? configuration.port
        let host = configuration.advertisedHost ?? configuration.host
        address = SMPServer(fingerprint: fingerprint, hosts: [host], port: UInt16(clamping: port)).identity
    }

    /// Closes all connections and the store. Afterwards another relay can use the directory.
    public func shutdown() async {
        upkeep.cancel()
        try? await listener.close()
        await connections.close()
        hub.close()
        // What was being accepted meanwhile.
        await connections.close()
        await upkeep.value
    }

    private static func keepUp(
        hub: RelayHub, records: RecordSync, authority: CertificateAuthority, context: TLSServerContext, logger: Logger
    ) async {
        var turn = 0
        while true {
            do { try await Task.sleep(for: upkeepPeriod) } catch { return }
            turn += 1
            if let failure = hub.maintain() { logger.error("\(failure)") }
            do throws(RelayError) { try records.sync() } catch { logger.error("\(error)") }
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

    func close() async {
        for channel in channels.withLock({ Array($0.values) }) { try? await channel.close() }
    }
}
