import CLiburing
import Glibc
import SystemPackage
import TransferCore

/// The folder that grows on the disk: makes what a manifest names, writes into its files, gives it modes and times at the
/// end. Everything goes by names below its own descriptor, and no link is followed: those are made last.
///
/// Not for several threads at a time.
final class FolderTree {
    /// The folder.
    let root: Handle
    /// What stands under another name than its own, because the file system has one for both or does not take it: by path.
    private(set) var otherNames: [[UInt8]: [UInt8]] = [:]
    private var parent: (path: [UInt8], handle: Handle)?
    private var current: (ordinal: UInt64, handle: Handle)?

    /// So many of them are a mistake or an attack.
    static let otherNamesLimit = 10_000

    init(_ root: Handle) { self.root = root }

    /// Remembers another name of an earlier run.
    func know(_ path: [UInt8], as actual: [UInt8]) { otherNames[path] = actual }

    /// Forgets all of what it made, which is gone.
    func startOver() {
        close()
        otherNames = [:]
    }

    // MARK: - Names

    /// The path on the disk.
    private func actual(_ path: some Collection<UInt8>) -> [UInt8] {
        let path = Array(path)
        if otherNames.isEmpty || path.isEmpty { return path }
        if let other = otherNames[path] { return other }
        guard let split = path.lastIndex(of: UInt8(ascii: "/")) else { return path }
        return actual(path[..<split]) + path[split...]
    }

    /// The directory that `path` stands in, and its name there.
    private func place(of path: [UInt8]) throws(ChunkIOError) -> (directory: Handle, name: ArraySlice<UInt8>) {
        let actual = actual(path)
        guard let split = actual.lastIndex(of: UInt8(ascii: "/")) else { return (root, actual[...]) }
        let above = Array(actual[..<split])
        let name = actual[(split + 1)...]
        if let parent, parent.path == above { return (parent.handle, name) }
        switch root.open(above, flags: sxfile_open_path_only | O_DIRECTORY) {
        case .success(let handle):
            parent = (above, handle)
            return (handle, name)
        case .failure(let error): throw failure(error.code, "open", above)
        }
    }

    func failure(_ code: CInt, _ operation: String, _ path: [UInt8]) -> ChunkIOError {
        let shown = String(decoding: ManifestEntry.encoded(path), as: UTF8.self)
        let full = root.path.appending(shown)
        switch code {
        case ENOENT, ENOTDIR, ELOOP, EXDEV: return .partialReplaced(full)
        default: return ChunkIOError(errno: code, operation: operation, path: full)
        }
    }

    // MARK: - Making

    /// Makes a directory, or a file of no bytes; the path that it got instead of its own, or nil.
    func make(_ entry: ManifestEntry) throws(ChunkIOError) -> [UInt8]? {
        guard entry.kind != .link else { return nil }
        let (directory, name) = try place(of: entry.path)
        var wanted = FileName(checked: Array(name))
        var limit = FileName.usualLimitInBytes
        var number = 0
        while number < Destination.alternativeLimit {
            let candidate = wanted.alternative(number, limitInBytes: limit)
            switch make(entry.kind, candidate.bytes, in: directory) {
            case 0: return candidate.bytes.elementsEqual(name) ? nil : try rename(entry.path, to: candidate.bytes)
            case EEXIST: number += 1
            case ENAMETOOLONG where limit > 16: limit = limit > 143 ? 143 : limit / 2
            case EILSEQ, EINVAL:
                let plain = FileName(checked: candidate.bytes.map(Self.plain))
                guard plain != wanted else { throw failure(EILSEQ, "make", entry.path) }
                wanted = plain
            case let code: throw failure(code, "make", entry.path)
            }
        }
        throw failure(EEXIST, "make", entry.path)
    }

