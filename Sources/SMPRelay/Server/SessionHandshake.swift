import Primitives
import WireFormat

/// What a connection's hello needs: the relay's certificates and a signature of its leaf.
package struct RelayIdentity: Sendable {
    /// DER, the leaf first.
    let chain: [[UInt8]]
    /// SHA-256 of the certificate at index 1.
    let fingerprint: [UInt8]
    /// Signs with the leaf's key; nil if that fails.
    let sign: @Sendable ([UInt8]) -> [UInt8]?

    package init(chain: [[UInt8]], fingerprint: [UInt8], sign: @escaping @Sendable ([UInt8]) -> [UInt8]?) {
        self.chain = chain
        self.fingerprint = fingerprint
        self.sign = sign
    }
}

/// The hellos of both sides (handshake blocks).
enum SessionHandshake {
    /// Versions that the relay speaks: SKEY and block encryption, no short links, no service byte.
    static let versions: ClosedRange<UInt16> = 9...14
    static let blockSize = 16384

    /// `u16 min, u16 max, S(sessionId), N[L(cert DER)], L(signedKey)`; nil if the leaf cannot sign.
    static func serverHello(sessionID: [UInt8], identity: RelayIdentity, key: X25519PublicKey) -> [UInt8]? {
        guard let signedKey = signedKey(key, by: identity) else { return nil }
        var writer = WireWriter(capacity: blockSize)
        writer.u16(versions.lowerBound)
        writer.u16(versions.upperBound)
        writer.short(sessionID)
        writer.list(identity.chain) { $0.long($1) }
        writer.long(signedKey)
        return try? WireWriter.pad(writer.bytes, to: blockSize)
    }

    /// The X.509 structure SIGNED: the key's SPKI, the algorithm, and the signature over the SPKI.
    private static func signedKey(_ key: X25519PublicKey, by identity: RelayIdentity) -> [UInt8]? {
        guard let signature = identity.sign(key.spki) else { return nil }
        let algorithm: UInt8
        switch signature.count {
        case 64: algorithm = 0x70
        case 114: algorithm = 0x71
        default: return nil
        }
        let content =
            key.spki + [0x30, 5, 0x06, 3, 0x2b, 0x65, algorithm]
            + [0x03, UInt8(signature.count + 1), 0] + signature
        let count = UInt8(content.count)
        return [0x30] + (count < 128 ? [count] : [0x81, count]) + content
    }

    /// A client's hello.
    struct ClientHello {
        let version: UInt16
        let fingerprint: ArraySlice<UInt8>
        /// The client's half of the session's agreement.
        let key: X25519PublicKey?
        let isProxy: Bool
    }

    /// `u16 version, S(keyHash)`, then optional fields; bytes behind them are not looked at.
    static func clientHello(_ block: [UInt8]) throws(WireError) -> ClientHello {
        var reader = WireReader(try WireReader.unpad(block[...]))
        let version = try reader.u16()
        let fingerprint = try reader.short()
        var key: X25519PublicKey?
        if reader.peek == UInt8(Self.spkiCount) {
            var attempt = reader
            if let bytes = try? attempt.short(), let found = try? X25519PublicKey(spki: bytes) {
                (key, reader) = (found, attempt)
            }
        }
        let isProxy = version >= 14 && reader.peek == UInt8(ascii: "T")
        return ClientHello(version: version, fingerprint: fingerprint, key: key, isProxy: isProxy)
    }

    private static let spkiCount = 44
}

/// One direction of block encryption: a chain of keys, each used for one block.
struct BlockChain {
    private static let paddedCount = 16368
    private var chainKey: [UInt8]

    /// The two directions of a session.
    static func pair(sessionID: [UInt8], secret: SecretBytes) -> (toClient: BlockChain, toServer: BlockChain) {
        let keys = HKDF.sha512(salt: sessionID, secret: secret.bytes, info: "SimpleXSbChainInit", count: 64)
        return (BlockChain(chainKey: Array(keys[0..<32])), BlockChain(chainKey: Array(keys[32..<64])))
    }

    private mutating func next() -> (key: BoxKey, nonce: ArraySlice<UInt8>) {
        let keys = HKDF.sha512(salt: [UInt8](), secret: chainKey, info: "SimpleXSbChain", count: 88)
        chainKey = Array(keys[0..<32])
        return (BoxKey(sharedSecret: keys[32..<64]), keys[64..<88])
    }

    /// The block of `body`.
    mutating func seal(_ body: [UInt8]) throws(WireError) -> [UInt8] {
        let padded = try WireWriter.pad(body, to: Self.paddedCount)
        let step = next()
        return step.key.seal(padded, nonce: step.nonce)
    }

    /// The padded content of a block; nil if it is not the peer's next one.
    mutating func open(_ block: [UInt8]) -> [UInt8]? {
        let step = next()
        return try? step.key.open(block, nonce: step.nonce)
    }
}
