import Primitives
import SMPRelay
import Testing
import WireFormat

/// The bytes of sessions, against a client written from the protocol alone.
@Suite struct SessionTests {
    private let timestamp: [UInt8] = withUnsafeBytes(of: Int64(1_750_000_000).bigEndian) { Array($0) }

    @Test func theHelloIsAsSpecified() throws {
        let relay = try SessionHarness()
        let client = try relay.client(14)
        var reader = WireReader(try WireReader.unpad(client.hello[...]))
        #expect(client.hello.count == 16384)
        #expect(try reader.u16() == 9)
        #expect(try reader.u16() == 14)
        #expect(Array(try reader.short()) == client.sessionID)
        #expect(try reader.list { part throws(WireError) in Array(try part.long()) } == SessionHarness.chain)
        let signed = Array(try reader.long())
        // The delivery window, in bytes that other clients leave alone: "SXFW", length, 128 messages, queues are bound.
        #expect(Array(reader.rest()) == Array("SXFW".utf8) + [3, 0, 128, 1])
        // The leaf signs the SEQUENCE around the key's SPKI.
        #expect(Array(signed[0..<4]) == [0x30, 120, 0x30, 44])
        let key = Array(signed[2..<48])
        #expect(Array(signed[48..<58]) == [0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 0x03, 65, 0])
        #expect(relay.leaf.publicKey.isValid(signature: signed[58...], for: key))
    }

    @Test(
        arguments: [
            (9, true, false), (9, false, false), (10, true, false), (11, true, false), (12, false, false),
            (13, true, false), (14, true, false), (14, false, false), (14, true, true),
        ] as [(UInt16, Bool, Bool)], TestQueue.Kind.allCases)
    func everyVersionCarriesAMessage(
        of version: (number: UInt16, withKey: Bool, isProxy: Bool), kind: TestQueue.Kind
    ) throws {
        let relay = try SessionHarness()
        let recipient = try relay.client(
            version.number, withKey: version.withKey, isProxy: version.isProxy, tail: Array("SXFW1".utf8))
        let sender = try relay.client(version.number, withKey: version.withKey, isProxy: version.isProxy)
        #expect(try recipient.perform(Array("PING".utf8)).map(\.text) == ["PONG"])
        let queue = try TestQueue(on: recipient, kind)
        #expect(try queue.secure(on: sender) == "OK")
        let correlation = SecureRandom.bytes(24)
        let sent = try sender.perform(
            Array("SEND F hello".utf8), entity: queue.senderID, queue.sender, correlation: correlation)
        #expect(sent == [.init(correlation: correlation, entity: queue.senderID, command: Array("OK".utf8))])
        let push = try recipient.responses()
        #expect(push.count == 1 && push[0].correlation.isEmpty && push[0].entity == queue.recipientID)
        #expect(push[0].command.count == 4 + 25 + 16122)
        let message = try queue.open(push.first)
        #expect(message.body == timestamp + Array("F hello".utf8))
        _ = try sender.perform(Array("SEND T again".utf8), entity: queue.senderID, queue.sender)
        let acknowledged = try recipient.perform(
            Array("ACK ".utf8) + [24] + message.id, entity: queue.recipientID, queue.recipient,
            correlation: correlation)
        #expect(acknowledged.map(\.correlation) == [correlation])
        let second = try queue.open(acknowledged.first)
        #expect(second.body == timestamp + Array("T again".utf8))
        let last = try recipient.perform(
            Array("ACK ".utf8) + [24] + second.id, entity: queue.recipientID, queue.recipient)
        #expect(last.map(\.text) == ["OK"])
    }

