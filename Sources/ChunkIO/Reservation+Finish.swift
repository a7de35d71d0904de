import Glibc
import Guarding
public import SystemPackage

/// What the offer says about a file besides its name and size.
public struct FileAttributes: Sendable, Equatable {
    /// Permission bits, applied as `& 0777 & ~umask`; `nil` gives what a new file has.
    public var mode: UInt32?
    /// Whether the execute bits of `mode` are applied, as the offer was shown with them.
    public var mayBeExecutable: Bool
    /// Seconds since 1970; ignored outside of 1970–2100.
    public var modificationTimeInSeconds: Int64?
    /// Whether blocks of zeros become holes, as the source has some.
    public var isSparse: Bool

    /// Attributes as an offer has them.
    public init(
        mode: UInt32? = nil, mayBeExecutable: Bool = false, modificationTimeInSeconds: Int64? = nil,
        isSparse: Bool = false
    ) {
        self.mode = mode
        self.mayBeExecutable = mayBeExecutable
        self.modificationTimeInSeconds = modificationTimeInSeconds
        self.isSparse = isSparse
    }

    func appliedMode(mask: UInt32) -> UInt32 {
        (mode ?? 0o666) & 0o777 & ~mask & (mayBeExecutable ? 0o777 : 0o666)
    }

    /// The end of the year 2100.
    static let latestTimeInSeconds: Int64 = 4_133_980_799
}

/// Where a complete file is.
public struct FinishedFile: Sendable, Equatable {
    /// Its path now.
    public var path: FilePath
    /// The reserved name had been taken by another file, so that this one has the next free name.
    public var hasOtherName: Bool

    /// Both parts.
    public init(path: FilePath, hasOtherName: Bool) {
        self.path = path
        self.hasOtherName = hasOtherName
    }
}

/// The points of `finish` at which tests interfere.
package enum FinishStep: Sendable, CaseIterable {
    /// Attributes are set and data is on the disk; the reservation was looked at.
    case checked
    /// The two files have changed names, or the empty one was removed.
    case exchanged
    /// The file is under its final name; its partial name may be left.
    case placed
}

/// What `finish` may use; file systems differ, and tests choose.
package enum PlacementMethod: Sendable, CaseIterable {
    /// renameat2 with its flags, or what follows.
    case exchange
    /// linkat, or what follows.
    case link
    /// An empty file of O_EXCL and rename over it.
    case rename
}

extension Reservation {
    /// Sets mode and time, syncs, and puts the file under its final name, without ever replacing a file that is not the
    /// reservation: if the name was taken meanwhile, the next free one. The file is on the disk under that name when
    /// this returns. `size` in bytes is compared with the partial's, unless it is `nil`. Throws `partialWrongSize`,
    /// `partialReplaced`, `discarded`, the space and destination cases; except after a failed sync it may be called again.
    public func finish(_ attributes: FileAttributes, size: Int64?) async throws(ChunkIOError) -> FinishedFile {
        try await finish(attributes, size: size, method: .exchange) { _ throws(ChunkIOError) in }
    }

    /// The same with a method, and with a hook between the steps that may throw, as a crash would end it there.
    package func finish(
        _ attributes: FileAttributes, size: Int64?, method: PlacementMethod,
        at step: (FinishStep) throws(ChunkIOError) -> Void
    ) async throws(ChunkIOError) -> FinishedFile {
        switch state.withLock({ $0 }) {
        case .open: break
        case .finished(let file): return file
        case .discarded: throw .discarded(record.finalPath)
        }
        let found = try partial.status().size
        if let size, found != size { throw .partialWrongSize(partial.path, expected: size, got: found) }
        if attributes.isSparse { await HolePuncher.punch(partial, size: found) }
        try apply(attributes)
        try await partial.sync(dataOnly: false)
        if case .discarded = state.withLock({ $0 }) { throw .discarded(record.finalPath) }
        let name = try place(method: method, at: step)
        try step(.placed)
        try await directory.file.sync(dataOnly: false)
        let finished = FinishedFile(path: directory.path(of: name), hasOtherName: name != record.finalName)
        state.withLock { $0 = .finished(finished) }
        return finished
    }

    private func apply(_ attributes: FileAttributes) throws(ChunkIOError) {
        if fchmod(partial.descriptor, attributes.appliedMode(mask: currentFileModeMask())) != 0 {
            try Reservation.tolerate(errno, "set the mode of", partial.path)
        }
        guard let seconds = attributes.modificationTimeInSeconds,
            (0...FileAttributes.latestTimeInSeconds).contains(seconds)
        else { return }
        let unchanged = timespec(tv_sec: 0, tv_nsec: omittedTime)
        if futimens(partial.descriptor, [unchanged, timespec(tv_sec: Int(seconds), tv_nsec: 0)]) != 0 {
            try Reservation.tolerate(errno, "set the time of", partial.path)
        }
    }

    /// Some file systems keep no mode or time: that is no reason to lose the file.
    private static func tolerate(_ code: CInt, _ operation: String, _ path: FilePath) throws(ChunkIOError) {
        if code == EPERM || code == ENOSYS || code == EOPNOTSUPP { return }
        throw ChunkIOError(errno: code, operation: operation, path: path)
    }

