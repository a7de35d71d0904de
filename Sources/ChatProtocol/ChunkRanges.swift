/// A set of chunk numbers, kept as ascending closed ranges that neither overlap nor touch.
///
/// A range that ends at `UInt64.max` is open: it means "and everything behind".
public struct ChunkRanges: Hashable, Sendable {
    /// The ranges, ascending, with at least one number between each two.
    public private(set) var ranges: [ClosedRange<UInt64>] = []

    /// The empty set.
    public init() {}

    /// The numbers of `range`.
    public init(_ range: ClosedRange<UInt64>) { ranges = [range] }

    /// Whether no number is in the set.
    public var isEmpty: Bool { ranges.isEmpty }
    /// The lowest number; nil if there is none.
    public var first: UInt64? { ranges.first?.lowerBound }

    /// Whether `number` is in the set.
    public func contains(_ number: UInt64) -> Bool {
        let index = firstIndex(endingAtOrAfter: number)
        return index < ranges.count && ranges[index].lowerBound <= number
    }

    /// Adds a number.
    public mutating func insert(_ number: UInt64) { insert(number...number) }

    /// Adds a range.
    public mutating func insert(_ new: ClosedRange<UInt64>) {
        // From the first that touches or overlaps the new one to the last that does.
        let from = firstIndex(endingAtOrAfter: new.lowerBound == 0 ? 0 : new.lowerBound - 1)
        var low = new.lowerBound
        var high = new.upperBound
        let reach = high == .max ? high : high + 1
        var to = from
        while to < ranges.count, ranges[to].lowerBound <= reach {
            low = min(low, ranges[to].lowerBound)
            high = max(high, ranges[to].upperBound)
            to += 1
        }
        ranges.replaceSubrange(from..<to, with: CollectionOfOne(low...high))
    }

    /// Takes a number out.
    public mutating func remove(_ number: UInt64) { remove(number...number) }

    /// Takes a range out.
    public mutating func remove(_ old: ClosedRange<UInt64>) {
        let from = firstIndex(endingAtOrAfter: old.lowerBound)
        var to = from
        var rests: [ClosedRange<UInt64>] = []
        while to < ranges.count, ranges[to].lowerBound <= old.upperBound {
            let range = ranges[to]
            if range.lowerBound < old.lowerBound { rests.append(range.lowerBound...old.lowerBound - 1) }
            if range.upperBound > old.upperBound { rests.append(old.upperBound + 1...range.upperBound) }
            to += 1
        }
        ranges.replaceSubrange(from..<to, with: rests)
    }

    /// What is in either.
    public func union(_ other: ChunkRanges) -> ChunkRanges {
        var union = self
        for range in other.ranges { union.insert(range) }
        return union
    }

    /// What is in this one but not in `other`.
    public func subtracting(_ other: ChunkRanges) -> ChunkRanges {
        var rest = self
        for range in other.ranges { rest.remove(range) }
        return rest
    }

    /// What is in both.
    public func intersection(_ other: ChunkRanges) -> ChunkRanges { subtracting(subtracting(other)) }

    /// The index of the first range whose end is not below `number`; the count if there is none.
    private func firstIndex(endingAtOrAfter number: UInt64) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = low + (high - low) / 2
            if ranges[middle].upperBound < number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension ChunkRanges {
    /// Reads the ranges of x.file.want, one a parameter: `17`, `40-63`, `80-`.
    ///
    /// nil unless they are 1 to 64, from 1 on, inclusive, ascending with at least one number between each two, in their
    /// shortest form, and only the last one is open.
    public init?(parameters: some Collection<String>) {
        guard (1...ChatLimits.wantedRanges).contains(parameters.count) else { return nil }
        var ranges: [ClosedRange<UInt64>] = []
        for parameter in parameters {
            guard let range = ChunkRanges.range(parameter) else { return nil }
            if let last = ranges.last {
                // An open last one leaves no room for another.
                guard last.upperBound < .max - 1, range.lowerBound > last.upperBound + 1 else { return nil }
            }
            ranges.append(range)
        }
        self.ranges = ranges
    }

    /// Reads ranges joined by commas: `17,40-63,80-`.
    public init?(_ text: String) {
        guard text.utf8.count <= ChatLimits.wantedRanges * 40 else { return nil }
        self.init(parameters: text.split(separator: ",", omittingEmptySubsequences: false).map(String.init))
    }

    /// `17`, `40-63` or `80-`
    private static func range(_ text: String) -> ClosedRange<UInt64>? {
        let bounds = text.split(separator: "-", omittingEmptySubsequences: false)
        guard let low = bounds.first.flatMap({ ChatNumber.shortest($0) }), low >= 1 else { return nil }
        let first = UInt64(low)
        switch bounds.count {
        case 1: return first...first
        case 2 where bounds[1].isEmpty: return first...UInt64.max
        case 2:
            guard let high = ChatNumber.shortest(bounds[1]), high > low else { return nil }
            return first...UInt64(high)
        default: return nil
        }
    }

    /// The ranges as parameters, one each; an end of `UInt64.max` is printed open.
    public var parameters: [String] {
        ranges.map { range in
            if range.upperBound == .max { return "\(range.lowerBound)-" }
            let isSingle = range.lowerBound == range.upperBound
            return isSingle ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
        }
    }
}

extension ChunkRanges: CustomStringConvertible {
    /// The ranges joined by commas, as in x.file.want.
    public var description: String { parameters.joined(separator: ",") }
}
