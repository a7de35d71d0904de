import CLiburing
import Glibc
import Primitives
public import SystemPackage
import WireFormat

/// The name of a folder to be received and the hidden directory in which it grows. Unlike a file's, the name is kept by an
/// empty directory, which the folder replaces at the end: the kernel does that only while it is empty.
public struct FolderReservation: Sendable {
    /// What to store.
    public let record: FolderRecord
    let directory: Directory
    let partial: Handle
    let tree: Handle

    /// What a stored reservation turns out to be after a restart.
    public enum Reopened: Sendable {
        /// Go on writing.
        case partial(FolderReservation)
        /// The crash came after the folder was put into place: it is complete, under this path. What was to be told of it is
        /// there until `clear`.
        case complete(FilePath, FolderReport?)
    }

    static let treeName = FileName(checked: Array("tree".utf8))

    static let reportName = FileName(checked: Array("report".utf8))

    /// Opens the partial again, or finds that it was put into place already.
    /// - Throws: `directoryMissing`, `directoryChanged`, `partialMissing`, `partialReplaced`.
    public static func reopen(
        _ record: FolderRecord, service: IOService = .shared
    ) async throws(ChunkIOError) -> Reopened {
        let directory = try record.open(service)
        var report: FolderReport?
        if let status = try directory.status(of: record.partialName) {
            guard record.isPartial(status) else {
                throw .partialReplaced(directory.path(of: record.partialName))
            }
            let partial = try open(record.partialName, in: directory)
            switch partial.open(treeName.bytes, flags: O_RDONLY | O_DIRECTORY) {
            case .success(let tree):
                if case .success(let status) = tree.status(), record.isTree(status) {
                    return .partial(
                        FolderReservation(record: record, directory: directory, partial: partial, tree: tree))
                }
                throw .partialReplaced(directory.path(of: record.partialName))
            case .failure(let error) where error.code == ENOENT: report = FolderReport(in: partial)
            case .failure(let error): throw directory.failure(error.code, "open", record.partialName)
            }
        }
        guard let name = try finishedName(record, in: directory) else {
            throw .partialMissing(directory.path(of: record.partialName))
        }
        try await directory.file.sync(dataOnly: false)
        return .complete(directory.path(of: name), report)
    }

    /// Removes the hidden directory once the folder is under its name and what was to be told of it is stored elsewhere.
    public static func clear(_ record: FolderRecord, service: IOService = .shared) throws(ChunkIOError) {
        let directory = try record.open(service)
        guard let status = try directory.status(of: record.partialName), record.isPartial(status) else { return }
        try FolderRemoval.remove(record.partialName, in: directory)
    }

    private static func finishedName(
        _ record: FolderRecord, in directory: Directory
    ) throws(ChunkIOError) -> FileName? {
        if let status = try directory.status(of: record.finalName), record.isTree(status) { return record.finalName }
        return try directory.findName(
            ofInode: record.treeIdentity.inode, except: record.partialName, where: record.isTree)
    }

    static func open(_ name: FileName, in directory: Directory) throws(ChunkIOError) -> Handle {
        let flags = O_RDONLY | O_DIRECTORY
        let opened = name.withCString { sxfile_open_beneath(directory.file.descriptor, $0, flags, 0) }
        guard opened >= 0 else { throw directory.failure(-opened, "open", name) }
        return Handle(opened, directory.path(of: name))
    }

    /// Removes what was received and the empty directory that keeps the name, and nothing else; idempotent.
    public static func discard(_ record: FolderRecord, service: IOService = .shared) async throws(ChunkIOError) {
        let directory: Directory
        do throws(ChunkIOError) { directory = try record.open(service) } catch {
            switch error {
            case .directoryMissing, .notADirectory, .directoryChanged: return
            default: throw error
            }
        }
        if let status = try directory.status(of: record.partialName), record.isPartial(status) {
            try FolderRemoval.remove(record.partialName, in: directory)
        }
        if let status = try directory.status(of: record.finalName), record.isReserved(status) {
            // Somebody may have put something into it: then it stays.
            _ = record.finalName.withCString { unlinkat(directory.file.descriptor, $0, removeDirectory) }
        }
        try await directory.file.sync(dataOnly: false)
    }
}

