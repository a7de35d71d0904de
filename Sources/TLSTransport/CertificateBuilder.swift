internal import COpenSSL
internal import Primitives

/// Makes Ed25519 certificates of X.509 version 3.
struct CertificateBuilder {
    /// The subject's common name.
    let commonName: String
    /// Validity in Unix time, both ends included.
    let firstSecond: Int64
    let lastSecond: Int64

    /// A random Ed25519 key.
    static func newKey() throws(TLSError) -> PrivateKey {
        let seed = SecretBytes.random(32)
        let key = seed.withUnsafeBytes { bytes in
            EVP_PKEY_new_raw_private_key(
                EVP_PKEY_ED25519, nil, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
        }
        guard let key else { throw .fromQueue("making a key failed") }
        return PrivateKey(owning: key)
    }

    /// A certificate that signs itself and may issue leaves only.
    func authority(key: PrivateKey) throws(TLSError) -> Certificate {
        let certificate = try blank(key: key)
        let extensions: [(Int32, StaticString)] = [
            (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
            (NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign"),
            (NID_subject_key_identifier, "hash"),
        ]
        try finish(certificate, issuer: certificate, extensions: extensions, signedWith: key)
        return certificate
    }

    /// A server's certificate, issued by `authority`.
    func leaf(key: PrivateKey, authority: Certificate, authorityKey: PrivateKey) throws(TLSError) -> Certificate {
        let certificate = try blank(key: key)
        let extensions: [(Int32, StaticString)] = [
            (NID_basic_constraints, "CA:FALSE"),
            (NID_key_usage, "digitalSignature,nonRepudiation,keyAgreement"),
            (NID_ext_key_usage, "serverAuth"),
            (NID_subject_key_identifier, "hash"),
            (NID_authority_key_identifier, "keyid"),
        ]
        try finish(certificate, issuer: authority, extensions: extensions, signedWith: authorityKey)
        return certificate
    }

    private func blank(key: PrivateKey) throws(TLSError) -> Certificate {
        guard let pointer = X509_new() else { throw .fromQueue("no memory for a certificate") }
        let certificate = Certificate(owning: pointer)
        var serial = SecureRandom.bytes(16)
        serial[0] = serial[0] & 0x7f | 0x40
        let name = Array(commonName.utf8)
        let number = BN_bin2bn(serial, Int32(serial.count), nil)
        defer { BN_free(number) }
        guard X509_set_version(pointer, 2) == 1,
            BN_to_ASN1_INTEGER(number, X509_get_serialNumber(pointer)) != nil,
            ASN1_TIME_set(X509_getm_notBefore(pointer), Int(firstSecond)) != nil,
            ASN1_TIME_set(X509_getm_notAfter(pointer), Int(lastSecond)) != nil,
            X509_set_pubkey(pointer, key.pointer) == 1,
            X509_NAME_add_entry_by_NID(
                X509_get_subject_name(pointer), NID_commonName, MBSTRING_UTF8, name, Int32(name.count), -1, 0) == 1
        else { throw .fromQueue("making a certificate failed") }
        return certificate
    }

    private func finish(
        _ certificate: Certificate, issuer: Certificate, extensions: [(Int32, StaticString)],
        signedWith key: PrivateKey
    ) throws(TLSError) {
        guard X509_set_issuer_name(certificate.pointer, X509_get_subject_name(issuer.pointer)) == 1 else {
            throw .fromQueue("making a certificate failed")
        }
        for (identifier, value) in extensions {
            let added = value.withUTF8Buffer { text in
                text.withMemoryRebound(to: CChar.self) { text in
                    sxtls_certificate_add_extension(certificate.pointer, issuer.pointer, identifier, text.baseAddress)
                }
            }
            guard added == 1 else { throw .fromQueue("making a certificate failed") }
        }
        guard X509_sign(certificate.pointer, key.pointer, nil) > 0 else {
            throw .fromQueue("signing a certificate failed")
        }
    }
}
