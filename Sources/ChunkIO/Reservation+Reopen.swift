import CLiburing
import Glibc
public import SystemPackage

/// What a stored reservation turns out to be after a restart.
public enum ReopenedReservation: Sendable {
    /// Go on writing.
    case partial(Reservation)
    /// The crash came after the file was put into place: it is complete, under this path.
    case complete(FilePath)
}

extension Reservation {
    /// Opens the partial again, after checking that directory and partial are the recorded ones, or finds that it was
    /// put into place already. Throws `partialMissing`, `partialReplaced`, `directoryMissing`, `directoryChanged`.
    public static func reopen(
        _ record: ReservationRecord, service: IOService = .shared
    ) async throws(ChunkIOError) -> ReopenedReservation {
        let directory = try Directory(opening: record.directory, service: service)
        guard directory.identity.isSame(as: record.directoryIdentity, sameBoot: record.isSameBoot) else {
            throw .directoryChanged(record.directory)
        }
        let status = try directory.status(of: record.partialName)
        if let status, record.isPartial(status) {
            // Linked into place, and the crash came before the first name was removed.
            if status.links > 1, let name = try finishedName(record, in: directory) {
                try directory.remove(record.partialName)
                try await directory.file.sync(dataOnly: false)
                return .complete(directory.path(of: name))
            }
            return .partial(try reopenPartial(record, in: directory))
        }
        if let status, !record.isEmptyReservation(status) {
            throw .partialReplaced(directory.path(of: record.partialName))
        }
        guard let name = try finishedName(record, in: directory) else {
            throw .partialMissing(directory.path(of: record.partialName))
        }
        if status != nil { try directory.remove(record.partialName) }
        try await directory.file.sync(dataOnly: false)
        return .complete(directory.path(of: name))
    }

    /// The name under which the finished file is: the reserved one, or any other if it was taken meanwhile. Without the
    /// mark only the reserved name is proof enough.
    private static func finishedName(
        _ record: ReservationRecord, in directory: Directory
    ) throws(ChunkIOError) -> FileName? {
        if let status = try directory.status(of: record.finalName), record.isFinished(status) {
            return record.finalName
        }
        guard record.isMarked else { return nil }
        return try directory.findName(
            ofInode: record.partialIdentity.inode, except: record.partialName, where: record.isFinished)
    }

    private static func reopenPartial(
        _ record: ReservationRecord, in directory: Directory
    ) throws(ChunkIOError) -> Reservation {
        var opened = directory.open(record.partialName, flags: O_RDWR)
        if case .failure(let error) = opened, error.code == EACCES {
            // The crash came after `finish` had set a mode that keeps even its owner from writing.
            try restoreMode(record, in: directory)
            opened = directory.open(record.partialName, flags: O_RDWR)
        }
        let partial: OpenFile
        switch opened {
        case .success(let file): partial = file
        case .failure(let error) where error.code == ELOOP || error.code == ENOENT:
            throw .partialReplaced(directory.path(of: record.partialName))
        case .failure(let error): throw directory.failure(error.code, "open", record.partialName)
        }
        guard record.isPartial(try partial.status()) else {
            throw .partialReplaced(directory.path(of: record.partialName))
        }
        if record.isMarked { _ = fchmod(partial.descriptor, unfinishedMode) }
        return Reservation(record: record, directory: directory, partial: partial)
    }

    private static func restoreMode(_ record: ReservationRecord, in directory: Directory) throws(ChunkIOError) {
        switch directory.open(record.partialName, flags: sxfile_open_path_only) {
        case .success(let file):
            guard record.isPartial(try file.status()) else { return }
            // fchmod does not take a descriptor that was opened by path only.
            _ = chmod("/proc/self/fd/\(file.descriptor)", unfinishedMode)
        case .failure(let error): throw directory.failure(error.code, "open", record.partialName)
        }
    }
}
