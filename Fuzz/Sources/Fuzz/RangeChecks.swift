import ChatProtocol

/// Numbers at both ends of what a set can hold, and one that stands for all between.
private enum Universe {
    static let numbers: [UInt64] = Array(0..<32) + [1 << 40] + Array(UInt64.max - 31...UInt64.max)
    static let middle = 32
}

/// A set of those numbers, and a Bool for each of them.
private struct Modelled {
    var ranges = ChunkRanges()
    var members = [Bool](repeating: false, count: Universe.numbers.count)

    mutating func change(_ source: inout ByteSource) {
        let first = place(&source)
        let second = place(&source)
        let (low, high) = (min(first, second), max(first, second))
        let isInsertion = source.flag()
        let range = Universe.numbers[low]...Universe.numbers[high]
        if isInsertion { ranges.insert(range) } else { ranges.remove(range) }
        for index in low...high { members[index] = isInsertion }
    }

    /// No range ends in the middle.
    private func place(_ source: inout ByteSource) -> Int {
        let place = Int(source.u8()) % Universe.numbers.count
        return place == Universe.middle ? 0 : place
    }

    func check() { compare(ranges, members, "a set") }
}

private func compare(_ ranges: ChunkRanges, _ members: [Bool], _ what: String) {
    for (number, isMember) in zip(Universe.numbers, members) {
        expect(ranges.contains(number) == isMember, "\(what) is wrong about \(number)")
    }
    for (range, next) in zip(ranges.ranges, ranges.ranges.dropFirst()) {
        expect(range.upperBound < .max - 1 && range.upperBound + 1 < next.lowerBound, "\(what) has ranges that touch")
    }
    expect(ranges.isEmpty == !members.contains(true), "\(what) is wrong about being empty")
    // What is left of the middle may begin anywhere in it.
    if let first = members.firstIndex(of: true), first != Universe.middle {
        expect(ranges.first == Universe.numbers[first], "\(what) is wrong about its first")
    }
}

func checkRanges(_ bytes: [UInt8]) {
    checkRangeText(bytes)
    var source = ByteSource(bytes)
    var (left, right) = (Modelled(), Modelled())
    while !source.isEmpty {
        if source.flag() {
            left.change(&source)
            left.check()
        } else {
            right.change(&source)
            right.check()
        }
    }
    let pairs = Array(zip(left.members, right.members))
    compare(left.ranges.union(right.ranges), pairs.map { $0 || $1 }, "a union")
    compare(left.ranges.intersection(right.ranges), pairs.map { $0 && $1 }, "an intersection")
    compare(left.ranges.subtracting(right.ranges), pairs.map { $0 && !$1 }, "a difference")
    let isPrintable = left.ranges.ranges.allSatisfy {
        $0.lowerBound >= 1 && $0.lowerBound < 1 << 63 && ($0.upperBound < 1 << 63 || $0.upperBound == .max)
    }
    if isPrintable, !left.ranges.isEmpty {
        expect(ChunkRanges(left.ranges.description) == left.ranges, "a set prints otherwise")
    }
}

private func checkRangeText(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self), let ranges = ChunkRanges(text) else { return }
    expect(ranges.description == text, "ranges print otherwise")
    var rebuilt = ChunkRanges()
    for range in ranges.ranges.reversed() { rebuilt.insert(range) }
    expect(rebuilt == ranges, "ranges are not in order")
}
