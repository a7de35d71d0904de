import CLiburing
import Glibc
import Primitives
import SystemPackage
import TransferCore

/// What the thread of a `FolderWriter` works with.
final class FolderWriting: @unchecked Sendable {
    // Safe: made by one thread, then used by the writer's worker only.

    private enum Phase {
        /// The manifest comes in. `missing` bytes of it are still to come; `waiting` is what came from behind it.
        case listing(list: Handle, missing: UInt64, waiting: [Range<UInt64>])
        /// Everything that it names is made.
        case placing(ManifestFile, verdicts: Handle)
        /// The folder is under its name.
        case finished(FileName)
    }

    private let reservation: FolderReservation
    private let layout: FolderLayout
    private let hash: [UInt8]
    private let totals: ManifestTotals?
    private let tree: FolderTree
    private var phase: Phase
    private(set) var report = FolderReport()

    /// The manifest, once everything that it names is made; before, under another name, with what waits behind it.
    private static let list = FileName(checked: Array("list".utf8))
    private static let incoming = FileName(checked: Array("list.part".utf8))
    private static let verdicts = FileName(checked: Array("verdicts".utf8))
    /// What has another name on the disk than in the manifest, as pairs of encoded paths.
    private static let names = FileName(checked: Array("names".utf8))
    private static let pieceSize = 256 << 10

    init(_ reservation: FolderReservation, layout: FolderLayout, hash: [UInt8], totals: ManifestTotals?)
        throws(ChunkIOError)
    {
        self.reservation = reservation
        self.layout = layout
        self.hash = hash
        self.totals = totals
        tree = FolderTree(reservation.tree)
        switch reservation.partial.open(Self.list.bytes, flags: O_RDONLY) {
        case .success(let list):
            let manifest = try ManifestFile(list, length: layout.manifest)
            let verdicts = try Self.opened(Self.verdicts, O_RDWR, reservation)
            phase = .placing(manifest, verdicts: verdicts)
            try readNames()
        case .failure(let error) where error.code == ENOENT:
            try FolderRemoval.empty(reservation.tree)
            let list = try Self.opened(Self.incoming, O_RDWR | O_CREAT | O_TRUNC, reservation)
            phase = .listing(list: list, missing: layout.manifest, waiting: [])
        case .failure(let error): throw reservation.partial.failure(error.code, "open")
        }
    }

    private static func opened(
        _ name: FileName, _ flags: CInt, _ reservation: FolderReservation
    ) throws(ChunkIOError) -> Handle {
        let partial = reservation.partial
        let descriptor = name.withCString { openat(partial.descriptor, $0, flags | O_CLOEXEC | O_NOFOLLOW, 0o600) }
        guard descriptor >= 0 else { throw partial.failure(errno, "open") }
        return Handle(descriptor, partial.path)
    }

    var isListing: Bool { if case .listing = phase { true } else { false } }

    func filesDone(before offset: UInt64) -> UInt64 {
        guard case .placing(let manifest, _) = phase, offset > layout.manifest else { return 0 }
        return (try? manifest.filesDone(before: offset - layout.manifest)) ?? 0
    }

    // MARK: - Chunks

    func write(
        _ bytes: UnsafeRawBufferPointer, at offset: Int64, _ expected: [UInt8]?
    ) -> Result<WriteOutcome, ChunkIOError> {
        if let expected {
            let got = SHA256.hash(bytes)
            if got != expected { return .success(.hashMismatch(got: got)) }
        }
        do throws(ChunkIOError) {
            try take(bytes, at: UInt64(offset))
            return .success(.written)
        } catch {
            return .failure(error)
        }
    }

