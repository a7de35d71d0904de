/// Choices made from an input; zeros once it is used up.
struct ByteSource {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isEmpty: Bool { rest.isEmpty }

    mutating func u8() -> UInt8 { rest.popFirst() ?? 0 }

    mutating func flag() -> Bool { u8() & 1 == 1 }

    mutating func u16() -> UInt16 { UInt16(u8()) << 8 | UInt16(u8()) }

    mutating func u64() -> UInt64 { (0..<8).reduce(0) { value, _ in value << 8 | UInt64(u8()) } }

    /// A number that is small, near a power of two, near the end, or any.
    mutating func number() -> UInt64 {
        switch u8() {
        case let small where small < 0xC0: UInt64(small)
        case 0xC0..<0xE0: (1 << UInt64(u8() % 64)) &+ UInt64(u8() % 8) &- 4
        case 0xE0..<0xF0: UInt64.max - UInt64(u8())
        default: u64()
        }
    }

    mutating func take(_ count: Int) -> [UInt8] {
        let taken = rest.prefix(count)
        rest = rest.dropFirst(count)
        return Array(taken)
    }

    mutating func all() -> [UInt8] { take(rest.count) }

    /// One of `choices`.
    mutating func pick<Choice>(_ choices: [Choice]) -> Choice { choices[Int(u8()) % choices.count] }
}
