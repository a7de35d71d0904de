/// What a file to be sent was when it was offered; as text it fits a database column.
public struct SourceIdentity: Equatable, Sendable {
    /// Number of the device, which counts only within one boot and is not compared.
    public var device: UInt64
    /// Number of the inode.
    public var inode: UInt64
    /// In bytes.
    public var size: Int64
    /// Nanoseconds since 1970.
    public var modificationTimeInNanoseconds: Int64

    init(_ status: FileStatus) {
        device = status.identity.device
        inode = status.identity.inode
        size = status.size
        modificationTimeInNanoseconds = status.modified
    }

    /// Whether both describe one file with the same contents, as far as the file system tells.
    public func isSame(as other: SourceIdentity) -> Bool {
        inode == other.inode && size == other.size
            && modificationTimeInNanoseconds == other.modificationTimeInNanoseconds
    }

    /// `device:inode:size:mtime`, decimal.
    public var text: String { "\(device):\(inode):\(size):\(modificationTimeInNanoseconds)" }

    /// Reads `text`; throws `damagedRecord`.
    public init(text: String) throws(ChunkIOError) {
        let fields = text.split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count == 4, let device = UInt64(fields[0]), let inode = UInt64(fields[1]),
            let size = Int64(fields[2]), size >= 0, let modified = Int64(fields[3])
        else { throw .damagedRecord }
        self.device = device
        self.inode = inode
        self.size = size
        modificationTimeInNanoseconds = modified
    }
}
