import WireFormat

extension ReceivingMachine {
    /// What survives a crash, for the transfer's row: some hundred bytes, and 32 for each chunk beyond a gap.
    ///
    /// Holds both what is written (good in the same boot of the machine) and what is synced.
    /// - Parameter orderly: the engine has stopped, everything was written or given back to the link, and the last `sync` is
    ///   done: nothing is lost. Else the machine made from it asks for what is missing.
    public func checkpoint(orderly: Bool = false) -> [UInt8] {
        var writer = WireWriter(capacity: 512)
        writer.u8(CheckpointCoding.version)
        switch state {
        case .offered: writer.u8(0)
        case .accepted: writer.u8(1)
        case .active, .finishing: writer.u8(2)
        case .ended(let ending):
            writer.u8(3)
            writer.ending(ending)
        }
        writer.integer(plan.size ?? UInt64.max)
        writer.flag(orderly && writing.isEmpty)
        writer.flag(okOwed)
        writer.u8(causes.rawValue)
        writer.maybe(lastWant) { $0.want($1) }
        writer.maybe(done) { $0.mark($1) }
        writer.u32(UInt32(damaged.count))
        for (chunk, count) in damaged.sorted(by: { $0.key < $1.key }) {
            writer.integer(chunk)
            writer.u8(count)
        }
        writer.maybe(shortChunk) { writer, short in
            writer.integer(short.number)
            writer.u32(UInt32(short.length))
        }
        progress.write(to: &writer)
        writer.maybe(synced == progress ? nil : synced) { writer, synced in synced.write(to: &writer) }
        return writer.bytes
    }

    /// The machine as it was when `checkpoint` was taken; give it `resumed` first.
    /// - Parameters:
    ///   - plan: that of the offer.
    ///   - sameBoot: whether the machine has not been started anew since; else only what was synced counts.
    /// - Throws: `checkpointDamaged`, `checkpointNewer`.
    public init(
        plan: ChunkPlan, checkpoint: [UInt8], sameBoot: Bool, limits: TransferLimits = TransferLimits()
    ) throws(TransferError) {
        self = try CheckpointCoding.decode(checkpoint) { reader throws(WireError) in
            try ReceivingMachine(plan: plan, from: &reader, sameBoot: sameBoot, limits: limits)
        }
    }

    /// What was written is not there: everything is asked for again.
    public mutating func startOver() {
        progress = ChunkProgress()
        synced = ChunkProgress()
        shortChunk = nil
        causes.insert(.lostState)
    }

    private init(
        plan offered: ChunkPlan, from reader: inout WireReader, sameBoot: Bool, limits: TransferLimits
    ) throws(WireError) {
        self.init(plan: offered, limits: limits)
        state = try Self.state(from: &reader)
        plan = try reader.plan(offered)
        var isLossless = try reader.flag()
        okOwed = try reader.flag()
        causes = Causes(rawValue: try reader.u8())
        lastWant = try reader.maybe { reader throws(WireError) in try reader.want() }
        let at = reader.offset
        done = try reader.maybe { reader throws(WireError) in try reader.mark() }
        guard done.map({ $0.size == plan.size && $0.count == plan.count }) ?? true else {
            throw .unexpected(offset: at)
        }
        let counts = try reader.items(least: 9) { reader throws(WireError) in
            let at = reader.offset
            let (chunk, count): (UInt64, UInt8) = (try reader.integer(), try reader.u8())
            guard count < TransferFailure.damagedChunkLimit else { throw .unexpected(offset: at) }
            return (chunk, count)
        }
        for (chunk, count) in counts { damaged[chunk] = count }
        let chunkSize = plan.size == nil ? plan.chunkSize : 0
        shortChunk = try reader.maybe { reader throws(WireError) in
            let at = reader.offset
            let short: (number: UInt64, length: Int) = (try reader.integer(), Int(try reader.u32()))
            guard short.length >= 1, short.length < chunkSize else { throw .unexpected(offset: at) }
            return short
        }
        let last = plan.lastChunk
        progress = try ChunkProgress(from: &reader, last: last)
        let stored = try reader.maybe { reader throws(WireError) in try ChunkProgress(from: &reader, last: last) }
        synced = stored ?? progress
        if !sameBoot, progress != synced {
            progress = synced
            isLossless = false
        }
        if let short = shortChunk, !progress.contains(short.number) { shortChunk = nil }
        if !isLossless, state == .active { causes.insert(.lostState) }
    }

    private static func state(from reader: inout WireReader) throws(WireError) -> State {
        let at = reader.offset
        switch try reader.u8() {
        case 0: return .offered
        case 1: return .accepted
        case 2: return .active
        case 3: return .ended(try reader.ending())
        default: throw .unexpected(offset: at)
        }
    }
}
