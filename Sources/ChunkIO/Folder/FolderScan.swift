import CLiburing
import Glibc
import Primitives
public import SystemPackage
public import TransferCore

/// What a look at a folder found, and wrote into its manifest.
public struct FolderScan: Sendable {
    /// Something that is not sent.
    public struct Omission: Sendable, Hashable {
        /// Where it stands below the folder.
        public var path: [UInt8]
        /// Why it is left out.
        public var reason: String
    }

    /// What the manifest holds.
    public internal(set) var totals = ManifestTotals()
    /// Bytes of the manifest.
    public internal(set) var length: UInt64 = 0
    /// SHA-256 of the manifest.
    public internal(set) var hash: [UInt8] = []
    /// The first entries, as many as an offer shows.
    public internal(set) var first: [ManifestEntry] = []
    /// What is left out though nobody asked for that; the first of them.
    public internal(set) var omissions: [Omission] = []
    /// How much that is in all.
    public internal(set) var omitted: UInt64 = 0

    /// The most omissions that are named.
    public static let namedOmissions = 1000

    /// Looks at everything below `sources`, which are in the order of their names, and writes a manifest to a new file at
    /// `path`; nil: only looks. `visit` is called with every entry.
    /// - Throws: the source cases for one of `sources` itself, `listRefused` for a folder that is too large.
    public init(
        _ sources: [FolderSource], excluding patterns: [ExcludePattern] = [], to path: FilePath? = nil,
        firstEntries: Int = 1000, visit: (ManifestEntry) -> Void = { _ in }
    ) throws(ChunkIOError) {
        var walk = try FolderWalk(sources, patterns: patterns)
        var output = try ManifestOutput(path)
        var reader = ManifestReader()
        try output.append(ManifestReader.heading)
        while let found = try walk.next() {
            switch found {
            case .omission(let omission):
                omitted += 1
                if omissions.count < Self.namedOmissions { omissions.append(omission) }
            case .entry(let entry):
                do throws(TransferError) { try reader.take(entry) } catch {
                    throw .listRefused("the folder cannot be sent: its list would have \(error)")
                }
                try output.append(entry.line)
                guard output.length <= ManifestReader.longest else {
                    throw .listRefused(
                        "the folder has too many files: its list is longer than 64 MiB; send it in parts")
                }
                if first.count < firstEntries { first.append(entry) }
                visit(entry)
            }
        }
        try output.flush()
        totals = reader.totals
        length = output.length
        hash = output.finish()
    }
}

/// Writes and hashes.
private struct ManifestOutput: ~Copyable {
    private let handle: Handle?
    private var hasher = SHA256Hasher()
    private var buffer: [UInt8] = []
    private var written: UInt64 = 0

    var length: UInt64 { written + UInt64(buffer.count) }

    init(_ path: FilePath?) throws(ChunkIOError) {
        guard let path else {
            handle = nil
            return
        }
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW
        let descriptor = path.withPlatformString { open($0, flags, 0o600) }
        guard descriptor >= 0 else { throw ChunkIOError(errno: errno, operation: "create", path: path) }
        handle = Handle(descriptor, path)
    }

    mutating func append(_ line: [UInt8]) throws(ChunkIOError) {
        buffer.append(contentsOf: line)
        if buffer.count >= 64 << 10 { try flush() }
    }

    mutating func flush() throws(ChunkIOError) {
        hasher.update(buffer)
        if let handle { try handle.write(buffer, at: Int64(written)) }
        written += UInt64(buffer.count)
        buffer.removeAll(keepingCapacity: true)
    }

    consuming func finish() -> [UInt8] { hasher.finish() }
}

/// Walks over folders in the order of a manifest: names byte by byte, a directory before what is in it.
private struct FolderWalk {
    enum Found {
        case entry(ManifestEntry)
        case omission(FolderScan.Omission)
    }

    private struct Item {
        let name: [UInt8]
        let status: Look
    }

    /// A directory that is being walked over: what is left of it, last first.
    private struct Level {
        let path: [UInt8]
        var items: [Item]
    }

    private let patterns: [ExcludePattern]
    private let opener: SourceOpener
    private var levels: [Level] = []
    /// A directory whose entry was given, and which is to be entered.
    private var entered: [UInt8]?
    private var waiting: [Found] = []

    init(_ sources: [FolderSource], patterns: [ExcludePattern]) throws(ChunkIOError) {
        self.patterns = patterns
        opener = SourceOpener(sources)
        if sources.count == 1, sources[0].name == nil {
            entered = []
            switch opener.open([], flags: O_RDONLY | O_DIRECTORY) {
            case .success: break
            case .failure(let error): throw ChunkIOError(errno: error.code, operation: "open", path: sources[0].path)
            }
            return
        }
        var items: [Item] = []
        for source in sources {
            guard let name = source.name else { preconditionFailure("several sources have names") }
            switch opener.open(name, flags: sxfile_open_path_only) {
            case .success(let handle): items.append(Item(name: name, status: try Look(handle)))
            case .failure(let error) where error.code == ENOENT || error.code == ENOTDIR:
                throw .sourceMissing(source.path)
            case .failure(let error): throw ChunkIOError(errno: error.code, operation: "open", path: source.path)
            }
        }
        levels = [Level(path: [], items: items.reversed())]
    }

