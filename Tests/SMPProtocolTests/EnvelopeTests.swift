import Primitives
import SMPProtocol
import Testing
import WireFormat

@Suite("Layers of a message") struct EnvelopeTests {
    private static let deliveryKey = made { try BoxKey(Fixture.recipient, Fixture.delivery.publicKey) }
    private static let relayKey = made { try BoxKey(Fixture.delivery, Fixture.recipient.publicKey) }

    @Test("A delivered message, byte for byte") func message() throws {
        let message = Delivery.message(sentAt: 1_750_000_000, notify: true, body: Fixture.body[...])
        let sealed = try message.sealed(Self.relayKey, messageID: Fixture.correlation)
        #expect(sealed.count == 16_122)
        #expect(digest(sealed) == "db3da061b6d879af574ea185cb653cec072ac9aa7e920e7e16265b1afdbbf49d")
        #expect(try Delivery.open(sealed[...], key: Self.deliveryKey, messageID: Fixture.correlation) == message)
    }

    @Test("The mark of a full queue, byte for byte") func quota() throws {
        let quota = Delivery.quota(at: 1_750_000_000)
        let sealed = try quota.sealed(Self.relayKey, messageID: Fixture.correlation)
        #expect(digest(sealed) == "a0f9844d2f2634c7c2e5516eaf45eee8f09135fc3826eb9782fd42aa554e44a7")
        #expect(try Delivery.open(sealed[...], key: Self.deliveryKey, messageID: Fixture.correlation) == quota)
    }

    private func opened(_ content: [UInt8]) throws -> Delivery {
        let padded = try WireWriter.pad(content, to: SMP.deliveredSize)
        let sealed = Self.relayKey.seal(padded, nonce: Fixture.correlation)
        return try Delivery.open(sealed[...], key: Self.deliveryKey, messageID: Fixture.correlation)
    }

