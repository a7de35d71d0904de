import Glibc

/// Syncs the files of all queues that hold messages: what was answered with OK survives a power cut from then on.
struct SpoolSync {
    let directory: String
    let deadline: ContinuousClock.Instant

    /// Whether all of it was synced in time.
    func run() -> Bool {
        for shelf in 0..<256 {
            let path = "\(directory)/\(shelf)"
            let names = QueueStore.names(in: path)
            for name in names {
                guard ContinuousClock.now < deadline, Self.sync("\(path)/\(name)", O_RDONLY) else { return false }
            }
            // That a file is there is kept by its directory.
            if !names.isEmpty, !Self.sync(path, O_RDONLY | O_DIRECTORY) { return false }
        }
        return true
    }

    private static func sync(_ path: String, _ flags: Int32) -> Bool {
        let descriptor = open(path, flags | O_CLOEXEC)
        // Gone meanwhile: nothing is left to keep.
        guard descriptor >= 0 else { return errno == ENOENT }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }
}
