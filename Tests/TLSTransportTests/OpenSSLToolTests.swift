import NIOCore
import NIOPosix
import Primitives
import TLSTransport
import Testing

/// The `openssl` command at the other end, with the parameters of SMP.
@Suite struct OpenSSLToolTests {
    private static let parameters = [
        "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305", "-groups",
        "X448:X25519", "-sigalgs", "ed25519:ed448",
    ]

    private func authority() throws -> (TemporaryDirectory, TLSCredentials) {
        let directory = try TemporaryDirectory()
        return (directory, try CertificateAuthority(directory: directory.path).credentials())
    }

    private func serve(_ arguments: [String], in directory: TemporaryDirectory) throws -> OpenSSLServer {
        try OpenSSLServer(
            ["-cert", "server.crt", "-key", "server.key", "-cert_chain", "ca.crt"] + arguments, in: directory.path)
    }

    @Test(arguments: [("-tls1_3", TLSVersion.tls13, 32), ("-tls1_2", TLSVersion.tls12, 12)])
    func clientAgainstTool(option: String, version: TLSVersion, idCount: Int) async throws {
        let (directory, credentials) = try authority()
        let server = try serve([option, "-alpn", "smp/1", "-rev"] + Self.parameters, in: directory)
        let promise = group.any().makePromise(of: [UInt8].self)
        let connection = try await connect(server.port, fingerprint: credentials.fingerprint) { channel in
            try channel.pipeline.syncOperations.addHandler(Collector(expected: 6, promise: promise))
        }
        #expect(connection.session.version == version)
        #expect(connection.session.sessionID.count == idCount)
        #expect(connection.session.certificates == credentials.chain)
        connection.channel.writeAndFlush(ByteBuffer(string: "abcde\n"), promise: nil)
        #expect(try await promise.futureResult.get() == SHA256.hash(Array("edcba\n".utf8)))
        try await connection.channel.close()
    }

    @Test func clientAgainstToolWithTickets() async throws {
        let (directory, credentials) = try authority()
        let server = try serve(
            ["-tls1_3", "-alpn", "smp/1", "-rev", "-num_tickets", "4"] + Self.parameters, in: directory)
        let promise = group.any().makePromise(of: [UInt8].self)
        let connection = try await connect(server.port, fingerprint: credentials.fingerprint) { channel in
            try channel.pipeline.syncOperations.addHandler(Collector(expected: 2, promise: promise))
        }
        connection.channel.writeAndFlush(ByteBuffer(string: "a\n"), promise: nil)
        #expect(try await promise.futureResult.get() == SHA256.hash(Array("a\n".utf8)))
        try await connection.channel.close()
    }

    @Test(arguments: [
        (["-alpn", "h2"], TLSError.noCommonProtocol),
        ([], TLSError.noCommonProtocol),
        (["-alpn", "smp/1", "-groups", "P-256"], TLSError.noCommonParameters),
        (["-alpn", "smp/1", "-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"], TLSError.noCommonParameters),
        (["-alpn", "smp/1", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], TLSError.noCommonVersion),
    ])
    func toolWithOtherParameters(arguments: [String], error: TLSError) async throws {
        let (directory, credentials) = try authority()
        let server = try serve(arguments, in: directory)
        await #expect(throws: error) { try await connect(server.port, fingerprint: credentials.fingerprint) }
    }

    @Test func toolWithAnExpiredLeaf() async throws {
        let directory = try TemporaryDirectory()
        let credentials = try CertificateAuthority(directory: directory.path).credentials(at: now - 2 * year)
        let server = try serve(["-alpn", "smp/1", "-rev"], in: directory)
        await #expect(throws: TLSError.invalidChain(.expired(index: 0))) {
            try await connect(server.port, fingerprint: credentials.fingerprint)
        }
    }

    @Test func toolWithChainsThatAreTooShortOrTooLong() async throws {
        let (directory, credentials) = try authority()
        let short = try OpenSSLServer(
            ["-cert", "server.crt", "-key", "server.key", "-alpn", "smp/1"], in: directory.path)
        await #expect(throws: TLSError.invalidChain(.length(1))) {
            try await connect(short.port, fingerprint: credentials.fingerprint)
        }
        try directory.write(String(repeating: try directory.text("ca.crt"), count: 4), to: "four.crt")
        let long = try OpenSSLServer(
            ["-cert", "server.crt", "-key", "server.key", "-alpn", "smp/1", "-cert_chain", "four.crt"],
            in: directory.path)
        await #expect(throws: TLSError.invalidChain(.length(5))) {
            try await connect(long.port, fingerprint: credentials.fingerprint)
        }
    }

    @Test(arguments: ["-tls1_3", "-tls1_2"])
    func toolAgainstServer(option: String) async throws {
        let (directory, credentials) = try authority()
        let server = try await TLSServer.listen(
            host: "127.0.0.1", port: 0, context: try TLSServerContext(credentials: credentials), group: group
        ) { channel in
            try channel.pipeline.syncOperations.addHandler(Echo())
        }
        // The tool checks the chain by its own rules.
        let port = port(of: server)
        let output = try await OpenSSLTool.runAside(
            ["s_client", "-connect", "127.0.0.1:\(port)", option, "-alpn", "smp/1", "-CAfile", "ca.crt"]
                + ["-verify_return_error", "-purpose", "sslserver", "-showcerts"] + Self.parameters, in: directory.path,
            input: "Q\n")
        #expect(output.contains("ALPN protocol: smp/1"))
        #expect(output.contains("Verify return code: 0 (ok)"))
        #expect(output.split(separator: "-----BEGIN CERTIFICATE-----").count == 3)
        try await server.close()
    }

    @Test(arguments: [
        ["-alpn", "h2"], [], ["-alpn", "smp/1", "-groups", "P-256"], ["-alpn", "smp/1", "-sigalgs", "RSA+SHA256"],
    ])
    func serverRefusesToolWithOtherParameters(arguments: [String]) async throws {
        let (directory, credentials) = try authority()
        let errors = group.any().makePromise(of: TLSError.self)
        final class Watcher: ChannelInboundHandler {
            typealias InboundIn = ByteBuffer
            let promise: EventLoopPromise<TLSError>
            init(_ promise: EventLoopPromise<TLSError>) { self.promise = promise }
            func errorCaught(context: ChannelHandlerContext, error: any Error) {
                if let error = error as? TLSError { promise.succeed(error) }
            }
        }
        let server = try await TLSServer.listen(
            host: "127.0.0.1", port: 0, context: try TLSServerContext(credentials: credentials), group: group
        ) { channel in
            try channel.pipeline.syncOperations.addHandler(Watcher(errors))
        }
        let port = port(of: server)
        _ = try? await OpenSSLTool.runAside(
            ["s_client", "-connect", "127.0.0.1:\(port)"] + arguments, in: directory.path, input: "Q\n")
        let error = try await errors.futureResult.get()
        #expect(error == .noCommonProtocol || error == .noCommonParameters, "\(error)")
        try await server.close()
    }
}
