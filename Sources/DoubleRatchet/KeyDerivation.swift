import Primitives

/// Key and initialization vector of one message body.
struct MessageKeys: Equatable, Sendable {
    var key: [UInt8]
    var iv: [UInt8]
}

/// The derivations of the ratchet (smp.md, section 4): HKDF-SHA512, 96 bytes each, taken apart.
enum KeyDerivation {
    struct Root {
        let rootKey, chainKey, nextHeaderKey: [UInt8]
    }

    /// One turn of the root chain with the result of a key agreement.
    static func root(_ rootKey: [UInt8], _ agreed: SecretBytes) -> Root {
        let output = agreed.withUnsafeBytes {
            HKDF.sha512(salt: rootKey, secret: $0, info: "SimpleXRootRatchet", count: 96)
        }
        return Root(
            rootKey: Array(output[..<32]), chainKey: Array(output[32..<64]), nextHeaderKey: Array(output[64...]))
    }

    /// One step of a chain: `chainKey` moves on, the keys of one message come out.
    static func message(_ chainKey: inout [UInt8]) -> (keys: MessageKeys, headerIV: [UInt8]) {
        let output = HKDF.sha512(salt: [], secret: chainKey, info: "SimpleXChainRatchet", count: 96)
        chainKey = Array(output[..<32])
        return (MessageKeys(key: Array(output[32..<64]), iv: Array(output[64..<80])), Array(output[80...]))
    }
}
