internal import COpenSSL
public import Primitives

/// What a server proves its identity with: its chain and the private key of the leaf.
public final class TLSCredentials: Sendable {
    /// The DER certificates, the leaf first.
    public let chain: [[UInt8]]
    /// SHA-256 of the DER certificate at index 1, 32 bytes: the identity in the server's address.
    public let fingerprint: [UInt8]
    /// The leaf's public key.
    public let leafKey: AuthKey
    /// The last second at which the leaf is valid, in Unix time.
    public let leafExpiry: Int64

    let certificates: [Certificate]
    let privateKey: PrivateKey

    init(certificates: [Certificate], privateKey: PrivateKey) throws(TLSError) {
        guard CertificateChain.lengths.contains(certificates.count) else {
            throw .invalidChain(.length(certificates.count))
        }
        guard let leafKey = AuthKey(leaf: certificates[0]) else { throw .invalidChain(.unsuitableLeaf) }
        guard let validity = certificates[0].validity else { throw .invalidChain(.unusable(index: 0)) }
        self.chain = certificates.map(\.der)
        self.fingerprint = certificates[1].fingerprint
        self.leafKey = leafKey
        self.leafExpiry = validity.upperBound
        self.certificates = certificates
        self.privateKey = privateKey
    }

    /// Loads PEM files: the chain (leaf, then CA, once each; up to 4 in all) and the leaf's private key, Ed25519 or
    /// Ed448, not encrypted.
    ///
    /// - Throws: `file` if one cannot be read or the key does not belong to the leaf, `invalidChain` for a chain that no
    ///   client would take; times are not looked at.
    public convenience init(chainPath: String, keyPath: String) throws(TLSError) {
        let certificates = try PEM.certificates(try PrivateFile.read(chainPath), path: chainPath)
        let privateKey = try PEM.privateKey(try PrivateFile.read(keyPath), path: keyPath)
        guard certificates.first?.publicKey == privateKey.publicKey else {
            throw .file(path: keyPath, reason: "this key does not belong to the first certificate of \(chainPath)")
        }
        try self.init(certificates: certificates, privateKey: privateKey)
    }

    /// Signs with the leaf's private key: 64 bytes (Ed25519) or 114 (Ed448).
    public func sign(_ message: some Collection<UInt8>) throws(TLSError) -> [UInt8] {
        try privateKey.sign(message)
    }
}

extension AuthKey {
    /// The leaf's key; nil if it is neither Ed25519 nor Ed448.
    init?(leaf: Certificate) {
        guard let key = try? AuthKey(spki: leaf.publicKey) else { return nil }
        switch key {
        case .ed25519, .ed448: self = key
        case .x25519: return nil
        }
    }
}