    mutating func next() throws(ChunkIOError) -> Found? {
        while true {
            if !waiting.isEmpty { return waiting.removeFirst() }
            if let path = entered {
                entered = nil
                try enter(path)
                continue
            }
            guard let top = levels.indices.last else { return nil }
            guard let item = levels[top].items.popLast() else {
                levels.removeLast()
                continue
            }
            let parent = levels[top].path
            let path = parent.isEmpty ? item.name : parent + [UInt8(ascii: "/")] + item.name
            if let found = look(at: path, item.status) { return found }
        }
    }

    private mutating func look(at path: [UInt8], _ status: Look) -> Found? {
        func omitted(_ reason: String) -> Found { .omission(FolderScan.Omission(path: path, reason: reason)) }
        let isDirectory = status.mode & S_IFMT == S_IFDIR
        if patterns.contains(where: { $0.matches(path: path, isDirectory: isDirectory) }) { return nil }
        if let objection = ManifestEntry.objection(toPath: path) { return omitted(objection) }
        switch status.mode & S_IFMT {
        case S_IFDIR:
            entered = path
            return .entry(status.entry(.directory, path))
        case S_IFREG:
            guard status.mode & 0o444 == 0o444 || opener.isReadable(path) else { return omitted("not readable") }
            return .entry(status.entry(status.isSparse ? .sparse : .file, path))
        case S_IFLNK:
            guard let target = opener.target(path) else { return omitted("a link that cannot be read") }
            if let objection = ManifestEntry.objection(toTarget: target, at: path) { return omitted(objection) }
            return .entry(status.entry(.link, path, target: target))
        case S_IFIFO: return omitted("a pipe")
        case S_IFSOCK: return omitted("a socket")
        default: return omitted("a device")
        }
    }

    private mutating func enter(_ path: [UInt8]) throws(ChunkIOError) {
        let handle: Handle
        switch opener.open(path, flags: O_RDONLY | O_DIRECTORY) {
        case .success(let opened): handle = opened
        case .failure(let error):
            if error.code == EMFILE || error.code == ENFILE { throw .tooManyOpenFiles }
            let reason = error.code == EACCES || error.code == EPERM ? "not readable" : "not there any more"
            waiting.append(.omission(FolderScan.Omission(path: path, reason: reason)))
            return
        }
        var items: [Item] = []
        let names = try handle.names()
        for name in names {
            switch Look.at(name, in: handle) {
            case .success(let status): items.append(Item(name: name, status: status))
            // Deleted in this moment.
            case .failure: continue
            }
        }
        // Last first, for popping. Names of one directory have no slash: plain order is that of a manifest.
        items.sort { $1.name.lexicographicallyPrecedes($0.name) }
        levels.append(Level(path: path, items: items))
    }
}

/// One look at something in a folder.
private struct Look {
    let mode: UInt32
    let size: UInt64
    let seconds: Int64
    let nanoseconds: Int32
    let allocated: UInt64

    var isSparse: Bool { size > 4096 && allocated < size / 8 * 7 }

    private init(_ status: stat) {
        mode = status.st_mode
        size = UInt64(max(status.st_size, 0))
        seconds = Int64(status.st_mtim.tv_sec)
        nanoseconds = Int32(status.st_mtim.tv_nsec)
        allocated = UInt64(max(status.st_blocks, 0)) * 512
    }

    init(_ handle: Handle) throws(ChunkIOError) {
        var status = stat()
        guard fstat(handle.descriptor, &status) == 0 else { throw handle.failure(errno, "look at") }
        self.init(status)
    }

    static func at(_ name: [UInt8], in directory: Handle) -> Result<Look, Errnum> {
        var status = stat()
        let code = withTerminated(name) { fstatat(directory.descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) }
        return code == 0 ? .success(Look(status)) : .failure(Errnum(code: errno))
    }

    func entry(_ kind: ManifestEntry.Kind, _ path: [UInt8], target: [UInt8] = []) -> ManifestEntry {
        let isFile = kind == .file || kind == .sparse
        return ManifestEntry(
            kind, path: path, size: isFile ? size : 0, mode: kind == .link ? 0o777 : mode & 0o777, modifiedAt: seconds,
            nanoseconds: nanoseconds, target: target)
    }
}

extension Handle {
    /// The names in this directory, in no order.
    func names() throws(ChunkIOError) -> [[UInt8]] {
        // A descriptor of its own: reading moves the position that duplicates share.
        let own = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard own >= 0, let stream = fdopendir(own) else {
            let code = errno
            if own >= 0 { close(own) }
            throw failure(code, "list")
        }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != [0x2E] && name != [0x2E, 0x2E] { names.append(name) }
        }
        return names
    }
}
