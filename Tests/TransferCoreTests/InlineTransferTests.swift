import Testing
import TransferCore

@Suite struct InlineTransferTests {
    private let files = [
        InlineReceiving.File(size: 20_000, root: root(2)), InlineReceiving.File(size: 0, root: nil),
        InlineReceiving.File(size: 16_384, root: nil),
    ]

    @Test func theOrderOfTheChunks() throws {
        let sending = try InlineSending(sizes: files.map(\.size))
        #expect(sending.count == 3)
        #expect(sending.map(\.file) == [1, 1, 3])
        #expect(sending.map(\.place.number) == [1, 2, 1])
        #expect(sending.map(\.place.length) == [16_384, 3_616, 16_384])
        #expect(sending[3] == nil)
        #expect(throws: TransferError.fileTooLarge(UInt64.max)) { try InlineSending(sizes: [UInt64.max]) }
    }

    @Test func severalFilesInAnyOrderAcrossARestart() throws {
        var machine = InlineReceiving(files: files, limit: 1 << 20)
        let chunks = Array(try InlineSending(sizes: files.map(\.size)))
        for chunk in chunks.reversed() {
            #expect(machine.state == .receiving)
            let number = chunk.place.number
            func receive() -> InlineReceiving.Action {
                machine.chunk(
                    file: chunk.file, number: number, length: chunk.place.length, hash: hash(number), fits: true)
            }
            #expect(receive() == .keep(chunk))
            machine = try InlineReceiving(files: files, checkpoint: machine.checkpoint)
            #expect(receive() == .drop, "known already")
        }
        #expect(machine.state == .complete)
        #expect(machine.bytesKept == 36_384)
    }

    @Test func overTheLimitIsDeclinedAtOnce() {
        #expect(InlineReceiving(files: files, limit: 36_384).refusal == nil)
        for file in [InlineReceiving.File(size: 1, root: nil), InlineReceiving.File(size: UInt64.max, root: nil)] {
            var machine = InlineReceiving(files: files + [file], limit: 36_384)
            guard case .cancel(.declined, _)? = machine.refusal else {
                Issue.record("taken")
                continue
            }
            #expect(machine.chunk(file: 1, number: 1, length: 16_384, hash: hash(1), fits: true) == .drop)
        }
        #expect(InlineReceiving(files: [.init(size: 1 << 63, root: nil)], limit: UInt64.max).refusal != nil)
    }

    @Test func onlyEmptyFilesAreCompleteAtOnce() {
        let empty = InlineReceiving.File(size: 0, root: RootChain().value)
        #expect(InlineReceiving(files: [empty], limit: 0).state == .complete)
        #expect(
            InlineReceiving(files: [.init(size: 0, root: hash(1))], limit: 0).state
                == .ended(.failed(.wrongRoot, by: .me)))
    }

    @Test("what does not fit fails: damaged, not announced, wrong root")
    func failures() {
        func fresh() -> InlineReceiving { InlineReceiving(files: [.init(size: 5, root: hash(9))], limit: 10) }
        let rows: [(file: UInt64, number: UInt64, length: Int, fits: Bool)] = [
            (1, 1, 5, false), (1, 1, 4, true), (1, 2, 5, true), (1, 0, 5, true), (0, 1, 5, true), (2, 1, 5, true),
            (UInt64.max, UInt64.max, 5, true), (1, 1, 5, true),
        ]
        for row in rows {
            var machine = fresh()
            let action = machine.chunk(
                file: row.file, number: row.number, length: row.length, hash: hash(1), fits: row.fits)
            guard case .cancel(.failed, _) = action, case .ended(.failed(_, by: .me)) = machine.state else {
                Issue.record("\(row) was taken")
                continue
            }
        }
        var machine = fresh()
        let first = machine.end(.cancelled(by: .peer, reason: ""))
        let second = machine.end(.cancelled(by: .me, reason: ""))
        #expect(first && !second)
        #expect(machine.chunk(file: 1, number: 1, length: 5, hash: hash(1), fits: true) == .drop)
    }
}
