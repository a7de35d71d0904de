import NIOCore
import NIOEmbedded
import Primitives
import TLSTransport
import Testing

@Suite struct HandlerTests {
    @Test func bothSidesAgreeOnTheSession() throws {
        let pair = try EmbeddedPair()
        try pair.connect()
        #expect(pair.clientRecorder.sessions.count == 1)
        #expect(pair.serverRecorder.sessions.count == 1)
        let client = try #require(pair.clientRecorder.sessions.first)
        let server = try #require(pair.serverRecorder.sessions.first)
        #expect(client.sessionID.count == 32)
        #expect(client.sessionID == server.sessionID)
        #expect(client.certificates == Shared.credentials.chain)
        #expect(server.certificates == Shared.credentials.chain)
        #expect(client.leafKey == Shared.credentials.leafKey)
        #expect(client.version == .tls13)
        #expect(client.applicationProtocol == "smp/1")
        #expect(client.credentials == nil)
        let signature = try #require(server.credentials).sign(Array("session key".utf8))
        guard case .ed25519(let key) = client.leafKey else { throw TLSError.invalidChain(.unsuitableLeaf) }
        #expect(key.isValid(signature: signature, for: Array("session key".utf8)))
    }

    @Test func everyConnectionHasItsOwnSession() throws {
        let pairs = [try EmbeddedPair(), try EmbeddedPair()]
        for pair in pairs { try pair.connect() }
        #expect(pairs[0].clientRecorder.sessions[0].sessionID != pairs[1].clientRecorder.sessions[0].sessionID)
    }

    @Test func handshakeAndDataByteByByte() throws {
        let pair = try EmbeddedPair()
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        pair.server.connect(to: address, promise: nil)
        pair.client.connect(to: address, promise: nil)
        try pair.pump(step: 1)
        pair.client.writeAndFlush(ByteBuffer(string: "one"), promise: nil)
        pair.server.writeAndFlush(ByteBuffer(string: "two"), promise: nil)
        try pair.pump(step: 1)
        #expect(String(buffer: pair.serverRecorder.plaintext) == "one")
        #expect(String(buffer: pair.clientRecorder.plaintext) == "two")
    }

    @Test func serverSendsNoTickets() throws {
        let pair = try EmbeddedPair()
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        pair.server.connect(to: address, promise: nil)
        pair.client.connect(to: address, promise: nil)
        while let hello = try pair.client.readOutbound(as: ByteBuffer.self) {
            pair.server.pipeline.fireChannelRead(hello)
        }
        while let flight = try pair.server.readOutbound(as: ByteBuffer.self) {
            pair.client.pipeline.fireChannelRead(flight)
        }
        while let finished = try pair.client.readOutbound(as: ByteBuffer.self) {
            pair.server.pipeline.fireChannelRead(finished)
        }
        #expect(pair.serverRecorder.sessions.count == 1)
        #expect(try pair.server.readOutbound(as: ByteBuffer.self) == nil)
    }

    @Test(arguments: [0, 1, 16383, 16384, 16385, 32768, 200_001], [1000, 65536])
    func sizesAroundARecord(count: Int, step: Int) throws {
        let pair = try EmbeddedPair()
        try pair.connect()
        let bytes = pattern(count)
        let written = pair.client.writeAndFlush(ByteBuffer(bytes: bytes))
        try pair.pump(step: step)
        try written.wait()
        #expect(Array(pair.serverRecorder.plaintext.readableBytesView) == bytes)
        pair.server.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
        try pair.pump(step: step)
        #expect(Array(pair.clientRecorder.plaintext.readableBytesView) == bytes)
    }

    @Test func writesBeforeTheHandshakeAreKeptAndUnflushedOnesWait() throws {
        let pair = try EmbeddedPair()
        pair.client.write(ByteBuffer(string: "a"), promise: nil)
        pair.client.writeAndFlush(ByteBuffer(string: "b"), promise: nil)
        pair.client.write(ByteBuffer(string: "c"), promise: nil)
        try pair.connect()
        #expect(String(buffer: pair.serverRecorder.plaintext) == "ab")
        pair.client.flush()
        try pair.pump()
        #expect(String(buffer: pair.serverRecorder.plaintext) == "abc")
    }

    @Test func everyWriteIsReported() throws {
        let pair = try EmbeddedPair()
        try pair.connect()
        let small = pair.client.write(ByteBuffer(string: "a"))
        let empty = pair.client.write(ByteBuffer())
        let large = pair.client.write(ByteBuffer(bytes: pattern(150_000)))
        let last = pair.client.write(ByteBuffer(string: "z"))
        pair.client.flush()
        for write in [small, empty, large, last] { try write.wait() }
        try pair.pump()
        #expect(pair.serverRecorder.plaintext.readableBytes == 150_002)
        try pair.client.close().wait()
        #expect(throws: (any Error).self) { try pair.client.writeAndFlush(ByteBuffer(string: "late")).wait() }
    }

    @Test func smallWritesShareABuffer() throws {
        let pair = try EmbeddedPair()
        try pair.connect()
        for _ in 0..<10 { pair.client.write(ByteBuffer(string: "block"), promise: nil) }
        pair.client.flush()
        #expect(try pair.client.readOutbound(as: ByteBuffer.self) != nil)
        #expect(try pair.client.readOutbound(as: ByteBuffer.self) == nil)
    }

    @Test func wrongFingerprint() throws {
        let expected = [UInt8](repeating: 7, count: 32)
        let pair = try EmbeddedPair(fingerprint: expected)
        try pair.connect()
        let got = Shared.credentials.fingerprint
        #expect(pair.clientRecorder.errors == [.fingerprintMismatch(expected: expected, got: got)])
        #expect(pair.clientRecorder.sessions.isEmpty)
        guard case .refused? = pair.serverRecorder.errors.first else {
            Issue.record("\(pair.serverRecorder.errors)")
            return
        }
        #expect(!pair.client.isActive && !pair.server.isActive)
    }