    @Test func subscribingAnswersOKThenPushes() throws {
        let relay = try SessionHarness()
        let (first, second) = (try relay.client(14), try relay.client(9))
        let queue = try TestQueue(on: first, subscribing: false)
        #expect(try queue.secure(on: first) == "OK")
        _ = try first.perform(Array("SEND F hello".utf8), entity: queue.senderID, queue.sender)
        let subscribed = try first.perform(Array("SUB".utf8), entity: queue.recipientID, queue.recipient)
        #expect(subscribed.count == 2 && subscribed[0].text == "OK" && subscribed[1].correlation.isEmpty)
        let id = try queue.open(subscribed[1]).id
        let stolen = try second.perform(Array("SUB".utf8), entity: queue.recipientID, queue.recipient)
        #expect(try queue.open(stolen.last).id == id)
        let ended = try first.responses()
        #expect(ended == [.init(correlation: [], entity: queue.recipientID, command: Array("END".utf8))])
        // DELD is known from version 10 on.
        _ = try first.perform(Array("SUB".utf8), entity: queue.recipientID, queue.recipient)
        _ = try second.responses()
        let deleted = try second.perform(Array("DEL".utf8), entity: queue.recipientID, queue.recipient)
        #expect(deleted.map(\.text) == ["OK"])
        #expect(try first.responses().map(\.text) == ["DELD"])
    }

    @Test func manyAnswersShareABlockAndKeepTheirOrder() throws {
        let relay = try SessionHarness()
        let client = try relay.client(14)
        let queue = try TestQueue(on: client, subscribing: false)
        let block = try (0..<100).map { number in
            number % 2 == 0
                ? try client.transmission(Array("PING".utf8), entity: [], .none)
                : try client.transmission(Array("SEND F \(number)".utf8), entity: queue.senderID, .none)
        }
        let texts = try client.perform(block: block).map(\.text)
        #expect(texts.count == 100 && texts[0] == "PONG" && texts[1] == "OK" && texts[15] == "OK")
        #expect(texts[17] == "ERR QUOTA" && texts[98] == "PONG")
    }

    @Test func theQuotaMarkerIsSealed() throws {
        let relay = try SessionHarness()
        let client = try relay.client(14)
        let queue = try TestQueue(on: client, subscribing: false)
        for _ in 0..<8 { _ = try client.perform(Array("SEND F x".utf8), entity: queue.senderID) }
        #expect(try client.perform(Array("SEND F x".utf8), entity: queue.senderID).map(\.text) == ["ERR QUOTA"])
        var responses = try client.perform(Array("SUB".utf8), entity: queue.recipientID, queue.recipient)
        var bodies: [[UInt8]] = []
        for _ in 0..<9 {
            let message = try queue.open(responses.last)
            bodies.append(message.body)
            responses = try client.perform(
                Array("ACK ".utf8) + [24] + message.id, entity: queue.recipientID, queue.recipient)
        }
        #expect(bodies.last == Array("QUOTA ".utf8) + timestamp)
        #expect(responses.map(\.text) == ["OK"])
    }

    @Test func wrongAuthorizationsAreRefused() throws {
        let relay = try SessionHarness()
        let client = try relay.client(14)
        for kind in TestQueue.Kind.allCases {
            let queue = try TestQueue(on: client, kind)
            let foreign: [TestClient.Signing] = [.ed25519(Ed25519PrivateKey()), .x25519(X25519PrivateKey())]
            for signing in foreign + [queue.sender] {
                let denied = try client.perform(Array("SUB".utf8), entity: queue.recipientID, signing)
                #expect(denied.map(\.text) == ["ERR AUTH"])
                let unknown = try client.perform(Array("SUB".utf8), entity: SecureRandom.bytes(24), signing)
                #expect(unknown.map(\.text) == ["ERR AUTH"])
                let unsecured = try client.perform(Array("SEND F x".utf8), entity: queue.senderID, signing)
                #expect(unsecured.map(\.text) == ["ERR AUTH"])
            }
            // An authorization is good for one session only.
            let other = try relay.client(14)
            let stolen = try client.transmission(Array("SUB".utf8), entity: queue.recipientID, queue.recipient)
            #expect(try other.perform(block: [stolen]).map(\.text) == ["ERR AUTH"])
            // SKEY must be signed by the key that it brings.
            let secured = try client.perform(
                Array("SKEY ".utf8) + [44] + queue.senderKey.spki, entity: queue.senderID, foreign[0])
            #expect(secured.map(\.text) == ["ERR AUTH"])
            #expect(try queue.secure(on: client) == "OK")
            #expect(try client.perform(Array("SEND F x".utf8), entity: queue.senderID).map(\.text) == ["ERR AUTH"])
        }
    }

