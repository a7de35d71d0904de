import Logging
import NIOCore
import NIOPosix
import Primitives
import SMPProtocol
import SMPRelay
import TLSTransport
import WireFormat

/// A relay on a port of this machine.
func startRelay(
    in directory: TemporaryDirectory, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    _ change: (inout RelayConfiguration) -> Void = { _ in }
) async throws -> Relay {
    var configuration = RelayConfiguration(directory: directory.path, port: 0)
    change(&configuration)
    return try await Relay.start(
        configuration, group: group, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
}

/// A client over a real connection, one command at a time or as many as wanted.
final class NetworkClient: @unchecked Sendable {
    // Used by one task at a time.
    let channel: any Channel
    private var blocks: AsyncStream<[UInt8]>.Iterator
    private var cipher = BlockCipher()
    private let version: UInt16
    private let sessionID: [UInt8]
    let serverKey: X25519PublicKey
    private(set) var waiting: [(response: ServerResponse, correlation: [UInt8], entity: [UInt8])] = []

    struct Closed: Error {}

    init(to relay: Relay, version: UInt16 = 14, withKey: Bool = true, fingerprint: [UInt8]? = nil) async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: [UInt8].self)
        let connection = try await TLSClient.connect(
            host: "127.0.0.1", port: relay.port, fingerprint: relay.fingerprint,
            group: MultiThreadedEventLoopGroup.singleton
        ) { channel in
            try channel.pipeline.syncOperations.addHandlers(BlockFramer(), BlockCollector(continuation))
        }
        channel = connection.channel
        blocks = stream.makeAsyncIterator()
        self.version = version
        sessionID = connection.session.sessionID
        guard let first = await blocks.next() else { throw Closed() }
        let hello = try ServerHello(WireReader.unpad(first[...]))
        guard hello.sessionID == sessionID, hello.versions == 9...14, hello.chain == connection.session.certificates
        else { throw Closed() }
        serverKey = try SignedKey.open(hello.signedKey, leaf: connection.session.leafKey)
        let key = withKey ? X25519PrivateKey() : nil
        let answer = ClientHello(
            version: version, fingerprint: fingerprint ?? relay.fingerprint, key: key?.publicKey)
        try await channel.writeAndFlush(WireWriter.pad(answer.encoded(), to: SMP.blockSize))
        if let key, version >= 11 {
            cipher = BlockCipher(sharedSecret: try key.agree(with: serverKey), sessionID: sessionID, side: .client)
        }
    }

    /// Writes commands, each in a block of its own, without waiting for answers.
    func submit(_ commands: [(ClientCommand, entity: [UInt8], Authorization)]) throws {
        for (command, entity, authorization) in commands {
            let bytes = try Transmission.command(
                command, correlationID: SecureRandom.bytes(24), entityID: entity, authorization: authorization,
                sessionID: sessionID, serverKey: serverKey, version: version)
            channel.write(try cipher.seal(BlockBody.encode([bytes])), promise: nil)
        }
        channel.flush()
    }

    /// The next answer or push.
    func next() async throws -> (response: ServerResponse, correlation: [UInt8], entity: [UInt8]) {
        while waiting.isEmpty {
            guard let block = await blocks.next() else { throw Closed() }
            for part in try BlockBody.decode(try cipher.open(block)) {
                let transmission = try Transmission(part, version: version)
                waiting.append(
                    (
                        try ServerResponse(transmission.command, version: version), Array(transmission.correlationID),
                        Array(transmission.entityID)
                    ))
            }
        }
        return waiting.removeFirst()
    }

    func perform(
        _ command: ClientCommand, entity: [UInt8] = [], _ authorization: Authorization = .none
    ) async throws -> ServerResponse {
        try submit([(command, entity, authorization)])
        return try await next().response
    }

    /// Whether the relay closes the connection without saying more.
    func isClosedByRelay() async -> Bool { await blocks.next() == nil }

    func close() async { try? await channel.close() }
}

private final class BlockCollector: ChannelInboundHandler {
    typealias InboundIn = [UInt8]

    private let continuation: AsyncStream<[UInt8]>.Continuation

    init(_ continuation: AsyncStream<[UInt8]>.Continuation) { self.continuation = continuation }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { continuation.yield(unwrapInboundIn(data)) }
    func channelInactive(context: ChannelHandlerContext) { continuation.finish() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// A queue over the network.
struct NetworkQueue: Sendable {
    let ids: ServerResponse.QueueIDs
    let recipient: Authorization
    let sender: Authorization
    let box: BoxKey

    /// X25519 authenticators under agreements made once, as a fast client does; or Ed25519 signatures.
    init(on client: NetworkClient, sendingFrom sender: NetworkClient, signing: Bool = false) async throws {
        let agreement = X25519PrivateKey()
        let senderKey: AuthKey
        let recipientKey: AuthKey
        if signing {
            let keys = (Ed25519PrivateKey(), Ed25519PrivateKey())
            (recipientKey, senderKey) = (.ed25519(keys.0.publicKey), .ed25519(keys.1.publicKey))
            (self.recipient, self.sender) = (.ed25519(keys.0), .ed25519(keys.1))
        } else {
            let keys = (X25519PrivateKey(), X25519PrivateKey())
            (recipientKey, senderKey) = (.x25519(keys.0.publicKey), .x25519(keys.1.publicKey))
            self.recipient = .box(try BoxKey(keys.0, client.serverKey))
            self.sender = .box(try BoxKey(keys.1, sender.serverKey))
        }
        let made = try await client.perform(
            .new(.init(recipientKey: recipientKey, agreementKey: agreement.publicKey)), self.recipient)
        guard case .ids(let ids) = made else { throw NetworkClient.Closed() }
        self.ids = ids
        box = try BoxKey(agreement, ids.serverKey)
        let secured = try await sender.perform(.secureBySender(senderKey), entity: ids.senderID, self.sender)
        guard secured == .ok else { throw NetworkClient.Closed() }
    }
}
