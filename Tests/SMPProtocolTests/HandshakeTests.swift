import Primitives
import SMPProtocol
import Testing
import WireFormat

@Suite("Handshake") struct HandshakeTests {
    static let signature =
        "146f482c37ea11de38ab8f5a880754fe2c9343a097f63d57ad6193a8572b09c2"
        + "0aa79adbb1ee2ec17c07796de792d3f67347a5b587f7b8147752b8412069f60d"
    /// SEQ of 120 bytes, in the short form of a length.
    static let signedKey = "3078" + "302c" + Fixture.serverSPKI + "300506032b6570" + "034100" + signature

    @Test("The relay's hello, byte for byte") func serverHello() throws {
        let hello = ServerHello(
            versions: 9...14, sessionID: Fixture.session, chain: [[1, 2, 3], [4, 5]], signedKey: [6, 7], tail: [8])
        let hex =
            "0009000e" + "20" + String(repeating: "01", count: 32) + "02" + "0003010203" + "00020405" + "00020607"
            + "08"
        #expect(Hex.encode(hello.encoded()) == hex)
        #expect(try ServerHello(bytes(hex)) == hello)
    }

    @Test("A relay of version 6 says no certificates") func oldServerHello() throws {
        let hello = ServerHello(versions: 4...6, sessionID: [9], chain: [], signedKey: [])
        #expect(Hex.encode(hello.encoded()) == "000400060109")
        #expect(try ServerHello(bytes("000400060109")) == hello)
        #expect(throws: SMPProtocolError.self) { try ServerHello(bytes("0006000401")) }
    }

    @Test(
        "The client's hello, byte for byte",
        arguments: [
            (9, true, false, ""), (13, true, false, ""), (14, true, false, "46"), (14, true, true, "54"),
            (14, false, false, "46"), (16, true, false, "4630"), (18, true, false, "4630"), (18, false, false, "4630"),
        ] as [(UInt16, Bool, Bool, String)])
    func clientHello(version: UInt16, withKey: Bool, isProxy: Bool, end: String) throws {
        var hello = ClientHello(
            version: version, fingerprint: Fixture.run(0), key: withKey ? Fixture.client.publicKey : nil,
            isProxy: isProxy)
        let key = withKey ? "2c" + Fixture.clientSPKI : ""
        let hex = "00" + Hex.encode([UInt8(version)]) + "20" + Hex.encode(Fixture.run(0)) + key + end
        #expect(Hex.encode(hello.encoded()) == hex)
        #expect(try ClientHello(bytes(hex)) == hello)
        // Foreign bytes behind the fields are kept apart.
        hello.tail = [0x53, 0x58]
        #expect(Hex.encode(hello.encoded()) == hex + "5358")
        #expect(try ClientHello(bytes(hex + "5358")) == hello)
    }

    @Test("Without a key, foreign bytes are no key") func absentKey() throws {
        let hello = try ClientHello(bytes("0009" + "0101" + "2c0000"))
        #expect(hello.key == nil)
        #expect(hello.tail == [0x2c, 0, 0])
    }

    @Test("The signed key is X.509's SIGNED in DER") func signedKeyBytes() throws {
        #expect(Hex.encode(SignedKey.make(Fixture.server.publicKey, leaf: Fixture.leaf)) == Self.signedKey)
        let leaf = AuthKey.ed25519(Fixture.leaf.publicKey)
        #expect(try SignedKey.open(bytes(Self.signedKey), leaf: leaf) == Fixture.server.publicKey)
    }

    @Test("What an unmodified smp-server 6.5.3 sent, signed by its leaf") func signedKeyOfAnUnmodifiedServer() throws {
        let leaf = try AuthKey(
            spki: bytes("302a300506032b65700321000d2a5f3f8277ef06d684c5258e7dd90c6589cdc0d60215b4ef9a5b80256edc64"))
        let signed = bytes(
            "3078302c302a300506032b656e032100ee73f40d10b10306ea18af77fd28ead29cb393f39e2d7ece976d7ba35fee5569"
                + "300506032b65700341001f01d17d36e8df810276e8f760d611911ad5607f2cafda860aed3288a4330708"
                + "fbb4c4ba15bcb7dc2ada315958be0c528601cc4fff0429ae4af1539e5ec8e706")
        let key = try SignedKey.open(signed, leaf: leaf)
        #expect(Hex.encode(key.raw) == "ee73f40d10b10306ea18af77fd28ead29cb393f39e2d7ece976d7ba35fee5569")
    }

    @Test("Ed448's signed key has a long length") func signedKeyOfEd448() throws {
        let signed = SignedKey.make(Fixture.server.publicKey, signature: [UInt8](repeating: 0, count: 114))
        let head = "3081aa" + "302c" + Fixture.serverSPKI + "300506032b6571" + "037300"
        #expect(Hex.encode(signed.prefix(head.count / 2)) == head)
        #expect(signed.count == 173)
        let leaf = AuthKey.ed448(try Ed448PublicKey(raw: [UInt8](repeating: 1, count: 57)))
        #expect(throws: SMPProtocolError.authentication("the relay's session key")) {
            try SignedKey.open(signed, leaf: leaf)
        }
    }

    @Test("A signed key that was tampered with is refused") func badSignedKey() throws {
        let leaf = AuthKey.ed25519(Fixture.leaf.publicKey)
        let good = Array(bytes(Self.signedKey))
        for index in good.indices {
            var bad = good
            bad[index] ^= 1
            #expect(throws: SMPProtocolError.self, "byte \(index)") { try SignedKey.open(bad, leaf: leaf) }
            #expect(throws: SMPProtocolError.self) { try SignedKey.open(good.prefix(index), leaf: leaf) }
        }
        #expect(throws: SMPProtocolError.self) { try SignedKey.open(good + [0], leaf: leaf) }
        let other = AuthKey.ed25519(Ed25519PrivateKey().publicKey)
        #expect(throws: SMPProtocolError.authentication("the relay's session key")) {
            try SignedKey.open(good, leaf: other)
        }
        // The same with a length that is not the shortest.
        #expect(throws: SMPProtocolError.malformed("signed key of the relay")) {
            try SignedKey.open([0x30, 0x81] + good.dropFirst(), leaf: leaf)
        }
    }

    @Test("The highest common version is taken") func negotiation() throws {
        #expect(try SMP.negotiate(9...18, 6...18) == 18)
        #expect(try SMP.negotiate(9...18, 4...9) == 9)
        #expect(try SMP.negotiate(9...18, 9...14) == 14)
        #expect(throws: SMPProtocolError.incompatible(ours: "9-18", theirs: "4-8")) { try SMP.negotiate(9...18, 4...8) }
        #expect(throws: SMPProtocolError.incompatible(ours: "9-18", theirs: "19-20")) {
            try SMP.negotiate(9...18, 19...20)
        }
    }
}