    private func take(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(ChunkIOError) {
        switch phase {
        case .placing(let manifest, let verdicts): try put(bytes, at: offset, manifest, verdicts)
        case .finished: break
        case .listing(let list, let missing, let waiting):
            try list.write(bytes, at: Int64(offset))
            let end = offset + UInt64(bytes.count)
            let behind = max(offset, layout.manifest)..<max(end, layout.manifest)
            let left = missing - (UInt64(bytes.count) - UInt64(behind.count))
            let waiting = behind.isEmpty ? waiting : waiting + [behind]
            // Only when all went well: a chunk that found no room comes again.
            if left == 0 {
                try begin(list, waiting)
            } else {
                phase = .listing(list: list, missing: left, waiting: waiting)
            }
        }
    }

    private func put(
        _ bytes: UnsafeRawBufferPointer, at offset: UInt64, _ manifest: ManifestFile, _ verdicts: Handle
    ) throws(ChunkIOError) {
        var taken = 0
        func take(_ count: Int) -> UnsafeRawBufferPointer {
            defer { taken += count }
            return UnsafeRawBufferPointer(rebasing: bytes[taken..<taken + count])
        }
        for part in layout.parts(of: offset..<offset + UInt64(bytes.count)) {
            switch part {
            case .manifest(let range): _ = take(range.count)
            case .verdicts(let range): try verdicts.write(take(range.count), at: Int64(range.lowerBound))
            case .content(let range):
                var place = range.lowerBound
                while place < range.upperBound {
                    let span = try manifest.span(at: place)
                    let count = Int(min(span.end, range.upperBound) - place)
                    try tree.write(span, take(count), at: place - span.start)
                    place += UInt64(count)
                }
            }
        }
    }

    // MARK: - The manifest is whole

    private func begin(_ list: Handle, _ waiting: [Range<UInt64>]) throws(ChunkIOError) {
        guard try list.hash(first: layout.manifest) == hash else {
            throw .listRefused("the list of the folder is not the one that was offered")
        }
        let manifest = try ManifestFile(list, length: layout.manifest)
        guard manifest.totals.files == layout.files, manifest.totals.bytes == layout.content,
            totals.map({ $0 == manifest.totals }) ?? true
        else {
            throw .listRefused("the list of the folder does not fit its offer")
        }
        let verdicts = try Self.opened(Self.verdicts, O_RDWR | O_CREAT | O_TRUNC, reservation)
        guard ftruncate(verdicts.descriptor, off_t(layout.files)) == 0 else { throw verdicts.failure(errno, "write") }
        // A try that found no room may have made some of it.
        tree.startOver()
        try FolderRemoval.empty(reservation.tree)
        try make(manifest)
        try place(waiting, of: list, manifest, verdicts)
        guard ftruncate(list.descriptor, off_t(layout.manifest)) == 0 else { throw list.failure(errno, "write") }
        let partial = reservation.partial
        // The new name says that all of this is there, also after a power cut.
        let synced = -sxfile_sync_file_system(partial.descriptor)
        guard synced == 0 else { throw partial.failure(synced, "sync") }
        let code = Self.incoming.withCString { from in
            Self.list.withCString { to in
                renameat(partial.descriptor, from, partial.descriptor, to) == 0 ? 0 : errno
            }
        }
        guard code == 0 else { throw partial.failure(code, "rename") }
        phase = .placing(manifest, verdicts: verdicts)
    }

    private func make(_ manifest: ManifestFile) throws(ChunkIOError) {
        var pairs: [UInt8] = []
        try manifest.forEach { entry, _ throws(ChunkIOError) in
            guard let actual = try tree.make(entry) else { return }
            pairs += ManifestEntry.encoded(entry.path) + [0x20] + ManifestEntry.encoded(actual) + [0x0A]
        }
        guard !pairs.isEmpty else { return }
        let names = try Self.opened(Self.names, O_WRONLY | O_CREAT | O_TRUNC, reservation)
        try names.write(pairs, at: 0)
    }

    private func readNames() throws(ChunkIOError) {
        guard case .success(let file) = reservation.partial.open(Self.names.bytes, flags: O_RDONLY),
            case .success(let status) = file.status()
        else { return }
        var lines = ManifestLines(file, from: 0, to: UInt64(max(status.size, 0)))
        while let (line, _) = try lines.next() {
            let pair = line.split(separator: 0x20).compactMap { ManifestEntry.decoded($0) }
            guard pair.count == 2 else { throw .damagedRecord }
            tree.know(pair[0], as: pair[1])
        }
    }

    /// What came before the manifest was whole goes where it belongs.
    private func place(
        _ waiting: [Range<UInt64>], of list: Handle, _ manifest: ManifestFile, _ verdicts: Handle
    ) throws(ChunkIOError) {
        for range in waiting.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            var offset = range.lowerBound
            while offset < range.upperBound {
                let count = Int(min(UInt64(Self.pieceSize), range.upperBound - offset))
                let piece = try list.read(count, at: Int64(offset))
                guard piece.count == count else {
                    throw .partialWrongSize(list.path, expected: Int64(offset) + Int64(count), got: Int64(offset))
                }
                let failure: ChunkIOError? = piece.withUnsafeBytes { bytes in
                    do throws(ChunkIOError) { try put(bytes, at: offset, manifest, verdicts) } catch { return error }
                    return nil
                }
                if let failure { throw failure }
                offset += UInt64(count)
            }
        }
    }

    // MARK: - The end

