import ChunkIO
import Database
import GRDB
import SystemPackage
public import TransferCore

/// What a transfer of a folder says besides what every transfer does.
public struct Folder: Equatable, Sendable {
    /// What is in it.
    public var totals: ManifestTotals
    /// Files that are over: with the relay or peer (send), or written (receive).
    public var filesDone: UInt64
    /// Files that are not in it at the other side, as they changed or could not be read while it was sent.
    public var missing: UInt64
    /// What is to be told of it at the end, a line each. May have peer text.
    public var notes: [String]

    let layout: FolderLayout
    let hash: [UInt8]
    /// Whether files get their execute bits: the offer was shown with them.
    var mayExecute: Bool
    /// Send: name in the manifest and path of each, percent-encoded.
    var sources: String
    /// Send: what was left out, as it is stored; nil if that is not known.
    var excluded: String?

    /// Columns for a row of transfers, all with names of their own.
    static let columns = """
        folders.files, folders.filesDone, folders.directories, folders.links, folders.contentBytes, folders.hiddenEntries,
        folders.executableFiles, folders.listLength, folders.listHash, folders.sources, folders.mayExecute,
        folders.missing, folders.notes, folders.excluded
        """

    init?(_ row: Row) {
        guard let files = row["files"] as Int64?, let hash = row.bytes("listHash"),
            let layout = try? FolderLayout(
                manifest: Self.count(row, "listLength"), content: Self.count(row, "contentBytes"),
                files: UInt64(max(files, 0)))
        else { return nil }
        totals = ManifestTotals()
        totals.files = layout.files
        totals.bytes = layout.content
        totals.directories = Self.count(row, "directories")
        totals.links = Self.count(row, "links")
        totals.hidden = Self.count(row, "hiddenEntries")
        totals.executable = Self.count(row, "executableFiles")
        filesDone = Self.count(row, "filesDone")
        missing = Self.count(row, "missing")
        notes = (row["notes"] as String).split(separator: "\n").map(String.init)
        self.layout = layout
        self.hash = hash
        mayExecute = row["mayExecute"]
        sources = row["sources"]
        excluded = row["excluded"]
    }

    private static func count(_ row: Row, _ column: String) -> UInt64 {
        UInt64(max(row[column] as Int64? ?? 0, 0))
    }

    static func insert(
        _ db: GRDB.Database, transfer: Int64, _ offered: OfferedFolder, sources: String = "", excluded: String? = nil
    ) throws {
        let totals = offered.totals
        let first = offered.first.flatMap(\.line)
        try db.execute(
            sql: """
                INSERT INTO folders (transfer, files, directories, links, contentBytes, hiddenEntries, executableFiles,
                    listLength, listHash, firstEntries, sources, excluded)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                transfer, Int64(clamping: totals.files), Int64(clamping: totals.directories),
                Int64(clamping: totals.links), Int64(clamping: totals.bytes), Int64(clamping: totals.hidden),
                Int64(clamping: totals.executable), Int64(clamping: offered.layout.manifest), blob(offered.hash),
                blob(first), sources, excluded,
            ])
    }

    static func setDone(_ db: GRDB.Database, transfer: Int64, _ files: UInt64) throws {
        try db.execute(
            sql: "UPDATE folders SET filesDone = ? WHERE transfer = ?", arguments: [Int64(clamping: files), transfer])
    }

    static func setReport(_ db: GRDB.Database, transfer: Int64, missing: UInt64, notes: [String]) throws {
        let lines = notes.map { $0.map { $0.isNewline ? " " : $0 } }.map { String($0) }.joined(separator: "\n")
        try db.execute(
            sql: "UPDATE folders SET missing = ?, notes = ? WHERE transfer = ?",
            arguments: [Int64(clamping: missing), lines, transfer])
    }

    /// The first entries, as the offer has them.
    static func first(_ db: GRDB.Database, transfer: Int64) throws -> [ManifestEntry] {
        let row = try Row.fetchOne(
            db, sql: "SELECT firstEntries FROM folders WHERE transfer = ?", arguments: [transfer])
        return (row?.bytes("firstEntries") ?? []).split(separator: 0x0A).compactMap { try? ManifestEntry(line: $0) }
    }

    /// What the offer says.
    func offered(_ db: GRDB.Database, transfer: Int64) throws -> OfferedFolder {
        OfferedFolder(layout: layout, hash: hash, totals: totals, first: try Self.first(db, transfer: transfer))
    }

    /// Where the sender's files are.
    var folderSources: [FolderSource] {
        sources.split(separator: "\n").compactMap { line in
            let pair = line.split(separator: " ", omittingEmptySubsequences: false)
            guard pair.count == 2, let path = ManifestEntry.decoded(pair[1].utf8) else { return nil }
            let name = pair[0] == "-" ? nil : ManifestEntry.decoded(pair[0].dropFirst().utf8)
            return FolderSource(name: name, path: FilePath(platformString: path.map { CChar(bitPattern: $0) } + [0]))
        }
    }

    /// What the user asked for; nil if what was left out is not known.
    var request: FolderRequest? {
        guard let excluded else { return nil }
        return FolderRequest(
            paths: folderSources.map(\.path.string),
            excluded: excluded.split(separator: "\n").compactMap { line in
                ManifestEntry.decoded(line.utf8).map { String(decoding: $0, as: UTF8.self) }
            })
    }

    /// Patterns as they are stored.
    static func text(excluded patterns: [String]) -> String {
        patterns.map { String(decoding: ManifestEntry.encoded(Array($0.utf8)), as: UTF8.self) }.joined(separator: "\n")
    }

    /// `folderSources` as it is stored.
    static func text(_ sources: [FolderSource]) -> String {
        sources.map { source in
            let name = source.name.map { "=" + String(decoding: ManifestEntry.encoded($0), as: UTF8.self) } ?? "-"
            return name + " " + String(decoding: ManifestEntry.encoded(Array(source.path.string.utf8)), as: UTF8.self)
        }.joined(separator: "\n")
    }
}

extension Profile {
    /// The first entries of a folder that is offered.
    public func folderEntries(transfer id: Int64) throws(EngineError) -> [ManifestEntry] {
        try read { db in try Folder.first(db, transfer: id) }
    }

    /// Where files lie that belong to transfers and not to the user.
    var spool: FilePath { directory.appending("spool") }

    func manifestPath(_ id: Int64) -> FilePath { spool.appending("\(id).list") }
    func hashesPath(_ id: Int64) -> FilePath { spool.appending("\(id).hashes") }
    func verdictsPath(_ id: Int64) -> FilePath { spool.appending("\(id).verdicts") }
}
