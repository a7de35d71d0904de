import Glibc
import Guarding

/// Memory for one chunk, lent by a pool; goes back to it when the last owner lets go.
public final class ChunkBuffer: @unchecked Sendable {
    // Safe: one owner at a time works on it. Who takes it fills it and hands it on through a lock; then it is only read.
    fileprivate let memory: UnsafeMutableRawPointer
    private let pool: ChunkBufferPool

    /// Room in front of the bytes, for what a lane puts there.
    package static let headroom = 4096
    /// The most bytes that it holds.
    public let capacity: Int
    /// How many bytes are filled, from the start.
    public private(set) var count = 0

    fileprivate init(_ memory: UnsafeMutableRawPointer, of pool: ChunkBufferPool) {
        self.memory = memory
        self.pool = pool
        capacity = pool.capacity
    }

    deinit { pool.giveBack(memory) }

    /// Writes `bytes` right in front of the filled ones, which are then the second part of one message.
    /// - Parameter bytes: at most `headroom` of them.
    package func withPrefixed<Result>(_ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows
        -> Result
    {
        precondition(bytes.count <= Self.headroom, "a header longer than the room for it")
        // The memory goes back with the last reference, which may be gone before the call ends.
        defer { withExtendedLifetime(self) {} }
        let start = memory - bytes.count
        UnsafeMutableRawBufferPointer(start: start, count: bytes.count).copyBytes(from: bytes)
        return try body(UnsafeRawBufferPointer(start: start, count: bytes.count + count))
    }

    /// The filled bytes.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        defer { withExtendedLifetime(self) {} }
        return try body(UnsafeRawBufferPointer(start: memory, count: count))
    }

    /// Fills more: `body` writes to the front of the rest, which it is given, and says how many bytes.
    public func fill<Failure>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) {
        defer { withExtendedLifetime(self) {} }
        let added = try body(UnsafeMutableRawBufferPointer(start: memory + count, count: capacity - count))
        precondition(added >= 0 && added <= capacity - count, "more than the buffer holds")
        count += added
    }
}

/// A few chunks' worth of memory: what bounds a lane.
public final class ChunkBufferPool: Sendable {
    private struct Memory: @unchecked Sendable {
        // Safe: an address that is used by one owner at a time.
        let start: UnsafeMutableRawPointer
    }

    private struct Contents {
        var free: [Memory] = []
        var made = 0
        var waiting: [@Sendable (ChunkBuffer) -> Void] = []
    }

    /// The size of each buffer, in bytes.
    public let capacity: Int
    /// How many there are at the most.
    public let limit: Int
    private let contents = Guarded(Contents())

    /// A pool of at most `limit` buffers of `capacity` bytes, made when they are first needed.
    public init(capacity: Int, limit: Int) {
        precondition(capacity > 0 && limit > 0, "a pool of nothing")
        self.capacity = capacity
        self.limit = limit
    }

    deinit {
        for memory in contents.withLock({ $0.free }) { munmap(memory.start - ChunkBuffer.headroom, room) }
    }

    /// An empty buffer; nil if all are lent: then `later` is called with one, once, on whatever thread gives it back.
    public func take(orLater later: @escaping @Sendable (ChunkBuffer) -> Void) -> ChunkBuffer? {
        let memory: Memory? = contents.withLock { contents in
            if let memory = contents.free.popLast() { return memory }
            if contents.made < limit {
                contents.made += 1
                return allocate()
            }
            contents.waiting.append(later)
            return nil
        }
        return memory.map { ChunkBuffer($0.start, of: self) }
    }

    /// An empty buffer, as soon as there is one.
    public func take() async -> ChunkBuffer {
        await withCheckedContinuation { continuation in
            if let buffer = take(orLater: { continuation.resume(returning: $0) }) {
                continuation.resume(returning: buffer)
            }
        }
    }

    private var room: Int { ChunkBuffer.headroom + (capacity + 4095) & ~4095 }

    /// Pages of its own: each transfer's threads have another heap, and every one of them would keep what was freed.
    private func allocate() -> Memory {
        let start = mmap(nil, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let start, start != MAP_FAILED else { preconditionFailure("the machine has no memory left") }
        return Memory(start: start + ChunkBuffer.headroom)
    }

    fileprivate func giveBack(_ start: UnsafeMutableRawPointer) {
        let memory = Memory(start: start)
        let next: (@Sendable (ChunkBuffer) -> Void)? = contents.withLock { contents in
            guard contents.waiting.isEmpty else { return contents.waiting.removeFirst() }
            contents.free.append(memory)
            return nil
        }
        next?(ChunkBuffer(start, of: self))
    }
}
