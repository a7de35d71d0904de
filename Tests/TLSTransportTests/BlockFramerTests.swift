import NIOCore
import NIOEmbedded
import TLSTransport
import Testing

@Suite struct BlockFramerTests {
    @Test(arguments: [1000, 16383, 16384, 16385, 40000, 65536])
    func blocksFromPiecesOfAnySize(step: Int) throws {
        let channel = EmbeddedChannel(handler: BlockFramer())
        defer { _ = try? channel.finish() }
        let bytes = pattern(5 * BlockFramer.blockSize)
        var position = 0
        while position < bytes.count {
            let end = min(bytes.count, position + step)
            try channel.writeInbound(ByteBuffer(bytes: bytes[position..<end]))
            position = end
        }
        var blocks: [[UInt8]] = []
        while let block = try channel.readInbound(as: [UInt8].self) { blocks.append(block) }
        #expect(blocks.allSatisfy { $0.count == 16384 })
        #expect(Array(blocks.joined()) == bytes)
    }

    @Test func blocksOut() throws {
        let channel = EmbeddedChannel(handler: BlockFramer())
        defer { _ = try? channel.finish() }
        let block = pattern(BlockFramer.blockSize)
        try channel.writeOutbound(block)
        let out = try #require(try channel.readOutbound(as: ByteBuffer.self))
        #expect(Array(out.readableBytesView) == block)
    }

    @Test func endInTheMiddleOfABlock() throws {
        let recorder = Recorder()
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandlers([BlockFramer(), recorder])
        channel.pipeline.fireChannelRead(ByteBuffer(bytes: pattern(100)))
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        channel.pipeline.fireChannelInactive()
        #expect(recorder.errors == [.truncatedBlock(got: 100, expected: 16384)])
        _ = try? channel.finish()
    }

    /// Counts the reads that reach the socket's side.
    private final class ReadCounter: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        var count = 0
        func read(context: ChannelHandlerContext) { count += 1 }
    }

    @Test func readsOnUntilThereIsABlock() throws {
        let counter = ReadCounter()
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandlers([counter, BlockFramer()])
        channel.pipeline.read()
        #expect(counter.count == 1)
        channel.pipeline.fireChannelRead(ByteBuffer(bytes: pattern(100)))
        channel.pipeline.fireChannelReadComplete()
        #expect(counter.count == 2)
        channel.pipeline.fireChannelRead(ByteBuffer(bytes: pattern(16284)))
        channel.pipeline.fireChannelReadComplete()
        #expect(counter.count == 2)
        #expect(try channel.readInbound(as: [UInt8].self)?.count == 16384)
        _ = try? channel.finish()
    }
}