    @Test(arguments: [
        ("SUB", false, false, "ERR CMD NO_AUTH"), ("SUB", true, false, "ERR CMD NO_ENTITY"),
        ("PING", true, false, "ERR CMD HAS_AUTH"), ("PING", false, true, "ERR CMD HAS_AUTH"),
        ("SEND F x", false, false, "ERR CMD NO_ENTITY"), ("SEND X x", true, true, "ERR CMD SYNTAX"),
        ("SUBS", true, true, "ERR CMD SYNTAX"), ("ACK ", true, true, "ERR CMD SYNTAX"),
        ("NEW ", true, false, "ERR CMD SYNTAX"), ("KEY \u{3}abc", true, true, "ERR CMD SYNTAX"),
        ("NSUB", true, true, "ERR CMD UNKNOWN"), ("", true, true, "ERR CMD UNKNOWN"),
        ("RFWD x", false, false, "ERR CRYPTO"),
    ])
    func malformedCommands(command: String, isSigned: Bool, hasEntity: Bool, expected: String) throws {
        let relay = try SessionHarness()
        let client = try relay.client(14)
        let responses = try client.perform(
            Array(command.utf8), entity: hasEntity ? SecureRandom.bytes(24) : [],
            isSigned ? .ed25519(Ed25519PrivateKey()) : .none)
        #expect(responses.map(\.text) == [expected])
    }

    @Test func malformedBlocksEndTheSession() throws {
        let relay = try SessionHarness()
        let encrypted = try relay.client(14)
        #expect(throws: RelaySession.Failure.block) {
            try encrypted.session.receive([UInt8](repeating: 0, count: 16384))
        }
        for body: [UInt8] in [[], [0], [1], [1, 0, 9, 0], [1, 0, 1, 0, 0], [2, 0, 1, 0]] {
            let client = try relay.client(9)
            let block = try WireWriter.pad(body, to: 16384)
            #expect(throws: RelaySession.Failure.block) { try client.session.receive(block) }
        }
        let client = try relay.client(9)
        #expect(try client.perform(block: [[5, 1]]).map(\.text) == ["ERR BLOCK"])
    }

    @Test(arguments: [8, 15, 0] as [UInt16])
    func otherVersionsAreRefused(version: UInt16) throws {
        let relay = try SessionHarness()
        #expect(throws: RelaySession.Failure.handshake) { try relay.client(version) }
    }

    @Test func theCreatePasswordIsAsked() throws {
        let relay = try SessionHarness(password: Array("secret".utf8))
        let client = try relay.client(14)
        _ = try TestQueue(on: client, password: Array("secret".utf8))
        for password: [UInt8]? in [nil, [], Array("Secret".utf8)] {
            let key = Ed25519PrivateKey()
            let command = TestQueue.command(
                .ed25519(key.publicKey), X25519PrivateKey().publicKey, subscribing: true, senderCanSecure: true,
                password: password)
            #expect(try client.perform(command, .ed25519(key)).map(\.text) == ["ERR AUTH"])
        }
    }

    @Test(arguments: [(9, 16064), (10, 16064), (11, 16048), (14, 16048)] as [(UInt16, Int)])
    func theLongestBodyPasses(version: UInt16, limit: Int) throws {
        let relay = try SessionHarness()
        let client = try relay.client(version)
        let queue = try TestQueue(on: client)
        let body = [UInt8](repeating: 0xab, count: limit)
        let sent = try client.perform(Array("SEND F ".utf8) + body, entity: queue.senderID)
        #expect(sent.first?.text == "OK")
        #expect(try queue.open(sent.last).body == timestamp + Array("F ".utf8) + body)
        let large = try client.perform(Array("SEND F ".utf8) + body + [0], entity: queue.senderID)
        #expect(large.map(\.text) == ["ERR LARGE_MSG"])
    }
}

