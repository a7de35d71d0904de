internal import COpenSSL

/// The text form of certificates and keys.
enum PEM {
    static func certificates(_ text: [UInt8], path: String) throws(TLSError) -> [Certificate] {
        let found = reading(text) { input in
            var certificates: [Certificate] = []
            while let pointer = PEM_read_bio_X509(input, nil, nil, nil) {
                certificates.append(Certificate(owning: pointer))
            }
            return certificates
        }
        guard let found, !found.isEmpty else { throw .file(path: path, reason: "there is no certificate in it") }
        return found
    }

    static func privateKey(_ text: [UInt8], path: String) throws(TLSError) -> PrivateKey {
        let found = reading(text) { input in
            // The call-back keeps OpenSSL from asking a terminal for a pass phrase.
            PEM_read_bio_PrivateKey(input, nil, { _, _, _, _ in -1 }, nil).map(PrivateKey.init(owning:))
        }
        guard let found, let found else { throw .file(path: path, reason: "there is no private key in it") }
        return found
    }

    static func text(_ certificates: [Certificate]) throws(TLSError) -> [UInt8] {
        try writing { output in
            certificates.allSatisfy { PEM_write_bio_X509(output, $0.pointer) == 1 }
        }
    }

    static func text(_ key: PrivateKey) throws(TLSError) -> [UInt8] {
        try writing { output in
            PEM_write_bio_PrivateKey(output, key.pointer, nil, nil, 0, nil, nil) == 1
        }
    }

    private static func reading<Result>(_ text: [UInt8], _ body: (OpaquePointer) -> Result) -> Result? {
        text.withUnsafeBytes { bytes in
            guard let input = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return nil }
            defer {
                BIO_free(input)
                ERR_clear_error()
            }
            return body(input)
        }
    }

    private static func writing(_ body: (OpaquePointer) -> Bool) throws(TLSError) -> [UInt8] {
        // Secure memory is cleansed when freed: the text may be a private key.
        guard let output = BIO_new(BIO_s_secmem()) else { throw .fromQueue("no memory for a file") }
        defer { BIO_free(output) }
        guard body(output) else { throw .fromQueue("writing a certificate failed") }
        var text: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while case let count = Int(BIO_read(output, &part, Int32(part.count))), count > 0 {
            text += part.prefix(count)
        }
        return text
    }
}
