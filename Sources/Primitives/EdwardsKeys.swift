import COpenSSL
import CSodium

/// A public key of Ed25519 (RFC 8032).
public struct Ed25519PublicKey: Hashable, Sendable {
    /// The 32 bytes of the point.
    public let raw: [UInt8]

    /// Takes 32 raw bytes.
    public init(raw: some Collection<UInt8>) throws(PrimitiveError) {
        guard raw.count == 32 else { throw .invalidKey }
        self.raw = Array(raw)
    }

    /// Takes a DER SubjectPublicKeyInfo (RFC 8410), 44 bytes.
    public init(spki: some Collection<UInt8>) throws(PrimitiveError) {
        try self.init(raw: try SubjectPublicKeyInfo.ed25519.rawKey(spki))
    }

    /// The DER SubjectPublicKeyInfo, 44 bytes.
    public var spki: [UInt8] { SubjectPublicKeyInfo.ed25519.prefix + raw }

    /// Whether `signature` (64 bytes) is this key's for `message`.
    public func isValid(signature: some Collection<UInt8>, for message: some Collection<UInt8>) -> Bool {
        guard signature.count == 64, Sodium.isReady else { return false }
        return signature.withBytes { signature in
            message.withBytes { message in
                crypto_sign_verify_detached(
                    signature.start, message.start, UInt64(message.count), raw) == 0
            }
        }
    }
}

/// A private key of Ed25519 (RFC 8032).
public struct Ed25519PrivateKey: Sendable {
    /// The 32 bytes that the key is made from.
    public let seed: SecretBytes
    /// The key to give away.
    public let publicKey: Ed25519PublicKey
    private let expanded: SecretBytes

    /// A new random key.
    public init() {
        while true {
            if let key = try? Ed25519PrivateKey(seed: SecretBytes.random(32).bytes) {
                self = key
                return
            }
        }
    }

    /// Takes the 32 bytes of `seed`.
    public init(seed: some Collection<UInt8>) throws(PrimitiveError) {
        guard seed.count == 32 else { throw .invalidKey }
        _ = Sodium.isReady
        var publicBytes = [UInt8](repeating: 0, count: 32)
        var secretBytes = [UInt8](repeating: 0, count: 64)
        defer { sodium_memzero(&secretBytes, secretBytes.count) }
        let seed = SecretBytes(seed)
        let status = seed.withPointer { seed in
            crypto_sign_seed_keypair(&publicBytes, &secretBytes, seed)
        }
        guard status == 0 else { throw .invalidKey }
        self.seed = seed
        self.expanded = SecretBytes(secretBytes)
        self.publicKey = try Ed25519PublicKey(raw: publicBytes)
    }

    /// The 64-byte signature of `message`.
    public func sign(_ message: some Collection<UInt8>) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: 64)
        message.withBytes { message in
            expanded.withPointer { key in
                _ = crypto_sign_detached(
                    &signature, nil, message.start, UInt64(message.count),
                    key)
            }
        }
        return signature
    }
}

/// A public key of Ed448 (RFC 8032); servers may hold certificates of this kind.
public struct Ed448PublicKey: Hashable, Sendable {
    /// The 57 bytes of the point.
    public let raw: [UInt8]

    /// Takes 57 raw bytes.
    public init(raw: some Collection<UInt8>) throws(PrimitiveError) {
        guard raw.count == 57 else { throw .invalidKey }
        self.raw = Array(raw)
    }

    /// Takes a DER SubjectPublicKeyInfo (RFC 8410), 69 bytes.
    public init(spki: some Collection<UInt8>) throws(PrimitiveError) {
        try self.init(raw: try SubjectPublicKeyInfo.ed448.rawKey(spki))
    }

    /// The DER SubjectPublicKeyInfo, 69 bytes.
    public var spki: [UInt8] { SubjectPublicKeyInfo.ed448.prefix + raw }

    /// Whether `signature` (114 bytes) is this key's for `message`.
    public func isValid(signature: some Collection<UInt8>, for message: some Collection<UInt8>) -> Bool {
        ERR_clear_error()
        guard let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED448, nil, raw, raw.count) else { return false }
        defer { EVP_PKEY_free(key) }
        guard let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else { return false }
        return signature.withBytes { signature in
            message.withBytes { message in
                EVP_DigestVerify(context, signature.start, signature.count, message.start, message.count) == 1
            }
        }
    }
}
