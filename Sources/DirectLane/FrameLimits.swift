public import ChunkIO

/// The bounds of a direct connection.
///
/// A frame is a 32-bit big-endian length and a message of so many bytes.
enum FrameLimits {
    /// The bytes of a frame's length.
    static let lengthField = 4
    /// The longest message that is no chunk, in bytes.
    static let message = 64 << 10
    /// The longest header of a chunk, in bytes: a frame's first bytes hold it whole.
    static let header = 256
    /// Messages that wait for the engine to take them: beyond it nothing is read.
    static let untaken = 64

    /// How long a connection and its handshake may take, in milliseconds.
    static let handshake: Int64 = 3_000
    /// How long nothing may go out although something should, in milliseconds.
    static let stall: Int64 = 20_000
    /// How long what is on its way may take after `finish`, in milliseconds.
    static let farewell: Int64 = 2_000
    /// How long sent bytes may stay without the other kernel's answer, in milliseconds.
    static let unanswered: Int32 = 10_000
}

/// How the recipient takes chunks.
public struct ChunkIntake: Sendable {
    /// Buffers for their bytes.
    public let pool: ChunkBufferPool
    /// Reads a chunk's header from the first bytes of a message: how many bytes it has, and how many follow it. nil for any
    /// other message.
    public let parse: @Sendable ([UInt8]) -> (header: Int, body: Int)?

    /// With these.
    public init(pool: ChunkBufferPool, parse: @escaping @Sendable ([UInt8]) -> (header: Int, body: Int)?) {
        self.pool = pool
        self.parse = parse
    }
}
