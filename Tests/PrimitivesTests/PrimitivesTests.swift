import CSalsa
import CSodium
import Primitives
import Testing

/// Known answers of the SimpleX protocols' primitives, checked by execution with OpenSSL 3.0 and libsodium 1.0.18.
@Suite struct KnownAnswers {
    static let key = (0..<32).map { UInt8($0) }

    @Test func blockBoxIsHSalsaThenSecretbox() throws {
        let nonce = (0..<24).map { UInt8($0) }
        let box = BoxKey(sharedSecret: Self.key)
        let sealed = box.seal(Array("hello".utf8), nonce: nonce)
        #expect(hex(sealed) == "36b6b5a5ae4454bef6c196db32f2f49703ebb0dcaf")
        #expect(try box.open(sealed, nonce: nonce) == Array("hello".utf8))
        var altered = sealed
        altered[20] ^= 1
        #expect(throws: PrimitiveError.authenticationFailed) { try box.open(altered, nonce: nonce) }
        #expect(throws: PrimitiveError.authenticationFailed) { try box.open(sealed.prefix(15), nonce: nonce) }
    }

    /// Our own Salsa20, where this processor has it, against libsodium's: every length to a few groups of blocks, counters that
    /// carry, in place too.
    @Test(.enabled(if: sx_salsa20_is_available() != 0)) func salsaIsLibsodiums() {
        let nonce = (0..<8).map { UInt8($0) }
        let input = (0..<4200).map { UInt8(truncatingIfNeeded: $0 * 7) }
        for count in Array(0..<200) + [1023, 1024, 1025, 2048, 4199, 4200] {
            for block in [0, 1, 0xffff_fff9, .max - 3] as [UInt64] {
                var (ours, theirs) = ([UInt8](repeating: 0xaa, count: 4200), [UInt8](repeating: 0xaa, count: 4200))
                sx_salsa20_xor(&ours, input, count, nonce, block, Self.key)
                crypto_stream_salsa20_xor_ic(&theirs, input, UInt64(count), nonce, block, Self.key)
                #expect(ours == theirs, "\(count) bytes from block \(block)")
            }
        }
        var inPlace = input
        inPlace.withUnsafeMutableBufferPointer { bytes in
            sx_salsa20_xor(bytes.baseAddress, bytes.baseAddress, bytes.count, nonce, 5, Self.key)
        }
        var expected = input
        crypto_stream_salsa20_xor_ic(&expected, input, UInt64(input.count), nonce, 5, Self.key)
        #expect(inPlace == expected)
    }

    @Test func chainInitAndStep() {
        let salt = [UInt8](repeating: 1, count: 32)
        let secret = [UInt8](repeating: 2, count: 32)
        let chains = HKDF.sha512(salt: salt, secret: secret, info: "SimpleXSbChainInit", count: 64)
        #expect(hex(chains[..<32]) == "88bf297f5dc178721d4ddd467a944d8dbd40dc71c407e7f497f093cb7175bfb8")
        #expect(hex(chains[32...]) == "04d4bbf27a9aa4eead0f18df341007070bfd2929c30b574afe65027a44c80fc1")
        let step = HKDF.sha512(salt: [], secret: chains[..<32], info: "SimpleXSbChain", count: 88)
        #expect(hex(step[..<32]) == "de75da211d49ea48cfda31358cde2dfdc87c65874877c88230bd29879c4af53b")
        #expect(hex(step[32..<64]) == "fb43f7b574245a1791bdac88d6cb38440aa2719273b2428faa62b8970fda37c8")
        #expect(hex(step[64...]) == "2e591e08f4077860556e04115b6733160a9748a91f8b4b02")
    }

