internal import Glibc
internal import Guarding
public import NIOCore
internal import NIOPosix
internal import RateLimit

/// A connection whose TLS handshake is complete.
public struct TLSConnection: Sendable {
    /// The channel; plaintext passes above its `TLSHandler`.
    public let channel: any Channel
    /// What the handshake established.
    public let session: TLSSession
}

/// The client's side.
public enum TLSClient {
    /// The application protocol of SMP relays (ALPN).
    public static let applicationProtocol = "smp/1"

    private static let shared: Result<TLSClientContext, TLSError> = {
        do throws(TLSError) { return .success(try TLSClientContext()) } catch { return .failure(error) }
    }()

    /// A context for SMP relays, made once a process.
    public static func sharedContext() throws(TLSError) -> TLSClientContext { try shared.get() }

    /// Connects and completes the handshake, without SNI.
    ///
    /// - Parameters:
    ///   - host: a name or address; the server's certificate need not name it.
    ///   - port: a TCP port.
    ///   - fingerprint: SHA-256 of the DER certificate that the server must have at chain index 1, 32 bytes.
    ///   - context: nil takes the shared one.
    ///   - route: by a proxy, which looks the name up then, and within a rate.
    ///   - group: where the channel runs.
    ///   - timeout: for everything together: name, TCP connection, handshake.
    ///   - initializer: runs on the channel's event loop before it connects, to add handlers above TLS. They get the
    ///     `TLSSession` as user inbound event, then plaintext; a server may speak before this function returns. With several
    ///     addresses it may run for several channels, of which one survives.
    /// - Throws: `unreachable`, `timedOut`, `fingerprintMismatch`, `invalidChain`, `noCommonVersion`, `noCommonProtocol`,
    ///   `noCommonParameters`, `notTLS`, `refused`, `closedDuringHandshake`, …
    public static func connect(
        host: String, port: Int, fingerprint: [UInt8], context: TLSClientContext? = nil,
        route: NetworkRoute = NetworkRoute(), group: any EventLoopGroup, timeout: TimeAmount = .seconds(15),
        initializer: @escaping @Sendable (any Channel) throws -> Void = { _ in }
    ) async throws(TLSError) -> TLSConnection {
        let context = if let context { context } else { try sharedContext() }
        let deadline = NIODeadline.now() + timeout
        // A peer that answers and closes at once empties the channel's pipeline before anybody looks for the handler in it.
        let sessions = Guarded<[ObjectIdentifier: EventLoopFuture<TLSSession>]>([:])
        var bootstrap = ClientBootstrap(group: group)
            .connectTimeout(timeout)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(tcpOption(TCP_KEEPIDLE), value: 30)
            .channelOption(tcpOption(TCP_KEEPINTVL), value: 15)
            .channelOption(tcpOption(TCP_KEEPCNT), value: 4)
            .channelOption(.writeBufferWaterMark, value: .init(low: 65536, high: 262_144))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let limiter = route.limiter { try pipeline.addHandler(RateHandler(limiter)) }
                    if let proxy = route.proxy {
                        try pipeline.addHandler(SOCKSHandler(to: host, port: port, by: proxy))
                    }
                    let handler = try TLSHandler(
                        client: context, fingerprint: fingerprint, handshakeTimeout: deadline - .now())
                    try pipeline.addHandler(handler)
                    let session = handler.session
                    sessions.withLock { $0[ObjectIdentifier(channel)] = session }
                    try initializer(channel)
                }
            }
        if let limiter = route.limiter {
            bootstrap =
                bootstrap
                .channelOption(.socketOption(.so_rcvbuf), value: .init(limiter.receiveBuffer))
                .channelOption(.maxMessagesPerRead, value: 1)
        }
        do {
            let (nextHost, nextPort) = route.proxy.map { ($0.host, $0.port) } ?? (host, port)
            return try await bootstrap.connect(host: nextHost, port: nextPort).flatMap { channel in
                guard let session = sessions.withLock({ $0[ObjectIdentifier(channel)] }) else {
                    preconditionFailure("every channel is given a handler")
                }
                return session.map { TLSConnection(channel: channel, session: $0) }
            }.get()
        } catch {
            let failure = TLSError(connecting: error, host: host, port: port)
            // The handler's deadline may be noticed a moment before the connection's.
            if case .unreachable = failure, NIODeadline.now() >= deadline { throw .timedOut(.connecting) }
            if case .unreachable(_, _, let reason) = failure, let proxy = route.proxy {
                throw .proxy("the proxy at \(proxy.place) cannot be reached: \(reason)")
            }
            throw failure
        }
    }

    private static func tcpOption(_ number: Int32) -> ChannelOptions.Types.SocketOption {
        ChannelOptions.Types.SocketOption(level: .tcp, name: NIOBSDSocket.Option(rawValue: number))
    }
}

extension TLSError {
    /// What an attempt to connect ended with.
    init(connecting error: any Error, host: String, port: Int) {
        switch error {
        case let error as TLSError: self = error
        case let error as NIOConnectionError:
            let failures = error.connectionErrors.map(\.error)
            if failures.contains(where: Self.isTimeOut) {
                self = .timedOut(.connecting)
            } else if let first = failures.first {
                self = TLSError(connecting: first, host: host, port: port)
            } else {
                self = .unreachable(host: host, port: port, reason: "no address is known for this name")
            }
        case let error as IOError:
            self = .unreachable(host: host, port: port, reason: systemText(error.errnoCode))
        case is SocketAddressError, is SocketAddressError.UnknownHost:
            self = .unreachable(host: host, port: port, reason: "no address is known for this name")
        default:
            self =
                Self.isTimeOut(error)
                ? .timedOut(.connecting) : .unreachable(host: host, port: port, reason: "\(error)")
        }
    }

    private static func isTimeOut(_ error: any Error) -> Bool {
        switch error {
        case ChannelError.connectTimeout: true
        case TLSError.timedOut: true
        default: false
        }
    }
}
