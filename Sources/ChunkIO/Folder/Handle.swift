import CLiburing
import Glibc
import SystemPackage

/// An open file or directory of a folder, worked on in the thread that has it: cheaper for thousands of small files than
/// an `OpenFile`, of which the service is told.
final class Handle: Sendable {
    let descriptor: CInt
    /// For messages.
    let path: FilePath

    /// Takes over `descriptor`.
    init(_ descriptor: CInt, _ path: FilePath) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close(descriptor) }

    /// Opens a path below this directory without following a symlink.
    func open(_ path: some Collection<UInt8>, flags: CInt) -> Result<Handle, Errnum> {
        let opened = withTerminated(path) { sxfile_open_path_beneath(descriptor, $0, flags) }
        guard opened >= 0 else { return .failure(Errnum(code: -opened)) }
        return .success(Handle(opened, self.path))
    }

    /// Opens this directory itself once more.
    func reopen(flags: CInt) -> Result<Handle, Errnum> {
        let opened = openat(descriptor, ".", flags | O_CLOEXEC)
        guard opened >= 0 else { return .failure(Errnum(code: errno)) }
        return .success(Handle(opened, path))
    }

    /// Creates a new file of this one name.
    func create(_ name: some Collection<UInt8>) -> Result<Handle, Errnum> {
        let flags = O_CREAT | O_EXCL | O_WRONLY
        let opened = withTerminated(name) { sxfile_open_beneath(descriptor, $0, flags, 0o600) }
        guard opened >= 0 else { return .failure(Errnum(code: -opened)) }
        return .success(Handle(opened, path))
    }

    func status() -> Result<FileStatus, Errnum> { FileStatus.of(descriptor) }

    func failure(_ code: CInt, _ operation: String) -> ChunkIOError {
        ChunkIOError(errno: code, operation: operation, path: path)
    }

    /// Reads until `memory` is full or the file ends.
    func read(_ memory: UnsafeMutableRawBufferPointer, at offset: Int64) throws(ChunkIOError) -> Int {
        var count = 0
        while count < memory.count {
            let result = pread(
                descriptor, memory.baseAddress.map { $0 + count }, memory.count - count, off_t(offset) + count)
            if result < 0 && errno == EINTR { continue }
            if result < 0 { throw failure(errno, "read") }
            if result == 0 { break }
            count += result
        }
        return count
    }

    /// Up to `count` bytes, fewer at the end of the file.
    func read(_ count: Int, at offset: Int64) throws(ChunkIOError) -> [UInt8] {
        var failure: ChunkIOError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(ChunkIOError) { filled = try read(UnsafeMutableRawBufferPointer(buffer), at: offset) } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Writes all of `bytes`.
    func write(_ bytes: [UInt8], at offset: Int64) throws(ChunkIOError) {
        let failure: ChunkIOError? = bytes.withUnsafeBytes { memory in
            do throws(ChunkIOError) { try write(memory, at: offset) } catch { return error }
            return nil
        }
        if let failure { throw failure }
    }

    /// Writes all of `memory`.
    func write(_ memory: UnsafeRawBufferPointer, at offset: Int64) throws(ChunkIOError) {
        var count = 0
        while count < memory.count {
            let result = pwrite(
                descriptor, memory.baseAddress.map { $0 + count }, memory.count - count, off_t(offset) + count)
            if result < 0 && errno == EINTR { continue }
            if result <= 0 { throw failure(result < 0 ? errno : EIO, "write") }
            count += result
        }
    }
}

/// `bytes` as a C string; they contain no NUL.
func withTerminated<Result>(_ bytes: some Collection<UInt8>, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    var terminated = [CChar]()
    terminated.reserveCapacity(bytes.count + 1)
    for byte in bytes { terminated.append(CChar(bitPattern: byte)) }
    terminated.append(0)
    return terminated.withUnsafeBufferPointer { buffer in
        guard let start = buffer.baseAddress else { preconditionFailure("a terminated name is not empty") }
        return body(start)
    }
}
