import Guarding
import NIOCore
import NIOPosix

/// Tells operators how the relay is, over HTTP: `/metrics` for Prometheus and `/healthz` for whoever watches.
///
/// One answer a connection, without encryption and without a password: for loopback or a network of the operator's own.
final class StatusServer: Sendable {
    /// The TCP port that is listened on.
    let port: Int
    private let listener: any Channel

    private static let connectionLimit = 32
    fileprivate static let patience = TimeAmount.seconds(10)

    /// Listens; `status` is asked at each request, on an event loop.
    static func listen(
        _ address: RelayConfiguration.Address, group: any EventLoopGroup,
        status: @escaping @Sendable () -> RelayStatus
    ) async throws(RelayError) -> StatusServer {
        let open = Guarded(0)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard open.withLock({ count in (count += 1, count <= connectionLimit).1 }) else {
                        open.withLock { $0 -= 1 }
                        throw ChannelError.ioOnClosedChannel
                    }
                    channel.closeFuture.whenComplete { _ in open.withLock { $0 -= 1 } }
                    try channel.pipeline.syncOperations.addHandler(StatusConnection(status: status))
                }
            }
        do {
            let listener = try await bootstrap.bind(host: address.host, port: address.port).get()
            return StatusServer(listener: listener, port: listener.localAddress?.port ?? address.port)
        } catch { throw .cannotListen(host: address.host, port: address.port, reason: "\(error)") }
    }

    private init(listener: any Channel, port: Int) {
        self.listener = listener
        self.port = port
    }

    /// Stops to listen.
    func close() async { try? await listener.close() }
}

/// One connection: reads a request, writes the answer, closes.
private final class StatusConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let status: @Sendable () -> RelayStatus
    private var bytes = ByteBuffer()
    private var hasAnswered = false
    private var deadline: Scheduled<Void>?

    init(status: @escaping @Sendable () -> RelayStatus) { self.status = status }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: StatusServer.patience) { channel.close(promise: nil) }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasAnswered else { return }
        bytes.writeImmutableBuffer(unwrapInboundIn(data))
        switch StatusRequest.read(bytes.readableBytesView) {
        case .incomplete: return
        case .malformed: answer(StatusAnswer.malformed.encoded(to: "GET"), context)
        case .request(let request):
            answer(StatusAnswer.answer(request, status).encoded(to: request.method), context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(_ text: String, _ context: ChannelHandlerContext) {
        hasAnswered = true
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(string: text)))
            .whenComplete { _ in channel.close(promise: nil) }
    }
}
