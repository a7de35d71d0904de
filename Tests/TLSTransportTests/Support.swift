import Foundation
import NIOCore
import NIOEmbedded
import NIOPosix
import TLSTransport

/// A directory that vanishes with the object.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/tls-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func mode(of name: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
        return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? -1
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path + "/" + name) }

    func text(_ name: String) throws -> String { try String(contentsOfFile: path + "/" + name, encoding: .utf8) }

    func write(_ text: String, to name: String) throws {
        try text.write(toFile: path + "/" + name, atomically: true, encoding: .utf8)
    }
}

/// The time of the tests that choose one, in Unix seconds.
let now: Int64 = Int64(Date().timeIntervalSince1970)
let year: Int64 = 365 * 86_400

/// Credentials made once for all tests that need nothing special.
// swift-format-ignore: NeverUseForceTry
enum Shared {
    static let directory = try! TemporaryDirectory()
    static let credentials = try! CertificateAuthority(directory: directory.path).credentials()
    static let clientContext = try! TLSClientContext()
    static let serverContext = try! TLSServerContext(credentials: credentials)
}

/// Keeps what comes through a pipeline.
final class Recorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    var sessions: [TLSSession] = []
    var plaintext = ByteBuffer()
    var errors: [TLSError] = []
    var inputEnds = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        plaintext.writeBuffer(&part)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let session = event as? TLSSession { sessions.append(session) }
        if case .inputClosed? = event as? ChannelEvent { inputEnds += 1 }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? TLSError { errors.append(error) }
    }
}

/// A client and a server without sockets.
final class EmbeddedPair {
    let client = EmbeddedChannel()
    let server = EmbeddedChannel()
    let clientRecorder = Recorder()
    let serverRecorder = Recorder()

    init(
        clientContext: TLSClientContext = Shared.clientContext, serverContext: TLSServerContext = Shared.serverContext,
        fingerprint: [UInt8] = Shared.credentials.fingerprint, at now: Int64? = nil
    ) throws {
        try client.pipeline.syncOperations.addHandlers([
            TLSHandler(client: clientContext, fingerprint: fingerprint, handshakeTimeout: .seconds(5), at: now),
            clientRecorder,
        ])
        try server.pipeline.syncOperations.addHandlers([
            TLSHandler(server: serverContext, handshakeTimeout: .seconds(5)), serverRecorder,
        ])
    }

    func connect() throws {
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        server.connect(to: address, promise: nil)
        client.connect(to: address, promise: nil)
        try pump()
    }

    /// Carries ciphertext both ways until there is none, in pieces of at most `step` bytes.
    func pump(step: Int = .max) throws {
        while true {
            let forward = try carry(from: client, to: server, step: step)
            let backward = try carry(from: server, to: client, step: step)
            if !forward && !backward { return }
        }
    }

    private func carry(from source: EmbeddedChannel, to target: EmbeddedChannel, step: Int) throws -> Bool {
        var any = false
        while var bytes = try source.readOutbound(as: ByteBuffer.self) {
            any = true
            while target.isActive, let piece = bytes.readSlice(length: min(step, bytes.readableBytes)),
                piece.readableBytes > 0
            {
                target.pipeline.fireChannelRead(piece)
                target.pipeline.fireChannelReadComplete()
            }
        }
        return any
    }

    deinit {
        _ = try? client.finish(acceptAlreadyClosed: true)
        _ = try? server.finish(acceptAlreadyClosed: true)
    }
}

/// Deterministic bytes that repeat nowhere near a record's length.
func pattern(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    var bytes = [UInt8]()
    bytes.reserveCapacity(count + 8)
    while bytes.count < count {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        withUnsafeBytes(of: state) { bytes.append(contentsOf: $0) }
    }
    return Array(bytes.prefix(count))
}

/// The `openssl` command, as an independent peer and maker of certificates.
enum OpenSSLTool {
    struct Failure: Error { let output: String }

    /// Runs the command to its end.
    @discardableResult
    static func run(_ arguments: [String], in directory: String, input: String = "") throws -> String {
        let process = try ToolProcess(arguments, in: directory)
        process.write(input)
        process.closeInput()
        let output = process.readToEnd()
        guard process.wait() == 0 else { throw Failure(output: output) }
        return output
    }

    /// The same, on a thread that may wait while tests go on.
    static func runAside(_ arguments: [String], in directory: String, input: String = "") async throws -> String {
        try await NIOThreadPool.singleton.runIfActive { try run(arguments, in: directory, input: input) }
    }

    /// Makes `name.key` and `name.crt`, issued by `issuer` or by itself.
    static func issue(
        _ name: String, issuer: String?, authority: Bool, algorithm: String = "ed25519",
        in directory: TemporaryDirectory
    ) throws {
        let usage = authority ? "CA:TRUE\nkeyUsage=keyCertSign" : "CA:FALSE\nkeyUsage=digitalSignature"
        try directory.write("basicConstraints=\(usage)\n", to: "\(name).cnf")
        try run(["genpkey", "-algorithm", algorithm, "-out", "\(name).key"], in: directory.path)
        try run(
            ["req", "-new", "-key", "\(name).key", "-subj", "/CN=\(name)", "-out", "\(name).csr"], in: directory.path)
        let signer = issuer.map { ["-CA", "\($0).crt", "-CAkey", "\($0).key"] } ?? ["-signkey", "\(name).key"]
        try run(
            ["x509", "-req", "-in", "\(name).csr", "-days", "30", "-extfile", "\(name).cnf", "-set_serial", "7"]
                + signer + ["-out", "\(name).crt"], in: directory.path)
    }

    /// The certificates of these names in DER.
    static func der(_ names: [String], in directory: TemporaryDirectory) throws -> [[UInt8]] {
        try names.map { name in
            try run(["x509", "-in", "\(name).crt", "-outform", "DER", "-out", "\(name).der"], in: directory.path)
            return [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(directory.path)/\(name).der")))
        }
    }

    /// Writes `chain.crt` from the certificates of these names and loads it with the key of the first.
    static func credentials(_ names: [String], in directory: TemporaryDirectory) throws -> TLSCredentials {
        try directory.write(names.map { try directory.text("\($0).crt") }.joined(), to: "chain.crt")
        return try TLSCredentials(
            chainPath: directory.path + "/chain.crt", keyPath: "\(directory.path)/\(names[0]).key")
    }
}