    private func make(_ kind: ManifestEntry.Kind, _ name: [UInt8], in directory: Handle) -> CInt {
        if kind == .directory {
            return withTerminated(name) { mkdirat(directory.descriptor, $0, 0o700) == 0 ? 0 : errno }
        }
        switch directory.create(name) {
        case .success: return 0
        case .failure(let error): return error.code
        }
    }

    /// What every file system takes in place of a byte.
    private static func plain(_ byte: UInt8) -> UInt8 {
        let isPlain = byte > 0x1F && byte < 0x7F && !"<>:\"|?*\\".utf8.contains(byte)
        return isPlain ? byte : UInt8(ascii: "_")
    }

    private func rename(_ path: [UInt8], to name: [UInt8]) throws(ChunkIOError) -> [UInt8] {
        guard otherNames.count < Self.otherNamesLimit else {
            throw .listRefused("too many names of the folder clash in this file system")
        }
        let above = path.lastIndex(of: UInt8(ascii: "/")).map { actual(path[..<$0]) + [UInt8(ascii: "/")] } ?? []
        otherNames[path] = above + name
        return above + name
    }

    // MARK: - Writing

    private func open(_ path: [UInt8], flags: CInt) throws(ChunkIOError) -> Handle {
        let (directory, name) = try place(of: path)
        let opened = withTerminated(name) { sxfile_open_beneath(directory.descriptor, $0, flags, 0) }
        if opened >= 0 { return Handle(opened, root.path) }
        if opened == -EACCES {
            // A run that was killed while it finished had set a mode that keeps even the owner from writing.
            let looked = withTerminated(name) {
                sxfile_open_beneath(directory.descriptor, $0, sxfile_open_path_only, 0)
            }
            if looked >= 0 {
                let handle = Handle(looked, root.path)
                _ = chmod("/proc/self/fd/\(handle.descriptor)", 0o700)
                let again = withTerminated(name) { sxfile_open_beneath(directory.descriptor, $0, flags, 0) }
                if again >= 0 { return Handle(again, root.path) }
            }
        }
        throw failure(-opened, "open", path)
    }

    /// Writes a part of a file.
    func write(
        _ span: ManifestFile.Span, _ bytes: UnsafeRawBufferPointer, at offset: UInt64
    ) throws(ChunkIOError) {
        let handle: Handle
        if let current, current.ordinal == span.ordinal {
            handle = current.handle
        } else {
            handle = try open(span.entry.path, flags: O_WRONLY)
            current = (span.ordinal, handle)
        }
        if span.entry.kind == .sparse {
            try writeSparsely(handle, bytes, at: offset)
        } else {
            try handle.write(bytes, at: Int64(offset))
        }
        // Most files end in one piece, and are not needed again.
        if offset + UInt64(bytes.count) == span.entry.size { current = nil }
    }

    /// Leaves out blocks of zeros, as the file has holes.
    private func writeSparsely(
        _ handle: Handle, _ bytes: UnsafeRawBufferPointer, at offset: UInt64
    ) throws(ChunkIOError) {
        let block = 4096
        var start = 0
        var position = 0
        while position < bytes.count {
            let end = min(bytes.count, position + block - Int(offset + UInt64(position)) % block)
            if HolePuncher.isZero(UnsafeRawBufferPointer(rebasing: bytes[position..<end])) {
                if start < position {
                    try handle.write(
                        UnsafeRawBufferPointer(rebasing: bytes[start..<position]), at: Int64(offset) + Int64(start))
                }
                start = end
            }
            position = end
        }
        if start < bytes.count {
            try handle.write(UnsafeRawBufferPointer(rebasing: bytes[start...]), at: Int64(offset) + Int64(start))
        }
    }

    // MARK: - Finishing

