internal import Glibc
internal import NIOCore

/// Leads a connection to a proxy on to its target: `channelActive` passes once it stands, bytes from then on.
///
/// Add it below TLS. A failure is fired as `TLSError.proxy`, after which the channel is closed.
final class SOCKSHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var handshake: SOCKSHandshake
    private let place: String
    private var isEstablished = false
    private var hasFailed = false

    init(to host: String, port: Int, by proxy: SOCKSProxy) {
        var target = SOCKSHandshake.Target.name(host)
        // Only what is written as an address already: a name is not looked up.
        var (four, six) = (in_addr(), in6_addr())
        if inet_pton(AF_INET, host, &four) == 1 { target = .address(withUnsafeBytes(of: four) { Array($0) }) }
        if inet_pton(AF_INET6, host, &six) == 1 { target = .address(withUnsafeBytes(of: six) { Array($0) }) }
        handshake = SOCKSHandshake(to: target, port: UInt16(clamping: port), by: proxy)
        place = proxy.place
    }

    func channelActive(context: ChannelHandlerContext) {
        send(handshake.greeting, context: context)
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isEstablished else { return context.fireChannelRead(data) }
        guard !hasFailed else { return }
        switch handshake.receive(unwrapInboundIn(data).readableBytesView) {
        case .wait: break
        case .send(let bytes): send(bytes, context: context)
        case .failed(let what): fail(what, context: context)
        case .established(let rest):
            isEstablished = true
            context.fireChannelActive()
            guard !rest.isEmpty else { return }
            context.fireChannelRead(wrapInboundOut(ByteBuffer(bytes: rest)))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if isEstablished { context.fireChannelReadComplete() } else if !hasFailed { context.read() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !isEstablished, !hasFailed { fail("closed the connection", context: context) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !isEstablished, !hasFailed, let failure = error as? IOError else { return context.fireErrorCaught(error) }
        fail("cannot be talked to: \(systemText(failure.errnoCode))", context: context)
    }

    private func send(_ bytes: [UInt8], context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    private func fail(_ what: String, context: ChannelHandlerContext) {
        hasFailed = true
        context.fireErrorCaught(TLSError.proxy("the proxy at \(place) \(what)"))
        context.close(promise: nil)
    }
}
