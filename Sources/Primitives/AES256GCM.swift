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
        var ciphertext = Array(plain)
        var tag = [UInt8](repeating: 0, count: tagCount)
        try iv.withBytes { iv throws(PrimitiveError) in
            try key.withBytes { key throws(PrimitiveError) in
                try associatedData.withBytes { data throws(PrimitiveError) in
                    try ciphertext.withUnsafeMutableBufferPointer { bytes throws(PrimitiveError) in
                        try tag.withUnsafeMutableBufferPointer { tag throws(PrimitiveError) in
                            try seal(
                                bytes, tag: tag, key: key.buffer, iv: iv.buffer, associatedData: data.buffer,
                                and: UnsafeBufferPointer(rebasing: data.buffer[..<0]))
                        }
                    }
                }
            }
        }
        return (ciphertext, tag)
    }

    /// Decrypts; throws `authenticationFailed` and gives nothing away if the tag does not fit.
    public static func open(
        _ ciphertext: some Collection<UInt8>, tag: some Collection<UInt8>, key: some Collection<UInt8>,
        iv: some Collection<UInt8>, associatedData: some Collection<UInt8>
    ) throws(PrimitiveError) -> [UInt8] {
        var plain = Array(ciphertext)
        try iv.withBytes { iv throws(PrimitiveError) in
            try key.withBytes { key throws(PrimitiveError) in
                try tag.withBytes { tag throws(PrimitiveError) in
                    try associatedData.withBytes { data throws(PrimitiveError) in
                        try plain.withUnsafeMutableBufferPointer { bytes throws(PrimitiveError) in
                            try open(
                                bytes, tag: tag.buffer, key: key.buffer, iv: iv.buffer, associatedData: data.buffer,
                                and: UnsafeBufferPointer(rebasing: data.buffer[..<0]))
                        }
                    }
                }
            }
        }
        return plain
    }

    /// Encrypts `bytes` where they stand, under associated data in two pieces.
    public static func seal(
        _ bytes: UnsafeMutableBufferPointer<UInt8>, tag: UnsafeMutableBufferPointer<UInt8>,
        key: UnsafeBufferPointer<UInt8>, iv: UnsafeBufferPointer<UInt8>, associatedData: UnsafeBufferPointer<UInt8>,
        and more: UnsafeBufferPointer<UInt8>
    ) throws(PrimitiveError) {
        guard key.count == 32, !iv.isEmpty, tag.count == tagCount else { throw .invalidKey }
        guard run(true, bytes, tag, key, iv, associatedData, more) else {
            throw .openSSL("AES-256-GCM refused to encrypt")
        }
    }

    /// Decrypts `bytes` where they stand; throws `authenticationFailed` if the tag does not fit. They are worth nothing then.
    public static func open(
        _ bytes: UnsafeMutableBufferPointer<UInt8>, tag: UnsafeBufferPointer<UInt8>, key: UnsafeBufferPointer<UInt8>,
        iv: UnsafeBufferPointer<UInt8>, associatedData: UnsafeBufferPointer<UInt8>,
        and more: UnsafeBufferPointer<UInt8>
    ) throws(PrimitiveError) {
        guard tag.count == tagCount else { throw .authenticationFailed }
        guard key.count == 32, !iv.isEmpty else { throw .invalidKey }
        let isAuthentic = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: tagCount) { expected in
            _ = expected.initialize(from: tag)
            return run(false, bytes, expected, key, iv, associatedData, more)
        }
        guard isAuthentic else { throw .authenticationFailed }
    }

    private static func run(
        _ encrypting: Bool, _ bytes: UnsafeMutableBufferPointer<UInt8>, _ tag: UnsafeMutableBufferPointer<UInt8>,
        _ key: UnsafeBufferPointer<UInt8>, _ iv: UnsafeBufferPointer<UInt8>,
        _ associatedData: UnsafeBufferPointer<UInt8>, _ more: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        var input = sx_aes256gcm_input(
            key: key.baseAddress, iv: iv.baseAddress, iv_count: iv.count, first: associatedData.baseAddress,
            first_count: associatedData.count, second: more.baseAddress, second_count: more.count,
            bytes: UnsafePointer(bytes.baseAddress), count: bytes.count)
        return sx_aes256gcm(encrypting ? 1 : 0, &input, bytes.baseAddress, tag.baseAddress) == 1
    }
}
