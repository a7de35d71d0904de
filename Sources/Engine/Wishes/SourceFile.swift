import Glibc
import SystemPackage

/// A file that is to be sent, as it is at the moment of the wish.
struct SourceFile: Equatable, Sendable {
    let path: String
    let name: String
    let size: UInt64
    let mode: UInt32
    let modifiedAt: Int64
    /// Whether a good part of it is holes.
    let isSparse: Bool
    /// Device, inode, size, modification time in nanoseconds: what must be the same when it is read.
    let identity: String

    /// Looks at the file at `path`, relative to the working directory.
    /// - Throws: `noSuchFile`, `notRegular`, `unreadable`.
    init(path relative: String) throws(EngineError) {
        let full = ProfileDirectory.absolute(relative)
        // Without O_NONBLOCK a named pipe would wait for its writer.
        let descriptor = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT, ENOTDIR: throw .noSuchFile(relative)
            case ENXIO: throw .notRegular(relative)
            default: throw .unreadable(relative, Errno(rawValue: errno).description)
            }
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .unreadable(relative, Errno(rawValue: errno).description)
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular(relative) }
        path = full
        name = FilePath(full).lastComponent?.string ?? "file"
        size = UInt64(max(status.st_size, 0))
        mode = status.st_mode & 0o777
        modifiedAt = Int64(status.st_mtim.tv_sec)
        isSparse = status.st_size > 4096 && status.st_blocks * 512 < status.st_size / 8 * 7
        let nanoseconds = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
        identity = "\(status.st_dev):\(status.st_ino):\(status.st_size):\(nanoseconds)"
    }

    /// Reads all of it; for files that travel inside messages.
    /// - Throws: `unreadable`, also when it is not as long as it was.
    func contents() throws(EngineError) -> [UInt8] {
        do {
            let file = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
            defer { try? file.close() }
            var bytes = [UInt8](repeating: 0, count: Int(size) + 1)
            var count = 0
            while count < bytes.count {
                let more = try bytes.withUnsafeMutableBytes { buffer in
                    try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
                }
                if more == 0 { break }
                count += more
            }
            guard count == Int(size) else { throw EngineError.unreadable(path, "it changes while it is read") }
            bytes.removeLast(bytes.count - count)
            return bytes
        } catch {
            throw (error as? EngineError) ?? .unreadable(path, "\(error)")
        }
    }
}

extension Transfer {
    /// What is sent, as it is now.
    mutating func setSource(_ source: SourceFile) {
        path = source.path
        sourceIdentity = source.identity
        mode = source.mode
        modifiedAt = source.modifiedAt
    }
}
