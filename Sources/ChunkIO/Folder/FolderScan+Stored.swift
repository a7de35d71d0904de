import Glibc
import Primitives
public import SystemPackage
public import TransferCore

/// Manifests that lie on the disk as files.
extension FolderScan {
    private static func open(_ path: FilePath, _ flags: CInt) throws(ChunkIOError) -> Handle {
        let descriptor = path.withPlatformString { Glibc.open($0, flags | O_CLOEXEC | O_NOFOLLOW, 0o600) }
        guard descriptor >= 0 else { throw ChunkIOError(errno: errno, operation: "open", path: path) }
        return Handle(descriptor, path)
    }

    /// All entries of the manifest at `path`, each checked.
    /// - Throws: `listRefused`.
    public static func read(
        _ path: FilePath, length: UInt64, visit: (ManifestEntry) -> Void
    ) throws(ChunkIOError) {
        let manifest = try ManifestFile(try open(path, O_RDONLY), length: length)
        try manifest.forEach { entry, _ in visit(entry) }
    }

    /// A part of the manifest at `path`.
    public static func bytes(_ range: Range<UInt64>, of path: FilePath) throws(ChunkIOError) -> [UInt8] {
        let bytes = try open(path, O_RDONLY).read(range.count, at: Int64(range.lowerBound))
        guard bytes.count == range.count else { throw .listRefused("the list of the folder is shorter than it was") }
        return bytes
    }

    /// Writes a part of a manifest that comes in.
    public static func append(
        _ bytes: some Collection<UInt8>, to path: FilePath, at offset: UInt64
    ) throws(ChunkIOError) {
        try open(path, O_WRONLY | O_CREAT).write(Array(bytes), at: Int64(offset))
    }

    /// Checks that the manifest at `path` is the one of this hash, and that it can be followed.
    /// - Throws: `listRefused`.
    public static func check(_ path: FilePath, length: UInt64, hash: [UInt8]) throws(ChunkIOError) {
        let handle = try open(path, O_RDONLY)
        guard try handle.hash(first: length) == hash else {
            throw .listRefused("the list of the folder is not the one that was offered")
        }
        _ = try ManifestFile(handle, length: length)
    }
}

extension Handle {
    /// SHA-256 of the first `length` bytes.
    func hash(first length: UInt64) throws(ChunkIOError) -> [UInt8] {
        var hasher = SHA256Hasher()
        var offset: UInt64 = 0
        while offset < length {
            let count = Int(min(256 << 10, length - offset))
            let piece = try read(count, at: Int64(offset))
            guard piece.count == count else { throw .listRefused("the list of the folder is shorter than it was") }
            hasher.update(piece)
            offset += UInt64(count)
        }
        return hasher.finish()
    }
}
