internal import COpenSSL
internal import Glibc
internal import Primitives

/// An X.509 certificate.
///
/// Unchecked: the object behind the pointer is never changed after it came here, and OpenSSL counts its references and
/// fills its caches under locks.
final class Certificate: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over one reference.
    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    /// Adds a reference of its own.
    init(sharing pointer: OpaquePointer) {
        X509_up_ref(pointer)
        self.pointer = pointer
    }

    /// Reads DER; nil if it is no certificate or bytes are left over.
    init?(der: some Collection<UInt8>) {
        let bytes = Array(der)
        let pointer = bytes.withUnsafeBufferPointer { buffer -> OpaquePointer? in
            var position = buffer.baseAddress
            guard let certificate = d2i_X509(nil, &position, buffer.count) else { return nil }
            guard position == buffer.baseAddress.map({ $0 + buffer.count }) else {
                X509_free(certificate)
                return nil
            }
            return certificate
        }
        guard let pointer else {
            ERR_clear_error()
            return nil
        }
        self.pointer = pointer
    }

    deinit { X509_free(pointer) }

    /// The full certificate in DER.
    var der: [UInt8] { derBytes { i2d_X509(pointer, $0) } }

    /// SHA-256 of the DER, 32 bytes.
    var fingerprint: [UInt8] { SHA256.hash(der) }

    /// The key in it, as DER SubjectPublicKeyInfo; empty if it cannot be read.
    var publicKey: [UInt8] {
        guard let key = X509_get0_pubkey(pointer) else { return [] }
        return derBytes { i2d_PUBKEY(key, $0) }
    }

    var isVersion3: Bool { X509_get_version(pointer) == 2 }
    var isUsable: Bool { sxtls_certificate_is_unusable(pointer) == 0 }

    /// Whether it may issue certificates: CA:TRUE, and keyCertSign where key usage is stated.
    var isAuthority: Bool {
        X509_check_ca(pointer) == 1 && X509_get_key_usage(pointer) & UInt32(KU_KEY_CERT_SIGN) != 0
    }

    /// How many authorities may stand between it and a leaf; nil without a limit.
    var pathLength: Int? {
        let length = X509_get_pathlen(pointer)
        return length < 0 ? nil : Int(length)
    }

    /// Whether `issuer` is named as issuer, with the key identifiers that are stated.
    func isIssued(by issuer: Certificate) -> Bool {
        X509_check_issued(issuer.pointer, pointer) == Int32(X509_V_OK)
    }

    /// Whether the signature verifies under the key of `issuer`.
    func isSigned(by issuer: Certificate) -> Bool {
        guard let key = X509_get0_pubkey(issuer.pointer) else { return false }
        defer { ERR_clear_error() }
        return X509_verify(pointer, key) == 1
    }

    /// The first second at which it is valid, and the last, in Unix time; nil if they cannot be read.
    var validity: ClosedRange<Int64>? {
        guard let first = unixSeconds(X509_get0_notBefore(pointer)),
            let last = unixSeconds(X509_get0_notAfter(pointer)),
            first <= last
        else { return nil }
        return first...last
    }

    private func unixSeconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
        var parts = tm()
        guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
        return Int64(timegm(&parts))
    }
}

/// A private key of any kind OpenSSL knows.
///
/// Unchecked: never changed after it came here; OpenSSL counts references atomically and allows signing on any thread.
final class PrivateKey: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over one reference.
    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { EVP_PKEY_free(pointer) }

    /// The public half as DER SubjectPublicKeyInfo.
    var publicKey: [UInt8] { derBytes { i2d_PUBKEY(pointer, $0) } }

    /// Signs with a scheme that hashes by itself (Ed25519, Ed448).
    func sign(_ message: some Collection<UInt8>) throws(TLSError) -> [UInt8] {
        guard let digest = EVP_MD_CTX_new() else { throw .fromQueue("no memory for a signature") }
        defer { EVP_MD_CTX_free(digest) }
        let bytes = Array(message)
        var count = Int(EVP_PKEY_get_size(pointer))
        var signature = [UInt8](repeating: 0, count: count)
        guard EVP_DigestSignInit(digest, nil, nil, nil, pointer) == 1,
            EVP_DigestSign(digest, &signature, &count, bytes, bytes.count) == 1
        else { throw .fromQueue("signing failed") }
        return Array(signature.prefix(count))
    }
}

/// Runs one of OpenSSL's `i2d` functions twice: for the length, for the bytes.
private func derBytes(_ encode: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32) -> [UInt8] {
    let count = Int(encode(nil))
    guard count > 0 else { return [] }
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
        var position = buffer.baseAddress
        written = Int(max(0, encode(&position)))
    }
}
