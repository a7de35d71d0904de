import DequeModule
import Logging
import NIOCore
import Primitives
import SMPProtocol
import TLSTransport
import WireFormat

/// The client's end of an SMP connection above the block framer: hello, block encryption, matching of answers.
final class SMPClientHandler: ChannelInboundHandler {
    typealias InboundIn = [UInt8]
    typealias OutboundOut = [UInt8]

    /// → awaitingHello when TLS is set up → ready when the hellos agree → closed.
    private enum State {
        case connecting
        case awaitingHello(TLSSession)
        case ready(Session)
        case closed(SMPClientError)
    }

    /// What holds for the life of the connection.
    private struct Session {
        let version: UInt16
        let sessionID: [UInt8]
        let serverKey: X25519PublicKey
        var cipher: BlockCipher
        /// Key agreement with the relay costs more than everything else of a command: once a key.
        var boxes: [[UInt8]: BoxKey] = [:]
    }

    private struct Pending {
        let entity: [UInt8]
        let promise: EventLoopPromise<ServerResponse>
    }

    private let server: SMPServer
    private let deadlines: SMPClientDeadlines
    private let pushes: AsyncStream<SMPPush>.Continuation
    private let ready: EventLoopPromise<NIOLoopBound<SMPClientHandler>>
    private let logger: Logger
    private var state = State.connecting
    private var context: ChannelHandlerContext?
    private var pending: [ArraySlice<UInt8>: Pending] = [:]
    private var due: Deque<(id: ArraySlice<UInt8>, at: NIODeadline)> = []
    private var isFlushScheduled = false
    private var lastHeard = NIODeadline.now()
    private var timer: RepeatedTask?

    init(
        server: SMPServer, deadlines: SMPClientDeadlines, pushes: AsyncStream<SMPPush>.Continuation,
        ready: EventLoopPromise<NIOLoopBound<SMPClientHandler>>, logger: Logger
    ) {
        self.server = server
        self.deadlines = deadlines
        self.pushes = pushes
        self.ready = ready
        self.logger = logger
    }

