import Guarding
import Logging
import NIOCore
import Primitives
import SMPProtocol
import TLSTransport

/// The channel handler of one connection: blocks of `BlockFramer` to and from a `ClientSession`.
final class ClientHandler: ChannelInboundHandler {
    typealias InboundIn = [UInt8]
    typealias OutboundOut = [UInt8]
    typealias Session = ClientSession<Answer>

    /// Who waits for the answer to a command.
    enum Answer {
        case promise(EventLoopPromise<ServerResponse>)
        /// Run on the event loop, without a future's detour: for commands that come in long rows.
        case handler(@Sendable (Result<ServerResponse, SMPClientError>) -> Void)

        func succeed(_ response: ServerResponse) {
            switch self {
            case .promise(let promise): promise.succeed(response)
            case .handler(let handler): handler(.success(response))
            }
        }

        func fail(_ error: SMPClientError) {
            switch self {
            case .promise(let promise): promise.fail(error)
            case .handler(let handler): handler(.failure(error))
            }
        }
    }

    /// What of a connection is read from any thread.
    final class Shared: Sendable {
        let pushes: AsyncStream<SMPPush>
        let continuation: AsyncStream<SMPPush>.Continuation
        let closeReason = Guarded<SMPClientError?>(nil)

        private let deliver: (@Sendable (SMPPush) -> Void)?

        init(deliver: (@Sendable (SMPPush) -> Void)?) {
            (pushes, continuation) = AsyncStream.makeStream()
            self.deliver = deliver
        }

        func push(_ push: SMPPush) {
            if let deliver { deliver(push) } else { continuation.yield(push) }
        }
    }

    let shared: Shared
    /// What was agreed on, or why not.
    let established: EventLoopPromise<Session.Agreed>

    private let server: SMPServer
    private let versions: ClosedRange<UInt16>
    private let encryptsBlocks: Bool
    private let window: UInt16
    private let timeouts: SMPClient.Timeouts
    private let deadline: NIODeadline
    private let logger: Logger
    private var context: ChannelHandlerContext?
    private var session: Session?
    private var isFinished = false
    private var isFlushPlanned = false
    private var isLatePlanned = false
    private var timer: Scheduled<Void>?
    private var timerDue = NIODeadline.distantFuture

    /// `deadline` is for everything up to the end of the SMP handshake.
    init(
        server: SMPServer, versions: ClosedRange<UInt16>, encryptsBlocks: Bool, window: UInt16,
        timeouts: SMPClient.Timeouts, deadline: NIODeadline, loop: any EventLoop,
        deliver: (@Sendable (SMPPush) -> Void)?, logger: Logger
    ) {
        shared = Shared(deliver: deliver)
        self.server = server
        self.versions = versions
        self.encryptsBlocks = encryptsBlocks
        self.window = window
        self.timeouts = timeouts
        self.deadline = deadline
        self.logger = logger
        established = loop.makePromise()
    }

