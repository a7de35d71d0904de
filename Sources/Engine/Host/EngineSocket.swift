import Glibc
import Guarding
import NIOCore
import NIOPosix
import SystemPackage

/// The running engine's ear: a Unix socket in the profile on which commands wake it and watch its progress.
///
/// A hint only: a command that cannot connect looks at the database every half second, and so does the engine.
final class EngineSocket: Sendable {
    private let channel: any Channel
    private let path: FilePath
    private let listeners: Listeners

    /// Listens at `path`, replacing a socket that a crashed engine left. The lock must be held.
    ///
    /// `lines` are the commands' lines; `greeting` is sent to each that begins to watch.
    static func listen(
        at path: FilePath, group: any EventLoopGroup, greeting: @escaping @Sendable () async -> [EngineLine],
        lines: @escaping @Sendable (EngineLine) -> Void
    ) async throws -> EngineSocket {
        let listeners = Listeners()
        unlink(path.string)
        let short = try ShortPath(path)
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        LineHandler(
                            line: { line, channel in
                                if line == .watch { listeners.add(channel, greeting: greeting) }
                                lines(line)
                            }, ended: { channel in listeners.remove(channel) }))
                }
            }
            .bind(unixDomainSocketPath: short.text).get()
        chmod(path.string, 0o600)
        withExtendedLifetime(short) {}
        return EngineSocket(channel: channel, path: path, listeners: listeners)
    }

    private init(channel: any Channel, path: FilePath, listeners: Listeners) {
        self.channel = channel
        self.path = path
        self.listeners = listeners
    }

    /// Tells every watching command; one that does not read misses it.
    func tell(_ line: EngineLine) { listeners.tell(line) }

    /// Says goodbye and removes the socket; while the lock is still held.
    func close() async {
        unlink(path.string)
        await listeners.close()
        try? await channel.close().get()
    }
}

/// The commands that watch.
private final class Listeners: Sendable {
    private let channels = Guarded<[ObjectIdentifier: any Channel]>([:])

    func add(_ channel: any Channel, greeting: @escaping @Sendable () async -> [EngineLine]) {
        channels.withLock { $0[ObjectIdentifier(channel)] = channel }
        // Owned by the channel's promise: it ends with one short question to the engine.
        channel.eventLoop.makeFutureWithTask { await greeting() }.whenSuccess { lines in
            for line in lines { LineHandler.write(line, to: channel) }
        }
    }

    func remove(_ channel: any Channel) {
        channels.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
    }

    func tell(_ line: EngineLine) {
        for channel in channels.withLock({ Array($0.values) }) where channel.isWritable {
            LineHandler.write(line, to: channel)
        }
    }

    func close() async {
        for channel in channels.withLock({ Array($0.values) }) {
            LineHandler.write(.leaving, to: channel)
            try? await channel.close().get()
        }
    }
}

/// A command's end of the engine's socket.
final class EngineSocketClient: Sendable {
    /// What the engine says; ends with the connection.
    let lines: AsyncStream<EngineLine>
    private let channel: any Channel

    /// Connects, wakes the engine and watches.
    static func connect(to path: FilePath, group: any EventLoopGroup) async throws -> EngineSocketClient {
        let (lines, continuation) = AsyncStream.makeStream(of: EngineLine.self, bufferingPolicy: .bufferingNewest(256))
        let short = try ShortPath(path)
        let channel = try await ClientBootstrap(group: group)
            .connectTimeout(.seconds(2))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        LineHandler(
                            line: { line, _ in continuation.yield(line) }, ended: { _ in continuation.finish() }))
                }
            }
            .connect(unixDomainSocketPath: short.text).get()
        withExtendedLifetime(short) {}
        LineHandler.write(.watch, to: channel)
        LineHandler.write(.wake, to: channel)
        return EngineSocketClient(lines: lines, channel: channel)
    }

    private init(lines: AsyncStream<EngineLine>, channel: any Channel) {
        self.lines = lines
        self.channel = channel
    }

    /// Leaves.
    func close() async { try? await channel.close().get() }
}

/// Cuts what comes into lines. A line that is too long ends the connection.
private final class LineHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let line: @Sendable (EngineLine, any Channel) -> Void
    private let ended: @Sendable (any Channel) -> Void
    private var held = ByteBuffer()

    init(
        line: @escaping @Sendable (EngineLine, any Channel) -> Void, ended: @escaping @Sendable (any Channel) -> Void
    ) {
        self.line = line
        self.ended = ended
    }

    static func write(_ line: EngineLine, to channel: any Channel) {
        channel.writeAndFlush(ByteBuffer(string: line.text + "\n"), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        held.writeBuffer(&bytes)
        while let end = held.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
            let text = held.readString(length: end - held.readerIndex) ?? ""
            held.moveReaderIndex(forwardBy: 1)
            if let known = EngineLine(text) { line(known, context.channel) }
        }
        held.discardReadBytes()
        if held.readableBytes > EngineLine.longest { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended(context.channel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// A socket's path has 107 bytes at most: a longer one goes through the directory's descriptor.
private final class ShortPath: Sendable {
    let text: String
    private let directory: Int32

    init(_ path: FilePath) throws {
        guard path.string.utf8.count > 100 else {
            text = path.string
            directory = -1
            return
        }
        directory = open(path.removingLastComponent().string, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw Errno(rawValue: errno) }
        text = "/proc/self/fd/\(directory)/\(path.lastComponent?.string ?? "")"
    }

    deinit { if directory >= 0 { Glibc.close(directory) } }
}
