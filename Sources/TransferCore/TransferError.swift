/// What this module refuses.
public enum TransferError: Error, Equatable, Sendable {
    /// A chunk size that is no power of two from 16 KiB to 1 MiB.
    case chunkSize(Int)
    /// A file larger than a file offset can say.
    case fileTooLarge(UInt64)
    /// A stored checkpoint of a version that this program does not know.
    case checkpointNewer(UInt8)
    /// A stored checkpoint that cannot be read, or that does not belong to this plan.
    case checkpointDamaged
    /// A folder's manifest that cannot be followed: what is wrong with it.
    case manifest(String)
}

extension TransferError: CustomStringConvertible {
    /// One lower-case sentence.
    public var description: String {
        switch self {
        case .chunkSize(let size): "a chunk size of \(size) bytes is not allowed (a power of two from 16384 to 1048576)"
        case .fileTooLarge(let size): "a file of \(size) bytes is too large"
        case .checkpointNewer(let version):
            "this transfer was stored by a newer sxfile (checkpoint version \(version)); use that one"
        case .checkpointDamaged: "the stored state of this transfer is damaged; cancel it and send the file again"
        case .manifest(let what): "the list of the folder has \(what)"
        }
    }
}
