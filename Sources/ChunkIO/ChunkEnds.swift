/// Whether the bytes up to some place of a source are there.
public enum SourceReadiness: Sendable, Equatable {
    /// They are.
    case ready
    /// The source ended before: it has so many bytes.
    case ended(size: UInt64)
    /// The waiting was cancelled.
    case interrupted
}

/// What a sender reads chunks from: a file, a folder, what came through a pipe.
public protocol ChunkSource: Sendable {
    /// Waits until the bytes up to `end` are there, or it is known that they will not come. Returns at cancellation.
    func wait(for end: Int64) async throws(ChunkIOError) -> SourceReadiness
    /// The bytes from `offset` on, exactly `length` of them, and their hash.
    func read(at offset: Int64, length: Int) async throws(ChunkIOError) -> ReadChunk
    /// The same in a buffer lent by `pool`.
    func read(at offset: Int64, length: Int, into pool: ChunkBufferPool) async throws(ChunkIOError) -> FilledChunk
    /// Throws if what was read is not what was offered.
    func verifyUnchanged() throws(ChunkIOError)
    /// A reader of the same for another caller that goes in order, at another place.
    func another() -> any ChunkSource
    /// Where what depends on reading begins: a chunk that reaches beyond is read for each caller, when it is asked for.
    var settledEnd: Int64 { get }
    /// Lets go of what was read ahead into buffers: nobody will ask for it.
    func forgetAhead()
}

extension ChunkSource {
    /// What lies on a disk is there.
    public func wait(for end: Int64) async throws(ChunkIOError) -> SourceReadiness { .ready }

    /// A reader that does not read ahead serves any number of callers.
    public func another() -> any ChunkSource { self }

    /// All of it is what it is.
    public var settledEnd: Int64 { .max }

    /// Nothing was read ahead.
    public func forgetAhead() {}
}

/// What a recipient writes chunks to, in any order.
public protocol ChunkSink: Sendable {
    /// Writes `bytes` from `offset` on if their SHA-256 is `expected`.
    func write(_ bytes: [UInt8], at offset: Int64, expecting expected: [UInt8]?) async throws(ChunkIOError)
        -> WriteOutcome
    /// The same from a lent buffer; `completion` is called on a thread of the sink's own.
    func write(
        _ buffer: ChunkBuffer, at offset: Int64, expecting expected: [UInt8],
        completion: @escaping @Sendable (Result<WriteOutcome, ChunkIOError>) -> Void)
    /// Everything whose write had returned before is on the disk when this returns.
    func sync() async throws(ChunkIOError)
}

/// Where a recipient's chunks end up under a name of their own.
public protocol ChunkDestination: Sendable {
    /// Bytes that this user may still write there.
    func availableBytes() throws(ChunkIOError) -> Int64
    /// Sets mode and time, syncs, and gives the final name.
    func finish(_ attributes: FileAttributes, size: Int64?) async throws(ChunkIOError) -> FinishedFile
}

extension ChunkReader: ChunkSource {}
extension ChunkWriter: ChunkSink {}
extension Reservation: ChunkDestination {}
