import COpenSSL
import CSodium

/// A public key of X448 (RFC 7748).
public struct X448PublicKey: Hashable, Sendable {
    /// The 56 bytes of the u coordinate.
    public let raw: [UInt8]

    /// Takes 56 raw bytes.
    public init(raw: some Collection<UInt8>) throws(PrimitiveError) {
        guard raw.count == 56 else { throw .invalidKey }
        self.raw = Array(raw)
    }

    /// Takes a DER SubjectPublicKeyInfo (RFC 8410), 68 bytes.
    public init(spki: some Collection<UInt8>) throws(PrimitiveError) {
        try self.init(raw: try SubjectPublicKeyInfo.x448.rawKey(spki))
    }

    /// The DER SubjectPublicKeyInfo, 68 bytes.
    public var spki: [UInt8] { SubjectPublicKeyInfo.x448.prefix + raw }
}

/// A private key of X448 (RFC 7748).
public struct X448PrivateKey: Sendable {
    /// The 56 bytes of the scalar.
    public let raw: SecretBytes
    /// The key to give away.
    public let publicKey: X448PublicKey

    /// A new random key.
    public init() {
        while true {
            if let key = try? X448PrivateKey(raw: SecretBytes.random(56).bytes) {
                self = key
                return
            }
        }
    }

    /// Takes 56 raw bytes.
    public init(raw: some Collection<UInt8>) throws(PrimitiveError) {
        guard raw.count == 56 else { throw .invalidKey }
        let secret = SecretBytes(raw)
        let key = try Self.key(secret)
        defer { EVP_PKEY_free(key) }
        var publicBytes = [UInt8](repeating: 0, count: 56)
        var count = publicBytes.count
        guard EVP_PKEY_get_raw_public_key(key, &publicBytes, &count) == 1, count == 56 else { throw .invalidKey }
        self.raw = secret
        self.publicKey = try X448PublicKey(raw: publicBytes)
    }

    /// The 56 raw bytes of the agreed secret; throws for a peer key of small order.
    public func agree(with peer: X448PublicKey) throws(PrimitiveError) -> SecretBytes {
        ERR_clear_error()
        let key = try Self.key(raw)
        defer { EVP_PKEY_free(key) }
        guard let peerKey = EVP_PKEY_new_raw_public_key(EVP_PKEY_X448, nil, peer.raw, peer.raw.count) else {
            throw .invalidKey
        }
        defer { EVP_PKEY_free(peerKey) }
        guard let context = EVP_PKEY_CTX_new(key, nil) else { throw .openSSL("no context for X448") }
        defer { EVP_PKEY_CTX_free(context) }
        var shared = [UInt8](repeating: 0, count: 56)
        defer { sodium_memzero(&shared, shared.count) }
        var count = shared.count
        guard EVP_PKEY_derive_init(context) == 1, EVP_PKEY_derive_set_peer(context, peerKey) == 1,
            EVP_PKEY_derive(context, &shared, &count) == 1, count == 56
        else { throw .invalidKey }
        return SecretBytes(shared)
    }

    private static func key(_ raw: SecretBytes) throws(PrimitiveError) -> OpaquePointer {
        let key = raw.withPointer { scalar in
            EVP_PKEY_new_raw_private_key(
                EVP_PKEY_X448, nil, scalar, raw.count)
        }
        guard let key else { throw .invalidKey }
        return key
    }
}
