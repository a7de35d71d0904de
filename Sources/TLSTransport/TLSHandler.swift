internal import COpenSSL
public import NIOCore

/// TLS on a channel: ciphertext below, plaintext above.
///
/// Add it first. `channelActive` passes at once; a `TLSSession` is fired as user inbound event when the handshake is
/// complete and before any plaintext. Every failure is fired as one `TLSError`, after which the channel is closed.
///
/// - Writes before the handshake's end are kept; flushed writes are encrypted together.
/// - The peer's close_notify is a `ChannelEvent.inputClosed` if the channel allows remote half-closure, else the channel
///   closes. `close(mode: .output)` sends close_notify and shuts the socket's output down; `.all` sends it without waiting.
///   To be sure that something was sent, await its write before closing.
/// - Backpressure is the channel's: `isWritable` counts ciphertext, and with `autoRead` off a read goes on until there is
///   plaintext.
public final class TLSHandler: ChannelDuplexHandler {
    /// Ciphertext.
    public typealias InboundIn = ByteBuffer
    /// Plaintext.
    public typealias InboundOut = ByteBuffer
    /// Plaintext.
    public typealias OutboundIn = ByteBuffer
    /// Ciphertext.
    public typealias OutboundOut = ByteBuffer

    private enum State {
        /// Not connected yet; to handshaking when active, to closed.
        case idle
        /// To open, to closed.
        case handshaking
        /// To inputEnded, to closed.
        case open
        /// The peer will send no more, we may; to closed.
        case inputEnded
        /// Nothing goes either way any more.
        case closed
    }

    private struct PendingWrite {
        var plaintext: ByteBuffer
        let promise: EventLoopPromise<Void>?
    }

    /// What one arrival of ciphertext led to.
    private struct Arrival {
        var session: TLSSession?
        var plaintext: [ByteBuffer] = []
        var hasEnded = false
        var failure: TLSError?
    }

    /// Ciphertext is handed on in buffers of about this many bytes: three records, so that an allocation of 64 KiB holds them.
    private static let outputBatch = 3 * TLSEngine.recordCapacity
    private static let plaintextBuffer = 65536

    private var engine: TLSEngine
    private let handshakeTimeout: TimeAmount
    private var state = State.idle
    private var hasEndedOutput = false
    private var deadline: Scheduled<Void>?
    private var established: EventLoopPromise<TLSSession>?
    private var pending = CircularBuffer<PendingWrite>()
    private var flushedCount = 0
    /// Whether a read was asked for that no plaintext has answered yet.
    private var isReadWanted = false

    /// A client's end.
    ///
    /// - Parameters:
    ///   - context: the settings.
    ///   - fingerprint: SHA-256 of the DER certificate that the server must have at chain index 1, 32 bytes.
    ///   - handshakeTimeout: from the time the handler is added (before the TCP connection) to the handshake's end.
    ///   - now: Unix time in seconds for the certificates; nil takes the clock.
    public init(
        client context: TLSClientContext, fingerprint: [UInt8], handshakeTimeout: TimeAmount, at now: Int64? = nil
    ) throws(TLSError) {
        self.engine = try TLSEngine.client(context.context, fingerprint: fingerprint, at: now)
        self.handshakeTimeout = handshakeTimeout
    }

    /// A server's end.
    ///
    /// - Parameters:
    ///   - context: the settings; this connection keeps the present credentials.
    ///   - handshakeTimeout: from the time the handler is added to the handshake's end.
    public init(server context: TLSServerContext, handshakeTimeout: TimeAmount) throws(TLSError) {
        self.engine = try TLSEngine.server(context.context)
        self.handshakeTimeout = handshakeTimeout
    }

    /// The session, or the `TLSError` that came instead. To be used on the event loop, once the handler is in a pipeline.
    public var session: EventLoopFuture<TLSSession> {
        guard let established else { preconditionFailure("the handler is in no pipeline") }
        return established.futureResult
    }

    // MARK: - Being in the pipeline

