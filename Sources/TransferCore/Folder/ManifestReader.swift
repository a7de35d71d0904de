/// Checks the entries of a manifest one after the other: what it lets pass can be made below an empty directory, and nowhere
/// else. A value that holds no more than two paths, however long the manifest is.
///
/// Entries are in strict order (`ManifestEntry.precedes`), so that none comes twice; each directory comes before what is in
/// it, so that nothing stands below a file or a link.
public struct ManifestReader: Sendable {
    /// The first line of every manifest, with its newline.
    public static let heading = Array("sxfile 1\n".utf8)
    /// The longest manifest, in bytes.
    public static let longest: UInt64 = 64 << 20
    /// The longest line, in bytes: every byte of path and link encoded, and the rest.
    public static let longestLine = 2 * 3 * ManifestEntry.longestPath + 80

    /// What has passed.
    public private(set) var totals = ManifestTotals()
    private var lastPath: [UInt8] = []
    private var lastDirectory: [UInt8] = []

    /// Nothing has passed yet.
    public init() {}

    /// Checks the next entry.
    /// - Throws: `manifest`.
    public mutating func take(_ entry: ManifestEntry) throws(TransferError) {
        if let objection = ManifestEntry.objection(toPath: entry.path) { throw .manifest(objection) }
        guard lastPath.isEmpty || ManifestEntry.precedes(lastPath, entry.path) else {
            throw .manifest("an entry that comes twice or in the wrong place")
        }
        guard isInside(entry.parent) else { throw .manifest("an entry in something that is no directory") }
        switch entry.kind {
        case .file, .sparse:
            let (bytes, overflow) = totals.bytes.addingReportingOverflow(entry.size)
            guard !overflow, bytes <= ChunkPlan.largestSize - Self.longest * 2 else {
                throw .manifest("more bytes than a folder can have")
            }
            totals.bytes = bytes
            totals.files += 1
            if entry.isExecutable { totals.executable += 1 }
        case .directory, .link:
            guard entry.size == 0 else { throw .manifest("a size of something that is no file") }
            if entry.kind == .directory { totals.directories += 1 } else { totals.links += 1 }
        }
        if entry.kind == .link, let objection = ManifestEntry.objection(toTarget: entry.target, at: entry.path) {
            throw .manifest(objection)
        }
        if entry.isHidden { totals.hidden += 1 }
        if entry.kind == .directory { lastDirectory = entry.path }
        lastPath = entry.path
    }

    /// Whether `parent` is the folder itself, the directory that came last, or one around that.
    private func isInside(_ parent: ArraySlice<UInt8>) -> Bool {
        parent.isEmpty
            || lastDirectory.starts(with: parent)
                && (lastDirectory.count == parent.count || lastDirectory[parent.count] == slash)
    }
}

/// What a manifest holds, counted.
public struct ManifestTotals: Hashable, Sendable {
    /// Regular files.
    public var files: UInt64 = 0
    /// Directories, without the folder itself.
    public var directories: UInt64 = 0
    /// Symbolic links.
    public var links: UInt64 = 0
    /// The bytes of all files.
    public var bytes: UInt64 = 0
    /// Entries whose path has a component that begins with a dot.
    public var hidden: UInt64 = 0
    /// Files that may be run.
    public var executable: UInt64 = 0

    /// Nothing.
    public init() {}

    /// Everything that gets a place in a file system.
    public var entries: UInt64 { files &+ directories &+ links }
}

/// How the stream of a folder is made up: its manifest, its files one after the other in the order of the manifest, and a
/// last byte for each file that says whether what went before is its contents.
public struct FolderLayout: Hashable, Sendable {
    /// Bytes of the manifest.
    public let manifest: UInt64
    /// Bytes of all files.
    public let content: UInt64
    /// How many files: bytes of the verdicts.
    public let files: UInt64

    /// A layout of these parts.
    /// - Throws: `manifest` for one that is too long.
    public init(manifest: UInt64, content: UInt64, files: UInt64) throws(TransferError) {
        guard manifest >= UInt64(ManifestReader.heading.count), manifest <= ManifestReader.longest,
            files <= manifest, content <= ChunkPlan.largestSize - manifest - files
        else { throw .manifest("totals that no folder can have") }
        self.manifest = manifest
        self.content = content
        self.files = files
    }

    /// Bytes in all.
    public var size: UInt64 { manifest + content + files }

    /// What a part of the stream is.
    public enum Part: Hashable, Sendable {
        /// These bytes of the manifest.
        case manifest(Range<UInt64>)
        /// These bytes of all files behind each other.
        case content(Range<UInt64>)
        /// The verdicts on these files, counted from 0.
        case verdicts(Range<UInt64>)
    }

    /// The parts of a range of the stream, in order; what is behind its end has none.
    public func parts(of range: Range<UInt64>) -> [Part] {
        var parts: [Part] = []
        func add(_ start: UInt64, _ count: UInt64, _ part: (Range<UInt64>) -> Part) {
            let lower = max(range.lowerBound, start)
            let upper = min(range.upperBound, start + count)
            if lower < upper { parts.append(part(lower - start..<upper - start)) }
        }
        add(0, manifest) { .manifest($0) }
        add(manifest, content) { .content($0) }
        add(manifest + content, files) { .verdicts($0) }
        return parts
    }
}

/// What the sender found out about a file while it read it: one byte at the end of the stream.
public enum FileVerdict: UInt8, Hashable, Sendable, CaseIterable {
    /// What came is what the file held.
    case good = 0
    /// It was changed since the folder was offered.
    case changed = 1
    /// It is not there any more.
    case gone = 2
    /// It could not be read.
    case unreadable = 3

    /// What a recipient says of it: the file "was …".
    public var text: String {
        switch self {
        case .good: "sent whole"
        case .changed: "changed while the folder was sent"
        case .gone: "deleted while the folder was sent"
        case .unreadable: "not readable for its sender"
        }
    }
}
