import NIOCore
import NIOPosix
import Primitives
import TLSTransport
import Testing

/// A TCP server without TLS that says `text` when something comes, and closes if told to.
private func plainServer(says text: String?, closes: Bool) async throws -> any Channel {
    final class Speaker: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let text: String?
        let closes: Bool
        init(_ text: String?, _ closes: Bool) {
            self.text = text
            self.closes = closes
        }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if let text { context.writeAndFlush(NIOAny(ByteBuffer(string: text)), promise: nil) }
            if closes { context.close(promise: nil) }
        }
    }
    return try await ServerBootstrap(group: group).childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(Speaker(text, closes))
        }
    }.bind(host: "127.0.0.1", port: 0).get()
}

@Suite struct LoopbackTests {
    @Test func theServerMaySpeakFirst() async throws {
        let greeting = pattern(BlockFramer.blockSize)
        final class Greeter: ChannelInboundHandler {
            typealias InboundIn = [UInt8]
            let block: [UInt8]
            init(_ block: [UInt8]) { self.block = block }
            func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
                if event is TLSSession { context.writeAndFlush(NIOAny(block), promise: nil) }
            }
        }
        final class Listener: ChannelInboundHandler {
            typealias InboundIn = [UInt8]
            let promise: EventLoopPromise<[UInt8]>
            init(_ promise: EventLoopPromise<[UInt8]>) { self.promise = promise }
            func channelRead(context: ChannelHandlerContext, data: NIOAny) { promise.succeed(unwrapInboundIn(data)) }
        }
        let server = try await TLSServer.listen(
            host: "127.0.0.1", port: 0, context: Shared.serverContext, group: group
        ) { channel in
            try channel.pipeline.syncOperations.addHandlers([BlockFramer(), Greeter(greeting)])
        }
        let promise = group.any().makePromise(of: [UInt8].self)
        let connection = try await connect(port(of: server)) { channel in
            try channel.pipeline.syncOperations.addHandlers([BlockFramer(), Listener(promise)])
        }
        #expect(try await promise.futureResult.get() == greeting)
        #expect(connection.session.sessionID.count == 32)
        try await connection.channel.close()
        try await server.close()
    }

    @Test func largeTransfersBothWaysAtOnce() async throws {
        let up = pattern(6 << 20, seed: 1)
        let down = pattern(6 << 20, seed: 2)
        let gotUp = group.any().makePromise(of: [UInt8].self)
        let gotDown = group.any().makePromise(of: [UInt8].self)
        final class Sender: ChannelInboundHandler {
            typealias InboundIn = ByteBuffer
            let bytes: [UInt8]
            init(_ bytes: [UInt8]) { self.bytes = bytes }
            func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
                guard event is TLSSession else { return }
                for start in stride(from: 0, to: bytes.count, by: 100_000) {
                    let part = bytes[start..<min(bytes.count, start + 100_000)]
                    context.write(NIOAny(ByteBuffer(bytes: part)), promise: nil)
                }
                context.flush()
            }
        }
        let server = try await TLSServer.listen(
            host: "127.0.0.1", port: 0, context: Shared.serverContext, group: group
        ) { channel in
            try channel.pipeline.syncOperations.addHandlers([
                Sender(down), Collector(expected: up.count, promise: gotUp),
            ])
        }
        let connection = try await connect(port(of: server)) { channel in
            try channel.pipeline.syncOperations.addHandlers([
                Sender(up), Collector(expected: down.count, promise: gotDown),
            ])
        }
        #expect(try await gotUp.futureResult.get() == SHA256.hash(up))
        #expect(try await gotDown.futureResult.get() == SHA256.hash(down))
        try await connection.channel.close()
        try await server.close()
    }

    @Test func aPeerThatDoesNotReadStopsTheWriter() async throws {
        let accepted = group.any().makePromise(of: (any Channel).self)
        let hash = group.any().makePromise(of: [UInt8].self)
        let total = 4 << 20
        final class Announcer: ChannelInboundHandler {
            typealias InboundIn = ByteBuffer
            let promise: EventLoopPromise<any Channel>
            init(_ promise: EventLoopPromise<any Channel>) { self.promise = promise }
            func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
                if event is TLSSession { promise.succeed(context.channel) }
            }
        }
        let server = try await TLSServer.listen(
            host: "127.0.0.1", port: 0, context: Shared.serverContext, group: group
        ) { channel in
            try channel.syncOptions?.setOption(.autoRead, value: false)
            try channel.syncOptions?.setOption(.socketOption(.so_rcvbuf), value: 65536)
            try channel.pipeline.syncOperations.addHandlers([
                Announcer(accepted), Collector(expected: total, promise: hash),
            ])
        }
        // The handshake goes through although nothing above TLS reads.
        let connection = try await connect(port(of: server)) { channel in
            try channel.syncOptions?.setOption(.socketOption(.so_sndbuf), value: 65536)
        }
        let peer = try await accepted.futureResult.get()
        let bytes = pattern(1 << 20)
        var last: EventLoopFuture<Void>?
        for _ in 0..<4 { last = connection.channel.writeAndFlush(ByteBuffer(bytes: bytes)) }
        let isWritable = try await connection.channel.eventLoop.submit { connection.channel.isWritable }.get()
        #expect(!isWritable)
        try await peer.setOption(.autoRead, value: true).get()
        let expected = SHA256.hash(Array(repeatElement(bytes, count: 4).joined()))
        #expect(try await hash.futureResult.get() == expected)
        try await last?.get()
        try await connection.channel.close()
        try await server.close()
    }

    @Test func halfClose() async throws {
        // The server answers only after the client has ended its output.
        final class Answerer: ChannelInboundHandler {
            typealias InboundIn = ByteBuffer
            private var received = ByteBuffer()
            func channelRead(context: ChannelHandlerContext, data: NIOAny) {
                var part = unwrapInboundIn(data)
                received.writeBuffer(&part)
            }
            func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
                guard case .inputClosed? = event as? ChannelEvent else { return }
                let channel = context.channel
                channel.writeAndFlush(received).whenComplete { _ in channel.close(promise: nil) }
            }
        }
        let server = try await TLSServer.listen(
            host: "127.0.0.1", port: 0, context: Shared.serverContext, group: group
        ) { channel in
            try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
            try channel.pipeline.syncOperations.addHandler(Answerer())
        }
        let bytes = pattern(300_000)
        let promise = group.any().makePromise(of: [UInt8].self)
        let connection = try await connect(port(of: server)) { channel in
            try channel.pipeline.syncOperations.addHandler(Collector(expected: bytes.count, promise: promise))
        }
        connection.channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
        try await connection.channel.close(mode: .output)
        #expect(try await promise.futureResult.get() == SHA256.hash(bytes))
        try await connection.channel.closeFuture.get()
        try await server.close()
    }

    @Test func wrongFingerprint() async throws {
        let server = try await TLSServer.listen(
            host: "127.0.0.1", port: 0, context: Shared.serverContext, group: group
        ) { _ in }
        let expected = [UInt8](repeating: 1, count: 32)
        await #expect(
            throws: TLSError.fingerprintMismatch(expected: expected, got: Shared.credentials.fingerprint)
        ) { try await connect(port(of: server), fingerprint: expected) }
        try await server.close()
    }

    @Test func nobodyThere() async throws {
        // A port that is taken, so that no other test gets it, but not listened on.
        let holder = try HeldPort()
        let port = holder.port
        let error = await #expect(throws: TLSError.self) { try await connect(port) }
        guard case .unreachable(host: "127.0.0.1", port: port, reason: _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        let unknown = await #expect(throws: TLSError.self) {
            try await TLSClient.connect(
                host: "no-such-host.invalid", port: 5223, fingerprint: [], group: group, timeout: .seconds(20))
        }
        switch unknown {
        case .unreachable, .timedOut(.connecting): break
        default: Issue.record("\(String(describing: unknown))")
        }
    }

    @Test func noAnswerToTheConnection() async throws {
        // The kernel leaves further attempts unanswered once the queue of a listener is full.
        let full = try HeldPort()
        try full.listenAndFill()
        await #expect(throws: TLSError.timedOut(.connecting)) {
            try await connect(full.port, timeout: .milliseconds(200))
        }
    }

    @Test func silence() async throws {
        let server = try await plainServer(says: nil, closes: false)
        await #expect(throws: TLSError.timedOut(.handshake)) {
            try await connect(port(of: server), timeout: .milliseconds(200))
        }
        try await server.close()
    }

    @Test func garbage() async throws {
        let server = try await plainServer(says: "220 mail.example ESMTP\r\n", closes: false)
        await #expect(throws: TLSError.notTLS) { try await connect(port(of: server)) }
        try await server.close()
    }

    @Test func closedAtOnce() async throws {
        let server = try await plainServer(says: nil, closes: true)
        await #expect(throws: TLSError.closedDuringHandshake) { try await connect(port(of: server)) }
        try await server.close()
    }
}
