import Glibc
import Guarding
import Primitives
public import SystemPackage
public import TransferCore

/// Reads the stream of a folder that is sent: its manifest, its files one after the other as the stream comes to them, and
/// the verdicts. On a thread of its own, in order, a few chunks ahead of the caller.
///
/// A file that is not what the manifest says is no reason to stop: its bytes are sent as they can be read, or as zeros, and
/// its verdict says that they are not its contents.
public final class FolderReader: ChunkSource {
    private let state: FolderReading
    private let worker: WorkerThread
    /// The one whose thread this is, if that is another.
    private let owner: FolderReader?
    private let ahead = Guarded(ReadAhead())
    private let aheadInBuffers = Guarded(ReadAhead())
    private let size: Int64
    /// Where the verdicts begin: what they say depends on what was read of the files.
    public let settledEnd: Int64

    /// Opens the manifest at `manifest`, which a `FolderScan` wrote, and the verdicts beside it, made if they are missing.
    /// - Throws: `sourceMissing`, `listRefused`.
    public init(
        manifest: FilePath, verdicts: FilePath, layout: FolderLayout, sources: [FolderSource]
    ) throws(ChunkIOError) {
        state = try FolderReading(manifest: manifest, verdicts: verdicts, layout: layout, sources: sources)
        worker = WorkerThread(named: "sxfile-folder")
        owner = nil
        size = Int64(layout.size)
        settledEnd = Int64(layout.manifest + layout.content)
    }

    private init(of reader: FolderReader) {
        state = reader.state
        worker = reader.worker
        owner = reader
        size = reader.size
        settledEnd = reader.settledEnd
    }

    deinit { if owner == nil { worker.stop() } }

    /// The same, read ahead for another caller.
    public func another() -> any ChunkSource { FolderReader(of: owner ?? self) }

    /// The bytes from `offset` on; files that fail have a verdict.
    public func read(at offset: Int64, length: Int) async throws(ChunkIOError) -> ReadChunk {
        let output = try await read(at: offset, length: length, ahead) { pending in
            self.worker.run { [state] in
                var failure: ChunkIOError?
                let bytes = [UInt8](unsafeUninitializedCapacity: pending.length) { buffer, count in
                    failure = state.read(UnsafeMutableRawBufferPointer(buffer), at: UInt64(pending.offset))
                    count = pending.length
                }
                pending.resolve(failure.map { .failure($0) } ?? .success(.bytes(bytes, sha256: SHA256.hash(bytes))))
            }
        }
        guard case .bytes(let bytes, let sha256) = output else { preconditionFailure("a read gives bytes") }
        return ReadChunk(offset: offset, bytes: bytes, sha256: sha256)
    }

    /// The same in a buffer lent by `pool`.
    public func read(
        at offset: Int64, length: Int, into pool: ChunkBufferPool
    ) async throws(ChunkIOError) -> FilledChunk {
        precondition(length <= pool.capacity, "a chunk that does not fit the buffers")
        let output = try await read(at: offset, length: length, aheadInBuffers) { pending in
            let begin: @Sendable (ChunkBuffer) -> Void = { buffer in
                self.worker.run { [state = self.state] in
                    var failure: ChunkIOError?
                    buffer.fill { memory in
                        let part = UnsafeMutableRawBufferPointer(rebasing: memory[..<pending.length])
                        failure = state.read(part, at: UInt64(pending.offset))
                        return pending.length
                    }
                    pending.resolve(
                        failure.map { .failure($0) } ?? .success(.filled(buffer, sha256: SHA256.hash(of: buffer))))
                }
            }
            if let buffer = pool.take(orLater: begin) { begin(buffer) }
        }
        guard case .filled(let buffer, let sha256) = output else { preconditionFailure("a read fills a buffer") }
        return FilledChunk(buffer: buffer, sha256: sha256)
    }

    private func read(
        at offset: Int64, length: Int, _ ahead: Guarded<ReadAhead>, start: (Pending) -> Void
    ) async throws(ChunkIOError) -> IOOutput {
        precondition(
            offset >= 0 && length >= 1 && length <= ChunkReader.maximumLength && offset <= size - Int64(length),
            "not a chunk of a folder")
        // Whole chunks before the verdicts only.
        let end = settledEnd - settledEnd % Int64(length)
        let (wanted, started) = ahead.withLock { $0.take(offset: offset, length: length, size: end) }
        for pending in started { start(pending) }
        return try await wanted.result().get()
    }

