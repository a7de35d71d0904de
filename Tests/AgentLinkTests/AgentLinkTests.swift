import Primitives
import Testing

@testable import AgentLink

@Suite struct SendWindowTests {
    private func window(_ count: Int64) -> SendWindow {
        var window = SendWindow()
        for id in 1...count { window.append(SendWindow.Item(id: id, body: [], isStored: false, isAuthorized: true)) }
        return window
    }

    @Test func submitsInOrderUpToTheLimit() {
        var window = window(Int64(SendWindow.limit) + 5)
        for id in 1...Int64(SendWindow.limit) { #expect(window.next()?.id == id) }
        #expect(window.next() == nil && window.outstanding == SendWindow.limit)
        #expect(window.accepted(1) == 1)
        #expect(window.next()?.id == Int64(SendWindow.limit) + 1)
    }

    @Test func deliveredIsContiguous() {
        var window = window(3)
        for _ in 1...3 { _ = window.next() }
        #expect(window.accepted(2) == nil)
        #expect(window.accepted(1) == 2)
        #expect(window.accepted(3) == 3)
        #expect(window.accepted(3) == nil && window.count == 0 && window.outstanding == 0)
    }

    /// The pipeline stops, all answers are awaited, only the refused messages are repeated, in order.
    @Test func quota() {
        var window = window(4)
        for _ in 1...4 { _ = window.next() }
        _ = window.accepted(1)
        window.refused(2)
        #expect(window.isFull && !window.canRetry && !window.hasRoom)
        // A SEND pipelined behind a refused one may still succeed.
        #expect(window.accepted(3) == nil)
        window.retry()
        #expect(window.isFull)
        window.refused(4)
        #expect(window.canRetry && window.next() == nil)
        window.retry()
        // One alone, until it is clear that there is room again.
        #expect(window.next()?.id == 2 && window.next() == nil && !window.hasRoom)
        #expect(window.accepted(2) == 3 && window.hasRoom)
        #expect(window.next()?.id == 4 && window.next() == nil)
        #expect(window.accepted(4) == 4)
    }

    /// Less and less is sent behind a refusal, and more again while nothing is refused.
    @Test func fullQueuesNarrowIt() {
        var window = window(9000)
        var next: Int64 = 1
        for allowed in [SendWindow.limit, 64, 32, 16, 8, 8] {
            #expect(window.allowed == allowed)
            for id in next..<next + Int64(allowed) { #expect(window.next()?.id == id) }
            #expect(window.next() == nil)
            for id in next..<next + Int64(allowed) { window.refused(id) }
            window.retry()
            #expect(window.next()?.id == next && window.next() == nil)
            _ = window.accepted(next)
            next += 1
        }
        var taken = 0
        while window.allowed < SendWindow.limit, let item = window.next() {
            _ = window.accepted(item.id)
            taken += 1
        }
        // 8 + 9 + …, less the one that the last retry brought.
        #expect(window.allowed == SendWindow.limit && taken == (8..<SendWindow.limit).reduce(0, +) - 1)
    }

    @Test func disconnectionRepeatsTheUnanswered() {
        var window = window(3)
        for _ in 1...3 { _ = window.next() }
        _ = window.accepted(2)
        window.disconnected()
        #expect(window.outstanding == 0)
        #expect(window.next()?.id == 1 && window.next()?.id == 3 && window.next() == nil)
    }
}

@Suite struct MessageSequenceTests {
    private let hash = [UInt8](repeating: 7, count: 32)

    @Test func inOrder() {
        var sequence = MessageSequence.confirmed(hash: hash)
        #expect(sequence.receive(2, hash: [2], previous: hash) == .ok)
        #expect(sequence.receive(3, hash: [3], previous: [2]) == .ok)
        #expect(sequence.receive(4, hash: [4], previous: [9]) == .badHash)
        #expect(sequence.last == 4)
    }

    /// Long messages are hashed two at a time: nobody sees a difference.
    @Test func hashesThatArePutOff() {
        let messages = [5000, 5000, 10, 6000, 5001, 5001, 5000].enumerated().map { index, count in
            [UInt8](repeating: UInt8(index), count: count)
        }
        for altered in -1..<messages.count {
            var sequence = MessageSequence.confirmed(hash: hash)
            var previous = hash
            for (index, message) in messages.enumerated() {
                let named = index == altered ? [UInt8](repeating: 0, count: 32) : previous
                let integrity = sequence.receive(Int64(index) + 2, message: message[...], previous: named)
                #expect(integrity == (index == altered ? .badHash : .ok))
                previous = SHA256.hash(message)
                // Looked at now and then only: looking must change nothing.
                if index.isMultiple(of: 3) { #expect(sequence.lastHash == previous) }
            }
            #expect(sequence.lastHash == previous && sequence.last == 8)
            #expect(sequence.receive(11, message: messages[0][...], previous: []) == .skipped(9...10))
            #expect(sequence.receive(9, message: messages[1][...], previous: []) == .late)
            #expect(sequence.lastHash == SHA256.hash(messages[0]))
        }
    }

    @Test func gapsAndLateOnes() {
        var sequence = MessageSequence.confirmed(hash: hash)
        #expect(sequence.receive(5, hash: [5], previous: [4]) == .skipped(2...4))
        #expect(sequence.receive(3, hash: [3], previous: [2]) == .late)
        #expect(sequence.missing == [2...2, 4...4] && sequence.missingText == "2-2,4-4")
        #expect(MessageSequence.missing(text: sequence.missingText) == sequence.missing)
        #expect(sequence.receive(3, hash: [3], previous: [2]) == .badID(expected: 6, got: 3))
        #expect(sequence.receive(0, hash: [3], previous: [2]) == .badID(expected: 6, got: 0))
        #expect(sequence.receive(6, hash: [6], previous: [5]) == .ok)
    }

    @Test func whatIsRememberedIsBounded() {
        var sequence = MessageSequence.confirmed(hash: hash)
        for id in stride(from: Int64(3), to: 1000, by: 2) { _ = sequence.receive(id, hash: [], previous: []) }
        #expect(sequence.missing.count == MessageSequence.missingLimit)
        #expect(MessageSequence.missing(text: "4-3,x,5,6-7") == [6...7])
    }

    @Test(arguments: [Integrity.ok, .late, .badHash, .skipped(3...9), .badID(expected: 4, got: 2)])
    func integrityIsStoredAsText(integrity: Integrity) {
        #expect(Integrity(text: integrity.text) == integrity)
    }
}

@Suite struct SegmentTests {
    @Test(arguments: [15_796, 2 * 15_755, 2 * 15_755 + 1, 300_000])
    func anyOrder(count: Int) throws {
        let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let total = Segment.count(for: count)
        var assembly: Assembly?
        for number in (0..<total).reversed() {
            let start = number * Segment.payloadCount
            let wire =
                Segment.header(first: 9, number: number, total: total)
                + message[start..<min(count, start + Segment.payloadCount)]
            #expect(wire.count <= Segment.bodyLimit)
            let segment = try #require(Segment(wire[...]))
            var next = assembly ?? Assembly(segment)
            #expect(!next.isComplete)
            next.insert(segment, id: Int64(9 + number))
            next.insert(segment, id: 99)
            assembly = next
        }
        let whole = try #require(assembly)
        #expect(whole.isComplete && whole.numbers == (0..<total).map { Int64(9 + $0) })
        #expect(whole.message() == message)
    }

    @Test func damagedOnesAreNone() {
        let full = [UInt8](repeating: 1, count: Segment.payloadCount)
        for head in [
            "", "#", "#1.0.2", "1.0.2 ", "#1.2.2 ", "#0.0.1 ", "#1.-1.2 ", "#1.0.999999999 ", "#1.0 ", "#1.0.2.3 ",
            "#a.0.2 ",
        ] {
            #expect(Segment((Array(head.utf8) + full)[...]) == nil)
        }
        // Every segment but the last is full.
        #expect(Segment((Array("#1.0.2 ".utf8) + full.dropLast())[...]) == nil)
        #expect(Segment((Array("#1.1.2 ".utf8) + full.dropLast())[...]) != nil)
    }

    @Test func securityCodeIsFiftyDigits() {
        let code = SecurityCode.text(associatedData: [1, 2, 3])
        #expect(code.count == 59 && code.split(separator: " ").allSatisfy { $0.count == 5 })
    }
}
