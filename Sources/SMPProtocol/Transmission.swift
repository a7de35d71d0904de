public import Primitives
import WireFormat

/// How a command is authorized (smp.md, section 2).
public enum Authorization: Sendable {
    /// Not at all.
    case none
    /// By a signature of 64 bytes.
    case ed25519(Ed25519PrivateKey)
    /// By an authenticator of 80 bytes, for the relay's session key.
    case x25519(X25519PrivateKey)
    /// By an authenticator under a secret agreed before: key agreement costs more than everything else of a command.
    case box(BoxKey)
}

/// One command or answer inside a block: authorization, correlation id, queue id, text of the command.
public struct Transmission: Equatable, Sendable {
    /// Signature or authenticator; empty if there is none.
    public var authorization: ArraySlice<UInt8>
    /// 24 random bytes that the answer repeats; empty in a push.
    public var correlationID: ArraySlice<UInt8>
    /// The queue id; empty for NEW and PING.
    public var entityID: ArraySlice<UInt8>
    /// The command or answer.
    public var command: ArraySlice<UInt8>
    /// What the authorization is for, without the session id in front: correlation id, queue id, command.
    public var signedPart: ArraySlice<UInt8>

    /// Reads a transmission in `version`; throws `malformed`.
    public init(_ bytes: ArraySlice<UInt8>, version: UInt16) throws(SMPProtocolError) {
        var reader = WireReader(bytes)
        do throws(WireError) {
            authorization = try reader.short()
            if version >= 16, !authorization.isEmpty {
                _ = try reader.maybe { (inner) throws(WireError) in try inner.short() }
            }
            let start = bytes.startIndex + reader.offset
            correlationID = try reader.short()
            entityID = try reader.short()
            command = reader.rest()
            signedPart = bytes[start...]
        } catch {
            throw .malformed("transmission: \(error)")
        }
    }

    /// The bytes of a command in `version`.
    public static func command(
        _ command: ClientCommand, correlationID: [UInt8], entityID: [UInt8], authorization: Authorization,
        sessionID: [UInt8], serverKey: X25519PublicKey?, version: UInt16
    ) throws(PrimitiveError) -> [UInt8] {
        var signed = WireWriter(capacity: SMP.blockSize)
        signed.short(sessionID)
        let start = signed.bytes.count
        signed.short(correlationID)
        signed.short(entityID)
        command.write(&signed, version: version)
        let auth = try authorize(signed.bytes[...], correlationID, authorization, serverKey: serverKey)
        var writer = WireWriter(capacity: auth.count + 2 + signed.bytes.count - start)
        writer.short(auth)
        if version >= 16, !auth.isEmpty { writer.tag("0") }
        writer.raw(signed.bytes[start...])
        return writer.bytes
    }

    /// The bytes of an answer or a push.
    public static func response(
        _ response: ServerResponse, correlationID: ArraySlice<UInt8>, entityID: ArraySlice<UInt8>
    ) -> [UInt8] {
        var writer = WireWriter(capacity: response.payloadCount + 128)
        writer.short([])
        writer.short(correlationID)
        writer.short(entityID)
        response.write(&writer)
        return writer.bytes
    }

    static func authorize(
        _ signed: ArraySlice<UInt8>, _ correlationID: [UInt8], _ authorization: Authorization,
        serverKey: X25519PublicKey?
    ) throws(PrimitiveError) -> [UInt8] {
        switch authorization {
        case .none: return []
        case .ed25519(let key): return key.sign(signed)
        case .x25519(let key):
            guard let serverKey else { throw .invalidKey }
            return try BoxKey(key, serverKey).seal(SHA512.hash(signed), nonce: correlationID)
        case .box(let key): return key.seal(SHA512.hash(signed), nonce: correlationID)
        }
    }

    /// Whether the authorization is `key`'s. `box` is the secret of an X25519 key with our session key.
    public func isAuthorized(by key: AuthKey, sessionID: [UInt8], box: @autoclosure () -> BoxKey?) -> Bool {
        var signed = WireWriter(capacity: 1 + sessionID.count + signedPart.count)
        signed.short(sessionID)
        signed.raw(signedPart)
        switch key {
        case .ed25519(let key): return key.isValid(signature: authorization, for: signed.bytes)
        case .ed448(let key): return key.isValid(signature: authorization, for: signed.bytes)
        case .x25519:
            guard authorization.count == 80, correlationID.count == SMP.nonceSize, let box = box(),
                let digest = try? box.open(authorization, nonce: correlationID)
            else { return false }
            return constantTimeEquals(digest, SHA512.hash(signed.bytes))
        }
    }
}

/// The body of a block: a count byte and that many transmissions, each with a 16-bit length.
public enum BlockBody {
    /// The most transmissions in a block.
    public static let maximumCount = 255

    /// Puts transmissions together; the caller sees to it that they fit (`SMP.bodyCapacity`).
    public static func encode(_ transmissions: [[UInt8]]) -> [UInt8] {
        var writer = WireWriter(capacity: transmissions.reduce(1) { $0 + $1.count + 2 })
        writer.u8(UInt8(transmissions.count))
        for transmission in transmissions { writer.long(transmission) }
        return writer.bytes
    }

    /// Takes them apart; throws `malformed`.
    public static func decode(_ body: ArraySlice<UInt8>) throws(SMPProtocolError) -> [ArraySlice<UInt8>] {
        var reader = WireReader(body)
        do throws(WireError) {
            let count = try reader.u8()
            guard count > 0 else { throw .unexpected(offset: 0) }
            var transmissions: [ArraySlice<UInt8>] = []
            for _ in 0..<count { transmissions.append(try reader.long()) }
            try reader.end()
            return transmissions
        } catch {
            throw .malformed("block: \(error)")
        }
    }
}
