import Glibc
public import SystemPackage

/// The hash of each chunk of a folder as it was read first: the root hash counts with that, whatever its files are later.
public final class ChunkHashes: Sendable {
    private let file: Handle
    private static let length = 32

    /// Opens the list at `path`, made if it is missing.
    public init(opening path: FilePath) throws(ChunkIOError) {
        let descriptor = path.withPlatformString { open($0, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600) }
        guard descriptor >= 0 else { throw ChunkIOError(errno: errno, operation: "open", path: path) }
        file = Handle(descriptor, path)
    }

    /// Whether chunk `number`, from 1, is read for the first time, or has the hash that it had then.
    ///
    /// The list is not synced: what a power cut takes of it counts as not read, as does what finds no room on a full disk.
    /// The root hash is there to find a difference then.
    public func agrees(_ number: UInt64, _ hash: [UInt8]) throws(ChunkIOError) -> Bool {
        let offset = Int64(clamping: (number - 1) * UInt64(Self.length))
        let known = try file.read(Self.length, at: offset)
        if known.count == Self.length, known.contains(where: { $0 != 0 }) { return known == hash }
        do throws(ChunkIOError) { try file.write(hash, at: offset) } catch {
            guard error.category == .space else { throw error }
        }
        return true
    }
}
