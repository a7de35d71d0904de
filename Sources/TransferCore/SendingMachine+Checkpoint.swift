import ChatProtocol
import WireFormat

extension SendingMachine {
    /// What survives a crash, for the transfer's row: at most a few KiB, whatever the file's size.
    ///
    /// Everything that is not yet with the relay or peer is sent again after `init(plan:checkpoint:limits:)`; chunks before
    /// it are neither read nor hashed again.
    /// - Parameter keepingUnderWay: whether the lane has stored what it was handed and delivers it in the next run too; then
    ///   nothing of that is sent again.
    public func checkpoint(keepingUnderWay: Bool = false) -> [UInt8] {
        var kept = self
        // A direct connection keeps nothing.
        _ = kept.directBroke()
        if !keepingUnderWay {
            kept.toSend = undelivered
            kept.underWay = [:]
            // Messages from the first undelivered one on may never have left.
            if let first = underWay.values.min() { kept.log.forget(from: first) }
            if case .underWay = done { kept.done = .owed }
        }
        return kept.encoded()
    }

    private func encoded() -> [UInt8] {
        var writer = WireWriter(capacity: 512)
        writer.u8(CheckpointCoding.version)
        switch state {
        case .offered: writer.u8(0)
        case .accepted: writer.u8(1)
        case .active: writer.u8(2)
        case .sent: writer.u8(3)
        case .ended(let ending):
            writer.u8(4)
            writer.ending(ending)
        }
        writer.integer(plan.size ?? UInt64.max)
        writer.chain(chain)
        writer.integer(wantNumber)
        switch done {
        case .owed, .taken, .underWayDirectly: writer.u8(0)
        case .underWay(let message):
            writer.u8(1)
            writer.i64(message)
        case .delivered: writer.u8(2)
        }
        writer.ranges(toSend.union(reading))
        log.write(to: &writer)
        writer.u32(UInt32(underWay.count))
        for (chunk, message) in underWay.sorted(by: { $0.key < $1.key }) {
            writer.integer(chunk)
            writer.i64(message)
        }
        return writer.bytes
    }

    /// The machine as it was when `checkpoint` was taken; give it `resumed` first, so that a crash from now on does not find
    /// a checkpoint that counts on what the lane kept.
    /// - Parameter plan: that of the offer.
    /// - Throws: `checkpointDamaged`, `checkpointNewer`.
    public init(
        plan: ChunkPlan, checkpoint: [UInt8], limits: TransferLimits = TransferLimits()
    ) throws(TransferError) {
        self = try CheckpointCoding.decode(checkpoint) { reader throws(WireError) in
            try SendingMachine(plan: plan, from: &reader, limits: limits)
        }
    }

    private init(plan offered: ChunkPlan, from reader: inout WireReader, limits: TransferLimits) throws(WireError) {
        self.init(plan: offered, limits: limits)
        state = try Self.state(from: &reader)
        plan = try reader.plan(offered)
        chain = try reader.chain()
        issued = chain.count
        wantNumber = try reader.integer()
        let at = reader.offset
        switch try reader.u8() {
        case 0: done = .owed
        case 1: done = .underWay(lastMessage: try reader.i64())
        case 2: done = .delivered
        default: throw .unexpected(offset: at)
        }
        let last = plan.count ?? UInt64.max
        toSend = try reader.ranges().clipped(to: last)
        log = try SentLog(from: &reader)
        let pairs = try reader.items(least: 16) { reader throws(WireError) in
            let at = reader.offset
            let (chunk, message): (UInt64, Int64) = (try reader.integer(), try reader.i64())
            // Only what was read, and so chained, is ever handed to a lane.
            guard chunk >= 1, chunk <= chain.count, message >= 0 else { throw .unexpected(offset: at) }
            return (chunk, message)
        }
        for (chunk, message) in pairs { underWay[chunk] = message }
        guard chain.count <= plan.lastChunk else { throw .unexpected(offset: reader.offset) }
    }

    private static func state(from reader: inout WireReader) throws(WireError) -> State {
        let at = reader.offset
        switch try reader.u8() {
        case 0: return .offered
        case 1: return .accepted
        case 2: return .active
        case 3: return .sent
        case 4: return .ended(try reader.ending())
        default: throw .unexpected(offset: at)
        }
    }
}
