import DoubleRatchet
import Primitives
import Testing

/// Two parties and a network between them that loses, reorders and repeats.
@Suite struct RatchetChannelTests {
    struct Packet {
        let number: UInt64
        let message: [UInt8]
        var plain: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }
    }

    struct Party {
        var ratchet: Ratchet
        /// On their way to this party.
        var incoming: [Packet] = []
        var received: Set<UInt64> = []
        var sent: UInt64 = 0
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>) func longConversation(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let pair = try RatchetTests.pair(version: seed.isMultiple(of: 2) ? 2 : 3)
        var parties = [Party(ratchet: pair.joiner), Party(ratchet: pair.initiator)]
        var duplicates = 0
        for _ in 0..<1500 {
            let party = Int.random(in: 0...1, using: &generator)
            switch Int.random(in: 0..<20, using: &generator) {
            case 0..<6: try Self.send(from: party, &parties)
            case 6..<16: try Self.deliver(to: party, &parties, &generator, &duplicates)
            case 16:
                // Lost, or everything that is under way comes in any order.
                if !parties[party].incoming.isEmpty, Bool.random(using: &generator) {
                    parties[party].incoming.removeFirst()
                } else {
                    parties[party].incoming.shuffle(using: &generator)
                }
            case 17:
                let before = parties[party].ratchet
                parties[party].ratchet = try Ratchet(decoding: before.encoded())
                #expect(parties[party].ratchet == before)
            default: try Self.tamper(party, &parties, &generator)
            }
        }
        for party in 0...1 {
            while !parties[party].incoming.isEmpty {
                try Self.deliver(to: party, &parties, &generator, &duplicates)
            }
        }
        #expect(duplicates > 20 && parties.allSatisfy { $0.ratchet.receivingSteps > 20 })
        for party in [0, 1, 0] {
            try Self.send(from: party, &parties)
            try Self.deliver(to: 1 - party, &parties, &generator, &duplicates)
        }
    }

    private static func send(from party: Int, _ parties: inout [Party]) throws {
        guard parties[party].ratchet.canSend else { return }
        let number = parties[party].sent
        let packet = Packet(number: number, message: [])
        let message = try parties[party].ratchet.encrypt(packet.plain, paddedTo: 32)
        parties[party].sent += 1
        parties[1 - party].incoming.append(Packet(number: number, message: message))
    }

    /// Takes one of the first six packets; one in four stays under way and comes again.
    private static func deliver(
        to party: Int, _ parties: inout [Party], _ generator: inout SeededGenerator, _ duplicates: inout Int
    ) throws {
        guard !parties[party].incoming.isEmpty else { return }
        let index = Int.random(in: 0..<min(6, parties[party].incoming.count), using: &generator)
        let packet = parties[party].incoming[index]
        if parties[party].received.contains(packet.number) {
            parties[party].incoming.remove(at: index)
            let before = parties[party].ratchet
            do {
                let plain = try parties[party].ratchet.decrypt(packet.message[...])
                Issue.record("\(packet.number) was decrypted twice: \(plain)")
            } catch RatchetError.duplicate {
                duplicates += 1
            } catch RatchetError.undecryptable {
                // Of a chain long past.
            }
            #expect(parties[party].ratchet == before)
            return
        }
        let newKey = try generator.key()
        #expect(try parties[party].ratchet.decrypt(packet.message[...], nextRatchetKey: newKey) == packet.plain)
        parties[party].received.insert(packet.number)
        if Int.random(in: 0..<4, using: &generator) > 0 { parties[party].incoming.remove(at: index) }
    }

    private static func tamper(_ party: Int, _ parties: inout [Party], _ generator: inout SeededGenerator) throws {
        guard let packet = parties[party].incoming.randomElement(using: &generator) else { return }
        var message = packet.message
        message[Int.random(in: message.indices, using: &generator)] ^= UInt8.random(in: 1...255, using: &generator)
        let before = parties[party].ratchet
        #expect(throws: RatchetError.self) { try parties[party].ratchet.decrypt(message[...]) }
        #expect(parties[party].ratchet == before)
    }
}
