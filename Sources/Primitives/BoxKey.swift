import COpenSSL
import CSalsa
import CSodium

/// A key for NaCl's authenticated box: XSalsa20-Poly1305, tag first.
///
/// Both uses of SMP start from 32 secret bytes and the same step, HSalsa20(secret, 0¹⁶): `crypto_box` after X25519
/// agreement, and the block encryption's box under a derived key, which is therefore not `crypto_secretbox(key)`.
public struct BoxKey: Sendable {
    /// The length of a nonce in bytes.
    public static let nonceCount = 24
    /// The length of the tag, by which a sealed message is longer.
    public static let tagCount = 16

    private let key: SecretBytes

    /// From 32 secret bytes: the raw result of a key agreement, or a derived key.
    public init(sharedSecret: SecretBytes) {
        self = sharedSecret.withUnsafeBytes { BoxKey(sharedSecret: $0) }
    }

    /// From 32 secret bytes: the raw result of a key agreement, or a derived key.
    public init(sharedSecret: some Collection<UInt8>) {
        _ = Sodium.isReady
        precondition(sharedSecret.count == 32, "a box key is made from 32 bytes")
        var derived = [UInt8](repeating: 0, count: 32)
        defer { sodium_memzero(&derived, derived.count) }
        let zeros = [UInt8](repeating: 0, count: 16)
        sharedSecret.withBytes { secret in
            _ = crypto_core_hsalsa20(&derived, zeros, secret.start, nil)
        }
        key = SecretBytes(derived)
    }

    /// The key that `own` and `peer` share.
    public init(_ own: X25519PrivateKey, _ peer: X25519PublicKey) throws(PrimitiveError) {
        self.init(sharedSecret: try own.agree(with: peer))
    }

    /// Tag and ciphertext of `plain`, 16 bytes longer. `nonce` is 24 bytes and never used twice with one key.
    public func seal(_ plain: some Collection<UInt8>, nonce: some Collection<UInt8>) -> [UInt8] {
        precondition(nonce.count == Self.nonceCount, "a box nonce has 24 bytes")
        return plain.withBytes { plain in
            nonce.withBytes { nonce in
                makeBytes(count: plain.count + Self.tagCount) { sealed in
                    seal(plain.start, plain.count, nonce: nonce.start, into: sealed)
                }
            }
        }
    }

    /// Seals where the plaintext stands: the first 16 bytes of `bytes` are room for the tag, the plaintext follows.
    public func seal(inPlace bytes: UnsafeMutableBufferPointer<UInt8>, nonce: some Collection<UInt8>) {
        precondition(nonce.count == Self.nonceCount, "a box nonce has 24 bytes")
        guard bytes.count >= Self.tagCount, let start = bytes.baseAddress else {
            preconditionFailure("a box needs room for its tag")
        }
        nonce.withBytes { nonce in
            seal(start + Self.tagCount, bytes.count - Self.tagCount, nonce: nonce.start, into: start)
        }
    }

    /// Opens where the ciphertext stands: tag first, and the plaintext afterwards where the ciphertext was. Throws
    /// `authenticationFailed`, with nothing decrypted.
    public func open(
        inPlace bytes: UnsafeMutableBufferPointer<UInt8>, nonce: UnsafeBufferPointer<UInt8>
    ) throws(PrimitiveError) {
        guard bytes.count >= Self.tagCount, nonce.count == Self.nonceCount, let start = bytes.baseAddress,
            let nonce = nonce.baseAddress
        else { throw .authenticationFailed }
        let isAuthentic = open(
            start, bytes.count - Self.tagCount, nonce: nonce, into: start + Self.tagCount)
        guard isAuthentic else { throw .authenticationFailed }
    }

    /// The plaintext of `sealed` (tag first), behind room for a tag; throws `authenticationFailed`.
    public func opened(
        _ sealed: ArraySlice<UInt8>, nonce: ArraySlice<UInt8>
    ) throws(PrimitiveError) -> ArraySlice<UInt8> {
        var bytes = Array(sealed)
        try bytes.withUnsafeMutableBufferPointer { bytes throws(PrimitiveError) in
            try nonce.withUnsafeBufferPointer { nonce throws(PrimitiveError) in
                try open(inPlace: bytes, nonce: nonce)
            }
        }
        return bytes[Self.tagCount...]
    }

    /// The plaintext of `sealed` (tag first); throws `authenticationFailed`.
    public func open(
        _ sealed: some Collection<UInt8>, nonce: some Collection<UInt8>
    ) throws(PrimitiveError) -> [UInt8] {
        guard sealed.count >= Self.tagCount, nonce.count == Self.nonceCount else { throw .authenticationFailed }
        var plain: [UInt8]?
        sealed.withBytes { sealed in
            nonce.withBytes { nonce in
                plain = open(sealed.start, sealed.count - Self.tagCount, nonce: nonce.start)
            }
        }
        guard let plain else { throw .authenticationFailed }
        return plain
    }
}

