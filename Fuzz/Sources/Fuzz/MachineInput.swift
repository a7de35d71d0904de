import ChatProtocol
import Primitives
import TransferCore

/// What the inputs of both machines begin with: a plan, limits, and perhaps a checkpoint.
struct MachineInput {
    let plan: ChunkPlan
    var limits = TransferLimits()
    /// Empty for a machine that begins.
    let checkpoint: [UInt8]

    private static let step = UInt64(ChunkPlan.inlineChunkSize)

    init(_ source: inout ByteSource) {
        let sizes: [UInt64?] = [
            nil, 0, 1, Self.step, 5 * Self.step + 1, 40 * Self.step, 1 << 40, ChunkPlan.largestSize,
        ]
        plan = must("a plan") { try ChunkPlan(size: source.pick(sizes), chunkSize: ChunkPlan.inlineChunkSize) }
        if source.flag() {
            limits.storeInterval = 2 * Self.step
            limits.syncInterval = 3 * Self.step
            limits.directWindow = 4 * Self.step
            limits.heldChunks = 3
            limits.damagedChunks = 2
        }
        checkpoint = source.take(Int(source.u16()))
    }
}

/// A chunk's hash: its number, so that the machines can be checked against it.
func chunkHash(_ number: UInt64) -> [UInt8] {
    withUnsafeBytes(of: number.bigEndian) { Array($0) } + [UInt8](repeating: 0, count: 24)
}

/// The root over `count` chunks, as far as it is worth the time.
func chunkRoot(_ count: UInt64) -> [UInt8] {
    var chain = RootChain()
    for number in 0..<min(count, 64) { chain.append(chunkHash(number + 1)) }
    return chain.value
}

extension ByteSource {
    /// A chunk's number, mostly a low one.
    mutating func chunk() -> UInt64 { flag() ? UInt64(u8() % 48) : number() }

    mutating func reason() -> String { String(decoding: take(Int(u8() % 16)), as: UTF8.self) }

    mutating func endCode() -> EndCode { pick(EndCode.allCases) }

    mutating func failure() -> TransferFailure {
        switch u8() % 6 {
        case 0: .damagedChunk(number())
        case 1: .wrongRoot
        case 2: .violation(reason())
        case 3: .source(reason())
        case 4: .queueGone
        default: TransferFailure(peerReason: reason())
        }
    }

    /// A want as it can come from the other side.
    mutating func want() -> Want {
        var ranges = ChunkRanges()
        for _ in 0..<Int(u8() % 5) {
            let low = max(1, chunk() & UInt64(Int64.max))
            ranges.insert(low...(flag() ? .max : max(low, chunk() & UInt64(Int64.max))))
        }
        if ranges.isEmpty { ranges.insert(1...UInt64.max) }
        return Want(
            number: number() & UInt64(Int64.max), seen: Int64(number() & UInt64(Int64.max)),
            frames: flag() ? Int64(number() & UInt64(Int64.max)) : nil, ranges: ranges)
    }

    mutating func mark(_ plan: ChunkPlan) -> DoneMark {
        let size = plan.size ?? number()
        let count = size / UInt64(plan.chunkSize) + (size % UInt64(plan.chunkSize) == 0 ? 0 : 1)
        switch u8() % 8 {
        case 0: return DoneMark(count: number(), size: number(), root: take(32))
        case 1: return DoneMark(count: count, size: size, root: Fixed.run(0))
        default: return DoneMark(count: count, size: size, root: chunkRoot(count))
        }
    }
}
