import ChatProtocol

extension ChunkRanges {
    /// Without what lies behind `last`.
    func clipped(to last: UInt64) -> ChunkRanges {
        guard last < UInt64.max else { return self }
        var clipped = self
        clipped.remove((last + 1)...UInt64.max)
        return clipped
    }

    /// At most `limit` ranges that hold at least these chunks: the smallest spaces between ranges are filled.
    func coalesced(to limit: Int) -> ChunkRanges {
        guard ranges.count > limit, limit > 0 else { return self }
        let spaces = zip(ranges, ranges.dropFirst()).map { $0.upperBound + 1...$1.lowerBound - 1 }
        let smallestFirst = spaces.sorted { $0.upperBound - $0.lowerBound < $1.upperBound - $1.lowerBound }
        var coalesced = self
        for space in smallestFirst.prefix(ranges.count - limit) { coalesced.insert(space) }
        return coalesced
    }
}
