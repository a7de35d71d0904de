import Primitives
import SMPProtocol

/// What a connection's hello needs: the relay's certificates and a signature of its leaf.
package struct RelayIdentity: Sendable {
    /// DER, the leaf first.
    let chain: [[UInt8]]
    /// SHA-256 of the certificate at index 1.
    let fingerprint: [UInt8]
    /// Signs with the leaf's key; nil if that fails.
    private let sign: @Sendable ([UInt8]) -> [UInt8]?

    package init(chain: [[UInt8]], fingerprint: [UInt8], sign: @escaping @Sendable ([UInt8]) -> [UInt8]?) {
        self.chain = chain
        self.fingerprint = fingerprint
        self.sign = sign
    }

    /// A session key with the leaf's signature; nil if the leaf cannot sign.
    func signed(_ key: X25519PublicKey) -> [UInt8]? {
        guard let signature = sign(SignedKey.signedPart(key)), signature.count == 64 || signature.count == 114 else {
            return nil
        }
        return SignedKey.make(key, signature: signature)
    }
}
