import ChatProtocol
import TransferCore

func checkSending(_ bytes: [UInt8]) {
    var source = ByteSource(bytes)
    let input = MachineInput(&source)
    guard var engine = SenderEngine(input) else { return }
    var steps = 0
    while !source.isEmpty {
        engine.step(&source)
        steps += 1
        if steps % 16 == 0 { engine.checkRow() }
    }
    engine.checkRow()
}

/// The sender's engine and lanes as far as the machine sees them: they keep to its contract, the other side does what it
/// wants.
private struct SenderEngine {
    private let input: MachineInput
    private var machine: SendingMachine
    /// Asked for by `next`, in order.
    private var reads: [ChunkPlace] = []
    /// To be handed to a lane.
    private var items: [SendingMachine.Item] = []
    private var lastMessage: Int64 = 1
    private var lastFrame: Int64 = 0

    init?(_ input: MachineInput) {
        self.input = input
        machine = SendingMachine(plan: input.plan, limits: input.limits)
        if input.checkpoint.isEmpty {
            tell(.accepted)
            tell(.connected)
        } else {
            guard restore(input.checkpoint) else { return nil }
        }
        check()
    }

    mutating func step(_ source: inout ByteSource) {
        switch source.u8() % 20 {
        case 0: tell(.accepted)
        case 1: tell(.connected)
        case 2, 3, 4: next()
        case 5, 6, 7: read()
        case 8, 9: hand(source.flag() ? .relay : .direct, count: source.u8() % 4)
        case 10: giveBack()
        case 11: tell(.deliveredThrough(min(lastMessage, Int64(source.number() & UInt64(Int64.max)))))
        case 12: tell(.want(source.want(), openRangeFirst: source.flag()))
        case 13: tell(.directBroke)
        case 14: tell(.probe)
        case 15: endSource(source.number())
        case 16: tell(.ok(root: source.flag() ? machine.root ?? chunkRoot(5) : source.take(32)))
        case 17: crash(keeping: source.flag())
        case 18: tell(.peerEnded(source.endCode(), reason: source.reason()))
        default: tell(source.flag() ? .cancel(reason: source.reason()) : .failed(source.failure()))
        }
        check()
    }

    private mutating func tell(_ event: SendingMachine.Event) {
        for action in machine.handle(event) {
            switch action {
            case .send(let chunk): items.append(.chunk(chunk))
            case .store, .cancel: break
            case .ended:
                reads = []
                items = []
            }
        }
    }

    private mutating func next() {
        switch machine.next() {
        case .read(let place): reads.append(place)
        case .done(let mark):
            expect(mark.count == machine.plan.count && mark.size == machine.plan.size, "a mark of another file")
            items.append(.done)
        case nil: break
        }
    }

    private mutating func read() {
        guard !reads.isEmpty else { return }
        let place = reads.removeFirst()
        tell(.read(place.number, hash: chunkHash(place.number)))
    }

    private mutating func hand(_ lane: Lane, count: UInt8) {
        guard !items.isEmpty else { return }
        let item = items.removeFirst()
        lastMessage += 1 + Int64(count)
        lastFrame += 1
        switch lane {
        case .relay: tell(.sent(item, lastMessage: lastMessage))
        case .direct: tell(.sentDirectly(item, frame: lastFrame))
        }
    }

    private mutating func giveBack() {
        guard case .chunk(let chunk)? = items.first else { return }
        items.removeFirst()
        tell(.returned(chunk))
    }

    private mutating func endSource(_ size: UInt64) {
        guard machine.plan.size == nil else { return }
        tell(.sourceEnded(size: size))
        let count = machine.plan.count ?? .max
        reads.removeAll { $0.number > count }
        items.removeAll { if case .chunk(let chunk) = $0 { chunk > count } else { false } }
    }

    private mutating func crash(keeping: Bool) {
        expect(restore(machine.checkpoint(keepingUnderWay: keeping)), "a checkpoint is refused")
    }

    private mutating func restore(_ checkpoint: [UInt8]) -> Bool {
        guard
            let restored = try? SendingMachine(plan: input.plan, checkpoint: checkpoint, limits: input.limits)
        else { return false }
        machine = restored
        reads = []
        items = []
        lastFrame = 0
        tell(.resumed)
        return true
    }

    private func check() {
        expect(machine.bytesDelivered <= machine.plan.size ?? .max, "more bytes delivered than there are")
        _ = machine.hasDirectRoom
    }

    func checkRow() {
        let row = machine.checkpoint(keepingUnderWay: true)
        let restored = must("a checkpoint") {
            try SendingMachine(plan: input.plan, checkpoint: row, limits: input.limits)
        }
        expect(restored.checkpoint(keepingUnderWay: true) == row, "a checkpoint reads otherwise")
        expect(restored.chain == machine.chain, "a checkpoint has another chain")
    }
}
