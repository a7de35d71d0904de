import Primitives
import SMPProtocol
import Testing
import WireFormat

@Suite("Blocks") struct BlockTests {
    private func cipher(_ side: BlockCipher.Side) throws -> BlockCipher {
        let secret =
            side == .client
            ? try Fixture.client.agree(with: Fixture.server.publicKey)
            : try Fixture.server.agree(with: Fixture.client.publicKey)
        return BlockCipher(sharedSecret: secret, sessionID: Fixture.session, side: side)
    }

    /// Count 1, L, no authorization, correlation id, no entity.
    private static func body(_ word: String) -> [UInt8] {
        Array(bytes("01" + "001f" + "00" + "18" + Fixture.correlationHex + "00" + ascii(word)))
    }

    @Test("Blocks to the relay, byte for byte") func toRelay() throws {
        var client = try cipher(.client)
        var relay = try cipher(.server)
        for expected in [
            "2607d4505075a74d32381914e260e8b3a7bfbc720a9893db1cd907250868b4f3",
            "64081f743fc95d2bcd345ce13dfe40f939734dd5e6f1364260f6755ee09b65f9",
        ] {
            let block = try client.seal(Self.body("PING"))
            #expect(block.count == SMP.blockSize)
            #expect(digest(block) == expected)
            #expect(try relay.open(block) == Self.body("PING")[...])
        }
    }

    @Test("Blocks to the client, byte for byte") func toClient() throws {
        var client = try cipher(.client)
        var relay = try cipher(.server)
        for expected in [
            "2382a7c9f2a7a4375da1bfc2a1ce485fb5c94725c0f79460872900c0af78da56",
            "879be9999295d74b25b5365fd1a386587775d12d1b714d68946f74068194077e",
        ] {
            let block = try relay.seal(Self.body("PONG"))
            #expect(digest(block) == expected)
            #expect(try client.open(block) == Self.body("PONG")[...])
        }
    }

    @Test("A block that does not open leaves the chain where it was") func tampered() throws {
        var client = try cipher(.client)
        var relay = try cipher(.server)
        let block = try client.seal([1, 2, 3])
        var bad = block
        bad[16_000] ^= 1
        #expect(throws: SMPProtocolError.authentication("a block")) { try relay.open(bad) }
        #expect(try relay.open(block) == [1, 2, 3])
        #expect(throws: SMPProtocolError.authentication("a block")) { try relay.open(block) }
    }

