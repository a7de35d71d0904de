import Primitives
import SMPProtocol
import Testing
import WireFormat

@Suite("Transmissions") struct TransmissionTests {
    private static let ids: String = "18" + Fixture.correlationHex + "18" + Fixture.entityHex

    private func sub(_ authorization: Authorization, _ version: UInt16) throws -> [UInt8] {
        try Transmission.command(
            .subscribe, correlationID: Fixture.correlation, entityID: Fixture.entity, authorization: authorization,
            sessionID: Fixture.session, serverKey: Fixture.server.publicKey, version: version)
    }

    @Test(
        "A signed command, byte for byte", arguments: [(9, ""), (15, ""), (16, "30"), (18, "30")] as [(UInt16, String)])
    func ed25519(version: UInt16, service: String) throws {
        let hex = "40" + Fixture.signatureOfSub + service + Self.ids + ascii("SUB")
        #expect(Hex.encode(try sub(.ed25519(Fixture.leaf), version)) == hex)
        let read = try Transmission(bytes(hex), version: version)
        #expect(Array(read.correlationID) == Fixture.correlation)
        #expect(Array(read.entityID) == Fixture.entity)
        #expect(try ClientCommand(read.command) == .subscribe)
        #expect(read.isAuthorized(by: .ed25519(Fixture.leaf.publicKey), sessionID: Fixture.session, box: nil))
        #expect(!read.isAuthorized(by: .ed25519(Fixture.leaf.publicKey), sessionID: Fixture.run(0), box: nil))
        #expect(!read.isAuthorized(by: .ed25519(Ed25519PrivateKey().publicKey), sessionID: Fixture.session, box: nil))
        #expect(!read.isAuthorized(by: .x25519(Fixture.queue.publicKey), sessionID: Fixture.session, box: nil))
    }

    @Test("A command with an authenticator, byte for byte", arguments: [(9, ""), (16, "30")] as [(UInt16, String)])
    func x25519(version: UInt16, service: String) throws {
        let hex = "50" + Fixture.authenticatorOfSub + service + Self.ids + ascii("SUB")
        #expect(Hex.encode(try sub(.x25519(Fixture.queue), version)) == hex)
        let box = try BoxKey(Fixture.server, Fixture.queue.publicKey)
        #expect(Hex.encode(try sub(.box(box), version)) == hex)
        let read = try Transmission(bytes(hex), version: version)
        let key = AuthKey.x25519(Fixture.queue.publicKey)
        #expect(read.isAuthorized(by: key, sessionID: Fixture.session, box: box))
        #expect(!read.isAuthorized(by: key, sessionID: Fixture.session, box: nil))
        #expect(!read.isAuthorized(by: key, sessionID: Fixture.run(0), box: box))
        #expect(!read.isAuthorized(by: key, sessionID: Fixture.session, box: BoxKey(sharedSecret: Fixture.run(0))))
    }

    @Test("An unauthorized command has no service byte", arguments: [9, 14, 16, 18] as [UInt16])
    func unauthorized(version: UInt16) throws {
        let hex = "00" + Self.ids + ascii("SUB")
        #expect(Hex.encode(try sub(.none, version)) == hex)
        let read = try Transmission(bytes(hex), version: version)
        #expect(read.authorization.isEmpty)
        let key = AuthKey.ed25519(Fixture.leaf.publicKey)
        #expect(!read.isAuthorized(by: key, sessionID: Fixture.session, box: nil))
    }

    @Test("A service's signature is stepped over") func serviceSignature() throws {
        let signature = "40" + String(repeating: "ab", count: 64)
        let hex = "40" + Fixture.signatureOfSub + "31" + signature + Self.ids + ascii("SUB")
        let read = try Transmission(bytes(hex), version: 16)
        #expect(Array(read.correlationID) == Fixture.correlation)
        #expect(throws: SMPProtocolError.self) {
            try Transmission(bytes(hex.replacing("31" + signature, with: "32")), version: 16)
        }
    }

    @Test("Every changed bit breaks the authorization") func tampered() throws {
        for authorization in [Authorization.ed25519(Fixture.leaf), .x25519(Fixture.queue)] {
            let good = try sub(authorization, 14)
            let box = try BoxKey(Fixture.server, Fixture.queue.publicKey)
            let key: AuthKey =
                authorization.size == 64 ? .ed25519(Fixture.leaf.publicKey) : .x25519(Fixture.queue.publicKey)
            for index in good.indices {
                var bad = good
                bad[index] ^= 1
                guard let read = try? Transmission(bad[...], version: 14) else { continue }
                #expect(!read.isAuthorized(by: key, sessionID: Fixture.session, box: box), "byte \(index)")
            }
        }
    }

    @Test("Answers and pushes, byte for byte") func responses() throws {
        let answer = Transmission.response(.ok, correlationID: Fixture.correlation[...], entityID: Fixture.entity[...])
        #expect(Hex.encode(answer) == "00" + Self.ids + ascii("OK"))
        let pong = Transmission.response(.pong, correlationID: Fixture.correlation[...], entityID: [])
        #expect(Hex.encode(pong) == "00" + "18" + Fixture.correlationHex + "00" + ascii("PONG"))
        let push = Transmission.response(.end, correlationID: [], entityID: Fixture.entity[...])
        #expect(Hex.encode(push) == "00" + "00" + "18" + Fixture.entityHex + ascii("END"))
        let read = try Transmission(push[...], version: 18)
        #expect(read.correlationID.isEmpty && Array(read.entityID) == Fixture.entity)
        #expect(try ServerResponse(read.command, version: 18) == .end)
    }

    @Test("An X25519 authorization needs the relay's key") func missingServerKey() {
        #expect(throws: PrimitiveError.invalidKey) {
            try Transmission.command(
                .subscribe, correlationID: Fixture.correlation, entityID: Fixture.entity,
                authorization: .x25519(Fixture.queue), sessionID: Fixture.session, serverKey: nil, version: 14)
        }
    }
}
