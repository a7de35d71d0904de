import Guarding
public import Logging
public import NIOCore
public import Primitives
import RateLimit
public import SMPProtocol
public import TLSTransport

/// One connection to one relay, on one event loop.
///
/// Answers to commands come as futures on that loop; messages and what else the relay tells of its own accord come as
/// `pushes`. When the connection ends, every open command fails, `closeReason` is set and `pushes` finish, in this order.
/// Dropping the last reference closes the connection.
public final class SMPClient: Sendable {
    /// How long to wait.
    public struct Timeouts: Sendable, Equatable {
        /// From the first look-up of the name to the end of the SMP handshake.
        public var connect: TimeAmount
        /// For the answer to a command: since it was submitted, or since another command was answered after that.
        public var command: TimeAmount
        /// Without a byte from the relay until a PING asks whether it is there.
        public var silence: TimeAmount

        /// 15 seconds to connect and for a command, a PING after 10 minutes.
        public init(
            connect: TimeAmount = .seconds(15), command: TimeAmount = .seconds(15), silence: TimeAmount = .minutes(10)
        ) {
            self.connect = connect
            self.command = command
            self.silence = silence
        }
    }

    /// The relay.
    public let server: SMPServer
    /// The loop that futures complete on.
    public let eventLoop: any EventLoop
    /// The SMP version agreed on.
    public let version: UInt16
    /// The TLS session id, 32 bytes: commands are authorized for it.
    public let sessionID: [UInt8]
    /// The relay's key of this connection.
    public let serverKey: X25519PublicKey
    /// What the relay says about our queues, in its order; a MSG that answers SUB or ACK is here too, once. For one reader.
    ///
    /// At most one message of each queue waits here unacknowledged, unless the reader reads on: that bounds it.
    public let pushes: AsyncStream<SMPPush>

    private let window: Int
    private let handler: NIOLoopBound<ClientHandler>
    private let shared: ClientHandler.Shared

    private init(
        _ handler: NIOLoopBound<ClientHandler>, _ shared: ClientHandler.Shared, _ server: SMPServer,
        _ agreed: ClientHandler.Session.Agreed
    ) {
        self.handler = handler
        self.shared = shared
        self.server = server
        eventLoop = handler.eventLoop
        version = agreed.version
        sessionID = agreed.sessionID
        serverKey = agreed.serverKey
        window = agreed.window
        pushes = shared.pushes
    }

    deinit { close() }

    /// Why the connection ended; nil while it stands, and after `close()`.
    public var closeReason: SMPClientError? { shared.closeReason.withLock { $0 } }

    // MARK: Connecting

    /// Connects to the first of the relay's hosts that answers.
    ///
    /// - Parameters:
    ///   - group: one of its loops carries the connection; an event loop carries it itself.
    ///   - versions: the SMP versions to offer.
    ///   - route: by a proxy, and within a rate. Onion hosts are reached by a proxy only.
    ///   - encryptsBlocks: whether blocks are encrypted inside TLS, from version 11 on, unless the relay is of our kind. It
    ///     costs an unmodified server a quarter of its time.
    ///   - deliver: takes what would be in `pushes`, on the connection's event loop, before the next block is read: for an
    ///     owner on the same loop, who is spared two changes of thread a message. `pushes` then only finish.
    /// - Throws: `unreachable`, `timedOut`, `identity`, `incompatible`, `garbage` or `closed`.
    public static func connect(
        to server: SMPServer, on group: any EventLoopGroup, timeouts: Timeouts = Timeouts(),
        versions: ClosedRange<UInt16> = SMP.clientVersions, encryptsBlocks: Bool = true,
        route: NetworkRoute = NetworkRoute(), deliver: (@Sendable (SMPPush) -> Void)? = nil,
        logger: Logger
    ) async throws(SMPClientError) -> SMPClient {
        let loop = group.next()
        let deadline = NIODeadline.now() + timeouts.connect
        var hosts = server.hosts[...]
        if route.proxy == nil {
            // Looked up without one, an onion name would only be told to others.
            hosts = server.hosts.filter { !$0.lowercased().hasSuffix(".onion") }[...]
            if hosts.isEmpty {
                throw .unreachable(
                    "its address is an onion service; set a proxy: `sxfile config set proxy socks5://127.0.0.1:9050`")
            }
        }
        while true {
            guard let host = hosts.popFirst() else { throw .unreachable("its address names no host") }
            let left = max(0, (deadline - .now()).nanoseconds)
            let attempt = Attempt(
                server: server, host: host, deadline: .now() + .nanoseconds(left / Int64(hosts.count + 1)),
                timeouts: timeouts, versions: versions, encryptsBlocks: encryptsBlocks, route: route, loop: loop,
                deliver: deliver, logger: logger)
            do throws(SMPClientError) {
                return try await attempt.run()
            } catch {
                switch error {
                case .unreachable, .timedOut: if hosts.isEmpty { throw error }
                case .identity, .incompatible, .garbage, .closed: throw error
                }
            }
        }
    }

    /// One attempt at one host.
    private struct Attempt: Sendable {
        let server: SMPServer
        let host: String
        let deadline: NIODeadline
        let timeouts: Timeouts
        let versions: ClosedRange<UInt16>
        let encryptsBlocks: Bool
        let route: NetworkRoute
        let loop: any EventLoop
        let deliver: (@Sendable (SMPPush) -> Void)?
        let logger: Logger

