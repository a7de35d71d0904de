import Guarding
import Logging
import NIOCore
import Primitives
import TLSTransport

/// The channel handler of one connection: blocks of `BlockFramer` to and from a `RelaySession`.
///
/// Not reading while the peer does not read bounds what a connection keeps in memory.
final class RelayConnection: ChannelDuplexHandler {
    typealias InboundIn = [UInt8]
    typealias OutboundIn = [UInt8]
    typealias OutboundOut = [UInt8]

    private let hub: RelayHub
    private let configuration: RelayConfiguration
    private let logger: Logger
    private var context: ChannelHandlerContext?
    private var connection: ConnectionID?
    private var session: RelaySession?
    private var deadline: Scheduled<Void>?
    private var idleCheck: RepeatedTask?
    private var hasSpoken = false
    private var isReadWanted = false
    private var isFlushPlanned = false
    private var isLateFlushPlanned = false
    private var isReleasePlanned = false
    private var hasRoom = true
    /// Whether the core has messages for which there was no room.
    private var hasMoreWaiting = false
    /// Events for this connection, on their way from the threads of others.
    private let mailbox = Guarded<[Push.Event]>([])

    init(hub: RelayHub, configuration: RelayConfiguration, logger: Logger) {
        self.hub = hub
        self.configuration = configuration
        self.logger = logger
    }

    // MARK: Beginning and end

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        let loop = context.eventLoop
        let bound = NIOLoopBound(self, eventLoop: loop)
        let mailbox = mailbox
        connection = hub.connect(address: Self.address(context.remoteAddress), limit: configuration.connectionLimit) {
            event in
            // One turn of the loop takes all that has come until then.
            let isFirst = mailbox.withLock { events in
                events.append(event)
                return events.count == 1
            }
            if isFirst { loop.execute { bound.value.takeEvents() } }
        }
        guard connection != nil else {
            logger.notice("too many connections: one more was closed")
            context.close(promise: nil)
            return
        }
        deadline = loop.assumeIsolated().scheduleTask(in: configuration.handshakeTimeout) { [weak self] in
            if self?.session?.isOpen != true { self?.close() }
        }
        let period = configuration.idleTimeout
        idleCheck = loop.scheduleRepeatedTask(initialDelay: period, delay: period) { _ in bound.value.checkIdle() }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("a connection failed", metadata: ["reason": "\(error)"])
        context.close(promise: nil)
    }

    private func end() {
        deadline?.cancel()
        idleCheck?.cancel()
        session = nil
        if let connection { hub.disconnect(connection) }
        connection = nil
    }

    private func close() { context?.close(promise: nil) }

    private func checkIdle() {
        defer { hasSpoken = false }
        // Before the hello the handshake's deadline watches.
        guard let connection, !hasSpoken, session?.isOpen == true else { return }
        if hub.look({ $0.isSubscribed(connection) }) != true { close() }
    }

    // MARK: Blocks

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is RelayStop { return leave(context) }
        guard let tls = event as? TLSSession else { return context.fireUserInboundEventTriggered(event) }
        guard let connection, let credentials = tls.credentials else { return close() }
        let identity = RelayIdentity(
            chain: credentials.chain, fingerprint: credentials.fingerprint, sign: { try? credentials.sign($0) })
        var session = RelaySession(
            hub: hub, connection: connection, identity: identity, sessionID: tls.sessionID,
            password: configuration.createPassword.map { Array($0.utf8) })
        session.offersWindow = configuration.offersDeliveryWindow
        do throws(RelaySession.Failure) {
            let hello = try session.hello()
            self.session = session
            context.writeAndFlush(wrapOutboundOut(hello), promise: nil)
        } catch { fail(error) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        hasSpoken = true
        do throws(RelaySession.Failure) {
            try session?.receive(unwrapInboundIn(data))
        } catch { fail(error) }
        for failure in session?.takeStoreFailures() ?? [] { logger.error("\(failure)") }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if session?.isBlockWorthWaiting == true { planLateFlush() } else { flushBlocks() }
        planRelease()
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if context.channel.isWritable { context.read() } else { isReadWanted = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        updateRoom(context)
        context.fireChannelWritabilityChanged()
    }

    /// What other connections have caused. What comes in one turn of the loop shares blocks.
    private func takeEvents() {
        let events = mailbox.withLock { events in
            defer { events = [] }
            return events
        }
        for event in events { session?.push(event) }
        planFlush()
    }

    private func planFlush() {
        guard !isFlushPlanned, let context else { return }
        isFlushPlanned = true
        context.eventLoop.assumeIsolated().execute { [weak self] in
            self?.isFlushPlanned = false
            self?.flushBlocks()
        }
    }

    /// OKs to SENDs wait a moment for others: each block costs the same, whether it holds one or a hundred.
    private func planLateFlush() {
        guard !isLateFlushPlanned, session?.hasBlocks == true, let context else { return }
        isLateFlushPlanned = true
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.okayDelay) { [weak self] in
            self?.isLateFlushPlanned = false
            self?.flushBlocks()
        }
    }

    private static let okayDelay = TimeAmount.milliseconds(1)

    /// OKs that wait for room in a queue wait for a bounded time.
    private func planRelease() {
        guard !isReleasePlanned, session?.hasHeldBack == true, let context else { return }
        isReleasePlanned = true
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.longestHoldingBack) { [weak self] in
            self?.isReleasePlanned = false
            self?.session?.releaseHeldBack()
            self?.flushBlocks()
        }
    }

    private static let longestHoldingBack = TimeAmount.seconds(2)

    private func flushBlocks() {
        guard let context, session?.hasBlocks == true else { return }
        while let block = session?.takeBlock() { context.write(wrapOutboundOut(block), promise: nil) }
        context.flush()
        updateRoom(context)
    }

    /// Tells the core whether messages for this connection can be sent now.
    private func updateRoom(_ context: ChannelHandlerContext) {
        guard let connection else { return }
        guard context.channel.isWritable else {
            if hasRoom { hub.pause(connection) }
            hasRoom = false
            return
        }
        if !hasRoom || hasMoreWaiting {
            hasRoom = true
            hasMoreWaiting = hub.resume(connection)
            if hasMoreWaiting { planResume() }
        }
        if isReadWanted {
            isReadWanted = false
            context.read()
        }
    }

    private func planResume() {
        context?.eventLoop.assumeIsolated().execute { [weak self] in
            guard let self, let context = self.context else { return }
            self.updateRoom(context)
        }
    }

    /// The relay stops: what was carried out is answered, then nothing more is. The peer closes when it has read that.
    private func leave(_ context: ChannelHandlerContext) {
        guard session?.isOpen == true else { return close() }
        session?.releaseHeldBack()
        flushBlocks()
        session = nil
        context.close(mode: .output, promise: nil)
    }

    private func fail(_ failure: RelaySession.Failure) {
        hub.refused(failure)
        logger.debug("a connection was closed", metadata: ["reason": "\(failure)"])
        close()
    }

    /// The 4 or 16 bytes of an IP address; none for anything else.
    private static func address(_ address: SocketAddress?) -> [UInt8] {
        switch address {
        // sockaddr_in: family, port, address; sockaddr_in6: family, port, flow, address.
        case .v4(let address): withUnsafeBytes(of: address.address) { Array($0[4..<8]) }
        case .v6(let address): withUnsafeBytes(of: address.address) { Array($0[8..<24]) }
        case .unixDomainSocket, nil: []
        }
    }
}
