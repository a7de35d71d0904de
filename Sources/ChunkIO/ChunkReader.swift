import CLiburing
import Glibc
import Guarding
public import SystemPackage

/// A piece of a file and its hash.
public struct ReadChunk: Sendable, Equatable {
    /// Where it begins, in bytes from the start of the file.
    public var offset: Int64
    /// The bytes.
    public var bytes: [UInt8]
    /// SHA-256 of the bytes.
    public var sha256: [UInt8]
}

/// A piece of a file in a lent buffer, and its hash.
public struct FilledChunk: Sendable {
    /// The bytes: all that are filled.
    public var buffer: ChunkBuffer
    /// SHA-256 of the bytes.
    public var sha256: [UInt8]
}

/// Reads a file to be sent, chunk by chunk, a few chunks ahead of a caller that goes in order.
public final class ChunkReader: Sendable {
    /// The path that was opened.
    public let path: FilePath
    /// The file as it was when it was opened.
    public let identity: SourceIdentity
    /// Permission bits, `& 0777`.
    public let mode: UInt32
    private let linksAtOpening: UInt32
    private let file: OpenFile
    private let ahead = Guarded(ReadAhead())
    private let aheadInBuffers = Guarded(ReadAhead())

    /// The longest piece that `read` takes, in bytes.
    public static let maximumLength = 4 << 20

    /// Opens a regular file, following symlinks as the user's own path may. Throws the source cases of `ChunkIOError`,
    /// `sourceChanged` if it is not what `expected` says.
    public init(
        opening path: FilePath, expecting expected: SourceIdentity? = nil, service: IOService = .shared
    ) throws(ChunkIOError) {
        // Without O_NONBLOCK the opening of a pipe would wait for a writer.
        let descriptor = path.withPlatformString { open($0, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY) }
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT, ENOTDIR: throw .sourceMissing(path)
            case ENXIO: throw .sourceNotRegular(path, kind: "a socket or device")
            case let code: throw ChunkIOError(errno: code, operation: "open", path: path)
            }
        }
        file = OpenFile(descriptor: descriptor, path: path, service: service)
        self.path = path
        let status = try file.status()
        guard status.isRegular else { throw .sourceNotRegular(path, kind: status.kind) }
        // For a regular file O_NONBLOCK would make the ring give up where it should wait for the disk.
        _ = fcntl(descriptor, F_SETFL, 0)
        _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
        identity = SourceIdentity(status)
        mode = status.mode & 0o777
        linksAtOpening = status.links
        if let expected { try ChunkReader.compare(status, with: expected, path: path) }
    }

    private init(of reader: ChunkReader) {
        path = reader.path
        identity = reader.identity
        mode = reader.mode
        linksAtOpening = reader.linksAtOpening
        file = reader.file
    }

    /// Lets go of the buffers that were read ahead.
    public func forgetAhead() { aheadInBuffers.withLock { $0.chunks = [] } }

    /// The same open file, read ahead for another caller.
    public func another() -> any ChunkSource { ChunkReader(of: self) }

    /// The bytes from `offset` on, exactly `length` of them, 1…`maximumLength`, all within the file's size at opening.
    /// Throws the source cases if the file is not what it was, also when the bytes could still be read.
    public func read(at offset: Int64, length: Int) async throws(ChunkIOError) -> ReadChunk {
        let output = try await read(at: offset, length: length, ahead) { pending, _ in
            self.start(.read(offset: pending.offset, length: pending.length), pending)
        }
        guard case .bytes(let bytes, let sha256) = output else { preconditionFailure("a read gives bytes") }
        try verify(bytes.count, of: length, at: offset)
        return ReadChunk(offset: offset, bytes: bytes, sha256: sha256)
    }

    /// The same in a buffer lent by `pool`, which reading ahead takes from too; waits until one is free.
    public func read(
        at offset: Int64, length: Int, into pool: ChunkBufferPool
    ) async throws(ChunkIOError) -> FilledChunk {
        precondition(length <= pool.capacity, "a chunk that does not fit the buffers")
        let output = try await read(at: offset, length: length, aheadInBuffers) { pending, isAhead in
            let begin: @Sendable (ChunkBuffer) -> Void = { buffer in
                let kind = IORequest.Kind.fill(buffer, offset: pending.offset, length: pending.length)
                self.start(kind, pending, mayWait: isAhead)
            }
            if let buffer = pool.take(orLater: begin) { begin(buffer) }
        }
        guard case .filled(let buffer, let sha256) = output else { preconditionFailure("a read fills a buffer") }
        try verify(buffer.count, of: length, at: offset)
        return FilledChunk(buffer: buffer, sha256: sha256)
    }

    private func read(
        at offset: Int64, length: Int, _ ahead: Guarded<ReadAhead>, start: (Pending, _ isAhead: Bool) -> Void
    ) async throws(ChunkIOError) -> IOOutput {
        precondition(offset >= 0 && length >= 1 && length <= ChunkReader.maximumLength, "not a chunk of a file")
        let (wanted, started) = ahead.withLock { $0.take(offset: offset, length: length, size: identity.size) }
        for pending in started { start(pending, pending !== wanted) }
        let result = await wanted.result()
        // First the file: a short read of a file that shrank is told as that.
        try verifyDescriptor()
        return try result.get()
    }

    private func verify(_ count: Int, of length: Int, at offset: Int64) throws(ChunkIOError) {
        guard count == length else {
            throw .sourceShrank(path, expected: offset + Int64(length), got: offset + Int64(count))
        }
    }

    /// Throws `sourceChanged`, `sourceShrank` or `sourceVanished` if the open file or the one at its path is not what
    /// was opened.
    public func verifyUnchanged() throws(ChunkIOError) {
        try verifyDescriptor()
        let now = try ChunkReader.statusFollowingSymlinks(path)
        guard now.identity == (try file.status()).identity else { throw .sourceChanged(path) }
    }

    private func start(_ kind: IORequest.Kind, _ pending: Pending, mayWait: Bool = false) {
        file.service.submit(IORequest(kind, on: file, mayWait: mayWait) { pending.resolve($0) })
    }

    private func verifyDescriptor() throws(ChunkIOError) {
        let status = try file.status()
        // Some file systems in user space count no links at all.
        if status.links == 0 && linksAtOpening > 0 {
            // An editor that saves by renaming leaves another file at the path.
            _ = try ChunkReader.statusFollowingSymlinks(path)
            throw .sourceChanged(path)
        }
        try ChunkReader.compare(status, with: identity, path: path)
    }

    private static func compare(
        _ status: FileStatus, with expected: SourceIdentity, path: FilePath
    ) throws(ChunkIOError) {
        let now = SourceIdentity(status)
        if now.inode == expected.inode && now.size < expected.size {
            throw .sourceShrank(path, expected: expected.size, got: now.size)
        }
        guard now.isSame(as: expected) else { throw .sourceChanged(path) }
    }

    private static func statusFollowingSymlinks(_ path: FilePath) throws(ChunkIOError) -> FileStatus {
        let descriptor = path.withPlatformString { open($0, sxfile_open_path_only | O_CLOEXEC) }
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT, ENOTDIR, ESTALE: throw .sourceVanished(path)
            case let code: throw ChunkIOError(errno: code, operation: "look at", path: path)
            }
        }
        defer { close(descriptor) }
        switch FileStatus.of(descriptor) {
        case .success(let status): return status
        case .failure(let error): throw ChunkIOError(errno: error.code, operation: "look at", path: path)
        }
    }
}

