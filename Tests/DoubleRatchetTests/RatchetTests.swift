import DoubleRatchet
import Primitives
import Testing

@Suite struct RatchetTests {
    static let size = 64

    static func pair(version: UInt16 = 3) throws -> (joiner: Ratchet, initiator: Ratchet) {
        let (initiator, joiner) = (try AgreementTests.keys(1, 2), try AgreementTests.keys(3, 4))
        return (
            try joiner.joiner(
                peer: initiator.publicParameters(version: version), ratchetKey: try FormulaPeer.key(5)),
            try initiator.initiator(peer: joiner.publicParameters(version: version))
        )
    }

    @Test(arguments: [2, 3] as [UInt16]) func conversation(version: UInt16) throws {
        var (joiner, initiator) = try Self.pair(version: version)
        #expect(joiner.associatedData == initiator.associatedData && joiner.associatedData.count == 112)
        #expect(joiner.version == version && joiner.canSend && !initiator.canSend)
        #expect(throws: RatchetError.cannotSendYet) { try initiator.encrypt([1], paddedTo: Self.size) }
        for round in 0..<5 as Range<UInt8> {
            for number in 0..<4 as Range<UInt8> {
                #expect(joiner.sendingNumber == UInt32(number))
                let message = try joiner.encrypt([round, number], paddedTo: Self.size)
                #expect(try initiator.decrypt(message[...]) == [round, number])
            }
            #expect(initiator.receivingNumber == 4 && initiator.receivingSteps == UInt32(round) + 1)
            let answer = try initiator.encrypt([round], paddedTo: Self.size)
            #expect(try joiner.decrypt(answer[...]) == [round])
        }
        // Both parties say that they have 3, whatever the link said.
        #expect(joiner.version == 3 && initiator.version == 3 && joiner.skippedCount == 0)
    }