    // MARK: - The final name

    private func place(
        method: PlacementMethod, at step: (FinishStep) throws(ChunkIOError) -> Void
    ) throws(ChunkIOError) -> FileName {
        guard let status = try directory.status(of: record.partialName), record.isPartial(status) else {
            throw .partialReplaced(directory.path(of: record.partialName))
        }
        let reserved = try directory.status(of: record.finalName)
        try step(.checked)
        if let reserved, record.isEmptyReservation(reserved) {
            if method == .exchange, let isPlaced = try exchange(at: step) {
                if isPlaced { return record.finalName }
            } else {
                // No exchange here. Between removal and placement someone may take the name: then it is theirs.
                try removeReservation()
                try step(.exchanged)
            }
        }
        return try placeUnderFreeName(method: method)
    }

    /// Exchanges the names of partial and reservation and looks at what came out; false if it was not the reservation
    /// and everything is as before, `nil` if the file system has no exchange.
    private func exchange(at step: (FinishStep) throws(ChunkIOError) -> Void) throws(ChunkIOError) -> Bool? {
        switch directory.rename(record.partialName, to: record.finalName, flags: renameExchange) {
        case 0: break
        case ENOENT: return false
        case EINVAL, ENOSYS, EOPNOTSUPP: return nil
        case let code: throw directory.failure(code, "rename", record.partialName)
        }
        try step(.exchanged)
        guard let placed = try directory.status(of: record.finalName), record.isPartial(placed),
            let cameOut = try directory.status(of: record.partialName), record.isEmptyReservation(cameOut)
        else {
            let code = directory.rename(record.partialName, to: record.finalName, flags: renameExchange)
            if code != 0 && code != ENOENT { throw directory.failure(code, "rename", record.finalName) }
            guard let status = try directory.status(of: record.partialName), record.isPartial(status) else {
                throw .partialReplaced(directory.path(of: record.partialName))
            }
            return false
        }
        try directory.remove(record.partialName)
        return true
    }

    private func removeReservation() throws(ChunkIOError) {
        if let status = try directory.status(of: record.finalName), record.isEmptyReservation(status) {
            try directory.remove(record.finalName)
        }
    }

    private func placeUnderFreeName(method: PlacementMethod) throws(ChunkIOError) -> FileName {
        let limit = directory.nameLimitInBytes
        for number in 0..<Destination.alternativeLimit {
            let name = record.finalName.alternative(number, limitInBytes: limit)
            guard try placeIfFree(name, method: method) else { continue }
            if let status = try directory.status(of: name), record.isPartial(status) { return name }
            // Someone had put another file in the partial's place: it goes back where it was.
            _ = directory.rename(name, to: record.partialName, flags: renameNoReplace)
            throw .partialReplaced(directory.path(of: record.partialName))
        }
        throw .nameTaken(directory.path(of: record.finalName))
    }

    /// By the first way that the file system has; false if the name is taken.
    private func placeIfFree(_ name: FileName, method: PlacementMethod) throws(ChunkIOError) -> Bool {
        if method == .exchange {
            switch directory.rename(record.partialName, to: name, flags: renameNoReplace) {
            case 0: return true
            case EEXIST: return false
            case EINVAL, ENOSYS, EOPNOTSUPP: break
            case let code: throw directory.failure(code, "rename", record.partialName)
            }
        }
        if method != .rename {
            switch directory.link(record.partialName, as: name) {
            case 0:
                try directory.remove(record.partialName)
                return true
            case EEXIST: return false
            case EPERM, EOPNOTSUPP, ENOSYS, EMLINK, EINVAL: break
            case let code: throw directory.failure(code, "link", record.partialName)
            }
        }
        return try placeOverOwnFile(name)
    }

    /// The name is taken by a new empty file, and that is replaced.
    private func placeOverOwnFile(_ name: FileName) throws(ChunkIOError) -> Bool {
        switch directory.open(name, flags: O_CREAT | O_EXCL | O_WRONLY, mode: 0o600) {
        case .success: break
        case .failure(let error) where error.code == EEXIST: return false
        case .failure(let error): throw directory.failure(error.code, "create", name)
        }
        let code = directory.rename(record.partialName, to: name, flags: 0)
        guard code == 0 else {
            try? directory.remove(name)
            throw directory.failure(code, "rename", record.partialName)
        }
        return true
    }
}

private let renameNoReplace: UInt32 = 1 << 0
private let renameExchange: UInt32 = 1 << 1
/// UTIME_OMIT, whose macro is not imported.
let omittedTime = (1 << 30) - 2

/// The process's umask, which `umask(2)` cannot tell without changing it for all threads.
func currentFileModeMask() -> UInt32 {
    for line in readSmallFile("/proc/self/status").split(separator: "\n") where line.hasPrefix("Umask:") {
        return UInt32(line.dropFirst("Umask:".count).filter { !$0.isWhitespace }, radix: 8) ?? 0o077
    }
    return 0o077
}
