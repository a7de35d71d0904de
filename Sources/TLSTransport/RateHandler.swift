internal import NIOCore
internal import RateLimit

/// Keeps a connection within the process's limit: holds back what is sent, and reading. Add it first, at the socket.
final class RateHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct Waiting {
        var bytes: ByteBuffer
        let promise: EventLoopPromise<Void>?
    }

    private let limiter: RateLimiter
    private var waiting = CircularBuffer<Waiting>()
    private var flushedCount = 0
    /// A piece waits for its time.
    private var sending: Scheduled<Void>?
    /// Nothing is read before its time.
    private var reading: Scheduled<Void>?
    private var isReadWanted = false
    private var isClosing = false

    init(_ limiter: RateLimiter) { self.limiter = limiter }

    func handlerRemoved(context: ChannelHandlerContext) { end(ChannelError.ioOnClosedChannel) }

    func channelInactive(context: ChannelHandlerContext) {
        end(ChannelError.ioOnClosedChannel)
        context.fireChannelInactive()
    }

    private func end(_ error: any Error) {
        sending?.cancel()
        reading?.cancel()
        flushedCount = 0
        while let write = waiting.popFirst() { write.promise?.fail(error) }
    }

    // MARK: - Out

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isClosing else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        waiting.append(Waiting(bytes: unwrapOutboundIn(data), promise: promise))
    }

    func flush(context: ChannelHandlerContext) {
        flushedCount = waiting.count
        send(context: context)
    }

    private func send(context: ChannelHandlerContext) {
        while sending == nil, flushedCount > 0, let first = waiting.first {
            let delay = limiter.take(min(limiter.piece, first.bytes.readableBytes), .out)
            guard delay > .zero else {
                sendPiece(context: context)
                continue
            }
            sending = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) {
                self.sending = nil
                self.sendPiece(context: context)
                self.send(context: context)
            }
        }
    }

    private func sendPiece(context: ChannelHandlerContext) {
        guard flushedCount > 0, var write = waiting.popFirst() else { return }
        if write.bytes.readableBytes > limiter.piece, let piece = write.bytes.readSlice(length: limiter.piece) {
            context.writeAndFlush(wrapOutboundOut(piece), promise: nil)
            waiting.prepend(write)
        } else {
            flushedCount -= 1
            context.writeAndFlush(wrapOutboundOut(write.bytes), promise: write.promise)
        }
    }

    /// What is left goes out if it is no more than a second's worth; a window full of unanswered messages is sent again by the
    /// next connection.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .all || mode == .output, !isClosing else { return context.close(mode: mode, promise: promise) }
        isClosing = true
        sending?.cancel()
        let count = waiting.reduce(0) { $0 + $1.bytes.readableBytes }
        if UInt64(count) <= limiter.bytesPerSecond {
            _ = limiter.take(count, .out)
            while let write = waiting.popFirst() {
                context.write(wrapOutboundOut(write.bytes), promise: write.promise)
            }
            context.flush()
        }
        end(ChannelError.ioOnClosedChannel)
        context.close(mode: mode, promise: promise)
    }

    // MARK: - In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let count = unwrapInboundIn(data).readableBytes
        _ = limiter.take(count, .in)
        context.fireChannelRead(data)
    }

    func read(context: ChannelHandlerContext) {
        guard reading == nil else {
            isReadWanted = true
            return
        }
        // Without taking anything: how long until the debt of what was read is paid.
        let delay = limiter.take(0, .in)
        guard delay > .zero else { return context.read() }
        isReadWanted = true
        reading = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) {
            self.reading = nil
            guard self.isReadWanted else { return }
            self.isReadWanted = false
            self.read(context: context)
        }
    }
}