    @Test func datesAreChecked() throws {
        let late = try EmbeddedPair(at: now + 2 * year)
        try late.connect()
        #expect(late.clientRecorder.errors == [.invalidChain(.expired(index: 0))])
        let early = try EmbeddedPair(at: now - year)
        try early.connect()
        #expect(early.clientRecorder.errors == [.invalidChain(.notYetValid(index: 0))])
    }

    @Test func noCommonProtocol() throws {
        let pair = try EmbeddedPair(clientContext: try TLSClientContext(protocols: ["xftp/1"]))
        try pair.connect()
        #expect(pair.clientRecorder.errors == [.noCommonProtocol])
        #expect(pair.serverRecorder.errors == [.noCommonProtocol])
    }

    @Test func serverTakesTheFirstProtocolItShares() throws {
        let client = try TLSClientContext(protocols: ["future/9", "smp/1"])
        let pair = try EmbeddedPair(clientContext: client)
        try pair.connect()
        #expect(pair.clientRecorder.sessions.first?.applicationProtocol == "smp/1")
        #expect(pair.serverRecorder.sessions.first?.applicationProtocol == "smp/1")
    }

    @Test func silenceDuringTheHandshake() throws {
        let pair = try EmbeddedPair()
        pair.client.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        pair.client.embeddedEventLoop.advanceTime(by: .seconds(4))
        #expect(pair.client.isActive)
        pair.client.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(pair.clientRecorder.errors == [.timedOut(.handshake)])
        #expect(!pair.client.isActive)
        pair.server.embeddedEventLoop.advanceTime(by: .seconds(5))
        #expect(pair.serverRecorder.errors == [.timedOut(.connecting)])
    }

    @Test func theDeadlineEndsWithTheHandshake() throws {
        let pair = try EmbeddedPair()
        try pair.connect()
        pair.client.embeddedEventLoop.advanceTime(by: .hours(1))
        pair.server.embeddedEventLoop.advanceTime(by: .hours(1))
        #expect(pair.client.isActive && pair.server.isActive)
    }

    @Test(arguments: ["HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "\0\0\0\0\0\0\0\0\0\0"])
    func garbageInsteadOfAServer(text: String) throws {
        let pair = try EmbeddedPair()
        pair.client.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        pair.client.pipeline.fireChannelRead(ByteBuffer(string: text))
        #expect(pair.clientRecorder.errors == [.notTLS])
        #expect(!pair.client.isActive)
    }

    @Test(arguments: ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}"])
    func garbageInsteadOfAClient(text: String) throws {
        let pair = try EmbeddedPair()
        pair.server.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        pair.server.pipeline.fireChannelRead(ByteBuffer(string: text))
        #expect(pair.serverRecorder.errors == [.notTLS])
        #expect(!pair.server.isActive)
    }

    @Test func aChangedRecordEndsTheConnection() throws {
        let pair = try EmbeddedPair()
        try pair.connect()
        pair.client.writeAndFlush(ByteBuffer(string: "payload"), promise: nil)
        var record = try #require(try pair.client.readOutbound(as: ByteBuffer.self))
        let last = record.writerIndex - 1
        record.setInteger(try #require(record.getInteger(at: last, as: UInt8.self)) ^ 1, at: last)
        pair.server.pipeline.fireChannelRead(record)
        guard case .protocolViolation? = pair.serverRecorder.errors.first else {
            Issue.record("\(pair.serverRecorder.errors)")
            return
        }
        #expect(pair.serverRecorder.plaintext.readableBytes == 0)
        try pair.pump()
        #expect(pair.clientRecorder.errors == [.refused(alert: "bad record mac")])
        #expect(!pair.client.isActive && !pair.server.isActive)
    }

    @Test func closeTellsThePeer() throws {
        let pair = try EmbeddedPair()
        try pair.connect()
        pair.client.writeAndFlush(ByteBuffer(string: "last words"), promise: nil)
        pair.client.close(promise: nil)
        try pair.pump()
        #expect(String(buffer: pair.serverRecorder.plaintext) == "last words")
        #expect(pair.serverRecorder.errors.isEmpty)
        #expect(!pair.server.isActive)
    }

    @Test func closeDuringTheHandshake() throws {
        let pair = try EmbeddedPair()
        pair.client.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        let write = pair.client.writeAndFlush(ByteBuffer(string: "never"))
        pair.client.pipeline.fireChannelInactive()
        #expect(pair.clientRecorder.errors == [.closedDuringHandshake])
        #expect(throws: TLSError.closedDuringHandshake) { try write.wait() }
    }

    @Test func newCredentialsForNewConnections() throws {
        let directory = try TemporaryDirectory()
        let authority = CertificateAuthority(directory: directory.path)
        let old = try authority.credentials(at: now - year + 86_400)
        let context = try TLSServerContext(credentials: old)
        let first = try EmbeddedPair(serverContext: context, fingerprint: old.fingerprint, at: now)
        try first.connect()
        let new = try authority.credentials(at: now)
        try context.replaceCredentials(new)
        let second = try EmbeddedPair(serverContext: context, fingerprint: old.fingerprint, at: now)
        try second.connect()
        #expect(first.clientRecorder.sessions.first?.certificates == old.chain)
        #expect(second.clientRecorder.sessions.first?.certificates == new.chain)
        #expect(first.serverRecorder.sessions.first?.credentials?.leafKey == old.leafKey)
    }
}
