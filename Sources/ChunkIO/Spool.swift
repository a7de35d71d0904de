import CLiburing
import Glibc
import Guarding
public import SystemPackage

/// Reads what comes through a pipe from the file that it is kept in until the recipient has it.
public final class SpoolReader: ChunkSource {
    private let file: OpenFile
    private let ending: @Sendable () -> UInt64?
    private let released = Guarded<Int64>(0)
    /// How long to wait before looking again for more.
    private static let pause: Duration = .milliseconds(20)

    /// Opens the file at `path`; `ending` says how many bytes there are in all, once that is known.
    public init(
        opening path: FilePath, service: IOService = .shared, ending: @escaping @Sendable () -> UInt64?
    ) throws(ChunkIOError) {
        let descriptor = path.withPlatformString { open($0, O_RDWR | O_CLOEXEC | O_NOFOLLOW) }
        guard descriptor >= 0 else {
            if errno == ENOENT { throw .sourceMissing(path) }
            throw ChunkIOError(errno: errno, operation: "open", path: path)
        }
        file = OpenFile(descriptor: descriptor, path: path, service: service)
        self.ending = ending
    }

    /// Waits until the bytes up to `end` are there or the input is over.
    /// - Throws: `inputCutOff` if nobody brings more.
    public func wait(for end: Int64) async throws(ChunkIOError) -> SourceReadiness {
        while !Task.isCancelled {
            // In this order: what is written between two looks is seen by the later one.
            let isWriting = SpoolWriter.isHeld(file.descriptor)
            let total = ending()
            if try file.status().size >= end { return .ready }
            if let total { return .ended(size: total) }
            if !isWriting { throw .inputCutOff }
            do { try await Task.sleep(for: Self.pause) } catch { return .interrupted }
        }
        return .interrupted
    }

    /// The bytes from `offset` on.
    public func read(at offset: Int64, length: Int) async throws(ChunkIOError) -> ReadChunk {
        try check(offset)
        let kind = IORequest.Kind.read(offset: offset, length: length)
        guard case .bytes(let bytes, let sha256) = try await file.service.perform(kind, on: file).get() else {
            preconditionFailure("a read gives bytes")
        }
        try check(bytes.count, of: length, at: offset)
        return ReadChunk(offset: offset, bytes: bytes, sha256: sha256)
    }

    /// The same in a buffer lent by `pool`.
    public func read(
        at offset: Int64, length: Int, into pool: ChunkBufferPool
    ) async throws(ChunkIOError) -> FilledChunk {
        try check(offset)
        let buffer = await pool.take()
        let kind = IORequest.Kind.fill(buffer, offset: offset, length: length)
        guard case .filled(let filled, let sha256) = try await file.service.perform(kind, on: file).get() else {
            preconditionFailure("a read fills a buffer")
        }
        try check(filled.count, of: length, at: offset)
        return FilledChunk(buffer: filled, sha256: sha256)
    }

    private func check(_ offset: Int64) throws(ChunkIOError) {
        if offset < released.withLock({ $0 }) { throw .inputForgotten }
    }

    private func check(_ count: Int, of length: Int, at offset: Int64) throws(ChunkIOError) {
        guard count == length else {
            throw .sourceShrank(file.path, expected: offset + Int64(length), got: offset + Int64(count))
        }
    }

    /// The bytes before `offset` are not needed any more.
    public func release(before offset: Int64) {
        let start: Int64? = released.withLock { released in
            // Not for each chunk a system call.
            guard offset - released >= 4 << 20 else { return nil }
            defer { released = offset }
            return released
        }
        guard let start else { return }
        // A file system without holes keeps them.
        _ = sxfile_punch_hole(file.descriptor, start, offset - start)
    }

    /// Nothing else knows the input.
    public func verifyUnchanged() throws(ChunkIOError) {}
}

/// Keeps what comes through a pipe until the recipient has it. While it lives, it holds a lock that says so.
public final class SpoolWriter: Sendable {
    private let descriptor: CInt
    private let path: FilePath
    /// Whether what was sent gives its space back; else a limit on what is kept would be one on the whole.
    private let canRelease: Bool
    /// The space that is left to others.
    private static let reserve: UInt64 = 256 << 20
    private static let pieceSize = 256 << 10

    /// Makes the file.
    public init(creating path: FilePath) throws(ChunkIOError) {
        let flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        descriptor = path.withPlatformString { open($0, flags, 0o600) }
        guard descriptor >= 0 else { throw ChunkIOError(errno: errno, operation: "create", path: path) }
        self.path = path
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            throw ChunkIOError(errno: code, operation: "lock", path: path)
        }
        canRelease = sxfile_punch_hole(descriptor, 0, 4096) == 0
    }

    deinit { close(descriptor) }

    /// Whether somebody still brings more to this file.
    public static func isHeld(_ path: FilePath) -> Bool {
        let descriptor = path.withPlatformString { open($0, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) }
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return isHeld(descriptor)
    }

    static func isHeld(_ descriptor: CInt) -> Bool {
        if flock(descriptor, LOCK_SH | LOCK_NB) == 0 {
            flock(descriptor, LOCK_UN)
            return false
        }
        return errno == EWOULDBLOCK
    }

    /// Copies everything from `input` in this thread, and gives the count.
    /// - Parameter limit: the most bytes to keep at a time, asked for before each piece; nil: what the disk has room for.
    public func copy(from input: CInt, limit: () throws(ChunkIOError) -> UInt64?) throws(ChunkIOError) -> UInt64 {
        let handle = Handle(dup(descriptor), path)
        var total: UInt64 = 0
        var sinceLook = 1 << 62
        while true {
            if sinceLook >= 16 << 20 {
                while !hasRoom(try limit()) { usleep(100_000) }
                sinceLook = 0
            }
            var code: CInt = 0
            let piece = [UInt8](unsafeUninitializedCapacity: Self.pieceSize) { buffer, count in
                var result = Glibc.read(input, buffer.baseAddress, buffer.count)
                while result < 0, errno == EINTR { result = Glibc.read(input, buffer.baseAddress, buffer.count) }
                if result < 0 { code = errno }
                count = max(result, 0)
            }
            if code == EAGAIN {
                var waiting = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
                poll(&waiting, 1, -1)
                continue
            }
            if code != 0 { throw ChunkIOError(errno: code, operation: "read", path: "standard input") }
            if piece.isEmpty {
                // Nobody can give it again.
                guard fsync(descriptor) == 0 else { throw ChunkIOError(errno: errno, operation: "sync", path: path) }
                return total
            }
            try write(piece, to: handle, at: Int64(total))
            total += UInt64(piece.count)
            sinceLook += piece.count
        }
    }

    /// A full disk is waited for: the input would be lost.
    private func write(_ piece: [UInt8], to handle: Handle, at offset: Int64) throws(ChunkIOError) {
        while true {
            do throws(ChunkIOError) { return try handle.write(piece, at: offset) } catch {
                guard error.category == .space else { throw error }
                usleep(500_000)
            }
        }
    }

    private func hasRoom(_ limit: UInt64?) -> Bool {
        var status = stat()
        if canRelease, let limit, fstat(descriptor, &status) == 0, UInt64(max(status.st_blocks, 0)) * 512 > limit {
            return false
        }
        var system = statvfs()
        guard fstatvfs(descriptor, &system) == 0 else { return true }
        return UInt64(system.f_bavail) * UInt64(system.f_frsize) > Self.reserve
    }
}
