import COpenSSL

/// AES-256 in Galois/Counter Mode (NIST SP 800-38D) with initialization vectors of any length; the ratchet uses 16 bytes.
public enum AES256GCM {
    /// The length of the tag in bytes.
    public static let tagCount = 16

    /// Encrypts; the ciphertext is as long as `plain`, the tag 16 bytes.
    public static func seal(
        _ plain: some Collection<UInt8>, key: some Collection<UInt8>, iv: some Collection<UInt8>,
        associatedData: some Collection<UInt8>
    ) throws(PrimitiveError) -> (ciphertext: [UInt8], tag: [UInt8]) {
        let context = try context()
        defer { EVP_CIPHER_CTX_free(context) }
        try start(context, encrypting: true, key: key, iv: iv, associatedData: associatedData)
        let (ciphertext, updated) = run(plain) { input, output, count in
            EVP_EncryptUpdate(context, output, &count, input.start, Int32(input.count))
        }
        var tag = [UInt8](repeating: 0, count: tagCount)
        var tail: Int32 = 0
        guard updated, EVP_EncryptFinal_ex(context, &tag, &tail) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tagCount), &tag) == 1
        else { throw .openSSL("AES-256-GCM refused to encrypt") }
        return (ciphertext, tag)
    }

    /// Decrypts; throws `authenticationFailed` and gives nothing away if the tag does not fit.
    public static func open(
        _ ciphertext: some Collection<UInt8>, tag: some Collection<UInt8>, key: some Collection<UInt8>,
        iv: some Collection<UInt8>, associatedData: some Collection<UInt8>
    ) throws(PrimitiveError) -> [UInt8] {
        guard tag.count == tagCount else { throw .authenticationFailed }
        let context = try context()
        defer { EVP_CIPHER_CTX_free(context) }
        try start(context, encrypting: false, key: key, iv: iv, associatedData: associatedData)
        let (plain, updated) = run(ciphertext) { input, output, count in
            EVP_DecryptUpdate(context, output, &count, input.start, Int32(input.count))
        }
        var expected = Array(tag)
        var rest = [UInt8](repeating: 0, count: 16)
        var tail: Int32 = 0
        guard updated, EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tagCount), &expected) == 1,
            EVP_DecryptFinal_ex(context, &rest, &tail) == 1
        else {
            ERR_clear_error()
            throw .authenticationFailed
        }
        return plain
    }

    /// The cipher, fetched once: an immutable, reference-counted object that any thread may use.
    private struct Cipher: @unchecked Sendable { let pointer: OpaquePointer? }
    private static let cipher = Cipher(pointer: EVP_CIPHER_fetch(nil, "AES-256-GCM", nil))

    private static func context() throws(PrimitiveError) -> OpaquePointer {
        guard let context = EVP_CIPHER_CTX_new() else { throw .openSSL("no memory for a cipher") }
        return context
    }

    private static func start(
        _ context: OpaquePointer, encrypting: Bool, key: some Collection<UInt8>, iv: some Collection<UInt8>,
        associatedData: some Collection<UInt8>
    ) throws(PrimitiveError) {
        guard key.count == 32, !iv.isEmpty else { throw .invalidKey }
        let started = key.withBytes { key in
            iv.withBytes { iv in
                associatedData.withBytes { data in
                    var count: Int32 = 0
                    return EVP_CipherInit_ex(context, cipher.pointer, nil, nil, nil, encrypting ? 1 : 0) == 1
                        && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, Int32(iv.count), nil) == 1
                        && EVP_CipherInit_ex(context, nil, nil, key.start, iv.start, encrypting ? 1 : 0) == 1
                        && (data.count == 0
                            || EVP_CipherUpdate(context, nil, &count, data.start, Int32(data.count)) == 1)
                }
            }
        }
        guard started else { throw .openSSL("AES-256-GCM refused to start") }
    }

    /// One update over all of `input`, into an array of the same length.
    private static func run(
        _ input: some Collection<UInt8>,
        _ update: (Stretch, UnsafeMutablePointer<UInt8>, inout Int32) -> Int32
    ) -> (output: [UInt8], updated: Bool) {
        guard !input.isEmpty else { return ([], true) }
        var status: Int32 = 0
        let output = input.withBytes { input in
            makeBytes(count: input.count) { output in
                var count: Int32 = 0
                status = update(input, output, &count)
            }
        }
        return (output, status == 1)
    }
}