    /// Digests by Python's hmac: salts around HMAC's block of 128 bytes, outputs around its 64.
    @Test(
        arguments: [
            (0, 32, 96, "9213211ebc222dab1ce66d60f9b183b2229b91e9983a76f8bd68dc96b5f4234d"),
            (0, 0, 1, "951dcee3a7a4f3aac67ec76a2ce4469cc76df650f134bf2572bf60a65c982338"),
            (1, 5, 64, "8249d855f003a971d46b24c45723b2cb320d342b0db83814d6635db3b22177b7"),
            (64, 168, 65, "1e117c1a4c17986d793e4cd4ec07261ab28956142c3005f7f54618d9298217ca"),
            (128, 56, 128, "86e9466c6de87f242cc3f34e871ede236d9d2545d4b37760aa78e578ea223f38"),
            (129, 300, 200, "3a288517fdcbe4d15aa1681d6b52a3853929ec3ebe79e16a8b184e0c02005c89"),
            (200, 1, 16320, "6071c567f9852078e31877e22df832f7ac43eff7eca512b106e24a729d7c5e67"),
        ] as [(Int, Int, Int, String)])
    func hkdf(salt: Int, secret: Int, count: Int, expected: String) {
        let output = HKDF.sha512(
            salt: [UInt8](repeating: 7, count: salt), secret: (0..<secret).map { UInt8(truncatingIfNeeded: $0 * 3) },
            info: "SimpleXChainRatchet", count: count)
        #expect(output.count == count && hex(SHA256.hash(output)) == expected)
    }

