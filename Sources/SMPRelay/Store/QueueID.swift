import Primitives

/// The name of a queue on one of its two sides: 24 random bytes, kept in three words so that look-ups allocate nothing.
package struct QueueID: Hashable, Sendable {
    /// The length in bytes.
    package static let count = 24

    private let words: (UInt64, UInt64, UInt64)

    /// From 24 bytes; nil for any other number.
    package init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == Self.count else { return nil }
        var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
        self.words = words
    }

    private init(words: (UInt64, UInt64, UInt64)) { self.words = words }

    /// A fresh one.
    package static func random() -> QueueID {
        var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
        let bytes = SecureRandom.bytes(count)
        withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
        return QueueID(words: words)
    }

    /// The 24 bytes.
    package var bytes: [UInt8] { withUnsafeBytes(of: words) { Array($0) } }

    package static func == (left: QueueID, right: QueueID) -> Bool { left.words == right.words }

    package func hash(into hasher: inout Hasher) {
        // The bytes are random: one word tells queues apart.
        hasher.combine(words.0)
    }
}
