import ChatProtocol
import TransferCore

func checkReceiving(_ bytes: [UInt8]) {
    var source = ByteSource(bytes)
    if source.u8() == 0xff { return checkInline(&source) }
    let input = MachineInput(&source)
    guard var engine = RecipientEngine(input, sameBoot: source.flag()) else { return }
    var steps = 0
    while !source.isEmpty {
        engine.step(&source)
        steps += 1
        if steps % 16 == 0 { engine.checkRow() }
    }
    engine.checkRow()
}

/// The recipient's engine as far as the machine sees it: it keeps to its contract, the other side does what it wants.
private struct RecipientEngine {
    private let input: MachineInput
    private var machine: ReceivingMachine
    private var writes: [ChunkPlace] = []
    private var isSyncing = false
    private var isFinishing = false
    private var lastWant: UInt64 = 0

    init?(_ input: MachineInput, sameBoot: Bool) {
        self.input = input
        machine = ReceivingMachine(plan: input.plan, limits: input.limits)
        if input.checkpoint.isEmpty {
            tell(.accepted)
            tell(.connected)
        } else {
            guard restore(input.checkpoint, sameBoot: sameBoot) else { return nil }
        }
        check()
    }

    mutating func step(_ source: inout ByteSource) {
        switch source.u8() % 20 {
        case 0: tell(source.flag() ? .accepted : .connected)
        case 1, 2, 3, 4: arrive(&source)
        case 5, 6, 7: write(source.u8())
        case 8: tell(.gap)
        case 9: tell(.directBroke)
        case 10: tell(.drained(seen: Int64(source.number() & UInt64(Int64.max))))
        case 11: tell(.acknowledge(seen: Int64(source.number() & UInt64(Int64.max))))
        case 12, 13: tell(.done(source.mark(machine.plan), lane: source.pick(Lane.allCases)))
        case 14: endSync()
        case 15: tell(.leaving)
        case 16: finish(source.flag())
        case 17: crash(orderly: source.flag(), sameBoot: source.flag())
        case 18: tell(.peerEnded(source.endCode(), reason: source.reason()))
        default: endHere(&source)
        }
        check()
    }

    private mutating func tell(_ event: ReceivingMachine.Event) {
        for action in machine.handle(event) {
            switch action {
            case .write(let place, _):
                expect(!writes.contains(place), "a chunk is written twice at a time")
                writes.append(place)
            case .store, .ok, .cancel: break
            case .sync:
                expect(!isSyncing, "two syncs at a time")
                isSyncing = true
            case .want(let want):
                expect(want.number > lastWant, "wants do not count up")
                expect((1...Want.mostRanges).contains(want.ranges.ranges.count), "a want of that many ranges")
                expect(want.ranges.first ?? 0 >= 1, "a want of chunk 0")
                lastWant = want.number
            case .finish: isFinishing = true
            case .ended:
                writes = []
                isSyncing = false
            }
        }
    }

    private mutating func arrive(_ source: inout ByteSource) {
        let number = source.chunk()
        let length = source.flag() ? machine.plan.place(of: number)?.length ?? 1 : Int(source.u16())
        let hash = source.u8() == 0xff ? source.take(32) : chunkHash(number)
        let isNeeded = machine.needs(number)
        let before = writes.count
        tell(.chunk(number, length: length, hash: hash, lane: source.pick(Lane.allCases)))
        expect(writes.count <= before || isNeeded, "a chunk is written that was not needed")
    }

    private mutating func write(_ choice: UInt8) {
        guard !writes.isEmpty else { return }
        let number = writes.remove(at: Int(choice >> 3) % writes.count).number
        switch choice & 7 {
        case 0: tell(.damaged(number))
        case 1: tell(.dropped(number))
        default: tell(.written(number))
        }
    }

    private mutating func endSync() {
        guard isSyncing else { return }
        isSyncing = false
        tell(.synced)
    }

    private mutating func finish(_ works: Bool) {
        guard isFinishing else { return }
        isFinishing = false
        tell(works ? .finished : .finishPaused)
        if !works { tell(.resumed) }
    }

    private mutating func endHere(_ source: inout ByteSource) {
        switch source.u8() % 3 {
        case 0: tell(.decline(reason: source.reason()))
        case 1: tell(.cancel(reason: source.reason()))
        default: tell(.failed(source.failure()))
        }
    }

    private mutating func crash(orderly: Bool, sameBoot: Bool) {
        let isOrderly = orderly && writes.isEmpty && !isSyncing
        expect(restore(machine.checkpoint(orderly: isOrderly), sameBoot: sameBoot), "a checkpoint is refused")
    }

    private mutating func restore(_ checkpoint: [UInt8], sameBoot: Bool) -> Bool {
        guard
            let restored = try? ReceivingMachine(
                plan: input.plan, checkpoint: checkpoint, sameBoot: sameBoot, limits: input.limits)
        else { return false }
        machine = restored
        writes = []
        isSyncing = false
        isFinishing = false
        lastWant = machine.lastWant?.number ?? 0
        tell(.resumed)
        return true
    }

    private func check() {
        expect(machine.bytesWritten <= machine.plan.size ?? .max, "more bytes written than there are")
        expect(machine.chunksBeingWritten == writes.count, "writes are counted wrongly")
        for place in writes { expect(!machine.needs(place.number), "a chunk being written is needed") }
    }

    func checkRow() {
        for orderly in [false, true] {
            let row = machine.checkpoint(orderly: orderly)
            let restored = must("a checkpoint") {
                try ReceivingMachine(plan: input.plan, checkpoint: row, sameBoot: true, limits: input.limits)
            }
            // What is not orderly says so by a cause, and from then on by that.
            let second = restored.checkpoint(orderly: true)
            let third = must("a checkpoint") {
                try ReceivingMachine(plan: input.plan, checkpoint: second, sameBoot: true, limits: input.limits)
            }
            expect(third.checkpoint(orderly: true) == second, "a checkpoint reads otherwise")
            expect(restored.bytesWritten == machine.bytesWritten, "a checkpoint has other chunks")
        }
    }
}

/// Files inside a message: what is announced, then chunks.
private func checkInline(_ source: inout ByteSource) {
    var files: [InlineReceiving.File] = []
    for _ in 0..<Int(source.u8() % 4) {
        let size = source.number()
        let isNamed = source.flag()
        files.append(
            InlineReceiving.File(size: size, root: isNamed ? chunkRoot((size &+ 16_383) / 16_384) : nil))
    }
    let limit: UInt64 = source.flag() ? 1 << 20 : 1 << 62
    var machine = InlineReceiving(files: files, limit: limit)
    let stored = source.take(Int(source.u16()))
    if let restored = try? InlineReceiving(files: files, checkpoint: stored), machine.refusal == nil {
        machine = restored
    }
    while !source.isEmpty {
        let file = UInt64(source.u8() % 5)
        let number = source.chunk()
        let length = source.flag() ? Int(source.u16()) : 16_384
        _ = machine.chunk(
            file: file, number: number, length: length, hash: chunkHash(number), fits: source.u8() != 0xff)
        expect(machine.bytesKept <= limit, "more is kept than taken")
        guard machine.refusal == nil else { continue }
        let row = machine.checkpoint
        let restored = must("a checkpoint") { try InlineReceiving(files: files, checkpoint: row) }
        expect(restored.checkpoint == row && restored.bytesKept == machine.bytesKept, "a checkpoint reads otherwise")
    }
}