    // MARK: Beginning and end

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        schedule(at: deadline)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        finish(.closed("the relay closed it"))
        self.context = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let tls = event as? TLSSession else { return context.fireUserInboundEventTriggered(event) }
        session = Session(
            server: server, sessionID: tls.sessionID, leafKey: tls.leafKey, versions: versions, timeouts: timeouts,
            window: window, now: .now(), handshakeKey: encryptsBlocks ? X25519PrivateKey() : nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? TLSError {
            finish(SMPClientError(error, server))
        } else {
            finish(.closed("\(error)"))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(.closed(session?.agreed == nil ? "the relay closed it during the handshake" : "the relay closed it"))
        context.fireChannelInactive()
    }

    /// Ends everything that waits and closes. Without a reason it is our own wish.
    func finish(_ reason: SMPClientError?) {
        guard !isFinished else { return }
        // What was submitted before goes out before; answers to it are not waited for.
        if reason == nil {
            session?.acknowledgeHandled(now: .now())
            flush()
        }
        isFinished = true
        tellLocal()
        timer?.cancel()
        let error = reason ?? .closed("by ourselves")
        if let reason {
            logger.debug("a relay connection ended", metadata: ["reason": "\(reason)"])
            shared.closeReason.withLock { $0 = reason }
        }
        established.fail(error)
        for answer in session?.close() ?? [] { answer.fail(error) }
        shared.continuation.finish()
        context?.close(promise: nil)
    }

    // MARK: Commands

    func submit(
        _ command: ClientCommand, entity: [UInt8], authorization: Authorization,
        answer: Answer?
    ) {
        guard !isFinished else {
            answer?.fail(shared.closeReason.withLock { $0 } ?? .closed("by ourselves"))
            return
        }
        let now = NIODeadline.now()
        do throws(SMPClientError) {
            let isTaken = try session?.submit(
                command, entity: entity, authorization: authorization, ticket: answer, now: now)
            guard isTaken == true else {
                // What the relay would say.
                answer?.succeed(.error(.largeMessage))
                return
            }
        } catch {
            finish(error)
            answer?.fail(error)
            return
        }
        let next = now + min(timeouts.command, timeouts.silence)
        if timerDue > next { schedule(at: next) }
        planFlush()
    }

    func readOn(_ entity: [UInt8]) {
        guard !isFinished else { return }
        session?.readOn(entity)
        planFlush()
    }

    /// Everything that is submitted in this turn of the loop is written together.
    private func planFlush() {
        guard !isFlushPlanned, let context else { return }
        isFlushPlanned = true
        context.eventLoop.assumeIsolated().execute { [weak self] in
            guard let self else { return }
            var turns = 0
            while turns < Self.localTurns, self.tellLocal() { turns += 1 }
            self.isFlushPlanned = false
            // Others have their turn too.
            if turns == Self.localTurns { self.planFlush() }
            self.flush()
        }
    }

    /// Messages of a delivery window that are handed over in one turn of the loop, if nothing has to be waited for.
    private static let localTurns = 16

    /// What a delivery window answers by itself; each answer may lead to the next command.
    /// - Returns: whether there was something.
    @discardableResult
    private func tellLocal() -> Bool {
        guard let events = session?.takeLocal(), !events.isEmpty else { return false }
        for event in events { tell(event) }
        return true
    }

    private func tell(_ event: Session.Event) {
        guard !isFinished else {
            if case .answer(let answer, _) = event { answer?.fail(.closed("by ourselves")) }
            return
        }
        switch event {
        case .push(let push): shared.push(push)
        case .answer(let answer, let response): answer?.succeed(response)
        }
    }

    /// Acknowledgements wait a moment for others: each block costs the same, whether it holds one or a hundred.
    private func planLate() {
        guard !isLatePlanned, session?.hasLate == true, let context else { return }
        isLatePlanned = true
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.acknowledgementDelay) { [weak self] in
            guard let self else { return }
            self.isLatePlanned = false
            self.session?.writeLate(now: .now())
            self.planFlush()
        }
    }

    private static let acknowledgementDelay = TimeAmount.milliseconds(1)

    private func flush() {
        planLate()
        guard !isFinished, let context, let blocks = session?.takeBlocks(), !blocks.isEmpty else { return }
        for block in blocks { context.write(wrapOutboundOut(block), promise: nil) }
        context.flush()
    }

    // MARK: Answers

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isFinished, session != nil else { return }
        do throws(SMPClientError) {
            if session?.agreed == nil {
                try agree(unwrapInboundIn(data), context: context)
            } else {
                try receive(unwrapInboundIn(data))
            }
        } catch {
            finish(error)
        }
    }

    private func agree(_ block: [UInt8], context: ChannelHandlerContext) throws(SMPClientError) {
        guard let hello = try session?.agree(block, now: .now()), let agreed = session?.agreed else { return }
        context.writeAndFlush(wrapOutboundOut(hello), promise: nil)
        logger.debug("connected to a relay", metadata: ["version": "\(agreed.version)"])
        established.succeed(agreed)
        look()
    }

    private func receive(_ block: [UInt8]) throws(SMPClientError) {
        let now = NIODeadline.now()
        let events = try session?.receive(block, now: now) ?? []
        if timerDue > now + timeouts.silence { schedule(at: now + timeouts.silence) }
        for event in events { tell(event) }
    }

    // MARK: Time

    private func schedule(at due: NIODeadline) {
        guard let context, !isFinished else { return }
        timer?.cancel()
        timerDue = due
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: due) { [weak self] in self?.look() }
    }

    /// Looks at what is due, and when to look again.
    private func look() {
        guard !isFinished else { return }
        let now = NIODeadline.now()
        guard let session, session.agreed != nil else {
            return now >= deadline ? finish(.timedOut("the handshake")) : schedule(at: deadline)
        }
        switch session.due(now) {
        case .nothing(let until): schedule(at: until)
        case .overdue(let command): finish(.timedOut(command))
        case .ping:
            timerDue = .distantFuture
            submit(.ping, entity: [], authorization: .none, answer: nil)
        }
    }
}