extension TestQueue.Kind: CaseIterable {
    static let allCases: [Self] = [.ed25519, .x25519]
}

/// Commands of clients that send through another relay.
@Suite struct ForwardingTests {
    private func forward(
        _ transmission: [UInt8], from clientKey: X25519PrivateKey, version: UInt16, through proxy: TestClient
    ) throws -> TestClient.Response {
        let (correlation, inner) = (SecureRandom.bytes(24), SecureRandom.bytes(24))
        let client = try BoxKey(clientKey, proxy.serverKey)
        let outer = try BoxKey(try #require(proxy.key), proxy.serverKey)
        var body = WireWriter()
        body.list([transmission]) { $0.long($1) }
        var envelope = WireWriter()
        envelope.short(inner)
        envelope.u16(version)
        envelope.short(clientKey.publicKey.spki)
        envelope.raw(client.seal(try WireWriter.pad(body.bytes, to: 16226), nonce: inner))
        let command = Array("RFWD ".utf8) + outer.seal(envelope.bytes, nonce: correlation)
        let response = try #require(try proxy.perform(command, correlation: correlation).first)
        #expect(response.correlation == correlation && response.entity.isEmpty)
        var reader = WireReader(response.command)
        try reader.expect("RRES ")
        var opened = WireReader(try outer.open(reader.rest(), nonce: correlation.reversed()))
        #expect(Array(try opened.short()) == inner)
        let padded = try client.open(opened.rest(), nonce: inner.reversed())
        #expect(padded.count == 16226)
        var answer = WireReader(try WireReader.unpad(padded[...]))
        let part = try #require(try answer.list { part throws(WireError) in try part.long() }.first)
        var fields = WireReader(part)
        #expect(try fields.short().isEmpty)
        return TestClient.Response(
            correlation: Array(try fields.short()), entity: Array(try fields.short()), command: Array(fields.rest()))
    }

    @Test(arguments: [(9, true), (11, false), (14, true), (14, false)] as [(UInt16, Bool)], TestQueue.Kind.allCases)
    func sendersBehindAProxySecureAndSend(of proxyVersion: (UInt16, Bool), kind: TestQueue.Kind) throws {
        let relay = try SessionHarness()
        let recipient = try relay.client(14)
        let queue = try TestQueue(on: recipient, kind)
        let proxy = try relay.client(proxyVersion.0, isProxy: proxyVersion.1)
        let clientKey = X25519PrivateKey()
        let correlation = SecureRandom.bytes(24)
        let secured = try forward(
            proxy.transmission(
                Array("SKEY ".utf8) + [44] + queue.senderKey.spki, entity: queue.senderID, queue.sender,
                correlation: correlation), from: clientKey, version: 14, through: proxy)
        #expect(secured == .init(correlation: correlation, entity: queue.senderID, command: Array("OK".utf8)))
        let body = [UInt8](repeating: 0x55, count: 16048)
        let sent = try forward(
            proxy.transmission(Array("SEND T ".utf8) + body, entity: queue.senderID, queue.sender), from: clientKey,
            version: 14, through: proxy)
        #expect(sent.text == "OK")
        #expect(try queue.open(try recipient.responses().first).body.suffix(body.count) == body[...])
        let refused = try forward(
            proxy.transmission(Array("SUB".utf8), entity: queue.recipientID, queue.recipient), from: clientKey,
            version: 14, through: proxy)
        #expect(refused.text == "ERR CMD PROHIBITED")
    }

    @Test func withoutAKeyNothingIsForwarded() throws {
        let relay = try SessionHarness()
        let client = try relay.client(14, withKey: false)
        #expect(try client.perform(Array("RFWD x".utf8)).map(\.text) == ["ERR CMD PROHIBITED"])
    }
}