extension Destination {
    /// Reserves a name for a folder by an empty directory of mode 0700, and makes the hidden one beside it: `name`, or the
    /// next free one; the exact name, where one was given, or `nameTaken`. Store `record` at once.
    public func reserveFolder(_ name: FileName) throws(ChunkIOError) -> FolderReservation {
        let finalName = try makeFinal(exactName ?? name)
        do throws(ChunkIOError) {
            let partialName = try makePartial()
            do throws(ChunkIOError) {
                let partial = try FolderReservation.open(partialName, in: directory)
                let treeName = FolderReservation.treeName
                guard treeName.withCString({ mkdirat(partial.descriptor, $0, 0o700) }) == 0 else {
                    throw directory.failure(errno, "make", partialName)
                }
                let tree: Handle
                switch partial.open(treeName.bytes, flags: O_RDONLY | O_DIRECTORY) {
                case .success(let handle): tree = handle
                case .failure(let error): throw directory.failure(error.code, "open", partialName)
                }
                guard case .success(let inner) = tree.status(), case .success(let outer) = partial.status(),
                    let reserved = try directory.status(of: finalName)
                else { throw directory.failure(errno, "look at", partialName) }
                let record = FolderRecord(
                    directory: directory, finalName: finalName, partialName: partialName,
                    reserved: reserved.identity, partial: outer.identity, tree: inner.identity)
                return FolderReservation(record: record, directory: directory, partial: partial, tree: tree)
            } catch {
                try? FolderRemoval.remove(partialName, in: directory)
                throw error
            }
        } catch {
            _ = finalName.withCString { unlinkat(directory.file.descriptor, $0, removeDirectory) }
            throw error
        }
    }

    private func makeFinal(_ wanted: FileName) throws(ChunkIOError) -> FileName {
        for number in 0..<Destination.alternativeLimit {
            let name = exactName ?? wanted.alternative(number, limitInBytes: directory.nameLimitInBytes)
            let code = name.withCString { mkdirat(directory.file.descriptor, $0, 0o700) == 0 ? 0 : errno }
            switch code {
            case 0: return name
            case EEXIST: if exactName != nil { throw .nameTaken(directory.path(of: name)) }
            default: throw directory.failure(code, "make", name)
            }
        }
        throw .nameTaken(directory.path(of: wanted))
    }

    private func makePartial() throws(ChunkIOError) -> FileName {
        while true {
            let name = FileName(checked: Array(".sx-\(Hex.encode(SecureRandom.bytes(8))).part".utf8))
            let code = name.withCString { mkdirat(directory.file.descriptor, $0, 0o700) == 0 ? 0 : errno }
            if code == 0 { return name }
            if code != EEXIST { throw directory.failure(code, "make", name) }
        }
    }
}

/// Removes a directory of ours with everything in it.
enum FolderRemoval {
    /// Removes `name` in `directory`, following nothing. That it is gone already is no error.
    static func remove(_ name: FileName, in directory: Directory) throws(ChunkIOError) {
        let top: Handle
        do throws(ChunkIOError) { top = try FolderReservation.open(name, in: directory) } catch {
            if case .system(_, _, let code) = error, code == ENOENT { return }
            throw error
        }
        try empty(top)
        let code = name.withCString { unlinkat(directory.file.descriptor, $0, removeDirectory) == 0 ? 0 : errno }
        if code != 0 && code != ENOENT { throw directory.failure(code, "remove", name) }
    }

    /// Removes everything in `top`: files on the way down, then the directories, the deepest first.
    static func empty(_ top: Handle) throws(ChunkIOError) {
        var directories: [[UInt8]] = [[]]
        var index = 0
        while index < directories.count {
            let path = directories[index]
            index += 1
            let handle = try open(path, in: top)
            for name in try handle.names() {
                switch unlink(name, in: handle) {
                case 0, ENOENT: break
                case EISDIR, EPERM: directories.append(path.isEmpty ? name : path + [UInt8(ascii: "/")] + name)
                case let code: throw top.failure(code, "remove")
                }
            }
        }
        for path in directories.dropFirst().reversed() {
            let code = withTerminated(path) { unlinkat(top.descriptor, $0, removeDirectory) == 0 ? 0 : errno }
            if code != 0 && code != ENOENT { throw top.failure(code, "remove") }
        }
    }

    private static func open(_ path: [UInt8], in top: Handle) throws(ChunkIOError) -> Handle {
        if path.isEmpty { return top }
        let flags = O_RDONLY | O_DIRECTORY
        var opened = top.open(path, flags: flags)
        if case .failure(let error) = opened, error.code == EACCES {
            // A finished directory may have a mode that keeps even its owner out.
            if case .success(let handle) = top.open(path, flags: sxfile_open_path_only) {
                _ = chmod("/proc/self/fd/\(handle.descriptor)", 0o700)
            }
            opened = top.open(path, flags: flags)
        }
        switch opened {
        case .success(let handle): return handle
        case .failure(let error): throw top.failure(error.code, "open")
        }
    }

    private static func unlink(_ name: [UInt8], in directory: Handle) -> CInt {
        func unlinkOnce() -> CInt { withTerminated(name) { unlinkat(directory.descriptor, $0, 0) == 0 ? 0 : errno } }
        let code = unlinkOnce()
        guard code == EACCES else { return code }
        _ = fchmod(directory.descriptor, 0o700)
        return unlinkOnce()
    }
}

/// AT_REMOVEDIR, whose macro is not imported.
let removeDirectory: CInt = 0x200
