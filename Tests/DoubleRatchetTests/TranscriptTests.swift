import DoubleRatchet
import Primitives
import Testing
import WireFormat

/// A conversation with fixed keys: private keys are one byte, repeated. rk1, rk2 = 01, 02; sk1, sk2 = 03, 04; the joiner's
/// ratchet keys 05 and 07, the initiator's second 06. Plaintexts are padded to 24 bytes.
@Suite struct TranscriptTests {
    struct Transcript {
        /// Of the joiner: 0, 1 and, after the answer, 3. Of the initiator: 2.
        var messages: [[UInt8]] = []
        var joiner: Ratchet
        var initiator: Ratchet
    }

    static let plain = ["hello", "lost for now", "answer", "third"].map { Array($0.utf8) }

    /// Message 1 is not delivered.
    static func run() throws -> Transcript {
        let pair = try RatchetTests.pair()
        var run = Transcript(joiner: pair.joiner, initiator: pair.initiator)
        let (key6, key7, key8) = (try FormulaPeer.key(6), try FormulaPeer.key(7), try FormulaPeer.key(8))
        run.messages.append(try run.joiner.encrypt(plain[0], paddedTo: 24))
        run.messages.append(try run.joiner.encrypt(plain[1], paddedTo: 24))
        #expect(try run.initiator.decrypt(run.messages[0][...], nextRatchetKey: key6) == plain[0])
        run.messages.append(try run.initiator.encrypt(plain[2], paddedTo: 24))
        #expect(try run.joiner.decrypt(run.messages[2][...], nextRatchetKey: key7) == plain[2])
        run.messages.append(try run.joiner.encrypt(plain[3], paddedTo: 24))
        #expect(try run.initiator.decrypt(run.messages[3][...], nextRatchetKey: key8) == plain[3])
        return run
    }

    @Test func byTheFormulas() throws {
        let run = try Self.run()
        let keys = try (0...7 as ClosedRange<UInt8>).map { try FormulaPeer.key(max($0, 1)) }
        var joiner = try FormulaPeer(
            joiner: keys[3], keys[4], ratchetKey: keys[5], rk1: keys[1].publicKey, rk2: keys[2].publicKey)
        var initiator = try FormulaPeer(
            initiator: keys[1], keys[2], sk1: keys[3].publicKey, sk2: keys[4].publicKey)
        #expect(joiner.associatedData == initiator.associatedData && joiner.associatedData == run.joiner.associatedData)
        #expect(try joiner.send(Self.plain[0], paddedTo: 24) == run.messages[0])
        #expect(try joiner.send(Self.plain[1], paddedTo: 24) == run.messages[1])
        #expect(
            try initiator.receiveNewChain(run.messages[0], peerKey: keys[5].publicKey, newKey: keys[6])
                == Self.plain[0])
        #expect(try initiator.send(Self.plain[2], paddedTo: 24) == run.messages[2])
        #expect(
            try joiner.receiveNewChain(run.messages[2], peerKey: keys[6].publicKey, newKey: keys[7])
                == Self.plain[2])
        #expect(joiner.previous == 2)
        #expect(try joiner.send(Self.plain[3], paddedTo: 24) == run.messages[3])
    }

    @Test func knownAnswers() throws {
        let run = try Self.run()
        #expect(run.messages.map { Hex.encode($0) } == TranscriptAnswers.messages)
    }

    /// The stored form must be read by every later version.
    @Test func storedState() throws {
        let run = try Self.run()
        #expect(Hex.encode(run.initiator.encoded()) == TranscriptAnswers.initiator)
        #expect(Hex.encode(run.joiner.encoded()) == TranscriptAnswers.joiner)
        var restored = try Ratchet(decoding: Hex.decode(TranscriptAnswers.initiator) ?? [])
        #expect(restored == run.initiator && restored.skippedCount == 1)
        #expect(restored.receivingNumber == 1 && restored.receivingSteps == 2 && restored.sendingNumber == 0)
        #expect(try restored.decrypt(run.messages[1][...]) == Self.plain[1])
        #expect(throws: RatchetError.duplicate(number: 0)) { try restored.decrypt(run.messages[0][...]) }
        var joiner = try Ratchet(decoding: Hex.decode(TranscriptAnswers.joiner) ?? [])
        #expect(try restored.decrypt(try joiner.encrypt([1], paddedTo: 24)[...]) == [1])
        #expect(try joiner.decrypt(try restored.encrypt([2], paddedTo: 24)[...]) == [2])
    }

    @Test func storedStateRejects() throws {
        let bytes = Hex.decode(TranscriptAnswers.initiator) ?? []
        for count in 0..<bytes.count {
            #expect(throws: RatchetError.self) { try Ratchet(decoding: Array(bytes[..<count])) }
        }
        #expect(throws: RatchetError.self) { try Ratchet(decoding: bytes + [0]) }
        for (index, value) in [(0, 0), (0, 2), (1, 1), (2, 1), (2, 4)] as [(Int, UInt8)] {
            var altered = bytes
            altered[index] = value
            #expect(throws: RatchetError.self) { try Ratchet(decoding: altered) }
        }
        // Whatever is read, nothing traps.
        for index in bytes.indices {
            var altered = bytes
            altered[index] ^= 0xFF
            if var ratchet = try? Ratchet(decoding: altered) { _ = try? ratchet.encrypt([1], paddedTo: 24) }
        }
    }

    /// A young state, and one that has lost much, stay small.
    @Test func storedStateIsCompact() throws {
        var (joiner, initiator) = try RatchetTests.pair()
        #expect(joiner.encoded().count == 351 && initiator.encoded().count == 287)
        joiner.skipSending(by: 512)
        _ = try initiator.decrypt(try joiner.encrypt([1], paddedTo: 24)[...])
        #expect(initiator.encoded().count == 383 + 34 + 512 * 52)
    }
}
