public import NIOCore

/// Turns plaintext into blocks of 16384 bytes, and blocks into plaintext.
///
/// Inbound a `[UInt8]` of exactly one block; outbound the same. When the peer closes in the middle of a block,
/// `TLSError.truncatedBlock` is fired.
public final class BlockFramer: ChannelDuplexHandler {
    /// Plaintext.
    public typealias InboundIn = ByteBuffer
    /// One block.
    public typealias InboundOut = [UInt8]
    /// One block.
    public typealias OutboundIn = [UInt8]
    /// Plaintext.
    public typealias OutboundOut = ByteBuffer

    /// The size of a block in bytes.
    public static let blockSize = 16384

    private var partial: [UInt8] = []
    /// Whether a read was asked for that no block has answered yet.
    private var isReadWanted = false
    private var hasReportedEnd = false

    /// A framer of one connection.
    public init() {}

    /// Gathers plaintext and fires each block that is whole.
    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var input = unwrapInboundIn(data)
        if !partial.isEmpty {
            let missing = Self.blockSize - partial.count
            guard let rest = input.readSlice(length: min(missing, input.readableBytes)) else { return }
            partial.append(contentsOf: rest.readableBytesView)
            guard partial.count == Self.blockSize else { return }
            let block = partial
            partial = []
            fire(block, context: context)
        }
        while let block = input.readBytes(length: Self.blockSize) { fire(block, context: context) }
        guard input.readableBytes > 0 else { return }
        partial.reserveCapacity(Self.blockSize)
        partial.append(contentsOf: input.readableBytesView)
    }

    private func fire(_ block: [UInt8], context: ChannelHandlerContext) {
        isReadWanted = false
        context.fireChannelRead(wrapInboundOut(block))
    }

    /// Sends a block; one of any other size is a mistake of ours.
    public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let block = unwrapOutboundIn(data)
        precondition(block.count == Self.blockSize, "a block of \(block.count) bytes")
        context.write(wrapOutboundOut(context.channel.allocator.buffer(bytes: block)), promise: promise)
    }

    /// Remembers that a block is wanted.
    public func read(context: ChannelHandlerContext) {
        isReadWanted = true
        context.read()
    }

    /// Reads on if a block was wanted and only a part of one came.
    public func channelReadComplete(context: ChannelHandlerContext) {
        if isReadWanted { context.read() }
        context.fireChannelReadComplete()
    }

    /// Looks for the peer's end.
    public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { reportEnd(context: context) }
        context.fireUserInboundEventTriggered(event)
    }

    /// Looks for the connection's end.
    public func channelInactive(context: ChannelHandlerContext) {
        reportEnd(context: context)
        context.fireChannelInactive()
    }

    private func reportEnd(context: ChannelHandlerContext) {
        guard !partial.isEmpty, !hasReportedEnd else { return }
        hasReportedEnd = true
        context.fireErrorCaught(TLSError.truncatedBlock(got: partial.count, expected: Self.blockSize))
    }
}
