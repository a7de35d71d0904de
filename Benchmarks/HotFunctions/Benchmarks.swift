import Benchmark

/// Everything that happens once a chunk, or once a block, of a transfer.
let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = Benchmark.Configuration(
        metrics: [.wallClock, .throughput], warmupIterations: 10, maxDuration: .seconds(3))
    GrammarBenchmarks.register()
    RatchetBenchmarks.register()
    BlockBenchmarks.register()
    ChunkBenchmarks.register()
}
