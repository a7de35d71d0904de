import DoubleRatchet
import Primitives
import Testing

/// Headers as other programs make them.
@Suite struct RatchetHeaderTests {
    static func peers() throws -> (joiner: FormulaPeer, initiator: Ratchet) {
        let (rk1, rk2) = (try FormulaPeer.key(1), try FormulaPeer.key(2))
        let joiner = try FormulaPeer(
            joiner: try FormulaPeer.key(3), try FormulaPeer.key(4), ratchetKey: try FormulaPeer.key(5),
            rk1: rk1.publicKey, rk2: rk2.publicKey)
        let keys = try AgreementTests.keys(3, 4)
        return (joiner, try AgreementTests.keys(1, 2).initiator(peer: keys.publicParameters(version: 2)))
    }

    static let publicKey = FormulaPeer.u16(1158) + [UInt8](repeating: 7, count: 1158)
    static let ciphertext = FormulaPeer.u16(1039) + [UInt8](repeating: 8, count: 1039)

    /// Post-quantum headers are padded to 2310 bytes; the key material is passed over and the answer has none.
    @Test(arguments: [[0x30], [0x31, 0x50] + publicKey, [0x31, 0x41] + ciphertext + publicKey] as [[UInt8]])
    func largeHeaders(kem: [UInt8]) throws {
        var (joiner, initiator) = try Self.peers()
        joiner.kem = kem
        joiner.headerSize = 2310
        let first = try joiner.send([1], paddedTo: 64)
        #expect(first.count == 2 + 2 + 16 + 16 + 2 + 2310 + 16 + 64)
        let second = try joiner.send([2], paddedTo: 64)
        #expect(try initiator.decrypt(second[...]) == [2])
        #expect(try initiator.decrypt(first[...]) == [1])
        #expect(throws: RatchetError.duplicate(number: 1)) { try initiator.decrypt(second[...]) }
        #expect(try initiator.encrypt([3], paddedTo: 64).count == 142 + 64)
    }

    /// The version rises with what the peer has, and only to what both have.
    @Test(arguments: [(2, 2), (3, 3), (9, 3)] as [(UInt16, UInt16)]) func version(peer: UInt16, expected: UInt16) throws
    {
        var (joiner, initiator) = try Self.peers()
        joiner.version = 2
        joiner.maximumVersion = peer
        #expect(initiator.version == 2)
        let message = try joiner.send([1], paddedTo: 64)
        #expect(message[0] == 123)
        #expect(try initiator.decrypt(message[...]) == [1])
        #expect(initiator.version == expected)
        let answer = try initiator.encrypt([2], paddedTo: 64)
        #expect(answer.count == (expected == 2 ? 140 : 142) + 64)
        // It does not fall again.
        joiner.maximumVersion = 2
        #expect(try initiator.decrypt(try joiner.send([3], paddedTo: 64)[...]) == [3])
        #expect(initiator.version == expected)
    }

    /// Authentic, but not to be understood: an error of its own, and no change.
    @Test(arguments: [[], [0x32], [0x31, 0x51, 0, 0], [0x31, 0x50, 0xFF, 0xFF], [0x31]] as [[UInt8]])
    func malformedHeaders(kem: [UInt8]) throws {
        var (joiner, initiator) = try Self.peers()
        joiner.kem = kem
        let before = initiator
        let message = try joiner.send([1], paddedTo: 64)
        do {
            let plain = try initiator.decrypt(message[...])
            Issue.record("decrypted \(plain)")
        } catch RatchetError.malformed {}
        #expect(initiator == before)
    }

    /// The last number there is would leave none to expect.
    @Test func hostileNumbers() throws {
        var (joiner, initiator) = try Self.peers()
        let before = initiator
        for number in [UInt32.max, UInt32.max - 1, 65_537] {
            var other = joiner
            let message = try other.send([1], paddedTo: 64, number: number)
            #expect(throws: RatchetError.self) { try initiator.decrypt(message[...]) }
        }
        #expect(initiator == before)
        #expect(try initiator.decrypt(try joiner.send([1], paddedTo: 64)[...]) == [1])
    }

    @Test func garbage() throws {
        var initiator = try Self.peers().initiator
        var generator = SeededGenerator(seed: 3)
        for count in [0, 1, 2, 3, 17, 31, 32, 33, 140, 142, 158, 300] {
            for first in [0, 1, 31, 32, 123, 255] as [UInt8] {
                var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
                if !bytes.isEmpty { bytes[0] = first }
                #expect(throws: RatchetError.self) { try initiator.decrypt(bytes[...]) }
            }
        }
    }
}
