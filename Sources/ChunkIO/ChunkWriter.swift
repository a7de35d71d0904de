import Guarding

/// How a write ended.
public enum WriteOutcome: Sendable, Equatable {
    /// The bytes are in the page cache: they survive the process, not the machine.
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
    private let file: OpenFile
    private let directory: OpenFile
    private let dirty = Guarded(Dirty())
    private let isNameSynced = Guarded(false)

    init(_ file: OpenFile, in directory: OpenFile) {
        self.file = file
        self.directory = directory
    }

    /// Writes `bytes` from `offset` on if their SHA-256 is `expected` (`nil`: without hashing). A failed or partial
    /// write throws and counts as not written; `noSpace` and `quotaExceeded` may succeed when tried again later.
    public func write(
        _ bytes: [UInt8], at offset: Int64, expecting expected: [UInt8]?
    ) async throws(ChunkIOError) -> WriteOutcome {
        precondition(offset >= 0 && offset <= Int64.max - Int64(bytes.count), "not a place in a file")
        let kind = IORequest.Kind.write(offset: offset, expecting: expected)
        switch try await file.service.perform(kind, on: file, bytes: bytes).get() {
        case .hashMismatch(let got): return .hashMismatch(got: got)
        case .done:
            startWriteBack(after: offset..<offset + Int64(bytes.count))
            return .written
        case .bytes, .filled: preconditionFailure("a write gives no bytes")
        }
    }

    /// Writes the filled bytes of a lent buffer, as `write` does; `completion` is called on a thread of the service.
    public func write(
        _ buffer: ChunkBuffer, at offset: Int64, expecting expected: [UInt8],
        completion: @escaping @Sendable (Result<WriteOutcome, ChunkIOError>) -> Void
    ) {
        precondition(offset >= 0 && offset <= Int64.max - Int64(buffer.count), "not a place in a file")
        let place = offset..<offset + Int64(buffer.count)
        let request = IORequest(.drain(buffer, offset: offset, expecting: expected), on: file) { result in
            completion(
                result.map { output in
                    switch output {
                    case .hashMismatch(let got): return .hashMismatch(got: got)
                    case .done:
                        self.startWriteBack(after: place)
                        return .written
                    case .bytes, .filled: preconditionFailure("a write gives no bytes")
                    }
                })
        }
        file.service.submit(request)
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
