public import ChatProtocol
import Primitives

/// One chunk's place in its file.
public struct ChunkPlace: Hashable, Sendable {
    /// The chunk's number, from 1.
    public let number: UInt64
    /// The place of its first byte in the file, in bytes.
    public let offset: UInt64
    /// Its length in bytes; while the size of the file is unknown, the most it can be.
    public let length: Int
}

/// How a file is cut into chunks: all of one size, but for a shorter last one. Chunks are counted from 1.
public struct ChunkPlan: Hashable, Sendable {
    /// The chunk sizes that an offer may name, in bytes; only the powers of two among them.
    public static let chunkSizes = 16_384...1_048_576
    /// The chunk size of our offers, in bytes.
    public static let defaultChunkSize = 262_144
    /// The chunk size of files inside x.msg.new, in bytes.
    public static let inlineChunkSize = 16_384
    /// The largest file: what a file offset can say.
    public static let largestSize = UInt64(Int64.max)

    /// The file's size in bytes; nil while it is unknown (a stream).
    public let size: UInt64?
    /// The size of every chunk but the last, in bytes.
    public let chunkSize: Int

    /// A plan for `size` bytes.
    /// - Throws: `chunkSize` or `fileTooLarge`.
    public init(size: UInt64?, chunkSize: Int = ChunkPlan.defaultChunkSize) throws(TransferError) {
        guard Self.chunkSizes.contains(chunkSize), chunkSize & (chunkSize - 1) == 0 else {
            throw .chunkSize(chunkSize)
        }
        if let size, size > Self.largestSize { throw .fileTooLarge(size) }
        self.size = size
        self.chunkSize = chunkSize
    }

    /// The number of chunks, 0 for an empty file; nil while the size is unknown.
    public var count: UInt64? {
        guard let size else { return nil }
        return size / step + (size % step == 0 ? 0 : 1)
    }

    /// The highest number that a chunk can have.
    var lastChunk: UInt64 { count ?? Self.largestSize / step + 1 }

    /// The place of chunk `number`; nil if there is no such chunk.
    public func place(of number: UInt64) -> ChunkPlace? {
        guard number >= 1, number - 1 <= Self.largestSize / step else { return nil }
        let offset = (number - 1) * step
        let end = size ?? Self.largestSize
        guard offset < end else { return nil }
        return ChunkPlace(number: number, offset: offset, length: Int(min(step, end - offset)))
    }

    /// The bytes in those chunks of `ranges` that the plan has; with an unknown size, those up to `highest`.
    public func bytes(in ranges: ChunkRanges, highest: UInt64 = 0) -> UInt64 {
        let last = count ?? min(highest, Self.largestSize / step)
        var bytes: UInt64 = 0
        for range in ranges.ranges where range.lowerBound <= last && last > 0 {
            let upper = min(range.upperBound, last)
            bytes += (upper - range.lowerBound + 1) * step
            if let size, upper == last { bytes -= last * step - size }
        }
        return bytes
    }

    /// The chunk size as the unsigned number that sizes are made of.
    var step: UInt64 { UInt64(chunkSize) }

    /// All chunks; open at the end while the size is unknown.
    var allChunks: ChunkRanges {
        var all = ChunkRanges()
        switch count {
        case .none: all.insert(1...UInt64.max)
        case .some(0): break
        case .some(let count): all.insert(1...count)
        }
        return all
    }
}

/// The running hash over all chunks: h₀ is 32 zero bytes, hᵢ = SHA-256(hᵢ₋₁ ‖ SHA-256(chunk i)).
public struct RootChain: Hashable, Sendable {
    /// The length of a hash, in bytes.
    public static let hashLength = 32

    /// How many chunks are chained.
    public private(set) var count: UInt64
    /// The value after them, 32 bytes: the root hash once all chunks are chained.
    public private(set) var value: [UInt8]

    /// Nothing chained yet.
    public init() { self.init(count: 0, value: [UInt8](repeating: 0, count: Self.hashLength)) }

    init(count: UInt64, value: [UInt8]) {
        self.count = count
        self.value = value
    }

    /// Chains the next chunk by the SHA-256 of its bytes.
    public mutating func append(_ hash: [UInt8]) {
        precondition(hash.count == Self.hashLength, "a chunk's hash has 32 bytes")
        value = SHA256.hash(value + hash)
        count += 1
    }
}
