public import ChatProtocol

/// x.file.want: what the recipient still lacks.
public struct Want: Hashable, Sendable {
    /// The most ranges that one want holds.
    public static let mostRanges = 64

    /// Grows by one with every want; an older one than the last is ignored.
    public var number: UInt64
    /// The highest sndMsgId that the recipient has handled on this connection.
    public var seen: Int64
    /// On the direct lane, how many frames of this direct connection it has handled.
    public var frames: Int64?
    /// The missing chunks; when nothing is missing, everything behind the last chunk.
    public var ranges: ChunkRanges

    /// A want of these parts.
    public init(number: UInt64, seen: Int64, frames: Int64? = nil, ranges: ChunkRanges) {
        self.number = number
        self.seen = seen
        self.frames = frames
        self.ranges = ranges
    }
}

/// x.file.done: what the sender says when everything has been sent once.
public struct DoneMark: Hashable, Sendable {
    /// The number of chunks.
    public var count: UInt64
    /// The size of the file in bytes.
    public var size: UInt64
    /// The root hash, 32 bytes.
    public var root: [UInt8]

    /// A mark of these parts.
    public init(count: UInt64, size: UInt64, root: [UInt8]) {
        self.count = count
        self.size = size
        self.root = root
    }
}

/// How often the machines ask for their state to be kept, and what they keep in memory.
public struct TransferLimits: Hashable, Sendable {
    /// Bytes written or delivered between two `store` actions.
    public var storeInterval: UInt64 = 4 << 20
    /// The most bytes under way on the direct lane: what a crash of the recipient can lose there.
    public var directWindow: UInt64 = 12 << 20
    /// Bytes written between two `sync` actions.
    public var syncInterval: UInt64 = 256 << 20
    /// The most chunks kept beyond a gap, 32 bytes of hash each; what exceeds it is dropped and wanted again.
    public var heldChunks = 1024
    /// So many chunks beyond a gap show that what is missing in it was lost, though the queue was never empty.
    public var lossProof = 64
    /// The most different chunks that may be damaged at one time; one more fails the transfer.
    public var damagedChunks = 256

    /// The limits of `sxfile`.
    public init() {}
}
