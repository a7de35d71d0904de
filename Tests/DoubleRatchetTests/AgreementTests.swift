import DoubleRatchet
import Primitives
import Testing
import WireFormat

@Suite struct AgreementTests {
    static func keys(_ first: UInt8, _ second: UInt8) throws -> AgreementKeys {
        AgreementKeys(key1: try FormulaPeer.key(first), key2: try FormulaPeer.key(second))
    }

    /// `u16 v, S(SPKI), S(SPKI)`, from version 3 on `'0'`.
    @Test func binaryLayout() throws {
        let parameters = try Self.keys(1, 2).publicParameters
        let (raw1, raw2) = (try FormulaPeer.key(1).publicKey.raw, try FormulaPeer.key(2).publicKey.raw)
        let prefix = Hex.decode("443042300506032b656f033900") ?? []
        #expect(parameters.encoded() == [0, 3] + prefix + raw1 + prefix + raw2 + [0x30])
        let answer = try Self.keys(1, 2).publicParameters(version: 2)
        #expect(answer.encoded() == [0, 2] + prefix + raw1 + prefix + raw2)
        for form in [parameters, answer] { #expect(try E2EParameters(decoding: form.encoded()[...]) == form) }
    }

    @Test func binaryRejects() throws {
        let whole = try Self.keys(1, 2).publicParameters.encoded()
        for count in 0..<whole.count {
            #expect(throws: RatchetError.self) { try E2EParameters(decoding: whole[..<count]) }
        }
        #expect(throws: RatchetError.self) { try E2EParameters(decoding: (whole + [0])[...]) }
        #expect(throws: RatchetError.self) { try E2EParameters(decoding: ([0, 1] + whole[2...])[...]) }
        #expect(throws: RatchetError.self) { try E2EParameters(decoding: (Array(whole.dropLast()) + [0x32])[...]) }
        #expect(throws: RatchetError.self) {
            try E2EParameters(decoding: (Array(whole.dropLast()) + [0x31, 0x51, 0, 0])[...])
        }
    }

    /// A proposed or accepted KEM is read and left out.
    @Test func keyEncapsulationIsPassedOver() throws {
        let parameters = try Self.keys(1, 2).publicParameters
        let start = Array(parameters.encoded().dropLast())
        let key = FormulaPeer.u16(1158) + [UInt8](repeating: 7, count: 1158)
        let ciphertext = FormulaPeer.u16(1039) + [UInt8](repeating: 8, count: 1039)
        #expect(try E2EParameters(decoding: (start + [0x31, 0x50] + key)[...]) == parameters)
        #expect(try E2EParameters(decoding: (start + [0x31, 0x41] + ciphertext + key)[...]) == parameters)
        #expect(throws: RatchetError.self) { try E2EParameters(decoding: (start + [0x31, 0x41] + key)[...]) }
    }

    @Test func textForm() throws {
        let parameters = try Self.keys(1, 2).publicParameters
        let keys = [parameters.key1, parameters.key2].map { Base64.encode($0.spki, .url) }
        #expect(parameters.text == "v=2-3&x3dh=\(keys[0]),\(keys[1])")
        #expect(keys[0].hasPrefix("MEIwBQYDK2VvAzkA") && keys[0].hasSuffix("="))
        let bare = keys.map { String($0.prefix { $0 != "=" }) }.joined(separator: ",")
        for text in [parameters.text, "v=2-3&x3dh=" + bare, "x3dh=\(bare)&v=3&kem_key=abcd&more"] {
            #expect(try E2EParameters(text: text) == parameters)
        }
        #expect(try E2EParameters(text: "v=3-7&x3dh=" + bare).version == 7)
        #expect(try E2EParameters(text: "v=2&x3dh=" + bare).version == 2)
        for text in [
            "", "v=2-3", "x3dh=" + bare, "v=1-1&x3dh=" + bare, "v=4-5&x3dh=" + bare, "v=3-2&x3dh=" + bare,
            "v=2-x&x3dh=" + bare, "v=-3&x3dh=" + bare, "v=2-3-4&x3dh=" + bare, "v=2-3&x3dh=" + keys[0],
            "v=2-3&x3dh=\(bare),\(keys[0])", "v=2-3&x3dh=!,\(bare)", "v=2-3&x3dh=\(keys[0]),AAAA",
            "v=65536&x3dh=" + bare,
        ] {
            #expect(throws: RatchetError.self, "\(text)") { try E2EParameters(text: text) }
        }
    }

    @Test func keysSurviveStorage() throws {
        let keys = try Self.keys(3, 4)
        #expect(keys.encoded() == [UInt8](repeating: 3, count: 56) + [UInt8](repeating: 4, count: 56))
        #expect(AgreementKeys(keys.encoded())?.publicParameters == keys.publicParameters)
        #expect(AgreementKeys([1, 2, 3]) == nil)
        #expect(AgreementKeys(keys.encoded() + [0]) == nil)
    }

    /// A key of small order would make the agreed secret known to everybody.
    @Test func smallOrderIsRefused() throws {
        let zero = try X448PublicKey(raw: [UInt8](repeating: 0, count: 56))
        let keys = try Self.keys(3, 4)
        for peer in [
            E2EParameters(key1: zero, key2: keys.publicParameters.key2),
            E2EParameters(key1: keys.publicParameters.key1, key2: zero),
        ] {
            #expect(throws: RatchetError.self) { try keys.joiner(peer: peer) }
            #expect(throws: RatchetError.self) { try keys.initiator(peer: peer) }
        }
    }
}
