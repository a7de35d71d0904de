import ChatProtocol
import Testing

@Suite struct ChunkRangesTests {
    @Test(arguments: [
        "1", "1-", "17,40-63,80-", "1-2", "5,7,9", "1,3-9223372036854775807", "9223372036854775807-", "2,4-",
    ])
    func printsBack(_ text: String) throws {
        let ranges = try #require(ChunkRanges(text))
        #expect(ranges.description == text)
        #expect(ranges.parameters.joined(separator: ",") == text)
        #expect(ChunkRanges(parameters: ranges.parameters) == ranges)
    }

    @Test(arguments: [
        "", ",", "0", "0-5", "01", "1-02", "5-5", "5-4", "-5", "-", "a", "1-b", "1--2", "1-2-3", "1,", ",1", "1,1",
        "1,2", "3,1",
        "1-5,5", "1-5,6", "1-5,4-9", "1-,7", "1 ", "+1", "9223372036854775808", "1-9223372036854775808",
        "1-18446744073709551615", "99999999999999999999999-",
    ])
    func refused(_ text: String) { #expect(ChunkRanges(text) == nil) }

    @Test func atMost64() {
        let numbers = (1...65).map { String($0 * 2) }
        #expect(ChunkRanges(numbers.prefix(64).joined(separator: ","))?.ranges.count == 64)
        #expect(ChunkRanges(numbers.joined(separator: ",")) == nil)
        #expect(ChunkRanges(String(repeating: "1,", count: 1_000_000)) == nil)
    }

    @Test func openRanges() throws {
        let open = try #require(ChunkRanges("80-"))
        #expect(open.ranges == [80...UInt64.max] && open.contains(.max) && !open.contains(79))
        var set = open
        set.remove(100)
        #expect(set.description == "80-99,101-")
        set.insert(100...UInt64.max)
        #expect(set == open)
        set.remove(0...UInt64.max)
        #expect(set.isEmpty && set.first == nil)
        set.insert(UInt64.max)
        set.insert(0)
        #expect(set.ranges == [0...0, UInt64.max...UInt64.max])
    }

    /// Against a set of numbers, for small numbers.
    @Test func behavesAsASet() {
        var generator = SeededGenerator(state: 11)
        var ranges = ChunkRanges()
        var numbers: Set<UInt64> = []
        for _ in 0..<1500 {
            let low = generator.next() % 40
            let range = low...low + generator.next() % 6
            if generator.next() % 2 == 0 {
                ranges.insert(range)
                numbers.formUnion(range)
            } else {
                ranges.remove(range)
                numbers.subtract(range)
            }
            check(ranges, numbers)
        }
        var other = ChunkRanges(3...9)
        other.insert(20...21)
        let otherNumbers = Set<UInt64>(3...9).union(20...21)
        check(ranges.union(other), numbers.union(otherNumbers))
        check(ranges.subtracting(other), numbers.subtracting(otherNumbers))
        check(ranges.intersection(other), numbers.intersection(otherNumbers))
    }

    private func check(_ ranges: ChunkRanges, _ numbers: Set<UInt64>) {
        #expect(ranges.ranges.flatMap { Array($0) } == numbers.sorted())
        #expect(zip(ranges.ranges, ranges.ranges.dropFirst()).allSatisfy { $0.upperBound + 1 < $1.lowerBound })
        #expect((0...50).allSatisfy { ranges.contains($0) == numbers.contains($0) })
        #expect(ranges.first == numbers.min())
    }
}
