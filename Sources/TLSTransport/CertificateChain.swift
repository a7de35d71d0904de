internal import COpenSSL
internal import Glibc

/// The rules for a server's certificates (`[leaf, CA]`, `[leaf, CA, root]` or `[leaf, CA, x, root]`).
///
/// The certificate at index 1 is the server's identity. Each certificate must be issued and signed by the next one, so
/// the leaf by the identity itself: a chain that merely contains the identity proves nothing. Host names are not looked at.
public enum CertificateChain {
    /// How many certificates a chain may have.
    public static let lengths = 2...4

    /// Checks a chain.
    ///
    /// - Parameters:
    ///   - chain: DER certificates, the leaf first.
    ///   - fingerprint: SHA-256 of the certificate at index 1, 32 bytes; nil takes any.
    ///   - now: Unix time in seconds; nil takes the clock.
    /// - Throws: `fingerprintMismatch` first of all, then `invalidChain`.
    public static func validate(
        _ chain: [some Collection<UInt8>], fingerprint: [UInt8]?, at now: Int64? = nil
    ) throws(TLSError) {
        var certificates: [Certificate] = []
        for (index, bytes) in chain.enumerated() {
            guard let certificate = Certificate(der: bytes) else { throw .invalidChain(.unusable(index: index)) }
            certificates.append(certificate)
        }
        try check(certificates, fingerprint: fingerprint, at: now)
    }

    static func check(_ chain: [Certificate], fingerprint: [UInt8]?, at now: Int64?) throws(TLSError) {
        guard lengths.contains(chain.count) else { throw .invalidChain(.length(chain.count)) }
        let identity = chain[1].fingerprint
        if let fingerprint, fingerprint != identity {
            throw .fingerprintMismatch(expected: fingerprint, got: identity)
        }
        if let defect = defect(in: chain, at: now ?? Int64(time(nil))) { throw .invalidChain(defect) }
    }

    private static func defect(in chain: [Certificate], at now: Int64) -> ChainDefect? {
        for (index, certificate) in chain.enumerated() {
            guard certificate.isUsable, let validity = certificate.validity else { return .unusable(index: index) }
            if now > validity.upperBound { return .expired(index: index) }
            if now < validity.lowerBound { return .notYetValid(index: index) }
            if index > 0 {
                guard certificate.isAuthority, certificate.pathLength.map({ $0 >= index - 1 }) ?? true else {
                    return .notAnAuthority(index: index)
                }
            }
        }
        for (index, (certificate, issuer)) in zip(chain, chain.dropFirst()).enumerated() {
            guard certificate.isIssued(by: issuer) else { return .notIssuedByNext(index: index) }
            guard certificate.isSigned(by: issuer) else { return .badSignature(index: index) }
        }
        return chain[0].isVersion3 ? nil : .unsuitableLeaf
    }
}

/// What a client expects of the peer's chain, and what OpenSSL's call-back found: one object a connection, used only
/// inside that connection's calls into OpenSSL.
final class ChainVerification {
    private let fingerprint: [UInt8]
    private let now: Int64?
    /// Why the chain was rejected; nil as long as it was not.
    private(set) var rejection: TLSError?

    init(fingerprint: [UInt8], at now: Int64?) {
        self.fingerprint = fingerprint
        self.now = now
    }

    /// Checks what the peer sent and notes the reason of a rejection. The store context is OpenSSL's.
    func accepts(_ storeContext: OpaquePointer) -> Bool {
        var chain: [Certificate] = []
        if let stack = X509_STORE_CTX_get0_untrusted(storeContext) {
            chain = Certificate.members(of: stack)
        }
        do throws(TLSError) {
            try CertificateChain.check(chain, fingerprint: fingerprint, at: now)
            return true
        } catch {
            rejection = error
            // The number decides which alert the peer gets.
            let expired = if case .invalidChain(.expired) = error { true } else { false }
            X509_STORE_CTX_set_error(storeContext, expired ? X509_V_ERR_CERT_HAS_EXPIRED : X509_V_ERR_CERT_REJECTED)
            return false
        }
    }
}

extension Certificate {
    /// The members of a `STACK_OF(X509)`.
    static func members(of stack: OpaquePointer) -> [Certificate] {
        (0..<max(0, OPENSSL_sk_num(stack))).compactMap { index in
            OPENSSL_sk_value(stack, index).map { Certificate(sharing: OpaquePointer($0)) }
        }
    }
}