// MARK: - XSalsa20-Poly1305

// The stream is our own where the processor has AVX-512, which takes a third of the time of libsodium's; the tag is
// OpenSSL's, whose Poly1305 takes a third of the time of libsodium's.
extension BoxKey {
    private static let isSalsaWide = sx_salsa20_is_available() == 1
    /// The stream's first 32 bytes are the key of the tag; the message begins behind them.
    private static let blockCount = 64
    private static let tagKeyCount = 32

    /// What one nonce gives: the key of the stream, and the stream's first block with the message's start in it.
    private struct Stream: ~Copyable {
        let key: UnsafeMutablePointer<UInt8>
        let nonce: UnsafePointer<UInt8>
        /// The tag's key, then up to 32 bytes of the message, encrypted or decrypted.
        var block: UnsafeMutablePointer<UInt8> { key + 32 }
        let countInBlock: Int

        init(
            _ boxKey: SecretBytes, nonce: UnsafePointer<UInt8>, input: UnsafePointer<UInt8>, count: Int,
            room: UnsafeMutablePointer<UInt8>
        ) {
            key = room
            self.nonce = nonce + 16
            countInBlock = min(count, BoxKey.blockCount - BoxKey.tagKeyCount)
            boxKey.withPointer { boxKey in _ = crypto_core_hsalsa20(room, nonce, boxKey, nil) }
            let block = room + 32
            block.update(repeating: 0, count: BoxKey.blockCount)
            (block + BoxKey.tagKeyCount).update(from: input, count: countInBlock)
            _ = crypto_stream_salsa20_xor_ic(block, block, UInt64(BoxKey.blockCount), self.nonce, 0, key)
        }

        /// Writes the whole message to `output`, which may be where the input is.
        func write(_ input: UnsafePointer<UInt8>, _ count: Int, to output: UnsafeMutablePointer<UInt8>) {
            if count > countInBlock {
                let rest = count - countInBlock
                if BoxKey.isSalsaWide {
                    sx_salsa20_xor(output + countInBlock, input + countInBlock, rest, nonce, 1, key)
                } else {
                    _ = crypto_stream_salsa20_xor_ic(
                        output + countInBlock, input + countInBlock, UInt64(rest), nonce, 1, key)
                }
            }
            output.update(from: block + BoxKey.tagKeyCount, count: countInBlock)
        }

        func tag(_ ciphertext: UnsafePointer<UInt8>, _ count: Int, into tag: UnsafeMutablePointer<UInt8>) {
            guard sx_poly1305(block, ciphertext, count, tag) == 1 else {
                preconditionFailure("OpenSSL has no memory or no Poly1305")
            }
        }
    }

    /// Runs `body` with the stream of `nonce`, which is cleansed afterwards.
    private func withStream<Result>(
        _ nonce: UnsafePointer<UInt8>, _ input: UnsafePointer<UInt8>, _ count: Int,
        _ body: (borrowing Stream) -> Result
    ) -> Result {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32 + Self.blockCount) { room in
            guard let start = room.baseAddress else { preconditionFailure("an allocation has an address") }
            defer { sodium_memzero(start, room.count) }
            start.initialize(repeating: 0, count: room.count)
            return body(Stream(key, nonce: nonce, input: input, count: count, room: start))
        }
    }

    private func seal(
        _ plain: UnsafePointer<UInt8>, _ count: Int, nonce: UnsafePointer<UInt8>,
        into sealed: UnsafeMutablePointer<UInt8>
    ) {
        withStream(nonce, plain, count) { stream in
            let ciphertext = sealed + Self.tagCount
            stream.write(plain, count, to: ciphertext)
            stream.tag(ciphertext, count, into: sealed)
        }
    }

    /// Nil, with nothing decrypted, if the tag does not fit.
    private func open(
        _ sealed: UnsafePointer<UInt8>, _ count: Int, nonce: UnsafePointer<UInt8>
    ) -> [UInt8]? {
        var isAuthentic = false
        let plain = makeBytes(count: count) { plain in
            isAuthentic = open(sealed, count, nonce: nonce, into: plain)
        }
        return isAuthentic ? plain : nil
    }

    /// False, with nothing written, if the tag does not fit.
    private func open(
        _ sealed: UnsafePointer<UInt8>, _ count: Int, nonce: UnsafePointer<UInt8>,
        into plain: UnsafeMutablePointer<UInt8>
    ) -> Bool {
        let ciphertext = sealed + Self.tagCount
        return withStream(nonce, ciphertext, count) { stream in
            let isAuthentic = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.tagCount) { tag in
                guard let start = tag.baseAddress else { preconditionFailure("an allocation has an address") }
                stream.tag(ciphertext, count, into: start)
                return sodium_memcmp(start, sealed, Self.tagCount) == 0
            }
            if isAuthentic { stream.write(ciphertext, count, to: plain) }
            return isAuthentic
        }
    }
}
