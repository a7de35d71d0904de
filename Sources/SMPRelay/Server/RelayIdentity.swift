import Primitives

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

    /// X.509's SIGNED (RFC 5280, section 4.1.1.3) around a session key: its SPKI, the algorithm, and the leaf's signature
    /// over the SPKI. Nil if the leaf cannot sign.
    func signed(_ key: X25519PublicKey) -> [UInt8]? {
        guard let signature = sign(key.spki) else { return nil }
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
}
