import Primitives
import SMPProtocol

/// Keys that are the same in every run, so that an input always does the same.
enum Fixed {
    static let leaf = sure(try? Ed25519PrivateKey(seed: run(0x20)))
    static let client = sure(try? X25519PrivateKey(raw: run(0x40)))
    static let server = sure(try? X25519PrivateKey(raw: run(0x60)))
    static let box = sure(try? BoxKey(client, server.publicKey))
    static let session = run(1)
    static let nonce = run(0xe0, 24)

    static func run(_ first: UInt8, _ count: Int = 32) -> [UInt8] { (0..<count).map { first &+ UInt8($0) } }

    static func ratchetKey(_ byte: UInt8) -> X448PrivateKey {
        sure(try? X448PrivateKey(raw: [UInt8](repeating: byte, count: 56)))
    }
}

/// A value of the targets' own that cannot be missing.
func sure<Value>(_ value: Value?) -> Value {
    guard let value else { preconditionFailure("a target's own value is wrong") }
    return value
}

/// What `make` gives; a finding if it throws.
func must<Value>(_ what: String, _ make: () throws -> Value) -> Value {
    do { return try make() } catch {
        expect(false, "\(what): \(error)")
        preconditionFailure("not reached")
    }
}
