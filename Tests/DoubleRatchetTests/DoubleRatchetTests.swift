import DoubleRatchet
import Primitives
import Testing
import WireFormat

@Suite struct AgreementTests {
    @Test func parametersRoundTrip() throws {
        let parameters = AgreementKeys().publicParameters
        #expect(try E2EParameters(decoding: parameters.encoded()[...]) == parameters)
        #expect(try E2EParameters(text: parameters.text) == parameters)
        #expect(parameters.text.hasPrefix("v=2-3&x3dh=MEIwBQYDK2Vv"))
        // u16 version, two keys of 68 bytes with a length byte, no KEM.
        #expect(parameters.encoded().count == 2 + 69 + 69 + 1)
        #expect(try E2EParameters(text: parameters.text + "&kem_key=abcd") == parameters)
        #expect(throws: RatchetError.self) { try E2EParameters(text: "v=2-3") }
        #expect(throws: RatchetError.self) { try E2EParameters(text: "v=1-1&" + parameters.text.dropFirst(6)) }
        for count in 0..<(parameters.encoded().count - 1) {
            #expect(throws: RatchetError.self) { try E2EParameters(decoding: parameters.encoded()[..<count]) }
        }
    }

    @Test func keysSurviveStorage() {
        let keys = AgreementKeys()
        #expect(AgreementKeys(keys.encoded())?.publicParameters == keys.publicParameters)
        #expect(AgreementKeys([1, 2, 3]) == nil)
    }
}

@Suite struct RatchetTests {
    static let size = 200

    static func pair(version: UInt16 = 3) throws -> (joiner: Ratchet, initiator: Ratchet) {
        let (initiatorKeys, joinerKeys) = (AgreementKeys(), AgreementKeys())
        var offered = initiatorKeys.publicParameters
        offered.version = version
        var answered = joinerKeys.publicParameters
        answered.version = version
        return (try joinerKeys.joiner(peer: offered), try initiatorKeys.initiator(peer: answered))
    }

    @Test(arguments: [2, 3] as [UInt16]) func conversation(version: UInt16) throws {
        var (joiner, initiator) = try Self.pair(version: version)
        #expect(joiner.associatedData == initiator.associatedData && joiner.associatedData.count == 112)
        #expect(throws: RatchetError.cannotSendYet) { try initiator.encrypt([1], paddedTo: Self.size) }
        for round in 0..<5 as Range<UInt8> {
            for number in 0..<4 as Range<UInt8> {
                let message = try joiner.encrypt([round, number], paddedTo: Self.size)
                #expect(try initiator.decrypt(message[...]) == [round, number])
            }
            let answer = try initiator.encrypt([round], paddedTo: Self.size)
            #expect(try joiner.decrypt(answer[...]) == [round])
        }
        #expect(joiner.version == 3 && initiator.version == 3)
    }

