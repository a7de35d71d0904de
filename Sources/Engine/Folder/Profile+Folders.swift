import AgentLink
import ChunkIO
import Database
import GRDB
import Glibc
import SystemPackage
public import TransferCore

/// Files and folders that are to be sent as one transfer.
public struct FolderRequest: Sendable {
    /// The user's paths.
    public var paths: [String]
    /// What is left out, as `ExcludePattern` reads it.
    public var excluded: [String]

    /// A request of these parts.
    public init(paths: [String], excluded: [String] = []) {
        self.paths = paths
        self.excluded = excluded
    }
}

/// What a look at a folder found.
public struct FolderLook: Sendable {
    /// The name that the recipient sees.
    public var name: String
    /// What is in it.
    public var totals: ManifestTotals
    /// What is left out though nobody asked for that, and why; the first of them.
    public var omissions: [(path: String, reason: String)]
    /// How much that is in all.
    public var omitted: UInt64
}

/// A folder that is to be sent, as it is at the moment of the wish.
struct SourceFolder: Sendable {
    let name: String
    let sources: [FolderSource]
    let patterns: [ExcludePattern]
    /// The path that the user is shown.
    let path: String
    let mode: UInt32?
    let modifiedAt: Int64?

    /// - Throws: `noSuchFile`, `unreadable`, `usage` for two paths of one name.
    init(_ request: FolderRequest) throws(EngineError) {
        patterns = try request.excluded.map { text throws(EngineError) in
            guard let pattern = ExcludePattern(text) else { throw .usage("--exclude wants a pattern") }
            return pattern
        }
        var found: [(FolderSource, stat)] = []
        for relative in request.paths {
            let full = Self.named(ProfileDirectory.absolute(relative))
            var status = stat()
            guard stat(full, &status) == 0 else {
                switch errno {
                case ENOENT, ENOTDIR: throw .noSuchFile(relative)
                default: throw .unreadable(relative, Errno(rawValue: errno).description)
                }
            }
            switch status.st_mode & S_IFMT {
            case S_IFREG, S_IFDIR: break
            default: throw .notRegular(relative)
            }
            found.append((FolderSource(name: Self.lastName(full), path: FilePath(full)), status))
        }
        if let (source, status) = found.first, found.count == 1, status.st_mode & S_IFMT == S_IFDIR {
            name = source.name.map { String(decoding: $0, as: UTF8.self) } ?? "files"
            sources = [FolderSource(name: nil, path: source.path)]
            path = source.path.string
            mode = status.st_mode & 0o777
            modifiedAt = Int64(status.st_mtim.tv_sec)
            return
        }
        sources = try Self.named(found.map(\.0))
        let parents = Set(found.map { $0.0.path.removingLastComponent() })
        let common = parents.count == 1 ? parents.first : nil
        name = common?.lastComponent?.string ?? "files"
        path = common?.string ?? found.first?.0.path.string ?? ""
        mode = nil
        modifiedAt = nil
    }

    /// In the order of a manifest; each needs a name of its own.
    private static func named(_ sources: [FolderSource]) throws(EngineError) -> [FolderSource] {
        let sorted = sources.sorted { left, right in
            ManifestEntry.precedes(left.name ?? [], right.name ?? [])
        }
        for (left, right) in zip(sorted, sorted.dropFirst()) where left.name == right.name {
            let name = String(decoding: left.name ?? [], as: UTF8.self)
            throw .usage(
                "two of the paths are called '\(name)': \(left.path) and \(right.path); send one of them apart")
        }
        guard sorted.allSatisfy({ $0.name != nil }) else {
            throw .usage("'/' has no name: send what is in it, or send it alone")
        }
        return sorted
    }

    /// The path with a last component that is a name: `.` and `..` have that of the directory that they are.
    private static func named(_ full: String) -> String {
        let last = FilePath(full).lastComponent
        guard last?.kind != .regular, let real = realpath(full, nil) else { return full }
        defer { free(real) }
        return String(cString: real)
    }

    private static func lastName(_ full: String) -> [UInt8]? {
        FilePath(full).lastComponent.map { Array($0.string.utf8) }
    }

    func scan(
        to path: FilePath? = nil, visit: (ManifestEntry) -> Void = { _ in }
    ) throws(EngineError) -> FolderScan {
        do {
            return try FolderScan(
                sources, excluding: patterns, to: path, firstEntries: OfferedFolder.firstLimit, visit: visit)
        } catch {
            switch error.category {
            case .source: throw .unreadable(self.path, "\(error)")
            case .space: throw .destination("\(error)")
            case .destination, .local: throw .system("\(error)")
            }
        }
    }
}

extension FolderLook {
    init(_ name: String, _ scan: FolderScan) {
        self.name = name
        totals = scan.totals
        omitted = scan.omitted
        omissions = scan.omissions.map { (String(decoding: $0.path, as: UTF8.self), $0.reason) }
    }
}

extension Profile {
    /// What would be sent, entry by entry; nothing is recorded.
    /// - Throws: `noSuchFile`, `unreadable`, `usage`.
    public static func look(
        at request: FolderRequest, visit: (ManifestEntry) -> Void
    ) throws(EngineError) -> FolderLook {
        let source = try SourceFolder(request)
        return FolderLook(source.name, try source.scan(visit: visit))
    }

