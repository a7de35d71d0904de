import ChunkIO
import Database
import GRDB
import Glibc
import Primitives
import SystemPackage

/// The SHA-256 of a whole file.
///
/// Computed when somebody asks for it: the transfer itself is checked chunk by chunk, and a second hash of all bytes would
/// slow it down. It is kept with the identity of the file that was read, and good as long as that is the same.
extension Profile {
    /// The SHA-256 of a complete transfer's file as it lies on this side, in hexadecimal; nil if the transfer is not
    /// complete, or its file is gone or not what was transferred.
    /// - Parameter progress: is told how many bytes are read.
    public func digest(
        of transfer: Transfer, progress: (UInt64) throws -> Void = { _ in }
    ) throws -> String? {
        guard transfer.state == .complete, let path = transfer.path, let source = try? SourceFile(path: path),
            source.size == transfer.size, isTransferred(transfer, source)
        else { return nil }
        if let known = transfer.digest?.split(separator: " "), known.count == 2, known[0] == source.identity {
            return String(known[1])
        }
        guard let hash = try Self.hash(source, progress), let after = try? SourceFile(path: path), after == source
        else {
            return nil
        }
        // A profile that cannot be written still has its answer.
        try? write { db in
            try db.execute(
                sql: "UPDATE transfers SET digest = ? WHERE id = ?",
                arguments: ["\(source.identity) \(hash)", transfer.id])
        }
        return hash
    }

    /// A source that was changed since is not what was sent.
    private func isTransferred(_ transfer: Transfer, _ source: SourceFile) -> Bool {
        guard transfer.direction == .send else { return true }
        guard let offered = transfer.sourceIdentity.flatMap({ try? SourceIdentity(text: $0) }),
            let found = try? SourceIdentity(text: source.identity)
        else { return false }
        return found.isSame(as: offered)
    }

    private static func hash(_ source: SourceFile, _ progress: (UInt64) throws -> Void) throws -> String? {
        guard let file = try? FileDescriptor.open(FilePath(source.path), .readOnly, options: .closeOnExec) else {
            return nil
        }
        defer { try? file.close() }
        var hasher = SHA256Hasher()
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var count: UInt64 = 0
        while let read = try? buffer.withUnsafeMutableBytes({ try file.read(into: $0) }), read > 0 {
            hasher.update(buffer[..<read])
            count += UInt64(read)
            try progress(count)
        }
        guard count == source.size else { return nil }
        return hasher.finish().map { byte in
            let digits = String(byte, radix: 16)
            return digits.count < 2 ? "0" + digits : digits
        }.joined()
    }
}
