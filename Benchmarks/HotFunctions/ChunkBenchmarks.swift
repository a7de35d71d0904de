import Benchmark
import ChunkIO
import Primitives
import SystemPackage

/// Chunks of 256 KiB from a file and into one, hashed on the way; both files are in the page cache.
enum ChunkBenchmarks {
    private static let chunkCount = 256

    static func register() {
        let size = GrammarBenchmarks.chunkSizeInBytes
        Benchmark("chunk: read and hash 64 MiB") { benchmark in
            let directory = try ScratchDirectory()
            defer { directory.remove() }
            let path = directory.path.appending("source")
            try ScratchDirectory.makeFile(path, chunks: chunkCount, of: size)
            let reader = try ChunkReader(opening: path)
            benchmark.startMeasurement()
            for number in 0..<chunkCount {
                blackHole(try await reader.read(at: Int64(number * size), length: size))
            }
            benchmark.stopMeasurement()
        }
        Benchmark("chunk: verify and write 64 MiB") { benchmark in
            let directory = try ScratchDirectory()
            defer { directory.remove() }
            let reservation = try Destination(output: directory.path.string).reserve(FileName(sanitizing: "received"))
            let writer = reservation.writer()
            let bytes = SecureRandom.bytes(size)
            let hash = SHA256.hash(bytes)
            benchmark.startMeasurement()
            for number in 0..<chunkCount {
                let outcome = try await writer.write(bytes, at: Int64(number * size), expecting: hash)
                precondition(outcome == .written, "the hash is the chunk's own")
            }
            benchmark.stopMeasurement()
            try await reservation.discard()
        }
    }
}