    /// - Parameters:
    ///   - old: the transfer that it repeats.
    ///   - hash: what the manifest's hash has to be; `unreadable` if the folder has changed.
    ///   - expiresAt: when it is withdrawn, in Unix seconds, whatever `request` says.
    func requestSend(
        _ folder: FolderRequest, _ request: SendRequest, repeating old: Transfer? = nil, expecting hash: [UInt8]? = nil,
        expiresAt: Int64? = nil
    ) throws(EngineError) -> SendReceipt {
        guard request.isInline != true, request.preview == nil else {
            throw .usage("--inline is for a single small file")
        }
        let source = try SourceFolder(folder)
        // Before the walk, which may take long.
        _ = try read { db in try Recipient(db, request.contact) }
        let (scan, manifest) = try prepare(source)
        do {
            if let hash, hash != scan.hash { throw EngineError.unreadable(source.path, "it has changed") }
            let layout = try FolderLayout(
                manifest: scan.length, content: scan.totals.bytes, files: scan.totals.files)
            let offered = OfferedFolder(layout: layout, hash: scan.hash, totals: scan.totals, first: scan.first)
            return try write { db in
                let recipient = try Recipient(db, request.contact)
                var receipt = SendReceipt()
                receipt.look = FolderLook(request.name ?? source.name, scan)
                if let old, let open = try Self.openRetry(db, of: old.id) {
                    unlink(manifest.string)
                    receipt.transfer = open.id
                    return receipt
                }
                receipt.message = try recipient.insertText(db, request.text)
                let transfer = try recipient.insertOffer(
                    db, name: request.name ?? source.name, size: layout.size
                ) { transfer in
                    transfer.path = source.path
                    transfer.mode = source.mode
                    transfer.modifiedAt = source.modifiedAt
                    transfer.message = receipt.message
                    transfer.laneWish = request.lane
                    transfer.retryOf = old?.id
                    transfer.expiresAt = expiresAt ?? request.expiresAt
                }
                let sources = Folder.text(source.sources)
                let excluded = Folder.text(excluded: folder.excluded)
                for id in [transfer.id] + transfer.members.map(\.id) {
                    try Folder.insert(db, transfer: id, offered, sources: sources, excluded: excluded)
                }
                try self.keep(manifest, for: transfer.id)
                receipt.transfer = transfer.id
                return receipt
            }
        } catch {
            unlink(manifest.string)
            throw error as? EngineError ?? .system("\(error)")
        }
    }

    /// Offers a folder again, without what was left out of it then.
    /// - Throws: `usage` if that is not known, what `requestSend` throws.
    func requestRetry(
        of old: Transfer, _ folder: Folder, expecting hash: [UInt8]? = nil, expiresAt: Int64? = nil
    ) throws(EngineError) -> SendReceipt {
        guard !old.isToGroup, old.parent == nil else {
            throw .usage("transfer \(old.id) is a folder that went to a group: send it again with `sxfile send`")
        }
        guard let again = folder.request else {
            throw .usage(
                "transfer \(old.id) was made by an earlier version, which kept no --exclude: send the folder again with "
                    + "`sxfile send`")
        }
        var request = SendRequest(contact: old.peer)
        request.name = old.name
        request.lane = old.laneWish
        return try requestSend(again, request, repeating: old, expecting: hash, expiresAt: expiresAt)
    }

    /// Writes the manifest of a folder into the profile, under a name that no transfer has yet.
    func prepare(_ source: SourceFolder) throws(EngineError) -> (scan: FolderScan, manifest: FilePath) {
        try makeSpool()
        let path = spool.appending("new-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).list")
        do throws(EngineError) { return (try source.scan(to: path), path) } catch {
            unlink(path.string)
            throw error
        }
    }

    func makeSpool() throws(EngineError) { try makeDirectory(spool) }

    func makeDirectory(_ path: FilePath) throws(EngineError) {
        if mkdir(path.string, 0o700) != 0, errno != EEXIST {
            throw .permissions("\(path) cannot be made: \(Errno(rawValue: errno))")
        }
    }

    /// Gives a manifest to its transfer.
    func keep(_ manifest: FilePath, for id: Int64) throws(EngineError) {
        guard Glibc.rename(manifest.string, manifestPath(id).string) == 0 else {
            throw .system("\(manifestPath(id)) cannot be written: \(Errno(rawValue: errno))")
        }
    }

    /// Removes what lies in the spool for transfers that are over, and what a command left that was killed.
    func sweepSpool() {
        guard let entries = opendir(spool.string) else { return }
        defer { closedir(entries) }
        while let entry = readdir(entries) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if isLeft(name) { unlink(spool.appending(name).string) }
        }
    }

    /// Whether nobody needs this file of the spool.
    private func isLeft(_ name: String) -> Bool {
        let words = name.split(separator: "-")
        if words.count == 3, words[0] == "new", let process = pid_t(words[1]) {
            return kill(process, 0) != 0 && errno == ESRCH
        }
        guard let id = name.split(separator: ".").first.flatMap({ Int64($0) }),
            let found = try? transfer(id: id)
        else { return false }
        return found.state.isEnded
    }
}