    @Test("Unknown flags are stepped over, other layouts refused") func layouts() throws {
        let time = [UInt8](repeating: 0, count: 7) + [5]
        #expect(
            try opened(time + Array("FTx body ".utf8))
                == .message(sentAt: 5, notify: false, body: Array("body ".utf8)[...]))
        #expect(try opened(time + Array("T ".utf8)) == .message(sentAt: 5, notify: true, body: []))
        for bad in [[], time, time + Array("X ".utf8), time + Array("T".utf8), Array("QUOTA 123".utf8)] {
            #expect(throws: SMPProtocolError.self) { try opened(bad) }
        }
    }

    @Test("A message of another id or with another bit is not authentic") func tampered() throws {
        let sealed = try Delivery.quota(at: 1).sealed(Self.relayKey, messageID: Fixture.correlation)
        #expect(throws: SMPProtocolError.authentication("a delivered message")) {
            try Delivery.open(sealed[...], key: Self.deliveryKey, messageID: Fixture.entity)
        }
        #expect(throws: SMPProtocolError.authentication("a delivered message")) {
            try Delivery.open(sealed.dropLast(), key: Self.deliveryKey, messageID: Fixture.correlation)
        }
        #expect(throws: SMPProtocolError.authentication("a delivered message")) {
            try Delivery.open([], key: Self.deliveryKey, messageID: [])
        }
    }

    @Test("What a relay cannot deliver") func tooLong() throws {
        let limit = SMP.deliveredSize - 2 - 10
        let longest = Delivery.message(sentAt: 1, notify: true, body: [UInt8](repeating: 1, count: limit)[...])
        #expect(try longest.sealed(Self.relayKey, messageID: Fixture.correlation).count == 16_122)
        let longer = Delivery.message(sentAt: 1, notify: true, body: [UInt8](repeating: 1, count: limit + 1)[...])
        #expect(throws: SMPProtocolError.tooLong(count: 16_105, limit: 16_104)) {
            try longer.sealed(Self.relayKey, messageID: Fixture.correlation)
        }
        // Every version's longest SEND fits.
        #expect(limit >= SMP.maximumMessageSize(7))
    }

    private static let envelope = [0, 7, UInt8(ascii: "M")] + Fixture.run(0, 64)
    private static let queueKey = made { try BoxKey(Fixture.client, Fixture.recipient.publicKey) }
    private static let recipientKey = made { try BoxKey(Fixture.recipient, Fixture.client.publicKey) }

    @Test("A message on a queue, byte for byte") func queueMessage() throws {
        let sealed = try QueueEnvelope.seal(Self.envelope, key: Self.queueKey, nonce: Fixture.entity)
        #expect(sealed.count == 16_043)
        #expect(digest(sealed) == "4d3b452d9a2db060be0169280e0463dcbdc21b5412b19c666c6a97eee1de48a3")
        let read = try QueueEnvelope(sealed[...])
        #expect(read.version == 4)
        #expect(read.senderKey == nil)
        let content = try read.open(Self.recipientKey)
        #expect(content == .init(authorizationKey: nil, envelope: Self.envelope[...]))
    }

    @Test("A confirmation of the fast flow, byte for byte") func fastConfirmation() throws {
        let sealed = try QueueEnvelope.seal(
            Self.envelope, key: Self.queueKey, senderKey: Fixture.client.publicKey, version: 3, nonce: Fixture.entity)
        #expect(sealed.count == 15_992)
        #expect(digest(sealed) == "279027f76989dbec47a86b257d34a02f3d750cca13d2319674cb0b1f8da0f383")
        let read = try QueueEnvelope(sealed[...])
        #expect(read.version == 3)
        #expect(read.senderKey == Fixture.client.publicKey)
        #expect(try read.open(Self.recipientKey).envelope == Self.envelope[...])
    }

    @Test("A confirmation of the slow flow, byte for byte") func slowConfirmation() throws {
        let key = AuthKey.ed25519(Fixture.leaf.publicKey)
        let sealed = try QueueEnvelope.seal(
            Self.envelope, key: Self.queueKey, senderKey: Fixture.client.publicKey, authorizationKey: key,
            nonce: Fixture.entity)
        #expect(digest(sealed) == "34a6644580f70ccb374b88f32ebbfe9e91d154fb835634705753b31f8547717d")
        let content = try QueueEnvelope(sealed[...]).open(Self.recipientKey)
        #expect(content == .init(authorizationKey: key, envelope: Self.envelope[...]))
    }

    @Test("The longest envelopes fill the padding exactly") func longest() throws {
        for (senderKey, limit) in [(nil, 15_997), (Fixture.client.publicKey, 15_901)] as [(X25519PublicKey?, Int)] {
            let longest = [UInt8](repeating: 1, count: limit)
            let sealed = try QueueEnvelope.seal(longest, key: Self.queueKey, senderKey: senderKey)
            #expect(try QueueEnvelope(sealed[...]).open(Self.recipientKey).envelope == longest[...])
            #expect(throws: SMPProtocolError.tooLong(count: limit + 2, limit: limit + 1)) {
                try QueueEnvelope.seal(longest + [1], key: Self.queueKey, senderKey: senderKey)
            }
        }
        // A ratchet message of an agent: version, letter, header of 124 bytes with its length, tag, padded content.
        #expect(2 + 1 + 2 + 124 + 16 + AgentEnvelope.messagePadding <= 15_997)
        #expect(2 + 1 + 1 + 2 + 69 * 2 + 1 + 2 + 124 + 16 + AgentEnvelope.confirmationPadding <= 15_901)
    }

    @Test("What is no message on a queue") func badQueueMessages() throws {
        let good = try QueueEnvelope.seal(Self.envelope, key: Self.queueKey, senderKey: Fixture.client.publicKey)
        for count in 0..<72 { #expect(throws: SMPProtocolError.self) { try QueueEnvelope(good.prefix(count)) } }
        let cut = try QueueEnvelope(good.prefix(72))
        #expect(throws: SMPProtocolError.authentication("a message on a queue")) { try cut.open(Self.recipientKey) }
        for content in [[], [UInt8(ascii: "X")], [UInt8(ascii: "K"), 44, 1]] {
            let sealed = Self.queueKey.seal(try WireWriter.pad(content, to: 16_000), nonce: Fixture.entity)
            let read = try QueueEnvelope(([0, 4, UInt8(ascii: "0")] + Fixture.entity + sealed)[...])
            #expect(throws: SMPProtocolError.self) { try read.open(Self.recipientKey) }
        }
    }
}
