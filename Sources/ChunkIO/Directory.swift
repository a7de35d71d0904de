import CLiburing
import Glibc
import SystemPackage

/// An open directory. Everything is done by single names relative to its descriptor: whatever happens to the path
/// above it, nothing outside of it is touched, and no symlink is followed.
struct Directory: Sendable {
    /// Its real path when it was opened.
    let path: FilePath
    let file: OpenFile
    let identity: FileIdentity

    /// Opens a path of the user's own, following symlinks.
    init(opening path: FilePath, service: IOService) throws(ChunkIOError) {
        let descriptor = path.withPlatformString { Glibc.open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        guard descriptor >= 0 else {
            switch errno {
            case ENOENT: throw .directoryMissing(path)
            case ENOTDIR: throw .notADirectory(path)
            case let code: throw ChunkIOError(errno: code, operation: "open", path: path)
            }
        }
        let real = Directory.realPath(of: descriptor) ?? path
        self.path = real
        file = OpenFile(descriptor: descriptor, path: real, service: service)
        identity = try file.status().identity
    }

    /// Where the directory is now, however it was moved; `nil` if it was deleted or the kernel does not say.
    static func realPath(of descriptor: CInt) -> FilePath? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = readlink("/proc/self/fd/\(descriptor)", &buffer, buffer.count - 1)
        guard count > 0, buffer[0] == CChar(bitPattern: UInt8(ascii: "/")) else { return nil }
        buffer[count] = 0
        let path = FilePath(platformString: buffer)
        return path.string.hasSuffix(" (deleted)") ? nil : path
    }

    var currentPath: FilePath { Directory.realPath(of: file.descriptor) ?? path }

    func path(of name: FileName) -> FilePath { name.path(in: currentPath) }

    /// Status of `name` itself, a symlink's own; `nil` if there is none.
    func status(of name: FileName) throws(ChunkIOError) -> FileStatus? {
        switch FileStatus.of(file.descriptor, name: name) {
        case .success(let status): return status
        case .failure(let error) where error.code == ENOENT: return nil
        case .failure(let error): throw failure(error.code, "look at", name)
        }
    }

    func open(_ name: FileName, flags: CInt, mode: UInt32 = 0) -> Result<OpenFile, Errnum> {
        let descriptor = name.withCString { sxfile_open_beneath(file.descriptor, $0, flags, mode) }
        guard descriptor >= 0 else { return .failure(Errnum(code: -descriptor)) }
        return .success(OpenFile(descriptor: descriptor, path: path(of: name), service: file.service))
    }

    /// The errno, or 0.
    func rename(_ name: FileName, to other: FileName, flags: UInt32) -> CInt {
        name.withCString { from in
            other.withCString { to in -sxfile_rename(file.descriptor, from, to, flags) }
        }
    }

    /// Makes `other` a second name of `name`. The errno, or 0.
    func link(_ name: FileName, as other: FileName) -> CInt {
        name.withCString { from in
            other.withCString { to in
                linkat(file.descriptor, from, file.descriptor, to, 0) == 0 ? 0 : errno
            }
        }
    }

    /// Removes a file, no directory. That it is gone already is no error.
    func remove(_ name: FileName) throws(ChunkIOError) {
        let code = name.withCString { unlinkat(file.descriptor, $0, 0) == 0 ? 0 : errno }
        if code != 0 && code != ENOENT { throw failure(code, "remove", name) }
    }

    private func fileSystem() throws(ChunkIOError) -> statvfs {
        var status = statvfs()
        guard fstatvfs(file.descriptor, &status) == 0 else {
            throw ChunkIOError(errno: errno, operation: "look at", path: path)
        }
        return status
    }

    /// Files and directories that this user may still make; nil where the file system does not count them.
    func availableEntries() throws(ChunkIOError) -> UInt64? {
        let status = try fileSystem()
        return status.f_files == 0 ? nil : UInt64(status.f_favail)
    }

    /// Bytes that this user may still write.
    func availableBytes() throws(ChunkIOError) -> Int64 {
        let status = try fileSystem()
        let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return overflow ? Int64.max : Int64(clamping: bytes)
    }

    /// The longest name that the file system takes.
    var nameLimitInBytes: Int {
        let limit = fpathconf(file.descriptor, CInt(_PC_NAME_MAX))
        return limit > 0 ? min(Int(limit), FileName.usualLimitInBytes) : FileName.usualLimitInBytes
    }

    /// Another name than `except` of the file that `isWanted` recognizes among those with its inode number.
    func findName(
        ofInode inode: UInt64, except: FileName, where isWanted: (FileStatus) -> Bool
    ) throws(ChunkIOError) -> FileName? {
        // A descriptor of its own: reading moves the position that duplicates share.
        let descriptor = openat(file.descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0, let stream = fdopendir(descriptor) else {
            let code = errno
            if descriptor >= 0 { close(descriptor) }
            throw ChunkIOError(errno: code, operation: "list", path: path)
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            guard UInt64(entry.pointee.d_ino) == inode else { continue }
            let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            guard let name = FileName(bytes), name != except, let status = try status(of: name),
                isWanted(status)
            else { continue }
            return name
        }
        return nil
    }

    func failure(_ code: CInt, _ operation: String, _ name: FileName) -> ChunkIOError {
        ChunkIOError(errno: code, operation: operation, path: path(of: name))
    }
}