    /// Lets go of the buffers that were read ahead.
    public func forgetAhead() { aheadInBuffers.withLock { $0.chunks = [] } }

    /// What changed has a verdict.
    public func verifyUnchanged() throws(ChunkIOError) {}

    /// How many files end at or before the byte `offset` of the stream.
    public func filesDone(before offset: UInt64) async -> UInt64 {
        await withCheckedContinuation { continuation in
            worker.run { [state] in continuation.resume(returning: state.filesDone(before: offset)) }
        }
    }

    /// The first file with a bad verdict that has bytes in this range of the stream.
    public func firstFailure(in range: Range<UInt64>) async -> String? {
        await withCheckedContinuation { continuation in
            worker.run { [state] in continuation.resume(returning: state.firstFailure(in: range)) }
        }
    }

    /// The files with a bad verdict: how many, and the first of them.
    public func failures(atMost limit: Int) async throws(ChunkIOError) -> (count: UInt64, first: [FolderScan.Omission])
    {
        let result: Result<(UInt64, [FolderScan.Omission]), ChunkIOError> = await withCheckedContinuation {
            continuation in
            worker.run { [state] in continuation.resume(returning: state.failures(atMost: limit)) }
        }
        let (count, first) = try result.get()
        return (count, first)
    }
}

/// What the reader's thread works with.
private final class FolderReading: @unchecked Sendable {
    // Safe: made by one thread, then used by the reader's worker only.
    private let layout: FolderLayout
    private let manifest: ManifestFile
    private let verdicts: Handle
    private let opener: SourceOpener
    /// The file that the stream is in; nothing if it cannot be read.
    private var current: (ordinal: UInt64, handle: Handle?)?