/// Chunks asked for before the caller does.
struct ReadAhead {
    static let chunkLimit = 4
    static let byteLimit = 2 << 20

    var chunks: [Pending] = []
    /// Where the caller goes on if it goes in order.
    var nextOffset: Int64 = 0

    /// The chunk wanted, and what is to be started now: it, if nobody foresaw it, and what follows, if the caller goes
    /// in order.
    mutating func take(
        offset: Int64, length: Int, size: Int64
    ) -> (wanted: Pending, started: [Pending]) {
        var started: [Pending] = []
        let wanted: Pending
        if let index = chunks.firstIndex(where: { $0.offset == offset && $0.length == length }) {
            wanted = chunks.remove(at: index)
        } else {
            wanted = Pending(offset: offset, length: length)
            started.append(wanted)
        }
        let end = offset + Int64(length)
        guard offset == nextOffset else {
            // The caller jumped: what was foreseen is let go when it arrives.
            chunks = []
            nextOffset = end
            return (wanted, started)
        }
        nextOffset = end
        let limit = max(1, min(ReadAhead.chunkLimit, ReadAhead.byteLimit / length))
        chunks.removeAll { $0.offset < end }
        // By twos, which are hashed together.
        guard chunks.count + 2 <= max(2, limit) else { return (wanted, started) }
        var next = chunks.last.map { $0.offset + Int64($0.length) } ?? end
        while chunks.count < limit && next < size {
            let pending = Pending(offset: next, length: Int(min(Int64(length), size - next)))
            chunks.append(pending)
            started.append(pending)
            next += Int64(pending.length)
        }
        return (wanted, started)
    }
}

/// A read under way, for which one caller will wait, or nobody.
final class Pending: Sendable {
    typealias Outcome = Result<IOOutput, ChunkIOError>

    private enum State {
        /// → awaited by `result`, → resolved by `resolve`.
        case running
        /// → ended, when `resolve` resumes the waiting caller.
        case awaited(CheckedContinuation<Outcome, Never>)
        /// → ended, when `result` takes it.
        case resolved(Outcome)
        case ended
    }

    let offset: Int64
    let length: Int
    private let state = Guarded(State.running)

    init(offset: Int64, length: Int) {
        self.offset = offset
        self.length = length
    }

    func resolve(_ outcome: Outcome) {
        let waiting: CheckedContinuation<Outcome, Never>? = state.withLock { state in
            switch state {
            case .running:
                state = .resolved(outcome)
                return nil
            case .awaited(let continuation):
                state = .ended
                return continuation
            case .resolved, .ended: preconditionFailure("a read ends once")
            }
        }
        waiting?.resume(returning: outcome)
    }

    func result() async -> Outcome {
        await withCheckedContinuation { continuation in
            let outcome: Outcome? = state.withLock { state in
                switch state {
                case .running:
                    state = .awaited(continuation)
                    return nil
                case .resolved(let outcome):
                    state = .ended
                    return outcome
                case .awaited, .ended: preconditionFailure("one caller waits for a read, once")
                }
            }
            if let outcome { continuation.resume(returning: outcome) }
        }
    }
}
