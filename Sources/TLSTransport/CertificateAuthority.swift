internal import COpenSSL
internal import Glibc
internal import Primitives

/// The certificate authority of one server, kept in a directory: `ca.key`, `ca.crt`, `server.key` and `server.crt` (leaf,
/// then CA), PEM, all of mode 0600.
///
/// The authority is the server's identity and lives for a hundred years; leaves come and go. `ca.key` is needed only to
/// issue a leaf and may be kept elsewhere in between.
public struct CertificateAuthority: Sendable {
    /// Where the files are.
    public let directory: String

    /// How long a new leaf is valid, in seconds (365 days).
    public static let leafLifetimeInSeconds: Int64 = 365 * 86_400
    /// A leaf with less than this left is renewed, in seconds (30 days).
    public static let renewalInSeconds: Int64 = 30 * 86_400
    /// New certificates are valid from this long ago, for clients with a slow clock, in seconds (1 day).
    public static let backdatingInSeconds: Int64 = 86_400

    private static let authorityLifetimeInSeconds: Int64 = 36_500 * 86_400

    private var authorityKeyPath: String { directory + "/ca.key" }
    private var authorityPath: String { directory + "/ca.crt" }
    private var leafKeyPath: String { directory + "/server.key" }
    private var chainPath: String { directory + "/server.crt" }

    /// Names the directory; touches nothing. Its parent must exist.
    public init(directory: String) { self.directory = directory }

    /// Loads the credentials; at the first start makes authority and leaf, and a new leaf when the old one is near its
    /// end or damaged. The fingerprint stays the same.
    ///
    /// - Parameter now: Unix time in seconds; nil takes the clock.
    /// - Throws: `file` if a file cannot be read or written, others may read a key, or a leaf must be issued and the
    ///   authority's key is away.
    public func credentials(at now: Int64? = nil) throws(TLSError) -> TLSCredentials {
        let now = now ?? Int64(time(nil))
        try PrivateFile.makeDirectory(directory)
        let authority = try authority(at: now)
        if let current = try current(under: authority, at: now) { return current }
        return try issueLeaf(under: authority, at: now)
    }

    /// The leaf in use, or nil if it must be replaced.
    private func current(under authority: Certificate, at now: Int64) throws(TLSError) -> TLSCredentials? {
        guard PrivateFile.exists(chainPath), PrivateFile.exists(leafKeyPath) else { return nil }
        try PrivateFile.checkOwnerOnly(leafKeyPath)
        guard let credentials = try? TLSCredentials(chainPath: chainPath, keyPath: leafKeyPath),
            credentials.fingerprint == authority.fingerprint,
            (try? CertificateChain.check(credentials.certificates, fingerprint: nil, at: now)) != nil
        else { return nil }
        let isNearItsEnd = credentials.leafExpiry - now < Self.renewalInSeconds
        // With the authority's key away, a leaf that is still valid is better than none.
        return isNearItsEnd && PrivateFile.exists(authorityKeyPath) ? nil : credentials
    }

    private func authority(at now: Int64) throws(TLSError) -> Certificate {
        if PrivateFile.exists(authorityPath) {
            let found = try PEM.certificates(try PrivateFile.read(authorityPath), path: authorityPath)
            guard let authority = found.first, found.count == 1 else {
                throw .file(path: authorityPath, reason: "one certificate is expected in it")
            }
            return authority
        }
        guard !PrivateFile.exists(chainPath) else {
            throw .file(path: authorityPath, reason: "the authority of \(chainPath) is missing, put it back")
        }
        // A key without a certificate is left of a start that was cut short.
        let key: PrivateKey
        if PrivateFile.exists(authorityKeyPath) {
            key = try authorityKey()
        } else {
            key = try CertificateBuilder.newKey()
            try PrivateFile.write(try PEM.text(key), to: authorityKeyPath, in: directory)
        }
        let builder = CertificateBuilder(
            commonName: "sxfile relay CA", firstSecond: now - Self.backdatingInSeconds,
            lastSecond: now + Self.authorityLifetimeInSeconds)
        let authority = try builder.authority(key: key)
        try PrivateFile.write(try PEM.text([authority]), to: authorityPath, in: directory)
        return authority
    }

    private func authorityKey() throws(TLSError) -> PrivateKey {
        guard PrivateFile.exists(authorityKeyPath) else {
            throw .file(path: authorityKeyPath, reason: "the key of the authority is needed to renew the certificate")
        }
        try PrivateFile.checkOwnerOnly(authorityKeyPath)
        return try PEM.privateKey(try PrivateFile.read(authorityKeyPath), path: authorityKeyPath)
    }

    private func issueLeaf(under authority: Certificate, at now: Int64) throws(TLSError) -> TLSCredentials {
        let authorityKey = try authorityKey()
        guard authorityKey.publicKey == authority.publicKey else {
            throw .file(path: authorityKeyPath, reason: "this key does not belong to \(authorityPath)")
        }
        let key = try CertificateBuilder.newKey()
        let builder = CertificateBuilder(
            commonName: "sxfile relay", firstSecond: now - Self.backdatingInSeconds,
            lastSecond: now + Self.leafLifetimeInSeconds)
        let leaf = try builder.leaf(key: key, authority: authority, authorityKey: authorityKey)
        // Key first: a stop in between leaves a pair that does not fit, and the next start issues again.
        try PrivateFile.write(try PEM.text(key), to: leafKeyPath, in: directory)
        try PrivateFile.write(try PEM.text([leaf, authority]), to: chainPath, in: directory)
        return try TLSCredentials(certificates: [leaf, authority], privateKey: key)
    }
}