    func finish(_ attributes: FileAttributes) -> Result<FileName, ChunkIOError> {
        do throws(ChunkIOError) {
            let manifest: ManifestFile
            let verdicts: Handle
            switch phase {
            case .finished(let name): return .success(name)
            case .listing: throw .listRefused("the list of the folder is not whole")
            case .placing(let made, let file): (manifest, verdicts) = (made, file)
            }
            report = FolderReport()
            try settle(manifest, verdicts, attributes)
            try report.write(
                to: Self.opened(FolderReservation.reportName, O_WRONLY | O_CREAT | O_TRUNC, reservation))
            tree.close()
            let root = reservation.tree
            if let seconds = attributes.modificationTimeInSeconds,
                (0...FileAttributes.latestTimeInSeconds).contains(seconds)
            {
                _ = root.setTime(seconds, 0)
            }
            let synced = -sxfile_sync_file_system(root.descriptor)
            guard synced == 0 else { throw root.failure(synced, "sync") }
            let name = try giveName()
            // Only now: a directory that its owner may not write cannot be moved.
            _ = fchmod(root.descriptor, directoryMode(attributes.mode ?? 0o777, currentFileModeMask()) | 0o700)
            phase = .finished(name)
            return .success(name)
        } catch {
            return .failure(error)
        }
    }

    private func directoryMode(_ mode: UInt32, _ mask: UInt32) -> UInt32 { mode & 0o777 & ~mask }

    private func settle(
        _ manifest: ManifestFile, _ verdicts: Handle, _ attributes: FileAttributes
    ) throws(ChunkIOError) {
        let mask = currentFileModeMask()
        var list = VerdictList(verdicts, count: layout.files)
        // Directories around what comes: each gets its time once nothing more is made in it.
        var open: [ManifestEntry] = []
        func leave(until path: [UInt8]?) throws(ChunkIOError) {
            while let last = open.last {
                if let path, path.starts(with: last.path), path.count > last.path.count,
                    path[last.path.count] == UInt8(ascii: "/")
                {
                    return
                }
                open.removeLast()
                try tree.settleDirectory(last, mode: directoryMode(last.mode, mask))
            }
        }
        try manifest.forEach { entry, _ throws(ChunkIOError) in
            try leave(until: entry.path)
            switch entry.kind {
            case .directory: open.append(entry)
            case .link: if try !tree.makeLink(entry) { note(entry.path, "is a link, which has no place there") }
            case .file, .sparse:
                let verdict = try list.next()
                guard verdict == .good else {
                    report.missing += 1
                    note(entry.path, "is missing: it was \(verdict.text)")
                    return try tree.remove(entry)
                }
                let allowed = FileAttributes(mode: entry.mode, mayBeExecutable: attributes.mayBeExecutable)
                try tree.settle(entry, mode: allowed.appliedMode(mask: mask))
            }
        }
        try leave(until: nil)
        for (path, actual) in tree.otherNames.sorted(by: { ManifestEntry.precedes($0.key, $1.key) }) {
            note(path, "is called \(String(decoding: actual, as: UTF8.self)) here, as the file system wants it")
        }
    }

    private func note(_ path: [UInt8], _ what: String) {
        guard report.notes.count < FolderReport.noteLimit else { return }
        report.notes.append("\(String(decoding: path, as: UTF8.self)) \(what)")
    }

    /// The reserved name, or the next free one if somebody has put something there.
    private func giveName() throws(ChunkIOError) -> FileName {
        let directory = reservation.directory
        let record = reservation.record
        func move(to name: FileName) -> CInt {
            FolderReservation.treeName.withCString { from in
                name.withCString { to in
                    renameat(reservation.partial.descriptor, from, directory.file.descriptor, to) == 0 ? 0 : errno
                }
            }
        }
        if let status = try directory.status(of: record.finalName), record.isReserved(status) {
            switch move(to: record.finalName) {
            case 0: return record.finalName
            case ENOTEMPTY, EEXIST, ENOTDIR: break
            case let code: throw directory.failure(code, "rename", record.partialName)
            }
        }
        for number in 0..<Destination.alternativeLimit {
            let name = record.finalName.alternative(number, limitInBytes: directory.nameLimitInBytes)
            let made = name.withCString { mkdirat(directory.file.descriptor, $0, 0o700) == 0 ? 0 : errno }
            if made == EEXIST { continue }
            guard made == 0 else { throw directory.failure(made, "make", name) }
            let code = move(to: name)
            if code == 0 { return name }
            guard code == ENOTEMPTY || code == EEXIST else { throw directory.failure(code, "rename", name) }
        }
        throw .nameTaken(directory.path(of: record.finalName))
    }
}
