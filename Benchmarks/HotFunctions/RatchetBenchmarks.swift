import Benchmark
import DoubleRatchet
import Primitives

/// One message through the double ratchet, of the size that segments of a chunk have.
enum RatchetBenchmarks {
    /// The size to which a message on a file connection is padded.
    static let paddedSizeInBytes = 15_840

    static func register() {
        let plain = SecureRandom.bytes(paddedSizeInBytes - 2)
        Benchmark("ratchet: encrypt and decrypt a message") { benchmark in
            var (sender, recipient) = try pair()
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations {
                let message = try sender.encrypt(plain, paddedTo: paddedSizeInBytes)
                blackHole(try recipient.decrypt(message[...]))
            }
        }
        Benchmark("ratchet: encrypt a message") { benchmark in
            var sender = try pair().sender
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations {
                blackHole(try sender.encrypt(plain, paddedTo: paddedSizeInBytes))
            }
        }
    }

    /// Two parties who have heard of each other: every message is of one chain.
    private static func pair() throws -> (sender: Ratchet, recipient: Ratchet) {
        let (inviter, joiner) = (AgreementKeys(), AgreementKeys())
        var sender = try joiner.joiner(peer: inviter.publicParameters)
        var recipient = try inviter.initiator(peer: joiner.publicParameters)
        _ = try recipient.decrypt(try sender.encrypt([0], paddedTo: 64)[...])
        return (sender, recipient)
    }
}
