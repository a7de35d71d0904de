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
        step(&chainKey) { step in
            (MessageKeys(key: Array(step.key), iv: Array(step.iv)), Array(step.headerIV))
        }
    }

    /// What one step of a chain gives, for as long as it is looked at.
    struct Step {
        let key, iv, headerIV: UnsafeBufferPointer<UInt8>
    }

    /// One step of a chain: `chainKey` moves on unless `body` throws.
    static func step<Value, Failure: Error>(
        _ chainKey: inout [UInt8], _ body: (Step) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        let result = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 96) { output -> Result<Value, Failure> in
            HKDF.sha512(secret: chainKey, info: "SimpleXChainRatchet", into: output)
            func part(_ range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
                UnsafeBufferPointer(rebasing: output[range])
            }
            do throws(Failure) {
                let value = try body(Step(key: part(32..<64), iv: part(64..<80), headerIV: part(80..<96)))
                chainKey = Array(part(0..<32))
                return .success(value)
            } catch { return .failure(error) }
        }
        return try result.get()
    }
}
