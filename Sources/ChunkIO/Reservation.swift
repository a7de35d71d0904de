import CLiburing
import Glibc
import Guarding
import SystemPackage

/// A reserved name and the partial file beside it, from acceptance to the end of a transfer.
///
/// The empty file under the final name keeps it; data goes to `.sx-<16 hex>.part`. Both are told from other files by
/// device, inode and birth. Neither is ever followed through a symlink, and no file that is not one of the two is
/// overwritten or removed.
public final class Reservation: Sendable {
    enum State {
        /// → finished by `finish`, → discarded by `discard`.
        case open
        case finished(FinishedFile)
        case discarded
    }

    /// The partial's mode. The sticky bit, which means nothing on a file, marks it as unfinished until `finish` takes it
    /// away: a partial that a user moved to its final name is not mistaken for a complete file.
    static let unfinishedMode: UInt32 = 0o600 | S_ISVTX

    /// What to store.
    public let record: ReservationRecord
    let directory: Directory
    let partial: OpenFile
    let state = Guarded(State.open)

    init(record: ReservationRecord, directory: Directory, partial: OpenFile) {
        self.record = record
        self.directory = directory
        self.partial = partial
    }

    /// Writes to the partial, which will have `size` bytes, if that is known. One writer a reservation.
    public func writer(size: Int64? = nil) -> ChunkWriter {
        let isSmall = size.map { $0 < ChunkWriter.smallestUncached } ?? false
        return ChunkWriter(partial, uncached: isSmall ? nil : uncached(), in: directory.file, size: size)
    }

    /// The partial once more, for writes past the page cache. Only the ring has several of them under way, without which
    /// they are slower than the cache.
    private func uncached() -> OpenFile? {
        guard partial.service.backend == .ioUring,
            case .success(let file) = directory.open(record.partialName, flags: O_WRONLY | sxfile_open_uncached),
            let status = try? file.status(), record.isPartial(status)
        else { return nil }
        return file
    }

    /// Bytes that this user may still write there.
    public func availableBytes() throws(ChunkIOError) -> Int64 {
        try directory.availableBytes()
    }

    /// Bytes from the start of the partial to its last one written, holes included.
    public func partialSize() throws(ChunkIOError) -> Int64 {
        try partial.status().size
    }

    /// Removes the partial and the empty file that keeps the name, and nothing else; idempotent. A finished file stays.
    public func discard() async throws(ChunkIOError) {
        let wasOpen = state.withLock { state in
            switch state {
            case .open:
                state = .discarded
                return true
            case .discarded: return true
            case .finished: return false
            }
        }
        if wasOpen { try await Reservation.discard(record, in: directory) }
    }

    /// The same for a stored reservation; nothing to do where the directory is gone or is another one.
    public static func discard(_ record: ReservationRecord, service: IOService = .shared) async throws(ChunkIOError) {
        let directory: Directory
        do throws(ChunkIOError) {
            directory = try Directory(opening: record.directory, service: service)
        } catch .directoryMissing, .notADirectory {
            return
        }
        guard directory.identity.isSame(as: record.directoryIdentity, sameBoot: record.isSameBoot) else { return }
        try await discard(record, in: directory)
    }

    private static func discard(_ record: ReservationRecord, in directory: Directory) async throws(ChunkIOError) {
        // After a crash in the middle of `finish` the partial's name may be held by the empty file.
        var didRemove = false
        if let status = try directory.status(of: record.partialName),
            record.isPartial(status) || record.isEmptyReservation(status)
        {
            try directory.remove(record.partialName)
            didRemove = true
        }
        if let status = try directory.status(of: record.finalName), record.isEmptyReservation(status) {
            try directory.remove(record.finalName)
            didRemove = true
        }
        if didRemove { try await directory.file.sync(dataOnly: false) }
    }
}

extension ReservationRecord {
    func isPartial(_ status: FileStatus) -> Bool {
        status.isRegular && status.identity.isSame(as: partialIdentity, sameBoot: isSameBoot)
    }

    /// The file that was created to keep the name, and still empty: a user may have written to it.
    func isEmptyReservation(_ status: FileStatus) -> Bool {
        status.isRegular && status.size == 0 && status.identity.isSame(as: reservedIdentity, sameBoot: isSameBoot)
    }

    /// The partial after `finish` has put it into place.
    func isFinished(_ status: FileStatus) -> Bool {
        isPartial(status) && (!isMarked || status.mode & S_ISVTX == 0)
    }
}
