import Benchmark
import Primitives
import SMPProtocol

/// One SEND of 16 KB as a block of a connection to a relay.
enum BlockBenchmarks {
    static func register() {
        let body = SecureRandom.bytes(SMP.maximumMessageSize(version))
        let entityID = SecureRandom.bytes(24)
        let queueKey = X25519PrivateKey()
        let relayKey = X25519PrivateKey()
        let session = BlockBuilder.Session(
            id: SecureRandom.bytes(32), serverKey: relayKey.publicKey, version: version)

        add("block: build, no authorization", body, entityID, .none, session) { BlockCipher() }
        add("block: build, X25519 authorization", body, entityID, .x25519(queueKey), session) { BlockCipher() }
        if let box = try? BoxKey(queueKey, relayKey.publicKey) {
            add("block: build, cached X25519 authorization", body, entityID, .box(box), session) { BlockCipher() }
        }
        add("block: build, no authorization, and encrypt", body, entityID, .none, session) {
            let secret = SecretBytes.random(32)
            return BlockCipher(sharedSecret: secret, sessionID: session.id, side: .client)
        }
    }

    private static let version: UInt16 = 14

    private static func add(
        _ name: String, _ body: [UInt8], _ entityID: [UInt8], _ authorization: Authorization,
        _ session: BlockBuilder.Session, cipher makeCipher: @escaping @Sendable () -> BlockCipher
    ) {
        Benchmark(name) { benchmark in
            var builder = BlockBuilder()
            var cipher = makeCipher()
            let correlationID = SecureRandom.bytes(24)
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations {
                let fits = try builder.append(
                    .send(notify: false, body: body[...]), correlationID: correlationID, entityID: entityID,
                    authorization: authorization, session: session)
                precondition(fits, "a block holds one SEND")
                blackHole(cipher.seal(&builder))
            }
        }
    }
}
