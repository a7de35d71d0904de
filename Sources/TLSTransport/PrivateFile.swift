internal import Glibc

/// Small files that only their owner may read.
enum PrivateFile {
    /// More than any chain or key needs.
    private static let limitInBytes = 65536

    /// Reads a whole file of at most 64 KiB.
    static func read(_ path: String) throws(TLSError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Glibc.read(descriptor, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path) }
            if count == 0 { return bytes }
            bytes += part.prefix(count)
            guard bytes.count <= limitInBytes else { throw .file(path: path, reason: "the file is too large") }
        }
    }

    /// Whether there is something under this name.
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Refuses a file that others than its owner may open.
    static func checkOwnerOnly(_ path: String) throws(TLSError) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure(path) }
        guard status.st_mode & 0o077 == 0 else {
            throw .file(path: path, reason: "others may open this private key, chmod 600 it")
        }
    }

    /// Makes the directory, mode 0700, unless it is there.
    static func makeDirectory(_ path: String) throws(TLSError) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure(path) }
    }

    /// Replaces the file in one step, mode 0600, and syncs it and its directory.
    static func write(_ bytes: [UInt8], to path: String, in directory: String) throws(TLSError) {
        let fresh = path + ".new"
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(fresh) }
        defer { close(descriptor) }
        guard fchmod(descriptor, 0o600) == 0 else { throw failure(fresh) }
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure(fresh) }
            written += count
        }
        guard fsync(descriptor) == 0, rename(fresh, path) == 0 else { throw failure(path) }
        try sync(directory)
    }

    private static func sync(_ directory: String) throws(TLSError) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(directory) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(directory) }
    }

    private static func failure(_ path: String) -> TLSError {
        .file(path: path, reason: systemText(errno))
    }
}

/// The system's words for an error number.
func systemText(_ number: Int32) -> String {
    strerror(number).map { String(cString: $0) } ?? "error \(number)"
}
