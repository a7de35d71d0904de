import Foundation
import Guarding
import Logging
import NIOCore
import NIOPosix
import Primitives
import SMPClient
import SMPProtocol
import TLSTransport
import WireFormat

let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A directory that is gone with its owner.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("client-\(UUID().uuidString)").path
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A server that says what a test tells it to.
final class ScriptedRelay: Sendable {
    /// What a script has to work with.
    struct Command: Sendable {
        let text: String
        let correlation: [UInt8]
        let entity: [UInt8]
        let isAuthorized: Bool

        /// An answer to it.
        func answer(_ text: String) -> [UInt8] { answer(Array(text.utf8)) }
        func answer(_ bytes: [UInt8]) -> [UInt8] { ScriptedRelay.transmission(correlation, entity, bytes) }
    }

    /// How a connection goes.
    struct Script: Sendable {
        var versions: ClosedRange<UInt16> = 6...18
        /// Changes the hello's block, or takes it away.
        var hello: @Sendable ([UInt8]) -> [UInt8]? = { $0 }
        /// Closes when the client's hello has come.
        var closesAfterHello = false
        /// The transmissions to send for a command, each list in a block of its own; nil closes.
        var answers: @Sendable (Command) -> [[[UInt8]]]? = { _ in [] }
    }

    let directory = TemporaryDirectory()
    let server: SMPServer
    private let listener: any Channel
    private let channels: Channels

    /// The connections made, to cut them.
    final class Channels: Sendable {
        let all = Guarded<[any Channel]>([])
    }

    init(_ script: Script = Script()) async throws {
        let credentials = try CertificateAuthority(directory: directory.path + "/tls").credentials()
        let context = try TLSServerContext(credentials: credentials)
        let channels = Channels()
        self.channels = channels
        listener = try await TLSServer.listen(
            host: "127.0.0.1", port: 0, context: context, group: MultiThreadedEventLoopGroup.singleton
        ) { channel in
            channels.all.withLock { $0.append(channel) }
            try channel.pipeline.syncOperations.addHandlers(BlockFramer(), ScriptHandler(script))
        }
        server = SMPServer(
            fingerprint: credentials.fingerprint, hosts: ["127.0.0.1"],
            port: UInt16(listener.localAddress?.port ?? 0))
    }

    deinit {
        listener.close(promise: nil)
        for channel in channels.all.withLock({ $0 }) { channel.close(promise: nil) }
    }

    func connect(_ timeouts: SMPClient.Timeouts = .init()) async throws -> SMPClient {
        try await SMPClient.connect(
            to: server, on: MultiThreadedEventLoopGroup.singleton, timeouts: timeouts, logger: quiet)
    }

    /// Sends raw bytes above TLS, which need not be a block, and closes.
    func cut(sending bytes: [UInt8]) async throws {
        for channel in channels.all.withLock({ $0 }) {
            try await channel.eventLoop.submit {
                let context = try channel.pipeline.syncOperations.context(handlerType: BlockFramer.self)
                context.writeAndFlush(NIOAny(ByteBuffer(bytes: bytes)), promise: nil)
            }.get()
            // The client may have been faster.
            try? await channel.close()
        }
    }

    static func transmission(_ correlation: [UInt8], _ entity: [UInt8], _ command: [UInt8]) -> [UInt8] {
        [0, UInt8(correlation.count)] + correlation + [UInt8(entity.count)] + entity + command
    }
}

private final class ScriptHandler: ChannelInboundHandler {
    typealias InboundIn = [UInt8]
    typealias OutboundOut = [UInt8]

    private let script: ScriptedRelay.Script
    private let key = X25519PrivateKey()
    private var sessionID: [UInt8] = []
    private var cipher = BlockCipher()
    private var version: UInt16?

    init(_ script: ScriptedRelay.Script) { self.script = script }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let tls = event as? TLSSession, let credentials = tls.credentials else { return }
        sessionID = tls.sessionID
        guard let signature = try? credentials.sign(SignedKey.signedPart(key.publicKey)) else { return }
        let hello = ServerHello(
            versions: script.versions, sessionID: sessionID, chain: credentials.chain,
            signedKey: SignedKey.make(key.publicKey, signature: signature))
        guard let block = try? WireWriter.pad(hello.encoded(), to: SMP.blockSize), let block = script.hello(block)
        else { return }
        context.writeAndFlush(wrapOutboundOut(block), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            try receive(unwrapInboundIn(data), context: context)
        } catch {
            context.close(promise: nil)
        }
    }

    private func receive(_ block: [UInt8], context: ChannelHandlerContext) throws {
        guard let version else {
            let hello = try ClientHello(try WireReader.unpad(block[...]))
            version = hello.version
            if hello.version >= 11, let clientKey = hello.key {
                cipher = BlockCipher(
                    sharedSecret: try key.agree(with: clientKey), sessionID: sessionID, side: .server)
            }
            if script.closesAfterHello { context.close(promise: nil) }
            return
        }
        for part in try BlockBody.decode(try cipher.open(block)) {
            let transmission = try Transmission(part, version: version)
            let command = ScriptedRelay.Command(
                text: String(decoding: transmission.command.prefix(4), as: UTF8.self),
                correlation: Array(transmission.correlationID), entity: Array(transmission.entityID),
                isAuthorized: !transmission.authorization.isEmpty)
            guard let blocks = script.answers(command) else { return context.close(promise: nil) }
            for transmissions in blocks {
                context.write(wrapOutboundOut(try cipher.seal(BlockBody.encode(transmissions))), promise: nil)
            }
        }
        context.flush()
    }
}
