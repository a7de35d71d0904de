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
}