    var version: UInt16 { if case .ready(let session) = state { session.version } else { 0 } }
    var closeReason: SMPClientError? { if case .closed(let reason) = state { reason } else { nil } }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        // The hello has what is left of the time to connect: TLS has its own deadline before it.
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: .seconds(deadlines.connect)) {
            let handler = bound.value
            switch handler.state {
            case .connecting, .awaitingHello:
                handler.end(.timedOut("relay \(handler.server.display) did not say hello in time"))
            case .ready, .closed: break
            }
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    // MARK: Commands

    func submit(
        _ command: ClientCommand, entity: [UInt8], authorization: Authorization,
        promise: EventLoopPromise<ServerResponse>
    ) {
        guard case .ready(var session) = state, let context else {
            return promise.fail(closeReason ?? .closed("relay \(server.display) is not connected"))
        }
        let id = SecureRandom.bytes(SMP.nonceSize)
        // Taken out of the state while it changes, so that nothing is copied.
        state = .connecting
        do {
            let transmission = try Transmission.command(
                command, correlationID: id, entityID: entity, authorization: try cached(authorization, &session),
                sessionID: session.sessionID, serverKey: session.serverKey, version: session.version)
            let block = try session.cipher.seal(BlockBody.encode([transmission]))
            state = .ready(session)
            pending[id[...]] = Pending(entity: entity, promise: promise)
            due.append((id[...], .now() + .seconds(deadlines.command)))
            context.write(wrapOutboundOut(block), promise: nil)
            scheduleFlush(context)
        } catch {
            state = .ready(session)
            promise.fail(error)
        }
    }

    private func cached(_ authorization: Authorization, _ session: inout Session) throws(PrimitiveError)
        -> Authorization
    {
        guard case .x25519(let key) = authorization else { return authorization }
        if let box = session.boxes[key.publicKey.raw] { return .box(box) }
        let box = try BoxKey(key, session.serverKey)
        session.boxes[key.publicKey.raw] = box
        return .box(box)
    }

    /// One flush for everything that is written in one turn of the loop.
    private func scheduleFlush(_ context: ChannelHandlerContext) {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute {
            bound.value.isFlushScheduled = false
            bound.value.context?.flush()
        }
    }

    // MARK: Hello

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let session = event as? TLSSession, case .connecting = state { state = .awaitingHello(session) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastHeard = .now()
        let block = unwrapInboundIn(data)
        do {
            switch state {
            case .connecting, .closed: break
            case .awaitingHello(let tls): try hello(block, tls, context)
            case .ready(var session):
                state = .connecting
                let result = Result { () throws(SMPProtocolError) in try session.cipher.open(block) }
                let version = session.version
                state = .ready(session)
                for bytes in try BlockBody.decode(try result.get()) {
                    try receive(try Transmission(bytes, version: version), version: version)
                }
            }
        } catch {
            end(SMPClientError(error, server))
        }
    }

    private func hello(_ block: [UInt8], _ tls: TLSSession, _ context: ChannelHandlerContext) throws {
        let hello: ServerHello
        do { hello = try ServerHello(WireReader.unpad(block[...])) } catch {
            throw SMPProtocolError.malformed("hello of the relay")
        }
        guard hello.sessionID == tls.sessionID else {
            throw SMPProtocolError.authentication("the session of the relay")
        }
        let version = try SMP.negotiate(SMP.clientVersions, hello.versions)
        guard hello.chain == tls.certificates else {
            throw SMPProtocolError.authentication("the certificate in the hello")
        }
        let serverKey = try SignedKey.open(hello.signedKey, leaf: tls.leafKey)
        let key = X25519PrivateKey()
        let answer = ClientHello(version: version, fingerprint: server.fingerprint, key: key.publicKey)
        context.writeAndFlush(wrapOutboundOut(try WireWriter.pad(answer.encoded(), to: SMP.blockSize)), promise: nil)
        let cipher =
            version >= 11
            ? BlockCipher(sharedSecret: try key.agree(with: serverKey), sessionID: tls.sessionID, side: .client)
            : BlockCipher()
        state = .ready(
            Session(version: version, sessionID: tls.sessionID, serverKey: serverKey, cipher: cipher))
        startTimer(context)
        ready.succeed(NIOLoopBound(self, eventLoop: context.eventLoop))
    }

    // MARK: Answers and pushes

    private func receive(_ transmission: Transmission, version: UInt16) throws(SMPProtocolError) {
        let response = try ServerResponse(transmission.command, version: version)
        if !transmission.correlationID.isEmpty {
            // An answer that nobody waits for is late or a lie: nothing depends on it.
            guard let pending = pending.removeValue(forKey: transmission.correlationID) else { return }
            while let first = due.first, self.pending[first.id] == nil { due.removeFirst() }
            if case .message(let id, let body) = response {
                pushes.yield(SMPPush(entity: pending.entity, event: .message(id: id, body: body)))
            }
            return pending.promise.succeed(response)
        }
        let entity = Array(transmission.entityID)
        switch response {
        case .message(let id, let body): pushes.yield(SMPPush(entity: entity, event: .message(id: id, body: body)))
        case .end: pushes.yield(SMPPush(entity: entity, event: .end))
        case .deleted: pushes.yield(SMPPush(entity: entity, event: .deleted))
        case .error(let error): logger.warning("relay \(server.display) reports \(error.text)")
        case .ids, .ok, .subscribed, .pong, .forwarded: break
        }
    }

    // MARK: Deadlines and the end

    private func startTimer(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            bound.value.look()
        }
    }

    private func look() {
        guard let context else { return }
        if let first = due.first, first.at < .now() {
            return end(.timedOut("relay \(server.display) did not answer within \(deadlines.command) s"))
        }
        if .now() - lastHeard > .seconds(deadlines.silence), pending.isEmpty {
            submit(.ping, entity: [], authorization: .none, promise: context.eventLoop.makePromise())
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(SMPClientError(error, server)) }

    func channelInactive(context: ChannelHandlerContext) {
        end(.closed("relay \(server.display) closed the connection"))
        context.fireChannelInactive()
    }

    private func end(_ reason: SMPClientError) {
        if case .closed = state { return }
        state = .closed(reason)
        timer?.cancel()
        ready.fail(reason)
        let waiting = pending.values
        pending = [:]
        due = []
        for command in waiting { command.promise.fail(reason) }
        pushes.finish()
        context?.close(promise: nil)
    }
}