    @Test("Without a key blocks are padded only") func plain() throws {
        var cipher = BlockCipher()
        #expect(!cipher.isEncrypting)
        let block = try cipher.seal(Self.body("PING"))
        #expect(Array(block.prefix(36)) == [0, 34] + Self.body("PING"))
        #expect(block.dropFirst(36).allSatisfy { $0 == UInt8(ascii: "#") })
        #expect(block.count == SMP.blockSize)
        #expect(try cipher.open(block) == Self.body("PING")[...])
        #expect(throws: SMPProtocolError.malformed("block: the message ends early: 65535 bytes needed, 1 there")) {
            try cipher.open([255, 255, 0])
        }
    }

    @Test("The largest bodies") func limits() throws {
        var plain = BlockCipher()
        var encrypting = try cipher(.client)
        #expect(try plain.seal([UInt8](repeating: 0, count: 16_382)).count == 16_384)
        #expect(try encrypting.seal([UInt8](repeating: 0, count: 16_366)).count == 16_384)
        #expect(throws: SMPProtocolError.tooLong(count: 16_383, limit: 16_382)) {
            try plain.seal([UInt8](repeating: 0, count: 16_383))
        }
        #expect(throws: SMPProtocolError.tooLong(count: 16_367, limit: 16_366)) {
            try encrypting.seal([UInt8](repeating: 0, count: 16_367))
        }
        #expect(SMP.bodyCapacity == 16_384 - 19)
    }

    @Test("Several transmissions in a body") func body() throws {
        let body = BlockBody.encode([[1, 2], [], [3]])
        #expect(body == [3, 0, 2, 1, 2, 0, 0, 0, 1, 3])
        #expect(try BlockBody.decode(body[...]) == [[1, 2], [], [3]])
        for bad in ["", "00", "01", "010001", "010001aabb", "02000100", "ff0000"] {
            #expect(throws: SMPProtocolError.self, "\(bad)") { try BlockBody.decode(bytes(bad)) }
        }
    }

    @Test(
        "A SEND of 16 KB with an authenticator, byte for byte",
        arguments: [
            (
                14, "040266da2cbe2337c683b20778407119462cd90aacfee222d437c7f42c9bb2d8",
                "200af2e6f5fe3bbe5cae79d5d5822989701e257b2f343b7111f8c610dc486731"
            ),
            (
                16, "dc6d5c0823518954c9ffd218c068c9ea80dcf46008633861439e7b8d12b30098",
                "12712a5628892f6847405e44e3de733e5a3556384351f3aeb21e53a99a427a62"
            ),
        ] as [(UInt16, String, String)])
    func send(version: UInt16, bodyDigest: String, blockDigest: String) throws {
        let command = ClientCommand.send(notify: true, body: Fixture.body[...])
        let transmission = try Transmission.command(
            command, correlationID: Fixture.correlation, entityID: Fixture.entity,
            authorization: .x25519(Fixture.queue), sessionID: Fixture.session, serverKey: Fixture.server.publicKey,
            version: version)
        #expect(digest(BlockBody.encode([transmission])) == bodyDigest)

        var builder = BlockBuilder()
        let fits = try builder.append(
            command, correlationID: Fixture.correlation, entityID: Fixture.entity,
            authorization: .x25519(Fixture.queue), session: Fixture.blockSession(version))
        #expect(fits)
        var cipher = try cipher(.client)
        #expect(digest(cipher.seal(&builder)) == blockDigest)
        #expect(builder.isEmpty)
    }

    @Test("The builder gives what the parts give", arguments: [9, 14, 16, 18] as [UInt16])
    func builder(version: UInt16) throws {
        let commands: [(ClientCommand, Authorization)] = [
            (.subscribe, .ed25519(Fixture.leaf)), (.acknowledge(Fixture.run(1, 24)[...]), .x25519(Fixture.queue)),
            (.send(notify: false, body: [1, 2, 3]), .none),
            (
                .secureBySender(.x25519(Fixture.queue.publicKey)),
                .box(try BoxKey(Fixture.queue, Fixture.server.publicKey))
            ),
        ]
        var builder = BlockBuilder()
        // Twice, because the second block reuses the first one's memory.
        for _ in 0..<2 {
            var transmissions: [[UInt8]] = []
            for (command, authorization) in commands {
                let fits = try builder.append(
                    command, correlationID: Fixture.correlation, entityID: Fixture.entity, authorization: authorization,
                    session: Fixture.blockSession(version))
                #expect(fits)
                transmissions.append(
                    try Transmission.command(
                        command, correlationID: Fixture.correlation, entityID: Fixture.entity,
                        authorization: authorization, sessionID: Fixture.session,
                        serverKey: Fixture.server.publicKey, version: version))
            }
            var plain = BlockCipher()
            #expect(builder.count == 4)
            let block = plain.seal(&builder)
            #expect(try block == plain.seal(BlockBody.encode(transmissions)))
        }
    }

    @Test("A full block takes no more and keeps what it has") func fullBlock() throws {
        var builder = BlockBuilder()
        let session = Fixture.blockSession(14)
        func append(_ count: Int) throws -> Bool {
            try builder.append(
                .send(notify: true, body: [UInt8](repeating: 7, count: count)[...]),
                correlationID: Fixture.correlation, entityID: Fixture.entity, authorization: .none, session: session)
        }
        // Length, no authorization, two ids and "SEND T " around the body.
        let overhead = 2 + 1 + 25 + 25 + 7
        #expect(try !append(SMP.bodyCapacity - overhead + 1))
        #expect(builder.isEmpty)
        #expect(try append(SMP.bodyCapacity - overhead))
        #expect(try !append(0))
        #expect(builder.count == 1)
        var cipher = try cipher(.client)
        var relay = try self.cipher(.server)
        let transmissions = try BlockBody.decode(try relay.open(cipher.seal(&builder)))
        #expect(transmissions.map(\.count) == [SMP.bodyCapacity - 2])
        // A SEND of an agent and an ACK share a block, in the latest version too.
        var shared = BlockBuilder()
        let newest = Fixture.blockSession(18)
        for command in [ClientCommand.send(notify: true, body: Fixture.body[...]), .acknowledge(Fixture.entity[...])] {
            let fits = try shared.append(
                command, correlationID: Fixture.correlation, entityID: Fixture.entity,
                authorization: .x25519(Fixture.queue), session: newest)
            #expect(fits)
        }
    }

    @Test("At most 255 transmissions") func count() throws {
        var builder = BlockBuilder()
        for number in 0..<256 {
            let fits = builder.append(.ok, correlationID: [1], entityID: [])
            #expect(fits == (number < 255))
        }
        var plain = BlockCipher()
        let block = plain.seal(&builder)
        #expect(try BlockBody.decode(try plain.open(block)).count == 255)
    }

    @Test("A delivery sealed in its block is the one sealed before", arguments: [0, 1, 15_000, 16_043, 16_048])
    func delivery(count: Int) throws {
        let key = BoxKey(sharedSecret: [UInt8](repeating: 3, count: 32))
        let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 3) }
        let id = [UInt8](repeating: 5, count: 24)
        let queue = [UInt8](repeating: 6, count: 24)
        for delivery in [Delivery.message(sentAt: 7, notify: true, body: body[...]), .quota(at: 8)] {
            var one = BlockBuilder()
            var other = BlockBuilder()
            let sealed = try delivery.sealed(key, messageID: id)
            for _ in 0..<3 {
                let isAdded = one.append(.ok, correlationID: id[...], entityID: queue[...])
                let isAddedToOther = other.append(.ok, correlationID: id[...], entityID: queue[...])
                #expect(isAdded && isAddedToOther)
            }
            let isAdded = try one.append(delivery, key: key, messageID: id, entityID: queue)
            let isAddedToOther = other.append(
                .message(id: id, body: sealed[...]), correlationID: [], entityID: queue[...])
            #expect(isAdded && isAddedToOther)
            let isAddedTwice = try one.append(delivery, key: key, messageID: id, entityID: queue)
            #expect(!isAddedTwice && one.count == 4)
            var cipher = BlockCipher()
            let block = cipher.seal(&one)
            let otherBlock = cipher.seal(&other)
            #expect(block == otherBlock && one.isEmpty)
        }
    }

    @Test("A delivery that is too long is not added") func longDelivery() throws {
        var builder = BlockBuilder()
        #expect(throws: SMPProtocolError.self) {
            _ = try builder.append(
                .message(sentAt: 7, notify: true, body: [UInt8](repeating: 1, count: SMP.deliveredSize)[...]),
                key: BoxKey(sharedSecret: [UInt8](repeating: 3, count: 32)), messageID: [1], entityID: [2])
        }
        #expect(builder.isEmpty)
        let isAdded = builder.append(.ok, correlationID: [1], entityID: [2])
        #expect(isAdded)
    }
}
