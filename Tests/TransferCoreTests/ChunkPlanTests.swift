import ChatProtocol
import Primitives
import Testing
import TransferCore

@Suite struct ChunkPlanTests {
    @Test("count and last length around the boundaries", arguments: [16_384, 262_144, 1_048_576])
    func boundaries(chunkSize: Int) throws {
        let step = UInt64(chunkSize)
        let rows: [(size: UInt64, count: UInt64, last: Int)] = [
            (0, 0, 0), (1, 1, 1), (step - 1, 1, chunkSize - 1), (step, 1, chunkSize), (step + 1, 2, 1),
            (2 * step, 2, chunkSize), (2 * step + 7, 3, 7),
        ]
        for row in rows {
            let plan = try ChunkPlan(size: row.size, chunkSize: chunkSize)
            #expect(plan.count == row.count)
            #expect(plan.place(of: 0) == nil)
            #expect(plan.place(of: row.count + 1) == nil)
            guard row.count > 0 else { continue }
            let last = try #require(plan.place(of: row.count))
            #expect(last.length == row.last)
            #expect(last.offset == (row.count - 1) * step)
            #expect(last.offset + UInt64(last.length) == row.size)
            if row.count > 1 { #expect(plan.place(of: 1)?.length == chunkSize) }
        }
    }

    @Test func refusesOtherChunkSizes() {
        for chunkSize in [0, -1, 1, 8192, 16_383, 16_385, 100_000, 2_097_152, Int.max, Int.min] {
            #expect(throws: TransferError.chunkSize(chunkSize)) { try ChunkPlan(size: 1, chunkSize: chunkSize) }
        }
    }

    @Test func theLargestFile() throws {
        let plan = try ChunkPlan(size: ChunkPlan.largestSize, chunkSize: 16_384)
        #expect(plan.count == 1 << 49)
        #expect(plan.place(of: 1 << 49)?.length == 16_383)
        #expect(plan.place(of: UInt64.max) == nil)
        var all = ChunkRanges()
        all.insert(1...UInt64.max)
        #expect(plan.bytes(in: all) == ChunkPlan.largestSize)
        #expect(throws: TransferError.fileTooLarge(1 << 63)) { try ChunkPlan(size: 1 << 63) }
    }

    @Test func anUnknownSizeHasNoEnd() throws {
        let plan = try ChunkPlan(size: nil)
        #expect(plan.count == nil)
        #expect(plan.place(of: 1000)?.offset == 999 * 262_144)
        #expect(plan.place(of: UInt64.max) == nil)
    }

    @Test func bytesOfRanges() throws {
        let plan = try ChunkPlan(size: 40_000, chunkSize: 16_384)
        var ranges = ChunkRanges()
        ranges.insert(2...2)
        #expect(plan.bytes(in: ranges) == 16_384)
        ranges.insert(3...UInt64.max)
        #expect(plan.bytes(in: ranges) == 40_000 - 16_384)
    }

    @Test func rootChainIsTheProtocols() {
        var chain = RootChain()
        #expect(chain.value == [UInt8](repeating: 0, count: 32))
        let first = SHA256.hash(Array("first".utf8))
        let second = SHA256.hash(Array("second".utf8))
        chain.append(first)
        chain.append(second)
        #expect(chain.count == 2)
        #expect(chain.value == SHA256.hash(SHA256.hash([UInt8](repeating: 0, count: 32) + first) + second))
    }

    @Test func failuresKeepTheirMeaningOnTheWire() {
        let failures: [TransferFailure] = [.damagedChunk(17), .damagedChunk(UInt64.max), .wrongRoot]
        for failure in failures { #expect(TransferFailure(peerReason: failure.description) == failure) }
        for text in [
            "", "chunk 0 came damaged three times", "chunk x came damaged three times", "chunk 1 came", "disk",
        ] {
            #expect(TransferFailure(peerReason: text) == .other(text))
        }
    }
}