    /// smp.md: emHeader has 123 bytes in version 2 and 124 in version 3; the lengths around it are u8 and u16.
    @Test(arguments: [(2, 1 + 123), (3, 2 + 124)] as [(UInt16, Int)]) func layout(version: UInt16, head: Int) throws {
        var joiner = try Self.pair(version: version).joiner
        let message = try joiner.encrypt([1, 2, 3], paddedTo: 15_840)
        #expect(message.count == head + 16 + 15_840)
        #expect(version == 2 ? message[0] == 123 : message[..<2] == [0, 124])
        #expect(throws: RatchetError.tooLong(count: 15_839, limit: 15_838)) {
            try joiner.encrypt([UInt8](repeating: 0, count: 15_839), paddedTo: 15_840)
        }
    }

    @Test func anyOrderAndDuplicates() throws {
        var (joiner, initiator) = try Self.pair()
        var generator = SeededGenerator(seed: 7)
        var inFlight: [(UInt8, [UInt8])] = []
        var received: Set<UInt8> = []
        for number in 0..<200 as Range<UInt8> {
            inFlight.append((number, try joiner.encrypt([number], paddedTo: Self.size)))
            if generator.next() % 4 == 0 {
                let (value, message) = inFlight.remove(at: Int(generator.next() % UInt64(inFlight.count)))
                #expect(try initiator.decrypt(message[...]) == [value])
                received.insert(value)
                #expect(throws: RatchetError.self) { try initiator.decrypt(message[...]) }
            }
            if generator.next() % 16 == 0, !received.isEmpty {
                let answer = try initiator.encrypt([number], paddedTo: Self.size)
                #expect(try joiner.decrypt(answer[...]) == [number])
            }
        }
        for (value, message) in inFlight.shuffled(using: &generator) {
            #expect(try initiator.decrypt(message[...]) == [value])
        }
    }

    @Test func duplicateIsToldApart() throws {
        var (joiner, initiator) = try Self.pair()
        let first = try joiner.encrypt([1], paddedTo: Self.size)
        _ = try initiator.decrypt(first[...])
        #expect(throws: RatchetError.duplicate(number: 0)) { try initiator.decrypt(first[...]) }
    }

    @Test func tamperingChangesNothing() throws {
        var (joiner, initiator) = try Self.pair()
        let message = try joiner.encrypt([1, 2, 3], paddedTo: Self.size)
        let before = initiator
        for index in message.indices {
            var altered = message
            altered[index] ^= 0x40
            #expect(throws: RatchetError.self) { try initiator.decrypt(altered[...]) }
        }
        for count in 0..<message.count {
            #expect(throws: RatchetError.self) { try initiator.decrypt(message[..<count]) }
        }
        #expect(initiator == before)
        #expect(try initiator.decrypt(message[...]) == [1, 2, 3])
    }

    @Test func storageKeepsEverything() throws {
        var (joiner, initiator) = try Self.pair()
        let messages = try (0..<6 as Range<UInt8>).map { try joiner.encrypt([$0], paddedTo: Self.size) }
        _ = try initiator.decrypt(messages[3][...])
        var restored = try Ratchet(decoding: initiator.encoded())
        #expect(restored == initiator)
        for index in [0, 1, 2, 4, 5] { #expect(try restored.decrypt(messages[index][...]) == [UInt8(index)]) }
        let bytes = initiator.encoded()
        for count in 0..<bytes.count {
            #expect(throws: RatchetError.self) { try Ratchet(decoding: Array(bytes[..<count])) }
        }
    }

    /// After a crash the sender goes on behind its reserved block; the receiver steps over the numbers between.
    @Test func skippingAReservedBlock() throws {
        var (joiner, initiator) = try Self.pair()
        var crashed = joiner
        _ = try initiator.decrypt(try joiner.encrypt([1], paddedTo: Self.size)[...])
        let late = try joiner.encrypt([2], paddedTo: Self.size)
        crashed.skipSending(by: 128)
        #expect(crashed.sendingNumber == 128)
        #expect(try initiator.decrypt(try crashed.encrypt([9], paddedTo: Self.size)[...]) == [9])
        #expect(try initiator.decrypt(late[...]) == [2])
    }

    @Test func bounds() throws {
        var (joiner, initiator) = try Self.pair()
        let first = try joiner.encrypt([1], paddedTo: Self.size)
        joiner.skipSending(by: 600)
        _ = try initiator.decrypt(try joiner.encrypt([2], paddedTo: Self.size)[...])
        // 512 skipped keys are kept, the oldest are given up.
        #expect(throws: RatchetError.self) { try initiator.decrypt(first[...]) }
        joiner.skipSending(by: 65_537)
        let far = try joiner.encrypt([3], paddedTo: Self.size)
        #expect(throws: RatchetError.tooFarAhead(count: 65_537)) { try initiator.decrypt(far[...]) }
    }

    /// The chain and header keys of a first message, computed here from the formulas of smp.md.
    @Test func firstMessageByTheFormulas() throws {
        let rk1 = try X448PrivateKey(raw: [UInt8](repeating: 1, count: 56))
        let rk2 = try X448PrivateKey(raw: [UInt8](repeating: 2, count: 56))
        let sk1 = try X448PrivateKey(raw: [UInt8](repeating: 3, count: 56))
        let sk2 = try X448PrivateKey(raw: [UInt8](repeating: 4, count: 56))
        let ratchetKey = try X448PrivateKey(raw: [UInt8](repeating: 5, count: 56))
        let initiatorKeys = AgreementKeys(key1: rk1, key2: rk2)
        var joiner = try AgreementKeys(key1: sk1, key2: sk2).joiner(
            peer: initiatorKeys.publicParameters, ratchetKey: ratchetKey)
        let message = try joiner.encrypt(Array("hello".utf8), paddedTo: 64)

        let dh =
            try sk2.agree(with: rk1.publicKey).bytes + sk1.agree(with: rk2.publicKey).bytes
            + sk2.agree(with: rk2.publicKey).bytes
        let x3dh = HKDF.sha512(salt: [UInt8](repeating: 0, count: 64), secret: dh, info: "SimpleXX3DH", count: 96)
        let root = HKDF.sha512(
            salt: x3dh[64...], secret: try ratchetKey.agree(with: rk2.publicKey).bytes, info: "SimpleXRootRatchet",
            count: 96)
        let chain = HKDF.sha512(salt: [], secret: root[32..<64], info: "SimpleXChainRatchet", count: 96)
        let ad = sk1.publicKey.raw + rk1.publicKey.raw
        let header = Array(message[2..<126])
        #expect(Array(header[..<2]) == [0, 3] && Array(header[2..<18]) == Array(chain[80...]))
        let headerPlain = try AES256GCM.open(
            header[36...], tag: header[18..<34], key: x3dh[..<32], iv: header[2..<18], associatedData: ad)
        #expect(Array(headerPlain[..<4]) == [0, 80, 0, 3])
        let plain = try AES256GCM.open(
            message[142...], tag: message[126..<142], key: chain[32..<64], iv: chain[64..<80],
            associatedData: ad + header)
        #expect(plain == [0, 5] + Array("hello".utf8) + [UInt8](repeating: 0x23, count: 57))
    }
}

/// SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