    /// Starts the deadline, and the handshake if the channel is connected.
    public func handlerAdded(context: ChannelHandlerContext) {
        established = context.eventLoop.makePromise()
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: handshakeTimeout) {
            self.fail(.timedOut(self.state == .idle ? .connecting : .handshake), context: context)
        }
        if context.channel.isActive { start(context: context) }
    }

    /// Gives up what is unfinished.
    public func handlerRemoved(context: ChannelHandlerContext) {
        finish(.closed)
    }

    /// Starts the handshake.
    public func channelActive(context: ChannelHandlerContext) {
        start(context: context)
        context.fireChannelActive()
    }

    /// Gives up what is unfinished.
    public func channelInactive(context: ChannelHandlerContext) {
        let wasHandshaking = state == .handshaking
        finish(wasHandshaking ? .closedDuringHandshake : .closed)
        if wasHandshaking { context.fireErrorCaught(TLSError.closedDuringHandshake) }
        context.fireChannelInactive()
    }

    /// Passes a failure of the socket on as `TLSError.socket`; anything else unchanged.
    public func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What leads to the peer, a proxy, has failed.
        if state == .idle, let failure = error as? TLSError { return fail(failure, context: context) }
        guard let failure = error as? IOError else { return context.fireErrorCaught(error) }
        fail(.socket(systemText(failure.errnoCode)), context: context)
    }

    private func start(context: ChannelHandlerContext) {
        guard state == .idle else { return }
        state = .handshaking
        switch engine.handshake() {
        case .complete: fail(.protocolViolation("complete before it began"), context: context)
        case .failed(let error): fail(error, context: context)
        case .needsPeer:
            sendOutput(context: context)
            context.read()
        }
    }

    /// Says why, tells the peer, closes.
    private func fail(_ error: TLSError, context: ChannelHandlerContext) {
        guard state != .closed else { return }
        sendOutput(context: context)
        finish(error)
        context.fireErrorCaught(error)
        context.close(promise: nil)
    }

    /// Ends everything that waits.
    private func finish(_ error: TLSError) {
        let wasOpen = state == .open || state == .inputEnded
        state = .closed
        deadline?.cancel()
        deadline = nil
        if !wasOpen { established?.fail(error) }
        flushedCount = 0
        while let write = pending.popFirst() { write.promise?.fail(error) }
    }

    // MARK: - From the peer

    /// Decrypts.
    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard state == .handshaking || state == .open else { return }
        let arrival = arrival(of: unwrapInboundIn(data), allocator: context.channel.allocator)
        sendOutput(context: context)
        if let session = arrival.session { open(session, context: context) }
        for plaintext in arrival.plaintext where state != .closed {
            isReadWanted = false
            context.fireChannelRead(wrapInboundOut(plaintext))
        }
        guard state != .closed else { return }
        if let error = arrival.failure {
            fail(error, context: context)
        } else if arrival.hasEnded {
            endInput(context: context)
        }
    }

    private func arrival(of ciphertext: ByteBuffer, allocator: ByteBufferAllocator) -> Arrival {
        var arrival = Arrival()
        ciphertext.withUnsafeReadableBytes { bytes in
            engine.lend(bytes)
            defer { engine.takeBack() }
            if state == .handshaking {
                switch engine.handshake() {
                case .needsPeer: return
                case .failed(let error):
                    arrival.failure = error
                    return
                case .complete:
                    do throws(TLSError) {
                        arrival.session = try engine.session()
                    } catch {
                        arrival.failure = error
                        return
                    }
                }
            }
            decrypt(into: &arrival, count: bytes.count, allocator: allocator)
        }
        return arrival
    }

    /// Reads until there is no whole record left; `count` bytes of ciphertext say how much plaintext to make room for.
    private func decrypt(into arrival: inout Arrival, count: Int, allocator: ByteBufferAllocator) {
        var plaintext = allocator.buffer(capacity: min(count, Self.plaintextBuffer))
        defer { if plaintext.readableBytes > 0 { arrival.plaintext.append(plaintext) } }
        while true {
            if plaintext.writableBytes == 0 {
                arrival.plaintext.append(plaintext)
                plaintext = allocator.buffer(capacity: TLSEngine.recordCapacity)
            }
            switch engine.read(into: &plaintext) {
            case .bytes: continue
            case .needsPeer: return
            case .closed:
                arrival.hasEnded = true
                return
            case .failed(let error):
                arrival.failure = error
                return
            }
        }
    }

    private func open(_ session: TLSSession, context: ChannelHandlerContext) {
        state = .open
        deadline?.cancel()
        deadline = nil
        established?.succeed(session)
        context.fireUserInboundEventTriggered(session)
        if flushedCount > 0 { sendPending(context: context) }
    }

    private func endInput(context: ChannelHandlerContext) {
        let option = ChannelOptions.allowRemoteHalfClosure
        let allowsHalfClosure = (try? context.channel.syncOptions?.getOption(option)) ?? false
        if allowsHalfClosure {
            state = .inputEnded
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        } else {
            close(context: context, mode: .all, promise: nil)
        }
    }

    /// Notices the end of the socket's input.
    public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
        switch state {
        case .idle, .handshaking: fail(.closedDuringHandshake, context: context)
        case .open:
            state = .inputEnded
            context.fireUserInboundEventTriggered(event)
        case .inputEnded, .closed: break  // Said when close_notify came.
        }
    }

    // MARK: - Reading on

    /// Remembers that plaintext is wanted.
    public func read(context: ChannelHandlerContext) {
        isReadWanted = true
        context.read()
    }

    /// Reads on while the handshake runs, or if plaintext was wanted and only a part of a record came.
    public func channelReadComplete(context: ChannelHandlerContext) {
        switch state {
        case .handshaking: context.read()
        case .open: if isReadWanted { context.read() }
        case .idle, .inputEnded, .closed: break
        }
        context.fireChannelReadComplete()
    }

    // MARK: - To the peer

    /// Keeps plaintext until the next flush.
    public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard state != .closed, !hasEndedOutput else {
            promise?.fail(TLSError.closed)
            return
        }
        pending.append(PendingWrite(plaintext: unwrapOutboundIn(data), promise: promise))
    }

    /// Encrypts and sends what was written, once the handshake is complete.
    public func flush(context: ChannelHandlerContext) {
        flushedCount = pending.count
        switch state {
        case .idle, .handshaking: break
        case .open, .inputEnded: sendPending(context: context)
        case .closed: context.flush()
        }
    }

    private func sendPending(context: ChannelHandlerContext) {
        var output = outputBuffer(context: context)
        var promise: EventLoopPromise<Void>?
        while flushedCount > 0, var write = pending.popFirst() {
            flushedCount -= 1
            while write.plaintext.readableBytes > 0 {
                if output.readableBytes >= Self.outputBatch {
                    context.write(wrapOutboundOut(output), promise: promise)
                    promise = nil
                    output = outputBuffer(context: context, writing: write.plaintext.readableBytes)
                }
                if let error = engine.encrypt(&write.plaintext, into: &output) {
                    promise?.fail(error)
                    write.promise?.fail(error)
                    return fail(error, context: context)
                }
            }
            if let first = promise {
                first.futureResult.cascade(to: write.promise)
            } else {
                promise = write.promise
            }
        }
        context.writeAndFlush(wrapOutboundOut(output), promise: promise)
    }

    /// A buffer for what waits, `writing` bytes more, but no more than a batch.
    private func outputBuffer(context: ChannelHandlerContext, writing: Int = 0) -> ByteBuffer {
        var count = writing
        for write in pending.prefix(flushedCount) where count < Self.outputBatch {
            count += write.plaintext.readableBytes
        }
        count = min(count, Self.outputBatch)
        let records = count / TLSEngine.recordCapacity + 2
        return context.channel.allocator.buffer(capacity: count + records * TLSEngine.recordOverhead)
    }

    /// Sends what OpenSSL has to say: handshake messages, alerts.
    private func sendOutput(context: ChannelHandlerContext) {
        guard engine.outputCount > 0 else { return }
        var output = context.channel.allocator.buffer(capacity: engine.outputCount)
        engine.takeOutput(into: &output)
        context.writeAndFlush(wrapOutboundOut(output), promise: nil)
    }

    // MARK: - Closing

    /// Says close_notify, then closes; see the type.
    public func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch mode {
        case .input:
            context.close(mode: mode, promise: promise)
        case .output:
            guard state == .open || state == .inputEnded else { return context.close(mode: mode, promise: promise) }
            let written = endOutput(context: context)
            let context = NIOLoopBound(context, eventLoop: context.eventLoop)
            written.whenComplete { _ in context.value.close(mode: .output, promise: promise) }
        case .all:
            if state == .open || state == .inputEnded { _ = endOutput(context: context) }
            finish(.closed)
            context.close(mode: mode, promise: promise)
        }
    }

    private func endOutput(context: ChannelHandlerContext) -> EventLoopFuture<Void> {
        guard !hasEndedOutput else { return context.eventLoop.makeSucceededVoidFuture() }
        if flushedCount > 0 { sendPending(context: context) }
        hasEndedOutput = true
        engine.endOutput()
        var output = context.channel.allocator.buffer(capacity: engine.outputCount)
        engine.takeOutput(into: &output)
        return context.writeAndFlush(wrapOutboundOut(output))
    }
}
