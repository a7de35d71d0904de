import ChatProtocol
import Testing
import TransferCore

@Suite struct CheckpointTests {
    private let plan = try? ChunkPlan(size: 40 * 16_384, chunkSize: 16_384)

    private func sending() throws -> SendingMachine {
        var machine = SendingMachine(plan: try #require(plan))
        _ = machine.handle(.accepted)
        _ = machine.handle(.connected)
        for chunk in 1...9 as ClosedRange<UInt64> {
            _ = machine.next()
            _ = machine.handle(.read(chunk, hash: hash(chunk)))
            _ = machine.handle(.sent(.chunk(chunk), lastMessage: Int64(chunk * 3)))
        }
        _ = machine.handle(.deliveredThrough(15))
        _ = machine.handle(
            .want(Want(number: 4, seen: 9, ranges: ranges(2...2, 5...UInt64.max)), openRangeFirst: false))
        return machine
    }

    private func receiving() throws -> ReceivingMachine {
        var machine = ReceivingMachine(plan: try #require(plan))
        _ = machine.handle(.accepted)
        _ = machine.handle(.connected)
        for chunk in [1, 2, 3, 5, 6, 9] as [UInt64] {
            _ = machine.handle(.chunk(chunk, length: 16_384, hash: hash(chunk)))
            _ = machine.handle(.written(chunk))
            if chunk == 5 {
                _ = machine.handle(.leaving)
                _ = machine.handle(.synced)
            }
        }
        _ = machine.handle(.chunk(8, length: 1, hash: hash(8)))
        _ = machine.handle(.drained(seen: 77))
        _ = machine.handle(.done(DoneMark(count: 40, size: 40 * 16_384, root: root(40))))
        return machine
    }

    @Test func roundTrips() throws {
        let plan = try #require(plan)
        let sender = try sending().checkpoint(keepingUnderWay: true)
        #expect(try SendingMachine(plan: plan, checkpoint: sender).checkpoint(keepingUnderWay: true) == sender)
        let recipient = try receiving().checkpoint(orderly: true)
        let restored = try ReceivingMachine(plan: plan, checkpoint: recipient, sameBoot: true)
        #expect(restored.checkpoint(orderly: true) == recipient)
        #expect(restored.lastWant == Want(number: 1, seen: 77, ranges: ranges(4...4, 7...8, 10...UInt64.max)))
        #expect(restored.done?.count == 40)
        #expect(restored.causes == .done)
    }

    @Test func endingsRoundTrip() throws {
        let plan = try #require(plan)
        let failures: [TransferFailure] = [
            .damagedChunk(7), .manyDamagedChunks(256), .wrongRoot, .messageIntegrity("a"), .violation("b"),
            .source("c"),
            .destination("d"), .other("e\u{1F600}"), .other(String(repeating: "é", count: 511) + "€"),
        ]
        for failure in failures {
            var machine = ReceivingMachine(plan: plan)
            _ = machine.handle(.accepted)
            _ = machine.handle(.failed(failure))
            let restored = try ReceivingMachine(plan: plan, checkpoint: machine.checkpoint(), sameBoot: true)
            guard case .other(let text) = failure, text.utf8.count > 1024 else {
                #expect(restored.state == machine.state)
                continue
            }
            #expect(restored.state != machine.state, "cut to 1024 bytes")
        }
        for event in [.cancel(reason: "no"), .peerEnded(.declined, reason: "no"), .failed(.queueGone)]
            as [SendingMachine.Event]
        {
            var machine = SendingMachine(plan: plan)
            _ = machine.handle(event)
            #expect(try SendingMachine(plan: plan, checkpoint: machine.checkpoint()).state == machine.state)
        }
    }

    @Test("cut short, too long, of another version, of another plan")
    func rejects() throws {
        let plan = try #require(plan)
        let rows = [try sending().checkpoint(keepingUnderWay: true), try receiving().checkpoint()]
        func restore(_ row: [UInt8], _ index: Int, plan: ChunkPlan) throws(TransferError) {
            if index == 0 {
                _ = try SendingMachine(plan: plan, checkpoint: row)
            } else {
                _ = try ReceivingMachine(plan: plan, checkpoint: row, sameBoot: false)
            }
        }
        let smaller = try ChunkPlan(size: 5, chunkSize: 16_384)
        for (index, row) in rows.enumerated() {
            for count in 0..<row.count {
                #expect(throws: TransferError.checkpointDamaged) {
                    try restore(Array(row[..<count]), index, plan: plan)
                }
            }
            #expect(throws: TransferError.checkpointDamaged) { try restore(row + [0], index, plan: plan) }
            #expect(throws: TransferError.checkpointDamaged) { try restore(row, index, plan: smaller) }
            #expect(throws: TransferError.checkpointNewer(2)) { try restore([2] + row.dropFirst(), index, plan: plan) }
            #expect(throws: TransferError.checkpointDamaged) { try restore([0] + row.dropFirst(), index, plan: plan) }
        }
    }

    @Test("flipped bits never trap, and what is accepted goes on without a trap")
    func flippedBits() throws {
        let plan = try #require(plan)
        let rows = [try sending().checkpoint(keepingUnderWay: true), try receiving().checkpoint()]
        for bit in 0..<(rows[0].count * 8) {
            var row = rows[0]
            row[bit / 8] ^= 1 << UInt8(bit % 8)
            guard var machine = try? SendingMachine(plan: plan, checkpoint: row) else { continue }
            _ = machine.next()
            _ = machine.bytesDelivered
            _ = machine.handle(
                .want(Want(number: .max, seen: .max, ranges: ranges(1...UInt64.max)), openRangeFirst: true))
            _ = machine.checkpoint()
        }
        for bit in 0..<(rows[1].count * 8) {
            var row = rows[1]
            row[bit / 8] ^= 1 << UInt8(bit % 8)
            guard var machine = try? ReceivingMachine(plan: plan, checkpoint: row, sameBoot: true) else { continue }
            _ = machine.handle(.resumed)
            _ = machine.handle(.chunk(4, length: 16_384, hash: hash(4)))
            _ = machine.handle(.written(4))
            _ = machine.handle(.damaged(7))
            _ = machine.handle(.drained(seen: 5))
            _ = machine.bytesWritten
            _ = machine.checkpoint()
        }
    }

    /// What the machines never store, and what would make them trap later if it were taken.
    @Test("stored numbers that no machine can have")
    func rejectsImpossibleNumbers() throws {
        let stream = try ChunkPlan(size: nil, chunkSize: 16_384)

        func sending(chained: UInt64 = 3, underWay: [UInt8]? = nil) -> [UInt8] {
            row([1, 2], number(.max), number(chained), zeros, number(0), [0], word(0), [0], underWay ?? word(0))
        }
        func restoreSending(_ row: [UInt8]) throws { _ = try SendingMachine(plan: stream, checkpoint: row) }
        try restoreSending(sending(underWay: row(word(1), number(1), number(7))))
        for bad in [
            sending(chained: .max), sending(chained: (1 << 49) + 1),
            sending(underWay: row(word(1), number(0), number(7))),
            sending(underWay: row(word(1), number(4), number(7))),
            sending(underWay: row(word(1), number(1), number(1 << 63))),
        ] {
            #expect(throws: TransferError.checkpointDamaged) { try restoreSending(bad) }
        }

        func receiving(
            want: [UInt8] = [0x30], done: [UInt8] = [0x30], damaged: [UInt8]? = nil, short: [UInt8] = [0x30],
            chained: UInt64 = 3
        ) -> [UInt8] {
            row(
                [1, 2], number(.max), [1, 0, 0], want, done, damaged ?? word(0), short, number(chained), zeros, word(0),
                [0x30])
        }
        func restoreReceiving(_ row: [UInt8]) throws {
            _ = try ReceivingMachine(plan: stream, checkpoint: row, sameBoot: true)
        }
        let last = row([0x31], number((1 << 63) - 2), number(7), word(0))
        let short = row([0x31], number(3), word(16_383))
        try restoreReceiving(receiving(want: last, damaged: row(word(1), number(4), [2]), short: short))
        for bad in [
            receiving(want: row([0x31], number(.max), number(7), word(0))),
            receiving(want: row([0x31], number(1), number(1 << 63), word(0))),
            receiving(done: row([0x31], number(3), number(40_000), zeros)),
            receiving(damaged: row(word(1), number(4), [255])),
            receiving(short: row([0x31], number(3), word(16_384))), receiving(short: row([0x31], number(3), word(0))),
            receiving(chained: (1 << 49) + 1),
        ] {
            #expect(throws: TransferError.checkpointDamaged) { try restoreReceiving(bad) }
        }
    }

    @Test("a stream that is as long as a file can be, and wanted beyond that")
    func longestStream() throws {
        let stream = try ChunkPlan(size: nil, chunkSize: 16_384)
        let toSend = row(word(1), number(1 << 49), number(.max))
        let stored = row(
            [1, 2], number(.max), number((1 << 49) - 1), zeros, number(0), [0], toSend, [0], word(0))
        var machine = try SendingMachine(plan: stream, checkpoint: stored)
        guard case .read(let place) = machine.next() else {
            Issue.record("the last chunk is to be read")
            return
        }
        #expect(place.number == 1 << 49)
        #expect(machine.next() == nil)
    }

    private let zeros = [UInt8](repeating: 0, count: 32)

    private func row(_ parts: [UInt8]...) -> [UInt8] { parts.flatMap { $0 } }

    private func number(_ value: UInt64) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

    private func word(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
}
