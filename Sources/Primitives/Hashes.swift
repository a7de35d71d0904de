import COpenSSL
import CSHA256

/// SHA-256 (FIPS 180-4).
public enum SHA256 {
    /// The 32-byte digest of `bytes`.
    public static func hash(_ bytes: some Collection<UInt8>) -> [UInt8] {
        bytes.withBytes { input in
            makeBytes(count: 32) { output in _ = COpenSSL.SHA256(input.start, input.count, output) }
        }
    }
}

extension SHA256 {
    /// Whether two inputs at once take less time than one after the other on this processor.
    public static let hasPairs = sx_sha256_pair_available()

    /// The digests of two inputs; where `hasPairs` and they are equally long, in two thirds of the time.
    public static func hash(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> ([UInt8], [UInt8]) {
        let (one, two) = (first.bindMemory(to: UInt8.self), second.bindMemory(to: UInt8.self))
        guard hasPairs, first.count == second.count, let start = one.baseAddress, let other = two.baseAddress else {
            return (hash(one), hash(two))
        }
        var digest: [UInt8] = []
        let otherDigest = makeBytes(count: 32) { otherOutput in
            digest = makeBytes(count: 32) { output in
                sx_sha256_pair(start, other, first.count, output, otherOutput)
            }
        }
        return (digest, otherDigest)
    }
}

/// SHA-256 of bytes that come in pieces.
public struct SHA256Hasher: ~Copyable {
    private let context: OpaquePointer

    /// Starts with no bytes.
    public init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, sha256Algorithm.pointer, nil) == 1 else {
            preconditionFailure("OpenSSL has no memory or no SHA-256")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Takes in `bytes`.
    public mutating func update(_ bytes: some Collection<UInt8>) {
        bytes.withBytes { input in _ = EVP_DigestUpdate(context, input.start, input.count) }
    }

    /// The 32-byte digest of everything taken in.
    public consuming func finish() -> [UInt8] {
        makeBytes(count: 32) { output in _ = EVP_DigestFinal_ex(context, output, nil) }
    }
}

/// SHA-512 (FIPS 180-4).
public enum SHA512 {
    /// The 64-byte digest of `bytes`.
    public static func hash(_ bytes: some Collection<UInt8>) -> [UInt8] {
        bytes.withBytes { input in
            makeBytes(count: 64) { output in _ = COpenSSL.SHA512(input.start, input.count, output) }
        }
    }
}

/// SHA3-384 (FIPS 202).
public enum SHA3_384 {
    /// The 48-byte digest of `bytes`.
    public static func hash(_ bytes: some Collection<UInt8>) -> [UInt8] {
        bytes.withBytes { input in
            makeBytes(count: 48) { output in
                _ = EVP_Digest(input.start, input.count, output, nil, EVP_sha3_384(), nil)
            }
        }
    }
}

/// HKDF (RFC 5869).
public enum HKDF {
    /// Extract and expand with HMAC-SHA-512: `count` bytes, at most 255 × 64.
    public static func sha512(
        salt: some Collection<UInt8>, secret: some Collection<UInt8>, info: StaticString, count: Int
    ) -> [UInt8] {
        precondition(count <= 255 * 64, "HKDF-SHA512 gives at most 16,320 bytes")
        return salt.withBytes { salt in
            secret.withBytes { secret in
                makeBytes(count: count) { output in
                    sx_hkdf_sha512(
                        salt.start, salt.count, secret.start, secret.count, info.utf8Start, info.utf8CodeUnitCount,
                        output, count)
                }
            }
        }
    }
}

extension HKDF {
    /// `sha512` without salt, into memory that is there; for the steps of a chain, one a message.
    public static func sha512(
        secret: [UInt8], info: StaticString, into output: UnsafeMutableBufferPointer<UInt8>
    ) {
        precondition(output.count <= 255 * 64, "HKDF-SHA512 gives at most 16,320 bytes")
        sx_hkdf_sha512(
            nil, 0, secret, secret.count, info.utf8Start, info.utf8CodeUnitCount, output.baseAddress, output.count)
    }
}

extension SHA256 {
    /// The 32-byte digest of memory.
    public static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        makeBytes(count: 32) { output in _ = COpenSSL.SHA256(bytes.baseAddress, bytes.count, output) }
    }
}

/// An algorithm fetched once: fetching costs more than hashing a short message.
private struct Algorithm: @unchecked Sendable {
    // OpenSSL's fetched algorithms are immutable and reference counted: any thread may use them.
    let pointer: OpaquePointer?
}
private let sha256Algorithm = Algorithm(pointer: EVP_MD_fetch(nil, "SHA256", nil))
