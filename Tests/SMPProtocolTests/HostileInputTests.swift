import Primitives
import SMPProtocol
import Testing
import WireFormat

/// Nothing that comes from outside may trap, whatever it claims.
@Suite("Hostile input") struct HostileInputTests {
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ state >> 33
        }
    }

    private func parseEverything(_ input: ArraySlice<UInt8>) {
        let leaf = AuthKey.ed25519(Fixture.leaf.publicKey)
        _ = try? ServerHello(input)
        _ = try? ClientHello(input)
        _ = try? SignedKey.open(input, leaf: leaf)
        _ = try? BlockBody.decode(input)
        for version: UInt16 in [9, 14, 16, 18] {
            _ = try? Transmission(input, version: version)
            _ = try? ServerResponse(input, version: version)
        }
        _ = try? ClientCommand(input)
        _ = try? QueueEnvelope(input)
        _ = try? AgentEnvelope(input)
        _ = try? AgentMessage(input)
        var reader = WireReader(input)
        _ = try? SMPServer(&reader)
        let text = String(decoding: input, as: UTF8.self)
        _ = try? SMPServer(text)
        _ = try? QueueURI(text)
        _ = try? ConnectionLink(text)
        _ = SMPServerError(text: text)
    }

    private var samples: [[UInt8]] {
        let texts = [
            "smp://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=:pw@h,i:1/4OHi#/?v=1-4&dh=MCow&q=m&srv=a,b",
            "simplex:/invitation#/?v=2-7&smp=smp%3A%2F%2F&e2e=v%3D2-3",
        ]
        var samples = texts.map { Array($0.utf8) }
        samples += AgentMessageTests.envelopes.map { Array(bytes($0.1)) }
        samples += AgentMessageTests.messages.map { Array(bytes($0.1)) }
        samples += CommandTests.commands.map { Array(bytes($0.1)) } + CommandTests.responses.map { Array(bytes($0.1)) }
        samples.append(Array(bytes(HandshakeTests.signedKey)))
        return samples
    }

    @Test("Truncation at every byte") func truncated() {
        for sample in samples {
            for count in 0...sample.count { parseEverything(sample.prefix(count)) }
        }
    }

    @Test("Changed, cut and lengthened at random") func mutated() {
        var generator = Generator(state: 20_261_124)
        for sample in samples {
            for _ in 0..<40 {
                var bytes = sample
                for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
                    let index = Int.random(in: 0..<bytes.count, using: &generator)
                    switch Int.random(in: 0..<4, using: &generator) {
                    case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                    case 1: bytes[index] = 255
                    case 2: bytes.remove(at: index)
                    default: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: index)
                    }
                }
                // With a start other than 0, as slices have it.
                parseEverything(([0, 0, 0] + bytes).dropFirst(3))
            }
        }
    }
}