    /// smp.md: emHeader has 123 bytes in version 2 and 124 in version 3; the lengths around it are u8 and u16.
    @Test(arguments: [(2, 1 + 123), (3, 2 + 124)] as [(UInt16, Int)]) func layout(version: UInt16, head: Int) throws {
        var joiner = try Self.pair(version: version).joiner
        let message = try joiner.encrypt([1, 2, 3], paddedTo: 15_840)
        #expect(message.count == head + 16 + 15_840)
        #expect(version == 2 ? message[0] == 123 : message[..<2] == [0, 124])
        let before = joiner
        #expect(throws: RatchetError.tooLong(count: 15_839, limit: 15_838)) {
            try joiner.encrypt([UInt8](repeating: 0, count: 15_839), paddedTo: 15_840)
        }
        #expect(joiner == before)
    }

    @Test func everyPlainLengthThatFits() throws {
        var (joiner, initiator) = try Self.pair()
        for count in [0, 1, 61, 62] {
            let plain = [UInt8](repeating: UInt8(count), count: count)
            #expect(try initiator.decrypt(try joiner.encrypt(plain, paddedTo: Self.size)[...]) == plain)
        }
        #expect(throws: RatchetError.self) { try joiner.encrypt([UInt8](repeating: 0, count: 63), paddedTo: Self.size) }
    }

    /// The short way for the usual message gives what the long one does, and leaves alone what it is not for.
    @Test(arguments: [2, 3] as [UInt16]) func nextMessagesInPlace(version: UInt16) throws {
        var (joiner, initiator) = try Self.pair(version: version)
        func openNext(_ message: [UInt8]) -> [UInt8]? {
            var bytes = message
            let plain = bytes.withUnsafeMutableBufferPointer { initiator.openNext(inPlace: $0) }
            return plain.map { Array(bytes[$0]) }
        }
        let first = try joiner.encrypt([0], paddedTo: Self.size)
        // A new chain is not for it.
        #expect(openNext(first) == nil)
        #expect(try initiator.decrypt(first[...]) == [0])
        #expect(openNext(first) == nil)
        let plain = [UInt8](repeating: 7, count: 62)
        let messages = try [[1], [], plain, [4]].map { try joiner.encrypt($0, paddedTo: Self.size) }
        #expect(openNext(messages[1]) == nil && initiator.receivingNumber == 1)
        let before = initiator
        for index in messages[0].indices {
            var altered = messages[0]
            altered[index] ^= 1
            #expect(openNext(altered) == nil && openNext(Array(messages[0][..<index])) == nil)
        }
        #expect(initiator == before)
        #expect(openNext(messages[0]) == [1] && openNext(messages[1]) == [])
        #expect(try initiator.decrypt(messages[2][...]) == plain)
        #expect(openNext(messages[3]) == [4] && initiator.receivingNumber == 5)
        #expect(openNext([]) == nil)
    }

    @Test func lateMessagesOfFormerChains() throws {
        var (joiner, initiator) = try Self.pair()
        var late: [(plain: [UInt8], message: [UInt8])] = []
        for round in 0..<12 as Range<UInt8> {
            // Of each chain the first and the last message are late; the last is known only by the next chain's PN.
            let messages = try (0..<3 as Range<UInt8>).map {
                ([round, $0], try joiner.encrypt([round, $0], paddedTo: Self.size))
            }
            #expect(try initiator.decrypt(messages[1].1[...]) == [round, 1])
            late += [messages[0], messages[2]]
            #expect(try joiner.decrypt(try initiator.encrypt([round], paddedTo: Self.size)[...]) == [round])
        }
        #expect(initiator.skippedCount == 12 + 11)
        for (plain, message) in late.reversed() { #expect(try initiator.decrypt(message[...]) == plain) }
        #expect(initiator.skippedCount == 0)
        for (plain, message) in late.suffix(16) {
            #expect(throws: RatchetError.duplicate(number: UInt32(plain[1]))) { try initiator.decrypt(message[...]) }
        }
    }

    @Test func duplicatesAreToldApart() throws {
        var (joiner, initiator) = try Self.pair()
        var sent: [[UInt8]] = []
        for round in 0..<11 as Range<UInt8> {
            sent.append(try joiner.encrypt([round], paddedTo: Self.size))
            _ = try initiator.decrypt(sent[Int(round)][...])
            #expect(throws: RatchetError.duplicate(number: 0)) { try initiator.decrypt(sent[Int(round)][...]) }
            _ = try joiner.decrypt(try initiator.encrypt([round], paddedTo: Self.size)[...])
        }
        // The current chain and the 8 before it are recognised, older ones are forgotten.
        var restored = try Ratchet(decoding: initiator.encoded())
        for (index, message) in sent.enumerated() {
            let expected: RatchetError = index < 2 ? .undecryptable : .duplicate(number: 0)
            #expect(throws: expected) { try restored.decrypt(message[...]) }
        }
        #expect(restored == initiator)
    }

    /// A message of another connection, and one that we sent ourselves.
    @Test func foreignMessages() throws {
        var (joiner, initiator) = try Self.pair()
        let message = try joiner.encrypt([1], paddedTo: Self.size)
        #expect(throws: RatchetError.undecryptable) { try joiner.decrypt(message[...]) }
        _ = try initiator.decrypt(message[...])
        let stranger = try AgreementTests.keys(7, 8).joiner(peer: try AgreementTests.keys(1, 2).publicParameters)
        let before = initiator
        var other = stranger
        let foreign = try other.encrypt([1], paddedTo: Self.size)
        #expect(throws: RatchetError.undecryptable) { try initiator.decrypt(foreign[...]) }
        #expect(initiator == before)
    }

    enum Place: CaseIterable { case firstOfAll, current, skipped, newChain, formerChain }

    /// Every bit pattern changed at every byte, and every truncation, of a message at each place that it may have.
    @Test(arguments: Place.allCases) func tamperingChangesNothing(place: Place) throws {
        var (joiner, initiator) = try Self.pair()
        var message = try joiner.encrypt([1, 2, 3], paddedTo: 32)
        if place != .firstOfAll {
            let second = try joiner.encrypt([4], paddedTo: 32)
            if place == .current || place == .newChain { _ = try initiator.decrypt(message[...]) }
            if place == .current {
                message = second
            } else {
                _ = try initiator.decrypt(second[...])
            }
            if place == .newChain || place == .formerChain {
                _ = try joiner.decrypt(try initiator.encrypt([9], paddedTo: 32)[...])
                let next = try joiner.encrypt([5], paddedTo: 32)
                if place == .newChain { message = next } else { _ = try initiator.decrypt(next[...]) }
            }
        }
        let before = initiator
        for index in message.indices {
            for mask in [0x01, 0x40, 0x80] as [UInt8] {
                var altered = message
                altered[index] ^= mask
                #expect(throws: RatchetError.self) { try initiator.decrypt(altered[...]) }
            }
        }
        for count in 0..<message.count {
            #expect(throws: RatchetError.self) { try initiator.decrypt(message[..<count]) }
        }
        #expect(throws: RatchetError.self) { try initiator.decrypt((message + [0])[...]) }
        #expect(initiator == before)
        let expected: [UInt8] = place == .current ? [4] : place == .newChain ? [5] : [1, 2, 3]
        #expect(try initiator.decrypt(message[...]) == expected)
    }

    /// After a crash the sender goes on behind its reserved block; the receiver steps over the numbers between.
    @Test func skippingAReservedBlock() throws {
        var (joiner, initiator) = try Self.pair()
        let stored = joiner.encoded()
        _ = try initiator.decrypt(try joiner.encrypt([1], paddedTo: Self.size)[...])
        let late = try joiner.encrypt([2], paddedTo: Self.size)
        var crashed = try Ratchet(decoding: stored)
        crashed.skipSending(by: 128)
        #expect(crashed.sendingNumber == 128)
        #expect(try initiator.decrypt(try crashed.encrypt([9], paddedTo: Self.size)[...]) == [9])
        #expect(initiator.skippedCount == 127 && initiator.receivingNumber == 129)
        #expect(try initiator.decrypt(late[...]) == [2])
        // The same keys as if the messages had been made.
        for _ in 2..<129 { _ = try joiner.encrypt([], paddedTo: Self.size) }
        #expect(joiner == crashed)
        crashed.skipSending(by: 0)
        #expect(joiner == crashed)
        var silent = try Self.pair().initiator
        silent.skipSending(by: 5)
        #expect(silent.sendingNumber == 0 && !silent.canSend)
    }

    @Test(arguments: [0, 1, 511, 512, 513, 600]) func skippedKeysThatAreKept(count: Int) throws {
        var (joiner, initiator) = try Self.pair()
        let first = try joiner.encrypt([1], paddedTo: Self.size)
        let second = try joiner.encrypt([2], paddedTo: Self.size)
        joiner.skipSending(by: max(count - 2, 0))
        var last = second
        if count != 1 { last = try joiner.encrypt([3], paddedTo: Self.size) }
        if count == 0 { last = first }
        _ = try initiator.decrypt(last[...])
        #expect(initiator.skippedCount == min(count, Ratchet.skippedLimit))
        #expect(try Ratchet(decoding: initiator.encoded()) == initiator)
        switch count {
        case 0: break
        case 1...512: #expect(try initiator.decrypt(first[...]) == [1])
        default: #expect(throws: RatchetError.duplicate(number: 0)) { try initiator.decrypt(first[...]) }
        }
        if 2...513 ~= count { #expect(try initiator.decrypt(second[...]) == [2]) }
    }

    /// The oldest go first, also across chains.
    @Test func skippedKeysOfFormerChainsAreGivenUpFirst() throws {
        var (joiner, initiator) = try Self.pair()
        let oldest = try joiner.encrypt([1], paddedTo: Self.size)
        let old = try joiner.encrypt([2], paddedTo: Self.size)
        _ = try initiator.decrypt(try joiner.encrypt([3], paddedTo: Self.size)[...])
        _ = try joiner.decrypt(try initiator.encrypt([9], paddedTo: Self.size)[...])
        joiner.skipSending(by: 511)
        _ = try initiator.decrypt(try joiner.encrypt([4], paddedTo: Self.size)[...])
        #expect(initiator.skippedCount == 512)
        #expect(throws: RatchetError.duplicate(number: 0)) { try initiator.decrypt(oldest[...]) }
        #expect(try initiator.decrypt(old[...]) == [2])
    }

    @Test func stepsOverSoManyNumbersAndNoMore() throws {
        var (joiner, initiator) = try Self.pair()
        joiner.skipSending(by: Ratchet.aheadLimit)
        let reachable = try joiner.encrypt([1], paddedTo: Self.size)
        let unreachable = try joiner.encrypt([2], paddedTo: Self.size)
        let before = initiator
        #expect(throws: RatchetError.tooFarAhead(count: 65_537)) { try initiator.decrypt(unreachable[...]) }
        #expect(initiator == before)
        #expect(try initiator.decrypt(reachable[...]) == [1])
        // So many may be missing at the end of a chain too, told by the next one.
        joiner.skipSending(by: Ratchet.aheadLimit)
        _ = try joiner.decrypt(try initiator.encrypt([9], paddedTo: Self.size)[...])
        let next = try joiner.encrypt([3], paddedTo: Self.size)
        #expect(throws: RatchetError.tooFarAhead(count: 65_537)) { try initiator.decrypt(next[...]) }
        #expect(try initiator.decrypt(unreachable[...]) == [2])
        #expect(try initiator.decrypt(next[...]) == [3])
    }
}
