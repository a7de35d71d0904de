import CSodium

/// A key from something that a person remembers, by Argon2id.
public enum PassphraseKey {
    /// How hard a guess is; stored beside what the key protects.
    public struct Cost: Equatable, Sendable {
        /// Passes over the memory.
        public let passes: UInt64
        /// Bytes.
        public let memory: UInt64

        /// Three passes over 256 MiB: about a second.
        public static let standard = Cost(known: 3, 256 << 20)

        /// From stored numbers; nil for what nobody would choose: less than 8 MiB, more than 16 passes or 4 GiB.
        public init?(passes: UInt64, memory: UInt64) {
            guard (1...16).contains(passes), (8 << 20...4 << 30).contains(memory) else { return nil }
            self.init(known: passes, memory)
        }

        private init(known passes: UInt64, _ memory: UInt64) {
            self.passes = passes
            self.memory = memory
        }
    }

    /// Bytes of a salt.
    public static let saltCount = 16

    /// 32 bytes; nil if the machine has not the memory for it.
    public static func derive(_ passphrase: SecretBytes, salt: [UInt8], cost: Cost) -> SecretBytes? {
        precondition(salt.count == saltCount, "a salt has 16 bytes")
        _ = Sodium.isReady
        var key = [UInt8](repeating: 0, count: SecretStream.keyCount)
        defer { sodium_memzero(&key, key.count) }
        let result = passphrase.withPointer { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: max(passphrase.count, 1)) { characters in
                crypto_pwhash(
                    &key, UInt64(key.count), characters, UInt64(passphrase.count), salt, cost.passes, Int(cost.memory),
                    crypto_pwhash_ALG_ARGON2ID13)
            }
        }
        return result == 0 ? SecretBytes(key) : nil
    }
}
