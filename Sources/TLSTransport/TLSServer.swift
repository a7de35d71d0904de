public import NIOCore
internal import NIOPosix

/// The server's side.
public enum TLSServer {
    /// Listens; each accepted channel gets a `TLSHandler`, then what `initializer` adds.
    ///
    /// - Parameters:
    ///   - host: an address or name of this machine.
    ///   - port: a TCP port; 0 picks one, see the channel's `localAddress`.
    ///   - context: the settings; replacing its credentials affects later connections.
    ///   - group: where the channels run.
    ///   - handshakeTimeout: from acceptance to the handshake's end; the channel is closed then.
    ///   - initializer: runs on the channel's event loop, to add handlers above TLS. They get the `TLSSession` as user
    ///     inbound event, then plaintext. Throwing closes the channel.
    /// - Returns: The listening channel; closing it leaves accepted ones open.
    /// - Throws: `unreachable` with the system's reason if the address cannot be listened on.
    public static func listen(
        host: String, port: Int, context: TLSServerContext, group: any EventLoopGroup,
        handshakeTimeout: TimeAmount = .seconds(10), initializer: @escaping @Sendable (any Channel) throws -> Void
    ) async throws(TLSError) -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 65536, high: 262_144))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = try TLSHandler(server: context, handshakeTimeout: handshakeTimeout)
                    try channel.pipeline.syncOperations.addHandler(handler)
                    try initializer(channel)
                }
            }
        do {
            return try await bootstrap.bind(host: host, port: port).get()
        } catch {
            throw TLSError(connecting: error, host: host, port: port)
        }
    }
}
