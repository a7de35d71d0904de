import Glibc
import Guarding
import Synchronization

/// How a write ended.
public enum WriteOutcome: Sendable, Equatable {
    /// The bytes are in the page cache or on the device: they survive the process, not yet the machine.
    case written
    /// Nothing was written: the bytes hash to `got`.
    case hashMismatch(got: [UInt8])
}

/// Writes chunks to a partial file in any order, several at a time. What it holds in memory is what callers wait for.
public final class ChunkWriter: Sendable {
    private struct Dirty {
        var range: Range<Int64>?
        var count = 0
    }

    /// Write-back is started after so many bytes, so that a sync at the end finds little left to do.
    static let writeBackInterval = 16 << 20
    /// Smaller files are not worth it, in bytes.
    static let smallestUncached: Int64 = 1 << 20
    /// Blocks are allocated for so many bytes at a time.
    private static let allocationStep: Int64 = 64 << 20
    /// What O_DIRECT asks of memory, place and length, in bytes.
    private static let alignment: Int64 = 4096
    private let file: OpenFile
    /// The same file past the page cache, where the file system has that.
    private let uncached: OpenFile?
    private let isUncachedRefused = Atomic(false)
    private let size: Int64?
    /// How much of the file has blocks of its own, from the start.
    private let allocated = Atomic<Int64>(0)
    private let directory: OpenFile
    private let dirty = Guarded(Dirty())
    private let isNameSynced = Guarded(false)

    /// - Parameters:
    ///   - uncached: another opening of `file`, with O_DIRECT.
    ///   - size: what it will be, if that is known.
    init(_ file: OpenFile, uncached: OpenFile?, in directory: OpenFile, size: Int64?) {
        self.file = file
        self.uncached = uncached
        self.directory = directory
        self.size = size
        if uncached != nil { allocate(before: 0) }
    }

    /// Writes `bytes` from `offset` on if their SHA-256 is `expected` (`nil`: without hashing). A failed or partial
    /// write throws and counts as not written; `noSpace` and `quotaExceeded` may succeed when tried again later.
    public func write(
        _ bytes: [UInt8], at offset: Int64, expecting expected: [UInt8]?
    ) async throws(ChunkIOError) -> WriteOutcome {
        precondition(offset >= 0 && offset <= Int64.max - Int64(bytes.count), "not a place in a file")
        return try await withCheckedContinuation { continuation in
            submit(.write(offset: offset, expecting: expected), bytes, offset..<offset + Int64(bytes.count)) {
                continuation.resume(returning: $0)
            }
        }.get()
    }

    /// Writes the filled bytes of a lent buffer, as `write` does; `completion` is called on a thread of the service.
    public func write(
        _ buffer: ChunkBuffer, at offset: Int64, expecting expected: [UInt8],
        completion: @escaping @Sendable (Result<WriteOutcome, ChunkIOError>) -> Void
    ) {
        precondition(offset >= 0 && offset <= Int64.max - Int64(buffer.count), "not a place in a file")
        let place = offset..<offset + Int64(buffer.count)
        submit(.drain(buffer, offset: offset, expecting: expected), [], place, completion)
    }

    /// Past the page cache, where a range allows it: copying into the cache and writing it back costs several times as much,
    /// and a sync finds little left to do.
    private func submit(
        _ kind: IORequest.Kind, _ bytes: [UInt8], _ place: Range<Int64>,
        _ completion: @escaping @Sendable (Result<WriteOutcome, ChunkIOError>) -> Void
    ) {
        guard let uncached, isAligned(place), !isUncachedRefused.load(ordering: .relaxed) else {
            return submitCached(kind, bytes, place, completion)
        }
        allocate(before: place.upperBound)
        file.service.submit(
            IORequest(kind, on: uncached, bytes: bytes, mayWait: true) { result in
                // Another alignment than that of all common file systems, or none of this at all.
                if case .failure(.system(_, _, EINVAL)) = result {
                    self.isUncachedRefused.store(true, ordering: .relaxed)
                    return self.submitCached(kind, bytes, place, completion)
                }
                completion(result.map(\.outcome))
            })
    }

    private func submitCached(
        _ kind: IORequest.Kind, _ bytes: [UInt8], _ place: Range<Int64>,
        _ completion: @escaping @Sendable (Result<WriteOutcome, ChunkIOError>) -> Void
    ) {
        file.service.submit(
            IORequest(kind, on: file, bytes: bytes) { result in
                if case .success(.done) = result { self.startWriteBack(after: place) }
                completion(result.map(\.outcome))
            })
    }

    /// Gives the file blocks ahead of the writes, which then neither wait for each other nor need a thread of the kernel.
    /// Where that fails they do.
    private func allocate(before end: Int64) {
        guard let size, end + Self.allocationStep / 2 > allocated.load(ordering: .relaxed) else { return }
        let start = allocated.load(ordering: .relaxed)
        let next = min(size, max(start, end) + Self.allocationStep)
        guard start < next, allocated.compareExchange(expected: start, desired: next, ordering: .relaxed).exchanged
        else {
            return
        }
        file.service.submit(IORequest(.allocate(offset: start, length: next - start), on: file) { _ in })
    }

    private func isAligned(_ place: Range<Int64>) -> Bool {
        !place.isEmpty && place.lowerBound % Self.alignment == 0 && place.upperBound % Self.alignment == 0
    }

    /// The bytes from `offset` on, exactly `length` of them, with their hash; `partialWrongSize` if the file ends before.
    public func read(at offset: Int64, length: Int) async throws(ChunkIOError) -> ReadChunk {
        precondition(offset >= 0 && length >= 1 && length <= ChunkReader.maximumLength, "not a chunk of a file")
        let kind = IORequest.Kind.read(offset: offset, length: length)
        guard case .bytes(let bytes, let sha256) = try await file.service.perform(kind, on: file).get() else {
            preconditionFailure("a read gives bytes")
        }
        guard bytes.count == length else {
            throw .partialWrongSize(
                file.path, expected: offset + Int64(length), got: offset + Int64(bytes.count))
        }
        return ReadChunk(offset: offset, bytes: bytes, sha256: sha256)
    }

    /// Everything whose write had returned before the call is on the disk when this returns (fdatasync). After a
    /// failure every later sync of this opening fails too, as the kernel may have dropped what it could not write:
    /// reopen the reservation and go on from what was synced before.
    public func sync() async throws(ChunkIOError) {
        try await file.sync(dataOnly: true)
        // Data counts only under a name: the directory too, once.
        if isNameSynced.withLock({ $0 }) { return }
        try await directory.sync(dataOnly: false)
        isNameSynced.withLock { $0 = true }
    }

    private func startWriteBack(after written: Range<Int64>) {
        let due: Range<Int64>? = dirty.withLock { dirty in
            let range = dirty.range.map {
                min($0.lowerBound, written.lowerBound)..<max($0.upperBound, written.upperBound)
            }
            dirty.range = range ?? written
            dirty.count += written.count
            guard dirty.count >= ChunkWriter.writeBackInterval else { return nil }
            defer { dirty = Dirty() }
            return dirty.range
        }
        guard let due else { return }
        let kind = IORequest.Kind.writeBack(offset: due.lowerBound, length: due.count)
        file.service.submit(IORequest(kind, on: file) { _ in })
    }
}

extension IOOutput {
    fileprivate var outcome: WriteOutcome {
        switch self {
        case .done: .written
        case .hashMismatch(let got): .hashMismatch(got: got)
        case .bytes, .filled: preconditionFailure("a write gives no bytes")
        }
    }
}
