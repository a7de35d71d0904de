import ChatProtocol
import WireFormat

/// Which chunks are in place: a chained prefix, and chunks beyond a gap with their hashes.
struct ChunkProgress: Hashable, Sendable {
    /// The chunks up to the first gap.
    private(set) var chain = RootChain()
    /// The hashes of chunks beyond it.
    private(set) var held: [UInt64: [UInt8]] = [:]

    /// The number of the last chunk before the first gap.
    var prefix: UInt64 { chain.count }

    /// The highest chunk in place; 0 for none.
    var highest: UInt64 { held.keys.max() ?? prefix }

    func contains(_ chunk: UInt64) -> Bool { chunk <= prefix || held[chunk] != nil }

    /// Takes in a chunk that is not there yet.
    mutating func insert(_ chunk: UInt64, hash: [UInt8]) {
        guard !contains(chunk) else { return }
        guard chunk == prefix + 1 else {
            held[chunk] = hash
            return
        }
        chain.append(hash)
        while let next = held.removeValue(forKey: prefix + 1) { chain.append(next) }
    }

    /// All chunks in place.
    var chunks: ChunkRanges {
        var chunks = ChunkRanges()
        if prefix > 0 { chunks.insert(1...prefix) }
        for run in runs { chunks.insert(run) }
        return chunks
    }

    /// The held chunks as ranges, in order.
    private var runs: [ClosedRange<UInt64>] {
        var runs: [ClosedRange<UInt64>] = []
        for chunk in held.keys.sorted() {
            if let last = runs.last, last.upperBound + 1 == chunk {
                runs[runs.count - 1] = last.lowerBound...chunk
            } else {
                runs.append(chunk...chunk)
            }
        }
        return runs
    }
}

extension ChunkProgress {
    func write(to writer: inout WireWriter) {
        writer.chain(chain)
        let runs = runs
        writer.u32(UInt32(runs.count))
        for run in runs {
            writer.integer(run.lowerBound)
            writer.u32(UInt32(run.count))
            for chunk in run { writer.raw(held[chunk] ?? []) }
        }
    }

    /// - Parameter last: the highest chunk that can be in place.
    init(from reader: inout WireReader, last: UInt64) throws(WireError) {
        let start = reader.offset
        chain = try reader.chain()
        guard chain.count <= last else { throw .unexpected(offset: start) }
        let runs = try reader.items(least: 12) { reader throws(WireError) in
            let first: UInt64 = try reader.integer()
            let hashes = try reader.items(least: RootChain.hashLength) { reader throws(WireError) in
                try reader.hash()
            }
            return (first, hashes)
        }
        var before = chain.count + 1
        for (first, hashes) in runs {
            // Ranges are in order, apart, and not empty.
            guard first > before, first <= last, !hashes.isEmpty, UInt64(hashes.count - 1) <= last - first else {
                throw .unexpected(offset: start)
            }
            for (index, hash) in hashes.enumerated() { held[first + UInt64(index)] = hash }
            before = first + UInt64(hashes.count)
        }
    }
}
