import ChatProtocol
import WireFormat

/// Which message ended which chunk: what tells a lost chunk from one that is still under way.
///
/// Chunks that follow each other with messages at equal distances share one run, so that a file of any size sent in order
/// takes a few runs. The oldest runs are forgotten first; a forgotten chunk counts as handled, and is sent again when wanted.
struct SentLog: Hashable, Sendable {
    /// `count` chunks from `first`, whose last segments have the numbers `message`, `message + stride`, …
    struct Run: Hashable, Sendable {
        var first: UInt64
        var count: UInt64
        var message: Int64
        var stride: Int64
    }

    static let mostRuns = 64
    /// The largest distance inside a run.
    static let longestStride: Int64 = 1 << 12

    private(set) var runs: [Run] = []

    /// Records that the last segment of `chunk` has the number `message`. Numbers grow from call to call.
    mutating func append(chunk: UInt64, message: Int64) {
        if var run = runs.last, run.first + run.count == chunk {
            let last = run.message + run.stride * Int64(run.count - 1)
            if run.count == 1, message > last { run.stride = min(message - last, Self.longestStride) }
            if run.stride > 0, message == last + run.stride {
                run.count += 1
                runs[runs.count - 1] = run
                return
            }
        }
        runs.append(Run(first: chunk, count: 1, message: message, stride: 0))
        if runs.count > Self.mostRuns { runs.removeFirst(runs.count - Self.mostRuns) }
    }

    /// The chunks whose last segment was sent above `seen`.
    func chunks(above seen: Int64) -> ChunkRanges {
        var chunks = ChunkRanges()
        for run in runs {
            let under = Self.count(of: run, upTo: seen)
            if under < run.count { chunks.insert(run.first + under...run.first + (run.count - 1)) }
        }
        return chunks
    }

    /// Forgets the chunks whose last segment has at most the number `message`.
    mutating func forget(upTo message: Int64) {
        runs = runs.compactMap { run in
            let under = Self.count(of: run, upTo: message)
            guard under < run.count else { return nil }
            return Run(
                first: run.first + under, count: run.count - under,
                message: run.message + Int64(under) * run.stride, stride: run.stride)
        }
    }

    /// Forgets the chunks whose last segment has the number `message` or a higher one.
    mutating func forget(from message: Int64) {
        runs = runs.compactMap { run in
            var run = run
            run.count = Self.count(of: run, upTo: message - 1)
            return run.count == 0 ? nil : run
        }
    }

    /// How many chunks of `run` end at most at the number `message`.
    private static func count(of run: Run, upTo message: Int64) -> UInt64 {
        guard message >= run.message else { return 0 }
        guard run.stride > 0 else { return run.count }
        return min(run.count, UInt64((message - run.message) / run.stride) + 1)
    }
}

extension SentLog {
    func write(to writer: inout WireWriter) {
        writer.list(runs) { writer, run in
            writer.integer(run.first)
            writer.integer(run.count)
            writer.integer(run.message)
            writer.integer(run.stride)
        }
    }

    init(from reader: inout WireReader) throws(WireError) {
        runs = try reader.list { reader throws(WireError) in
            let at = reader.offset
            let run = Run(
                first: try reader.integer(), count: try reader.integer(), message: try reader.integer(),
                stride: try reader.integer())
            // Bounds within which no sum or product of these overflows.
            guard run.first < 1 << 50, (1..<1 << 50).contains(run.count), (0..<1 << 61).contains(run.message),
                (0...Self.longestStride).contains(run.stride), run.stride > 0 || run.count == 1
            else { throw .unexpected(offset: at) }
            return run
        }
    }
}
