import Benchmark
import ChatProtocol
import Primitives

/// The message of a chunk of 256 KiB: `ref,part.number x.file:length:hash`.
enum GrammarBenchmarks {
    /// The size of a chunk that transfers use.
    static let chunkSizeInBytes = 256 << 10

    static func register() {
        let body = SecureRandom.bytes(chunkSizeInBytes)
        let chunk = FileChunk(reference: 7, number: 4_095, length: body.count, hash: SHA256.hash(body))
        let message = chunk.header + body

        Benchmark("grammar: print a chunk's header") { benchmark in
            for _ in benchmark.scaledIterations { blackHole(chunk.header) }
        }
        Benchmark("grammar: print a chunk message") { benchmark in
            for _ in benchmark.scaledIterations { blackHole(chunk.header + body) }
        }
        Benchmark("grammar: parse a chunk message") { benchmark in
            for _ in benchmark.scaledIterations { blackHole(FileChunk.parse(message[...])) }
        }
        Benchmark("grammar: parse a chunk message as any event") { benchmark in
            for _ in benchmark.scaledIterations { blackHole(try ChatEvent(parsing: message[...])) }
        }
    }
}
