public import Primitives
import WireFormat

/// A SEND body: the end-to-end layer of one queue (smp.md, section 4).
///
/// `u16 version, M(sender's key), nonce, box(…)`; the key is there in confirmations and invitations only.
public struct QueueEnvelope: Equatable, Sendable {
    /// The SMP client versions that are spoken.
    public static let versions: ClosedRange<UInt16> = 1...4
    private static let sizeWithKey = 15_904
    private static let sizeWithoutKey = 16_000

    /// The SMP client version that the sender chose: one of the queue's.
    public let version: UInt16
    /// The sender's key of this layer.
    public var senderKey: X25519PublicKey?
    private var nonce: ArraySlice<UInt8>
    private var sealedContent: ArraySlice<UInt8>

    /// Reads the outside of a SEND body; throws `malformed`.
    public init(_ body: ArraySlice<UInt8>) throws(SMPProtocolError) {
        do {
            var reader = WireReader(body)
            version = try reader.u16()
            senderKey = try reader.maybe { (inner) throws(WireError) in try inner.short() }
                .map { try X25519PublicKey(spki: $0) }
            nonce = try reader.take(SMP.nonceSize)
            sealedContent = reader.rest()
        } catch {
            throw .malformed("message on a queue: \(error)")
        }
    }

    /// The content, opened with the secret that the sender's key and ours give.
    public func open(_ key: BoxKey) throws(SMPProtocolError) -> Content {
        let padded: ArraySlice<UInt8>
        do { padded = try key.opened(sealedContent, nonce: nonce) } catch {
            throw .authentication("a message on a queue")
        }
        do {
            var reader = WireReader(try WireReader.unpad(padded))
            switch try reader.u8() {
            case UInt8(ascii: "_"): return Content(authorizationKey: nil, envelope: reader.rest())
            case UInt8(ascii: "K"):
                return Content(authorizationKey: try AuthKey(spki: try reader.short()), envelope: reader.rest())
            default: throw WireError.unexpected(offset: 0)
            }
        } catch {
            throw .malformed("message on a queue: \(error)")
        }
    }

    /// What is inside.
    public struct Content: Equatable, Sendable {
        /// Slow flow: the key that the recipient is to secure the queue with.
        public var authorizationKey: AuthKey?
        /// An agent envelope.
        public var envelope: ArraySlice<UInt8>

        /// From its parts.
        public init(authorizationKey: AuthKey?, envelope: ArraySlice<UInt8>) {
            self.authorizationKey = authorizationKey
            self.envelope = envelope
        }
    }

    /// Makes a SEND body; throws `tooLong`.
    ///
    /// - Parameters:
    ///   - senderKey, authorizationKey: they go with the first message of a queue only.
    ///   - version: at most the highest of the queue's own range: a recipient refuses one it does not know.
    ///   - nonce: 24 bytes, never twice with one key.
    public static func seal(
        _ envelope: some Collection<UInt8>, key: BoxKey, senderKey: X25519PublicKey? = nil,
        authorizationKey: AuthKey? = nil, version: UInt16 = versions.upperBound,
        nonce: [UInt8] = SecureRandom.nonce(SMP.nonceSize)
    ) throws(SMPProtocolError) -> [UInt8] {
        do {
            return try seal(
                count: envelope.count, key: key, senderKey: senderKey, authorizationKey: authorizationKey,
                version: version, nonce: nonce
            ) { room in _ = room.update(fromContentsOf: Array(envelope)) }
        } catch let error as SMPProtocolError { throw error } catch {
            preconditionFailure("copying does not fail")
        }
    }

    /// Makes a SEND body around an envelope of `count` bytes that `fill` writes where it is encrypted: a message is copied
    /// once on its way there.
    public static func seal(
        count: Int, key: BoxKey, senderKey: X25519PublicKey? = nil, authorizationKey: AuthKey? = nil,
        version: UInt16 = versions.upperBound, nonce: [UInt8] = SecureRandom.nonce(SMP.nonceSize),
        _ fill: (UnsafeMutableBufferPointer<UInt8>) throws -> Void
    ) throws -> [UInt8] {
        let size = senderKey == nil ? sizeWithoutKey : sizeWithKey
        var head = WireWriter(capacity: 128)
        head.u16(version)
        head.maybe(senderKey) { $0.short($1.spki) }
        head.raw(nonce)
        let sealed = head.bytes.count
        head.reserve(SMP.tagSize + 2)
        if let authorizationKey {
            head.tag("K")
            head.short(authorizationKey.spki)
        } else {
            head.tag("_")
        }
        let content = sealed + SMP.tagSize
        let length = head.bytes.count - content - 2 + count
        guard length <= size - 2 else { throw SMPProtocolError.tooLong(count: length, limit: size - 2) }
        head.overwrite(at: content, with: [UInt8(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length)])
        let start = head.bytes.count
        return try [UInt8](unsafeUninitializedCapacity: content + size) { body, initialized in
            _ = body[..<start].initialize(fromContentsOf: head.bytes)
            body[(start + count)...].initialize(repeating: UInt8(ascii: "#"))
            let room = UnsafeMutableBufferPointer(rebasing: body[start..<start + count])
            room.initialize(repeating: 0)
            try fill(room)
            key.seal(inPlace: UnsafeMutableBufferPointer(rebasing: body[sealed..<content + size]), nonce: nonce)
            initialized = content + size
        }
    }
}
