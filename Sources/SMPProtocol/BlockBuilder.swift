public import Primitives
import WireFormat

/// The body of one block, written in place: a SEND's 16 KB are copied once on their way from the caller to encryption.
///
/// Gives the same bytes as `Transmission.command` or `.response` and `BlockBody.encode`, padded. One builder serves for all
/// blocks of a connection; an empty one holds no memory.
public struct BlockBuilder: Sendable {
    private var writer = WireWriter()
    /// The number of transmissions.
    public private(set) var count = 0

    // The length of pad(), then the count of transmissions.
    private static let headSize = 3

    /// An empty block.
    public init() {}

    private mutating func begin() {
        guard writer.bytes.isEmpty else { return }
        writer.reserveCapacity(SMP.blockSize)
        writer.reserve(Self.headSize)
    }

    /// Whether there is no transmission yet.
    public var isEmpty: Bool { count == 0 }

    /// What a command is authorized for: the connection it goes over.
    public struct Session: Sendable {
        /// The TLS session id, 32 bytes.
        public var id: [UInt8]
        /// The relay's key of this connection.
        public var serverKey: X25519PublicKey?
        /// The SMP version.
        public var version: UInt16

        /// From its parts.
        public init(id: [UInt8], serverKey: X25519PublicKey?, version: UInt16) {
            self.id = id
            self.serverKey = serverKey
            self.version = version
        }
    }

    /// Adds a command.
    ///
    /// - Parameters:
    ///   - correlationID: 24 random bytes.
    ///   - entityID: the queue id; empty for NEW and PING.
    /// - Returns: false, with nothing added, if the block has no room for it.
    /// - Throws: `invalidKey` if a key agreement is not possible.
    public mutating func append(
        _ command: ClientCommand, correlationID: [UInt8], entityID: [UInt8], authorization: Authorization,
        session: Session
    ) throws(PrimitiveError) -> Bool {
        guard count < BlockBody.maximumCount else { return false }
        begin()
        let start = writer.bytes.count
        let authSize = authorization.size
        let hasService = session.version >= 16 && authSize > 0
        writer.reserve(2)
        // The session id is signed but not sent. It stands right before what is sent, where the signature goes later.
        let signedStart: Int
        if authSize > 0 {
            let room = 1 + authSize + (hasService ? 1 : 0)
            precondition(session.id.count < room, "a session id of \(session.id.count) bytes")
            writer.reserve(room - 1 - session.id.count)
            signedStart = writer.bytes.count
            writer.short(session.id)
        } else {
            writer.short([])
            signedStart = writer.bytes.count
        }
        writer.short(correlationID)
        writer.short(entityID)
        command.write(&writer, version: session.version)
        guard hasRoom(from: start) else {
            writer.truncate(to: start)
            return false
        }
        if authSize > 0 {
            let auth = try Transmission.authorize(
                writer.bytes[signedStart...], correlationID, authorization, serverKey: session.serverKey)
            writer.overwrite(at: start + 2, with: [UInt8(auth.count)])
            writer.overwrite(at: start + 3, with: auth)
            if hasService { writer.overwrite(at: start + 3 + auth.count, with: [UInt8(ascii: "0")]) }
        }
        seal(from: start)
        return true
    }

    /// Adds an answer or a push.
    ///
    /// - Returns: false, with nothing added, if the block has no room for it.
    public mutating func append(
        _ response: ServerResponse, correlationID: ArraySlice<UInt8>, entityID: ArraySlice<UInt8>
    ) -> Bool {
        guard count < BlockBody.maximumCount else { return false }
        begin()
        let start = writer.bytes.count
        writer.reserve(2)
        writer.short([])
        writer.short(correlationID)
        writer.short(entityID)
        response.write(&writer)
        guard hasRoom(from: start) else {
            writer.truncate(to: start)
            return false
        }
        seal(from: start)
        return true
    }

    /// Adds the push of a message, sealed where it stands: a relay's way with the least copies.
    ///
    /// Gives the same bytes as `append` of a `.message` with what `Delivery.sealed` makes.
    /// - Returns: false, with nothing added, if the block has no room for it.
    /// - Throws: `tooLong` if the message does not fit into a delivery.
    public mutating func append(
        _ delivery: Delivery, key: BoxKey, messageID: [UInt8], entityID: [UInt8]
    ) throws(SMPProtocolError) -> Bool {
        let size = 2 + 1 + 1 + 1 + entityID.count + 4 + 1 + messageID.count + SMP.deliveredSize + SMP.tagSize
        begin()
        guard count < BlockBody.maximumCount, writer.bytes.count - Self.headSize + size <= SMP.bodyCapacity else {
            return false
        }
        let start = writer.bytes.count
        writer.reserve(2)
        writer.short([])
        writer.short([])
        writer.short(entityID)
        writer.tag("MSG ")
        writer.short(messageID)
        do throws(SMPProtocolError) {
            try delivery.write(sealedWith: key, messageID: messageID, to: &writer)
        } catch {
            writer.truncate(to: start)
            throw error
        }
        seal(from: start)
        return true
    }

    /// `pad(body, size)`: 16384 bytes for a plain block, 16368 for one that is encrypted. The block is empty afterwards.
    mutating func takePadded(to size: Int) -> [UInt8] {
        let length = writer.bytes.count - 2
        writer.overwrite(
            at: 0, with: [UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length), UInt8(count)])
        writer.fill(to: size)
        count = 0
        return writer.take()
    }

    private func hasRoom(from start: Int) -> Bool {
        // Every block keeps to what an encrypted one holds.
        writer.bytes.count - Self.headSize <= SMP.bodyCapacity && writer.bytes.count - start - 2 <= Int(UInt16.max)
    }

    private mutating func seal(from start: Int) {
        let length = writer.bytes.count - start - 2
        writer.overwrite(at: start, with: [UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)])
        count += 1
    }
}

extension Authorization {
    /// The number of bytes it makes.
    public var size: Int {
        switch self {
        case .none: 0
        case .ed25519: 64
        case .x25519, .box: 80
        }
    }
}
