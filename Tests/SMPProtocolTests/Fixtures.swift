import Primitives
import SMPProtocol
import WireFormat

/// Fixed keys of the transcripts. Expected bytes were computed by an implementation of its own (RFC 7748, XSalsa20-Poly1305
/// and HKDF in Python, Ed25519 signatures by the openssl command).
enum Fixture {
    static func run(_ first: UInt8, _ count: Int = 32) -> [UInt8] { (0..<count).map { first &+ UInt8($0) } }

    static let session = [UInt8](repeating: 1, count: 32)
    static let correlation = run(0x01, 24)
    static let entity = run(0xe0, 24)
    static let leaf = made { try Ed25519PrivateKey(seed: run(0x20)) }
    static let client = made { try X25519PrivateKey(raw: run(0x40)) }
    static let server = made { try X25519PrivateKey(raw: run(0x60)) }
    static let queue = made { try X25519PrivateKey(raw: run(0x80)) }
    static let recipient = made { try X25519PrivateKey(raw: run(0xa0)) }
    static let delivery = made { try X25519PrivateKey(raw: run(0xc0)) }
    /// As long as every message of an agent.
    static let body: [UInt8] = (0..<16_043).map { UInt8(truncatingIfNeeded: $0 * 7) }

    static let x25519Prefix = "302a300506032b656e032100"
    static let leafSPKI = "302a300506032b657003210029acbae141bccaf0b22e1a94d34d0bc7361e526d0bfe12c89794bc9322966dd7"
    static let clientSPKI = x25519Prefix + "79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a"
    static let serverSPKI = x25519Prefix + "675dd574ed7789310b3d2e7681f3790b466c773b1521fecf36577958371ea52f"
    static let queueSPKI = x25519Prefix + "493e82fc74464a59268817623d2053c5eb8e2cc4a988b4fee179ec6b010d531d"
    static let correlationHex = "0102030405060708090a0b0c0d0e0f101112131415161718"
    static let entityHex = "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7"
    /// Ed25519 and X25519 authorization of SUB on `entity`.
    static let signatureOfSub =
        "829193cb7eac0df801d19d5f7ede382cd6d9132647d7dc0e3ae112e6b85188a7"
        + "4502e5682178f05826c472d5f69cd0b333a9f01b9ab33e3e049f4ae167824c05"
    static let authenticatorOfSub =
        "ae25db611d0ae873df42708609900e3e05c1ba149cf7d41697325d2d8cbd58f2b98969bc109f9223"
        + "c5fd6c59cb7a9f819c32f8c5d360333209ae2a11a47ae255d34251ca914db5a4cd9472a733c80f89"

    static func blockSession(_ version: UInt16) -> BlockBuilder.Session {
        BlockBuilder.Session(id: session, serverKey: server.publicKey, version: version)
    }

    static func command(_ command: ClientCommand, _ version: UInt16) -> String {
        var writer = WireWriter()
        command.write(&writer, version: version)
        return Hex.encode(writer.bytes)
    }
}

/// A fixed value that is known to be valid.
func made<Value>(_ make: () throws -> Value) -> Value {
    do { return try make() } catch { preconditionFailure("\(error)") }
}

/// The hexadecimal form of ASCII.
func ascii(_ text: String) -> String { Hex.encode(Array(text.utf8)) }

func bytes(_ hex: String) -> ArraySlice<UInt8> { (Hex.decode(hex) ?? [])[...] }

func digest(_ bytes: some Collection<UInt8>) -> String { Hex.encode(SHA256.hash(Array(bytes))) }