    /// Gives a file its size (the holes at its end), mode and time.
    func settle(_ entry: ManifestEntry, mode: UInt32) throws(ChunkIOError) {
        let handle = try open(entry.path, flags: O_WRONLY)
        if entry.kind == .sparse, ftruncate(handle.descriptor, off_t(entry.size)) != 0 {
            throw failure(errno, "write", entry.path)
        }
        guard case .success(let status) = handle.status(), status.size == Int64(clamping: entry.size) else {
            throw .partialReplaced(
                root.path.appending(String(decoding: ManifestEntry.encoded(entry.path), as: UTF8.self)))
        }
        try setAttributes(of: handle, entry, mode: mode)
    }

    /// Gives a directory its mode and time, once nothing more is made in it.
    func settleDirectory(_ entry: ManifestEntry, mode: UInt32) throws(ChunkIOError) {
        if let parent, parent.path == actual(entry.path) { self.parent = nil }
        try setAttributes(of: try open(entry.path, flags: O_RDONLY | O_DIRECTORY), entry, mode: mode)
    }

    private func setAttributes(of handle: Handle, _ entry: ManifestEntry, mode: UInt32) throws(ChunkIOError) {
        if fchmod(handle.descriptor, mode) != 0 { try tolerate(errno, "set the mode of", entry.path) }
        guard let seconds = entry.modifiedAt else { return }
        if !handle.setTime(seconds, entry.nanoseconds) { try tolerate(errno, "set the time of", entry.path) }
    }

    /// Some file systems keep no mode or time: that is no reason to lose the file.
    private func tolerate(_ code: CInt, _ operation: String, _ path: [UInt8]) throws(ChunkIOError) {
        if code == EPERM || code == ENOSYS || code == EOPNOTSUPP { return }
        throw failure(code, operation, path)
    }

    /// Makes a link; false where the file system has none.
    func makeLink(_ entry: ManifestEntry) throws(ChunkIOError) -> Bool {
        let (directory, name) = try place(of: entry.path)
        let wanted = FileName(checked: Array(name))
        for number in 0..<Destination.alternativeLimit {
            let candidate = wanted.alternative(number, limitInBytes: FileName.usualLimitInBytes)
            let code = withTerminated(entry.target) { target in
                candidate.withCString { symlinkat(target, directory.descriptor, $0) == 0 ? 0 : errno }
            }
            switch code {
            case 0: break
            case EEXIST:
                guard isLink(candidate, in: directory, to: entry.target) else { continue }
            case EPERM, EOPNOTSUPP, ENOSYS, EILSEQ, EINVAL, ENAMETOOLONG: return false
            default: throw failure(code, "link", entry.path)
            }
            if let seconds = entry.modifiedAt {
                let times = [
                    timespec(tv_sec: 0, tv_nsec: omittedTime),
                    timespec(tv_sec: Int(seconds), tv_nsec: Int(entry.nanoseconds)),
                ]
                _ = candidate.withCString { utimensat(directory.descriptor, $0, times, AT_SYMLINK_NOFOLLOW) }
            }
            return true
        }
        return false
    }

    /// Whether an earlier run has made it.
    private func isLink(_ name: FileName, in directory: Handle, to target: [UInt8]) -> Bool {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = name.withCString { readlinkat(directory.descriptor, $0, &buffer, buffer.count) }
        return count == target.count && buffer[..<max(count, 0)].elementsEqual(target.map { CChar(bitPattern: $0) })
    }

    /// Removes a file that did not come whole.
    func remove(_ entry: ManifestEntry) throws(ChunkIOError) {
        let (directory, name) = try place(of: entry.path)
        let code = withTerminated(name) { unlinkat(directory.descriptor, $0, 0) == 0 ? 0 : errno }
        if code != 0 && code != ENOENT { throw failure(code, "remove", entry.path) }
    }

    /// Lets go of what is open.
    func close() {
        parent = nil
        current = nil
    }
}

extension Handle {
    /// Sets the modification time alone; false with errno.
    func setTime(_ seconds: Int64, _ nanoseconds: Int32) -> Bool {
        let unchanged = timespec(tv_sec: 0, tv_nsec: omittedTime)
        return futimens(descriptor, [unchanged, timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds))]) == 0
    }
}
