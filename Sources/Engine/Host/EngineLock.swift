import Glibc
import SystemPackage

/// The lock of the profile: who holds it is the engine. Let go when the value goes, and by the kernel when the process ends.
struct EngineLock: ~Copyable, Sendable {
    private let descriptor: Int32

    /// Takes the lock if it is free; nil if another engine holds it.
    /// - Throws: `permissions` if the file cannot be opened, `system` if the file system knows no locks.
    static func take(_ path: FilePath) throws(EngineError) -> EngineLock? {
        let descriptor = open(path.string, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            let error = Errno(rawValue: errno)
            let text = "\(path) cannot be opened: \(error)"
            switch error {
            case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noSpace, .noMemory: throw .system(text)
            default: throw .permissions(text)
            }
        }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let error = errno
            if error == EINTR { continue }
            close(descriptor)
            if error == EWOULDBLOCK { return nil }
            throw .system("\(path) cannot be locked: \(Errno(rawValue: error))")
        }
        ftruncate(descriptor, 0)
        removeLeftovers(path.removingLastComponent())
        return EngineLock(descriptor: descriptor)
    }

    /// Copies of the database that a killed export or import left, which hold keys.
    private static func removeLeftovers(_ directory: FilePath) {
        for name in ["export-*.db*", "import-*.db*"] {
            var found = glob_t()
            defer { globfree(&found) }
            guard glob(directory.appending(name).string, GLOB_NOSORT, nil, &found) == 0 else { continue }
            for index in 0..<Int(found.gl_pathc) {
                if let path = found.gl_pathv[index] { unlink(path) }
            }
        }
    }

    /// Whether an engine holds the lock at this moment.
    static func isHeld(_ path: FilePath) -> Bool {
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // A shared lock only looks; it goes with the descriptor.
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }

    /// Says in the lock's file how the engine that holds it reaches relays: nobody reads more than `statement` does.
    static func state(_ text: String, at path: FilePath) {
        let descriptor = open(path.string, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        _ = pwrite(descriptor, bytes, bytes.count, 0)
    }

    /// What the engine said that holds the lock; empty if it has not said anything yet, nil if none holds it.
    static func statement(_ path: FilePath) -> String? {
        guard isHeld(path) else { return nil }
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }
}
