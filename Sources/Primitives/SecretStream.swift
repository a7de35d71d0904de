import CSodium

/// A long text in authenticated pieces (XChaCha20-Poly1305), of which none can be left out, moved, or cut off unnoticed.
public enum SecretStream {
    /// Bytes of a key.
    public static let keyCount = 32
    /// Bytes at the beginning that both sides need.
    public static let headerCount = 24
    /// By so much a sealed piece is longer.
    public static let overhead = 17

    /// The writing side.
    public struct Sealer: ~Copyable {
        /// What the reading side needs first.
        public let header: [UInt8]
        private var state = crypto_secretstream_xchacha20poly1305_state()

        /// With a key of 32 bytes.
        public init(key: SecretBytes) {
            precondition(key.count == keyCount, "a stream's key has 32 bytes")
            _ = Sodium.isReady
            var (state, header) = (self.state, [UInt8](repeating: 0, count: headerCount))
            key.withPointer { _ = crypto_secretstream_xchacha20poly1305_init_push(&state, &header, $0) }
            self.state = state
            self.header = header
        }

        deinit { withUnsafePointer(to: state) { sodium_memzero(UnsafeMutableRawPointer(mutating: $0), stateCount) } }

        /// Seals the next piece; `bound` is known to both sides and vouched for with it.
        public mutating func seal(_ plain: [UInt8], bound: [UInt8] = [], isLast: Bool) -> [UInt8] {
            var sealed = [UInt8](repeating: 0, count: plain.count + overhead)
            let tag = isLast ? finalTag : 0
            _ = crypto_secretstream_xchacha20poly1305_push(
                &state, &sealed, nil, plain, UInt64(plain.count), bound, UInt64(bound.count), tag)
            return sealed
        }
    }

    /// The reading side.
    public struct Opener: ~Copyable {
        private var state = crypto_secretstream_xchacha20poly1305_state()

        /// With the key and the writing side's header.
        /// - Throws: `authenticationFailed` for what is no header.
        public init(key: SecretBytes, header: [UInt8]) throws(PrimitiveError) {
            precondition(key.count == keyCount && header.count == headerCount, "key and header have 32 and 24 bytes")
            _ = Sodium.isReady
            var state = self.state
            let result = key.withPointer { crypto_secretstream_xchacha20poly1305_init_pull(&state, header, $0) }
            guard result == 0 else { throw .authenticationFailed }
            self.state = state
        }

        deinit { withUnsafePointer(to: state) { sodium_memzero(UnsafeMutableRawPointer(mutating: $0), stateCount) } }

        /// Opens the next piece.
        /// - Throws: `authenticationFailed` for another key, another piece, or altered bytes.
        public mutating func open(
            _ sealed: [UInt8], bound: [UInt8] = []
        ) throws(PrimitiveError) -> (plain: [UInt8], isLast: Bool) {
            guard sealed.count >= overhead else { throw .authenticationFailed }
            var plain = [UInt8](repeating: 0, count: sealed.count - overhead + 1)
            var tag: UInt8 = 0
            let result = crypto_secretstream_xchacha20poly1305_pull(
                &state, &plain, nil, &tag, sealed, UInt64(sealed.count), bound, UInt64(bound.count))
            guard result == 0 else { throw .authenticationFailed }
            plain.removeLast()
            return (plain, tag == finalTag)
        }
    }

    private static let finalTag = UInt8(crypto_secretstream_xchacha20poly1305_tag_final())
    private static let stateCount = MemoryLayout<crypto_secretstream_xchacha20poly1305_state>.size
}
