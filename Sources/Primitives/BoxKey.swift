import CSodium

/// A key for NaCl's authenticated box: XSalsa20-Poly1305, tag first.
///
/// Both uses of SMP start from 32 secret bytes and the same step, HSalsa20(secret, 0¹⁶): `crypto_box` after X25519
/// agreement, and the block encryption's box under a derived key, which is therefore not `crypto_secretbox(key)`.
public struct BoxKey: Sendable {
    /// The length of a nonce in bytes.
    public static let nonceCount = 24
    /// The length of the tag, by which a sealed message is longer.
    public static let tagCount = 16

    private let key: SecretBytes

    /// From 32 secret bytes: the raw result of a key agreement, or a derived key.
    public init(sharedSecret: SecretBytes) {
        self = sharedSecret.withUnsafeBytes { BoxKey(sharedSecret: $0) }
    }

    /// From 32 secret bytes: the raw result of a key agreement, or a derived key.
    public init(sharedSecret: some Collection<UInt8>) {
        _ = Sodium.isReady
        precondition(sharedSecret.count == 32, "a box key is made from 32 bytes")
        var derived = [UInt8](repeating: 0, count: 32)
        defer { sodium_memzero(&derived, derived.count) }
        let zeros = [UInt8](repeating: 0, count: 16)
        sharedSecret.withBytes { secret in
            _ = crypto_core_hsalsa20(&derived, zeros, secret.start, nil)
        }
        key = SecretBytes(derived)
    }

    /// The key that `own` and `peer` share.
    public init(_ own: X25519PrivateKey, _ peer: X25519PublicKey) throws(PrimitiveError) {
        self.init(sharedSecret: try own.agree(with: peer))
    }

    /// Tag and ciphertext of `plain`, 16 bytes longer. `nonce` is 24 bytes and never used twice with one key.
    public func seal(_ plain: some Collection<UInt8>, nonce: some Collection<UInt8>) -> [UInt8] {
        precondition(nonce.count == Self.nonceCount, "a box nonce has 24 bytes")
        return plain.withBytes { plain in
            nonce.withBytes { nonce in
                key.withPointer { key in
                    makeBytes(count: plain.count + Self.tagCount) { sealed in
                        _ = crypto_secretbox_easy(sealed, plain.start, UInt64(plain.count), nonce.start, key)
                    }
                }
            }
        }
    }

    /// The plaintext of `sealed` (tag first); throws `authenticationFailed`.
    public func open(
        _ sealed: some Collection<UInt8>, nonce: some Collection<UInt8>
    ) throws(PrimitiveError) -> [UInt8] {
        guard sealed.count >= Self.tagCount, nonce.count == Self.nonceCount else { throw .authenticationFailed }
        var status: Int32 = -1
        let plain = sealed.withBytes { sealed in
            nonce.withBytes { nonce in
                key.withPointer { key in
                    makeBytes(count: sealed.count - Self.tagCount) { plain in
                        status = crypto_secretbox_open_easy(
                            plain, sealed.start, UInt64(sealed.count), nonce.start, key)
                    }
                }
            }
        }
        guard status == 0 else { throw .authenticationFailed }
        return plain
    }
}
