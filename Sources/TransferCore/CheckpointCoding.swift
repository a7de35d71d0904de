import ChatProtocol
import WireFormat

/// The layout of stored machines: big-endian integers, lists with a 32-bit count. Version 1.
enum CheckpointCoding {
    static let version: UInt8 = 1
    /// The most bytes of a reason that are kept.
    static let longestReason = 1024
    /// The most ranges that are kept; more are coalesced.
    static let mostRanges = 64

    /// Reads a whole checkpoint with `read`, after its version.
    static func decode<Value>(
        _ bytes: [UInt8], _ read: (inout WireReader) throws(WireError) -> Value
    ) throws(TransferError) -> Value {
        var reader = WireReader(bytes)
        guard let found = reader.peek else { throw .checkpointDamaged }
        guard found == version else { throw found > version ? .checkpointNewer(found) : .checkpointDamaged }
        do throws(WireError) {
            _ = try reader.u8()
            let value = try read(&reader)
            try reader.end()
            return value
        } catch {
            throw .checkpointDamaged
        }
    }
}

extension WireWriter {
    mutating func flag(_ value: Bool) { u8(value ? 1 : 0) }

    mutating func text(_ value: String) {
        let bytes = Array(value.utf8.prefix(CheckpointCoding.longestReason))
        // A reason cut inside a character is repaired, which can make it longer by two bytes.
        long(Array(String(decoding: bytes, as: UTF8.self).utf8))
    }

    mutating func ranges(_ value: ChunkRanges) {
        let ranges = value.coalesced(to: CheckpointCoding.mostRanges).ranges
        u32(UInt32(ranges.count))
        for range in ranges {
            integer(range.lowerBound)
            integer(range.upperBound)
        }
    }

    mutating func chain(_ value: RootChain) {
        integer(value.count)
        raw(value.value)
    }

    mutating func mark(_ value: DoneMark) {
        integer(value.count)
        integer(value.size)
        raw(value.root)
    }

    mutating func want(_ value: Want) {
        integer(value.number)
        integer(value.seen)
        ranges(value.ranges)
    }

    mutating func failure(_ value: TransferFailure) {
        switch value {
        case .damagedChunk(let chunk):
            u8(0)
            integer(chunk)
        case .manyDamagedChunks(let count):
            u8(1)
            integer(UInt64(count))
        case .wrongRoot: u8(2)
        case .messageIntegrity(let what):
            u8(3)
            text(what)
        case .violation(let what):
            u8(4)
            text(what)
        case .source(let what):
            u8(5)
            text(what)
        case .destination(let what):
            u8(6)
            text(what)
        case .queueGone: u8(7)
        case .other(let what):
            u8(8)
            text(what)
        }
    }

    mutating func ending(_ value: TransferEnding) {
        switch value {
        case .complete: u8(0)
        case .declined(let by, let reason):
            u8(1)
            flag(by == .me)
            text(reason)
        case .cancelled(let by, let reason):
            u8(2)
            flag(by == .me)
            text(reason)
        case .failed(let why, let by):
            u8(3)
            flag(by == .me)
            failure(why)
        }
    }
}

extension WireReader {
    mutating func flag() throws(WireError) -> Bool {
        let at = offset
        switch try u8() {
        case 0: return false
        case 1: return true
        default: throw .unexpected(offset: at)
        }
    }

    mutating func text() throws(WireError) -> String { String(decoding: try long(), as: UTF8.self) }

    /// A list with a 32-bit count; each item takes at least `least` bytes, so that a wrong count allocates nothing.
    mutating func items<Value>(
        least: Int, _ read: (inout WireReader) throws(WireError) -> Value
    ) throws(WireError) -> [Value] {
        let at = offset
        let count = Int(try u32())
        guard count <= self.count / least else { throw .unexpected(offset: at) }
        var values: [Value] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try read(&self)) }
        return values
    }

    mutating func ranges() throws(WireError) -> ChunkRanges {
        var ranges = ChunkRanges()
        let list = try items(least: 16) { reader throws(WireError) in
            let at = reader.offset
            let lower: UInt64 = try reader.integer()
            let upper: UInt64 = try reader.integer()
            guard lower >= 1, lower <= upper else { throw .unexpected(offset: at) }
            return lower...upper
        }
        for range in list { ranges.insert(range) }
        return ranges
    }

    mutating func hash() throws(WireError) -> [UInt8] { Array(try take(RootChain.hashLength)) }

    mutating func chain() throws(WireError) -> RootChain {
        RootChain(count: try integer(), value: try hash())
    }

    mutating func mark() throws(WireError) -> DoneMark {
        DoneMark(count: try integer(), size: try integer(), root: try hash())
    }

    mutating func want() throws(WireError) -> Want {
        let at = offset
        let want = Want(number: try integer(), seen: try integer(), ranges: try ranges())
        // Another one must be able to follow.
        guard want.number < UInt64(Int64.max), want.seen >= 0 else { throw .unexpected(offset: at) }
        return want
    }

    /// The offer's plan, with the size that was found out since.
    mutating func plan(_ offered: ChunkPlan) throws(WireError) -> ChunkPlan {
        let at = offset
        let size: UInt64 = try integer()
        if size == offered.size ?? UInt64.max { return offered }
        guard offered.size == nil, let fixed = try? ChunkPlan(size: size, chunkSize: offered.chunkSize) else {
            throw .unexpected(offset: at)
        }
        return fixed
    }

    mutating func party() throws(WireError) -> Party { try flag() ? .me : .peer }

    mutating func failure() throws(WireError) -> TransferFailure {
        let at = offset
        switch try u8() {
        case 0: return .damagedChunk(try integer())
        case 1:
            let count: UInt64 = try integer()
            return .manyDamagedChunks(Int(clamping: count))
        case 2: return .wrongRoot
        case 3: return .messageIntegrity(try text())
        case 4: return .violation(try text())
        case 5: return .source(try text())
        case 6: return .destination(try text())
        case 7: return .queueGone
        case 8: return .other(try text())
        default: throw .unexpected(offset: at)
        }
    }

    mutating func ending() throws(WireError) -> TransferEnding {
        let at = offset
        switch try u8() {
        case 0: return .complete
        case 1: return .declined(by: try party(), reason: try text())
        case 2: return .cancelled(by: try party(), reason: try text())
        case 3:
            let by = try party()
            return .failed(try failure(), by: by)
        default: throw .unexpected(offset: at)
        }
    }
}
