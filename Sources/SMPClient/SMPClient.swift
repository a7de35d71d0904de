public import Logging
public import NIOCore
import Primitives
public import SMPProtocol
import TLSTransport

/// One connection to one relay, on one event loop: commands out, any number outstanding; answers and pushes in.
public final class SMPClient: Sendable {
    /// The version spoken.
    public let version: UInt16
    /// What the relay pushes, in order; ends with the connection. One consumer.
    public let pushes: AsyncStream<SMPPush>

    private let channel: any Channel
    private let handler: NIOLoopBound<SMPClientHandler>

    private init(
        channel: any Channel, handler: NIOLoopBound<SMPClientHandler>, version: UInt16, pushes: AsyncStream<SMPPush>
    ) {
        self.channel = channel
        self.handler = handler
        self.version = version
        self.pushes = pushes
    }

    /// Connects to a relay, checks that it is the one its address names, and agrees on a version.
    ///
    /// The hosts of the address are tried in order.
    public static func connect(
        to server: SMPServer, on loop: any EventLoop, deadlines: SMPClientDeadlines = SMPClientDeadlines(),
        logger: Logger
    ) async throws(SMPClientError) -> SMPClient {
        var failure = SMPClientError.unreachable("its address names no host")
        for host in server.hosts {
            do throws(SMPClientError) {
                return try await connect(to: server, host: host, on: loop, deadlines: deadlines, logger: logger)
            } catch {
                failure = error
            }
        }
        throw failure
    }

    private static func connect(
        to server: SMPServer, host: String, on loop: any EventLoop, deadlines: SMPClientDeadlines, logger: Logger
    ) async throws(SMPClientError) -> SMPClient {
        let (pushes, continuation) = AsyncStream<SMPPush>.makeStream()
        let ready = loop.makePromise(of: NIOLoopBound<SMPClientHandler>.self)
        do {
            let connection = try await TLSClient.connect(
                host: host, port: Int(server.portNumber), fingerprint: server.fingerprint, group: loop,
                timeout: .seconds(deadlines.connect)
            ) { channel in
                let handler = SMPClientHandler(
                    server: server, deadlines: deadlines, pushes: continuation, ready: ready, logger: logger)
                try channel.pipeline.syncOperations.addHandlers(BlockFramer(), handler)
            }
            let handler = try await ready.futureResult.get()
            let version = try await loop.submit { handler.value.version }.get()
            return SMPClient(channel: connection.channel, handler: handler, version: version, pushes: pushes)
        } catch {
            ready.fail(error)
            continuation.finish()
            throw SMPClientError(error, server)
        }
    }

    /// Writes a command now, in the order of calls. The answer fails with `SMPClientError` when the connection ends.
    ///
    /// A MSG in answer to SUB or ACK also comes through `pushes`: read it there.
    public func submit(
        _ command: ClientCommand, entity: [UInt8], authorization: Authorization
    ) -> EventLoopFuture<ServerResponse> {
        let promise = channel.eventLoop.makePromise(of: ServerResponse.self)
        if channel.eventLoop.inEventLoop {
            handler.value.submit(command, entity: entity, authorization: authorization, promise: promise)
        } else {
            channel.eventLoop.execute { [handler] in
                handler.value.submit(command, entity: entity, authorization: authorization, promise: promise)
            }
        }
        return promise.futureResult
    }

    /// Why the connection ended; nil while it stands. On the event loop only.
    public var closeReason: SMPClientError? { handler.value.closeReason }

    /// Ends the connection.
    public func close() { channel.close(promise: nil) }
}

extension SMPClientError {
    /// From what TLS or the handshake threw.
    init(_ error: any Error, _ server: SMPServer) {
        switch error {
        case let error as SMPClientError: self = error
        case let error as TLSError:
            switch error {
            case .unreachable, .socket, .closedDuringHandshake, .closed, .truncatedBlock, .openSSL, .file:
                self = .unreachable("relay \(server.display): \(error)")
            case .timedOut: self = .timedOut("relay \(server.display): \(error)")
            case .fingerprintMismatch, .invalidChain:
                self = .identity(
                    "relay \(server.display) is not the one that its address names: \(error)")
            case .noCommonVersion, .noCommonProtocol, .noCommonParameters, .notTLS, .refused, .protocolViolation:
                self = .incompatible("relay \(server.display) does not speak SMP: \(error)")
            }
        case let error as SMPProtocolError:
            switch error {
            case .authentication: self = .identity("relay \(server.display): \(error)")
            default: self = .incompatible("relay \(server.display) does not speak our SMP: \(error)")
            }
        default: self = .unreachable("relay \(server.display): \(error)")
        }
    }
}
