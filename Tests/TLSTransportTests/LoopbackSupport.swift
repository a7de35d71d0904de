import Glibc
import NIOCore
import NIOPosix
import Primitives
import TLSTransport

let group = MultiThreadedEventLoopGroup.singleton

/// Sends back what comes.
final class Echo: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.write(data, promise: nil) }
    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
}

/// Hashes what comes until `expected` bytes are there.
final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let expected: Int
    private let promise: EventLoopPromise<[UInt8]>
    private var bytes = ByteBuffer()

    init(expected: Int, promise: EventLoopPromise<[UInt8]>) {
        self.expected = expected
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        bytes.writeBuffer(&part)
        if bytes.readableBytes >= expected { promise.succeed(SHA256.hash(Array(buffer: bytes))) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { promise.fail(error) }
    func channelInactive(context: ChannelHandlerContext) { promise.fail(ChannelError.eof) }
}

func port(of channel: any Channel) -> Int { channel.localAddress?.port ?? 0 }

func connect(
    _ port: Int, fingerprint: [UInt8] = Shared.credentials.fingerprint, timeout: TimeAmount = .seconds(20),
    initializer: @escaping @Sendable (any Channel) throws -> Void = { _ in }
) async throws -> TLSConnection {
    try await TLSClient.connect(
        host: "127.0.0.1", port: port, fingerprint: fingerprint, group: group, timeout: timeout,
        initializer: initializer)
}

/// A TCP port that nobody listens on and nobody else can get.
final class HeldPort: Sendable {
    let port: Int
    private let descriptor: Int32
    private let address: sockaddr_in

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var count = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isHeld = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, count) == 0 && getsockname(descriptor, $0, &count) == 0
            }
        }
        self.descriptor = descriptor
        self.address = address
        self.port = Int(UInt16(bigEndian: address.sin_port))
        guard isHeld else { throw ChannelError.eof }
    }

    /// Listens with the shortest queue and fills it.
    func listenAndFill() throws {
        guard listen(descriptor, 0) == 0 else { throw ChannelError.eof }
        for _ in 0..<4 {
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            withUnsafePointer(to: address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = Glibc.connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            // Left open: the queue must stay full until the process ends.
        }
    }

    deinit { close(descriptor) }
}
