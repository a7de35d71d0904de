import CSodium

/// A public key of X25519 (RFC 7748).
public struct X25519PublicKey: Hashable, Sendable {
    /// The 32 bytes of the u coordinate.
    public let raw: [UInt8]

    /// Takes 32 raw bytes.
    public init(raw: some Collection<UInt8>) throws(PrimitiveError) {
        guard raw.count == 32 else { throw .invalidKey }
        self.raw = Array(raw)
    }

    /// Takes a DER SubjectPublicKeyInfo (RFC 8410), 44 bytes.
    public init(spki: some Collection<UInt8>) throws(PrimitiveError) {
        try self.init(raw: try SubjectPublicKeyInfo.x25519.rawKey(spki))
    }

    /// The DER SubjectPublicKeyInfo, 44 bytes.
    public var spki: [UInt8] { SubjectPublicKeyInfo.x25519.prefix + raw }
}

/// A private key of X25519 (RFC 7748).
public struct X25519PrivateKey: Sendable {
    /// The 32 bytes of the scalar.
    public let raw: SecretBytes
    /// The key to give away.
    public let publicKey: X25519PublicKey

    /// A new random key.
    public init() {
        while true {
            if let key = try? X25519PrivateKey(raw: SecretBytes.random(32).bytes) {
                self = key
                return
            }
        }
    }

    /// Takes 32 raw bytes.
    public init(raw: some Collection<UInt8>) throws(PrimitiveError) {
        guard raw.count == 32 else { throw .invalidKey }
        _ = Sodium.isReady
        let secret = SecretBytes(raw)
        var publicBytes = [UInt8](repeating: 0, count: 32)
        let status = secret.withPointer { scalar in
            crypto_scalarmult_curve25519_base(&publicBytes, scalar)
        }
        guard status == 0 else { throw .invalidKey }
        self.raw = secret
        self.publicKey = try X25519PublicKey(raw: publicBytes)
    }

    /// The 32 raw bytes of the agreed secret; throws for a peer key of small order.
    public func agree(with peer: X25519PublicKey) throws(PrimitiveError) -> SecretBytes {
        var shared = [UInt8](repeating: 0, count: 32)
        defer { sodium_memzero(&shared, shared.count) }
        let status = raw.withPointer { scalar in
            crypto_scalarmult_curve25519(&shared, scalar, peer.raw)
        }
        guard status == 0 else { throw .invalidKey }
        return SecretBytes(shared)
    }
}