    @Test(arguments: [0, 1, 16, 31, 32, 33, 63, 64, 65, 127, 128, 129, 4096, 16_106])
    func boxIsLibsodiumsSecretbox(count: Int) throws {
        let nonce = (0..<24).map { UInt8($0 &* 5) }
        let plain = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 11) }
        var key = [UInt8](repeating: 0, count: 32)
        _ = crypto_core_hsalsa20(&key, [UInt8](repeating: 0, count: 16), Self.key, nil)
        var expected = [UInt8](repeating: 0, count: count + 16)
        _ = crypto_secretbox_easy(&expected, plain, UInt64(count), nonce, key)
        let box = BoxKey(sharedSecret: Self.key)
        #expect(box.seal(plain, nonce: nonce) == expected)
        var inPlace = [UInt8](repeating: 9, count: 16) + plain
        inPlace.withUnsafeMutableBufferPointer { box.seal(inPlace: $0, nonce: nonce) }
        #expect(inPlace == expected)
        #expect(try box.open(expected, nonce: nonce) == plain)
        for altered in Set([0, 15, min(16, count + 15), count / 2 + 15, count + 15]) {
            var sealed = expected
            sealed[altered] ^= 1
            #expect(throws: PrimitiveError.authenticationFailed) { try box.open(sealed, nonce: nonce) }
        }
    }

    @Test func aesGCMWithSixteenByteIV() throws {
        let iv = (0..<16).map { UInt8($0) }
        let (ciphertext, tag) = try AES256GCM.seal(
            Array("hello".utf8), key: Self.key, iv: iv, associatedData: Array("ad".utf8))
        #expect(hex(ciphertext) == "0f09cc1a56")
        #expect(hex(tag) == "1332666cbebda98a3a8e743a890567e8")
        let plain = try AES256GCM.open(
            ciphertext, tag: tag, key: Self.key, iv: iv, associatedData: Array("ad".utf8))
        #expect(plain == Array("hello".utf8))
        #expect(throws: PrimitiveError.authenticationFailed) {
            try AES256GCM.open(ciphertext, tag: tag, key: Self.key, iv: iv, associatedData: Array("AD".utf8))
        }
    }

    @Test func keysHaveTheDocumentedPrefixes() throws {
        #expect(hex(X25519PrivateKey().publicKey.spki.prefix(12)) == "302a300506032b656e032100")
        #expect(hex(Ed25519PrivateKey().publicKey.spki.prefix(12)) == "302a300506032b6570032100")
        #expect(hex(X448PrivateKey().publicKey.spki.prefix(12)) == "3042300506032b656f033900")
        let ed448 = try Ed448PublicKey(raw: [UInt8](repeating: 0, count: 57))
        #expect(hex(ed448.spki.prefix(12)) == "3043300506032b6571033a00")
    }

    /// RFC 7748, section 6.1 and 6.2: the secret that Alice and Bob share.
    @Test func agreementOfRFC7748() throws {
        let bob = try X25519PrivateKey(raw: bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
        let alice = try X25519PublicKey(raw: bytes("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"))
        #expect(
            try hex(bob.agree(with: alice).bytes) == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
        let alice448 = try X448PrivateKey(
            raw: bytes(
                "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28d"
                    + "d9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b"))
        #expect(
            hex(alice448.publicKey.raw) == "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c"
                + "22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0")
        let bob448 = X448PrivateKey()
        #expect(try alice448.agree(with: bob448.publicKey) == bob448.agree(with: alice448.publicKey))
        let smallOrder = try X25519PublicKey(raw: [UInt8](repeating: 0, count: 32))
        #expect(throws: PrimitiveError.invalidKey) { try bob.agree(with: smallOrder) }
    }

    /// RFC 8032, section 7.1, test 2.
    @Test func signatureOfRFC8032() throws {
        let key = try Ed25519PrivateKey(seed: bytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
        #expect(hex(key.publicKey.raw) == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
        let signature = key.sign([0x72])
        #expect(hex(signature.prefix(8)) == "92a009a9f0d4cab8")
        #expect(key.publicKey.isValid(signature: signature, for: [0x72]))
        #expect(!key.publicKey.isValid(signature: signature, for: [0x73]))
        #expect(!key.publicKey.isValid(signature: signature.prefix(63), for: [0x72]))
    }

    @Test func authKeysByKind() throws {
        let x25519 = X25519PrivateKey().publicKey
        let ed25519 = Ed25519PrivateKey().publicKey
        #expect(try AuthKey(spki: x25519.spki) == .x25519(x25519))
        #expect(try AuthKey(spki: ed25519.spki) == .ed25519(ed25519))
        #expect(throws: PrimitiveError.invalidKey) { try AuthKey(spki: x25519.spki.dropLast()) }
        #expect(throws: PrimitiveError.invalidKey) { try AuthKey(spki: []) }
    }

    @Test func hashes() {
        let abc = Array("abc".utf8)
        #expect(hex(SHA256.hash(abc)).hasPrefix("ba7816bf8f01cfea414140de5dae2223"))
        #expect(hex(SHA256.hash([])).hasPrefix("e3b0c44298fc1c149afbf4c8996fb924"))
        #expect(hex(SHA512.hash(abc)).hasPrefix("ddaf35a193617abacc417349ae204131"))
        #expect(hex(SHA3_384.hash(abc)).hasPrefix("ec01498288516fc926459f58e2c6ad8d"))
        var hasher = SHA256Hasher()
        hasher.update(abc[..<1])
        hasher.update(abc[1...])
        #expect(hasher.finish() == SHA256.hash(abc))
    }

    /// Two at once are the same as one and one, at every length of a last block and where the lengths differ.
    @Test func hashesInPairs() {
        func pair(_ first: [UInt8], _ second: [UInt8]) -> ([UInt8], [UInt8]) {
            first.withUnsafeBytes { first in second.withUnsafeBytes { second in SHA256.hash(first, second) } }
        }
        let abc = Array("abc".utf8)
        #expect(hex(pair(abc, Array("abd".utf8)).0).hasPrefix("ba7816bf8f01cfea414140de5dae2223"))
        for count in Array(0...260) + [4095, 4096, 256 << 10] {
            let first = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let second = first.map { $0 ^ 0xA5 }
            #expect(pair(first, second) == (SHA256.hash(first), SHA256.hash(second)))
            #expect(pair(first, abc) == (SHA256.hash(first), SHA256.hash(abc)))
        }
    }

    @Test func secretsStayOutOfText() {
        let secret = SecretBytes([1, 2, 3])
        #expect("\(secret)" == "<3 secret bytes>")
        #expect(secret == SecretBytes([1, 2, 3]))
        #expect(secret != SecretBytes([1, 2, 4]))
        #expect(secret != SecretBytes([1, 2]))
    }
}

private func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

private func bytes(_ hex: String) -> [UInt8] {
    let digits = Array(hex)
    return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
}