        func run() async throws(SMPClientError) -> SMPClient {
            // A name with several addresses may make several channels, of which one survives.
            let made = HandlerTable()
            let connection: TLSConnection
            do throws(TLSError) {
                connection = try await TLSClient.connect(
                    host: host, port: Int(server.portNumber), fingerprint: server.fingerprint, route: route,
                    group: loop, timeout: deadline - .now()
                ) { channel in try made.add(handler(), to: channel) }
            } catch {
                // The handler's deadline is the same: who notices first closes.
                if case .closed = error, NIODeadline.now() >= deadline { throw .timedOut("the handshake") }
                throw SMPClientError(error, server)
            }
            guard let (handler, shared, established) = made[connection.channel] else {
                preconditionFailure("every channel is given a handler")
            }
            do {
                return SMPClient(handler, shared, server, try await established.get())
            } catch {
                throw error as? SMPClientError ?? .closed("\(error)")
            }
        }

        /// Within a rate, no more messages of a queue under way than two seconds take: an answer behind them is in time.
        private static func window(_ route: NetworkRoute) -> UInt16 {
            guard let rate = route.limiter?.bytesPerSecond else { return DeliveryWindow.offered.messages }
            let messages = rate * 2 / UInt64(SMP.blockSize)
            return UInt16(min(UInt64(DeliveryWindow.offered.messages), max(2, messages)))
        }

        private func handler() -> ClientHandler {
            ClientHandler(
                server: server, versions: versions, encryptsBlocks: encryptsBlocks, window: Self.window(route),
                timeouts: timeouts, deadline: deadline, loop: loop, deliver: deliver, logger: logger)
        }
    }

    // MARK: Commands

    /// Sends a command now; those of one caller go out in the order of the calls, and many may be open.
    ///
    /// - Parameters:
    ///   - entity: the queue's recipient id, or its sender id for SEND and SKEY; empty for NEW and PING.
    ///   - authorization: `.x25519` is cheap when repeated: the agreement with the relay's key is kept.
    /// - Returns: The answer, on `eventLoop`: an `.error` too, also for a SEND longer than the relay takes. A MSG that answers
    ///   SUB or ACK means OK and is in `pushes` as well. Fails with `SMPClientError` when the connection ends; a missed deadline
    ///   ends it.
    public func submit(
        _ command: ClientCommand, entity: [UInt8], authorization: Authorization
    ) -> EventLoopFuture<ServerResponse> {
        let promise = eventLoop.makePromise(of: ServerResponse.self)
        if eventLoop.inEventLoop {
            handler.value.submit(command, entity: entity, authorization: authorization, answer: .promise(promise))
        } else {
            let handler = handler
            eventLoop.execute {
                handler.value.submit(command, entity: entity, authorization: authorization, answer: .promise(promise))
            }
        }
        return promise.futureResult
    }

    /// `submit` on `eventLoop`, for commands that come in long rows: `answer` is run there instead of a future.
    public func submit(
        _ command: ClientCommand, entity: [UInt8], authorization: Authorization,
        answer: @escaping @Sendable (Result<ServerResponse, SMPClientError>) -> Void
    ) {
        handler.value.submit(command, entity: entity, authorization: authorization, answer: .handler(answer))
    }

    /// `submit`, waiting for the answer.
    public func perform(
        _ command: ClientCommand, entity: [UInt8], authorization: Authorization
    ) async throws(SMPClientError) -> ServerResponse {
        do {
            return try await submit(command, entity: entity, authorization: authorization).get()
        } catch {
            throw error as? SMPClientError ?? .closed("\(error)")
        }
    }

    /// Whether the relay delivers several messages of a queue before the first is acknowledged: `readOn` gives them out.
    public var canReadOn: Bool { window > 1 }

    /// Asks for the next message of a queue before the last one is acknowledged. On `eventLoop`; does nothing in plain SMP.
    ///
    /// An acknowledgement counts for all earlier messages too: they are given in the order of the messages.
    public func readOn(_ entity: [UInt8]) {
        guard canReadOn else { return }
        handler.value.readOn(entity)
    }

    /// Sends what was submitted and closes; open commands fail.
    public func close() {
        if eventLoop.inEventLoop { return handler.value.finish(nil) }
        let handler = handler
        eventLoop.execute { handler.value.finish(nil) }
    }
}

/// The handlers of an attempt's channels: found even after a channel has closed and emptied its pipeline.
private final class HandlerTable: Sendable {
    typealias Entry = (
        NIOLoopBound<ClientHandler>, ClientHandler.Shared, EventLoopFuture<ClientHandler.Session.Agreed>
    )
    private let entries = Guarded<[ObjectIdentifier: Entry]>([:])

    /// On the channel's event loop.
    func add(_ handler: ClientHandler, to channel: any Channel) throws {
        let entry = (
            NIOLoopBound(handler, eventLoop: channel.eventLoop), handler.shared, handler.established.futureResult
        )
        entries.withLock { $0[ObjectIdentifier(channel)] = entry }
        try channel.pipeline.syncOperations.addHandlers(BlockFramer(), handler)
    }

    subscript(channel: any Channel) -> Entry? { entries.withLock { $0[ObjectIdentifier(channel)] } }
}