    init(
        manifest path: FilePath, verdicts verdictPath: FilePath, layout: FolderLayout, sources: [FolderSource]
    ) throws(ChunkIOError) {
        let descriptor = path.withPlatformString { Glibc.open($0, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) }
        guard descriptor >= 0 else {
            if errno == ENOENT { throw .sourceMissing(path) }
            throw ChunkIOError(errno: errno, operation: "open", path: path)
        }
        manifest = try ManifestFile(Handle(descriptor, path), length: layout.manifest)
        guard manifest.totals.bytes == layout.content, manifest.totals.files == layout.files else {
            throw .listRefused("the stored list of the folder is not the one that was offered")
        }
        let second = verdictPath.withPlatformString {
            Glibc.open($0, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        }
        guard second >= 0 else { throw ChunkIOError(errno: errno, operation: "open", path: verdictPath) }
        verdicts = Handle(second, verdictPath)
        guard ftruncate(second, off_t(layout.files)) == 0 else { throw verdicts.failure(errno, "write") }
        self.layout = layout
        opener = SourceOpener(sources)
    }

    func filesDone(before offset: UInt64) -> UInt64 {
        guard offset > layout.manifest else { return 0 }
        return (try? manifest.filesDone(before: offset - layout.manifest)) ?? 0
    }

    /// Fills `memory` with the stream from `offset` on.
    func read(_ memory: UnsafeMutableRawBufferPointer, at offset: UInt64) -> ChunkIOError? {
        var filled = 0
        func take(_ count: Int) -> UnsafeMutableRawBufferPointer {
            defer { filled += count }
            return UnsafeMutableRawBufferPointer(rebasing: memory[filled..<filled + count])
        }
        do throws(ChunkIOError) {
            for part in layout.parts(of: offset..<offset + UInt64(memory.count)) {
                switch part {
                case .manifest(let range): try whole(manifest.file, take(range.count), at: range.lowerBound)
                case .verdicts(let range): try whole(verdicts, take(range.count), at: range.lowerBound)
                case .content(let range):
                    var place = range.lowerBound
                    while place < range.upperBound {
                        let span = try manifest.span(at: place)
                        let count = Int(min(span.end, range.upperBound) - place)
                        try read(span, take(count), at: place - span.start)
                        place += UInt64(count)
                    }
                }
            }
            return nil
        } catch {
            return error
        }
    }

    private func whole(
        _ handle: Handle, _ memory: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(ChunkIOError) {
        guard try handle.read(memory, at: Int64(offset)) == memory.count else {
            throw .listRefused("the stored list of the folder is shorter than it was")
        }
    }

    private func read(
        _ span: ManifestFile.Span, _ memory: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(ChunkIOError) {
        if current?.ordinal != span.ordinal { current = (span.ordinal, try open(span)) }
        var count = 0
        if let handle = current?.handle {
            do throws(ChunkIOError) {
                count = try handle.read(memory, at: Int64(offset))
                if count < memory.count { try fail(span, .changed) }
            } catch .tooManyOpenFiles {
                throw .tooManyOpenFiles
            } catch {
                try fail(span, .unreadable)
            }
        }
        if count < memory.count {
            UnsafeMutableRawBufferPointer(rebasing: memory[count...]).initializeMemory(as: UInt8.self, repeating: 0)
        }
        guard offset + UInt64(memory.count) == span.entry.size else { return }
        // What was read may be of two minds.
        if let handle = current?.handle, !isUnchanged(handle, span.entry) { try fail(span, .changed) }
        current = nil
    }

    private func open(_ span: ManifestFile.Span) throws(ChunkIOError) -> Handle? {
        switch opener.open(span.entry.path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY) {
        case .success(let handle):
            guard isUnchanged(handle, span.entry) else {
                try fail(span, .changed)
                return nil
            }
            if span.entry.size >= 1 << 20 { _ = posix_fadvise(handle.descriptor, 0, 0, POSIX_FADV_SEQUENTIAL) }
            return handle
        case .failure(let error):
            switch error.code {
            case EMFILE, ENFILE: throw .tooManyOpenFiles
            case ENOENT, ENOTDIR: try fail(span, .gone)
            case ELOOP, ENXIO: try fail(span, .changed)
            default: try fail(span, .unreadable)
            }
            return nil
        }
    }

    private func isUnchanged(_ handle: Handle, _ entry: ManifestEntry) -> Bool {
        var status = stat()
        guard fstat(handle.descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            UInt64(max(status.st_size, 0)) == entry.size
        else { return false }
        guard let seconds = entry.modifiedAt else { return true }
        return Int64(status.st_mtim.tv_sec) == seconds && Int32(status.st_mtim.tv_nsec) == entry.nanoseconds
    }

    private func fail(_ span: ManifestFile.Span, _ verdict: FileVerdict) throws(ChunkIOError) {
        try verdicts.write([verdict.rawValue], at: Int64(span.ordinal))
        // Before any of it is sent: a verdict that a power cut takes back would call a torn file good.
        guard fdatasync(verdicts.descriptor) == 0 else { throw verdicts.failure(errno, "sync") }
    }

    func firstFailure(in range: Range<UInt64>) -> String? {
        do throws(ChunkIOError) {
            for case .content(let part) in layout.parts(of: range) {
                var place = part.lowerBound
                while place < part.upperBound {
                    let span = try manifest.span(at: place)
                    if try verdicts.read(1, at: Int64(span.ordinal)) != [FileVerdict.good.rawValue] {
                        return String(decoding: span.entry.path, as: UTF8.self)
                    }
                    place = span.end
                }
            }
            return nil
        } catch {
            return nil
        }
    }

    func failures(atMost limit: Int) -> Result<(UInt64, [FolderScan.Omission]), ChunkIOError> {
        do throws(ChunkIOError) {
            var list = VerdictList(verdicts, count: layout.files)
            var count: UInt64 = 0
            var first: [FolderScan.Omission] = []
            try manifest.forEach { entry, _ throws(ChunkIOError) in
                guard entry.isFile, case let verdict = try list.next(), verdict != .good else { return }
                count += 1
                if first.count < limit { first.append(FolderScan.Omission(path: entry.path, reason: verdict.text)) }
            }
            return .success((count, first))
        } catch {
            return .failure(error)
        }
    }
}

/// Verdicts, one after the other, from a file of them.
struct VerdictList {
    private let handle: Handle
    private let count: UInt64
    private var offset: UInt64 = 0
    private var buffer: ArraySlice<UInt8> = []

    init(_ handle: Handle, count: UInt64) {
        self.handle = handle
        self.count = count
    }

    /// The next; one that this version does not know is as bad as any.
    mutating func next() throws(ChunkIOError) -> FileVerdict {
        if buffer.isEmpty, offset < count {
            buffer = try handle.read(Int(min(4096, count - offset)), at: Int64(offset))[...]
            offset += UInt64(buffer.count)
        }
        guard let byte = buffer.popFirst() else { return .unreadable }
        return FileVerdict(rawValue: byte) ?? .unreadable
    }
}
