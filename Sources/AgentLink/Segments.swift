/// A message larger than one agent message travels as segments `#id.n.total bytes`: n counts from 0, id is the number of
/// the first segment. A whole chat message starts with a digit or a space, so the two cannot be confused.
struct Segment: Equatable, Sendable {
    /// The agent message number of segment 0.
    var first: Int64
    /// Which one this is, from 0.
    var number: Int
    /// How many there are.
    var total: Int
    /// Its part of the message.
    var body: ArraySlice<UInt8>

    /// The longest message that is assembled: 4 MiB and 64 KiB.
    static let messageLimit = 4 << 20 + 64 << 10
    /// The longest agent message body, by the ratchet's padding without post-quantum keys.
    static let bodyLimit = 15_795
    /// Bytes of message in every segment but the last: room is left for the longest header.
    static let payloadCount = bodyLimit - 40

    init(first: Int64, number: Int, total: Int, body: ArraySlice<UInt8>) {
        self.first = first
        self.number = number
        self.total = total
        self.body = body
    }

    /// Reads a segment; nil if `bytes` is a whole message or a damaged segment.
    init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.first == UInt8(ascii: "#") else { return nil }
        var rest = bytes.dropFirst()
        guard let first = Self.number(&rest, before: UInt8(ascii: ".")),
            let number = Self.number(&rest, before: UInt8(ascii: ".")),
            let total = Self.number(&rest, before: UInt8(ascii: " ")), first > 0,
            total > 0, total <= Int64(Self.messageLimit / Self.payloadCount + 1), number < total
        else { return nil }
        self.first = first
        self.number = Int(number)
        self.total = Int(total)
        self.body = rest
        // Every segment but the last is full, so that each one's place is known without the others.
        guard body.count == Self.payloadCount || self.number == self.total - 1 && body.count <= Self.payloadCount else {
            return nil
        }
    }

    /// Takes a decimal number and the byte behind it.
    private static func number(_ rest: inout ArraySlice<UInt8>, before end: UInt8) -> Int64? {
        var value: Int64 = 0
        var digits = 0
        while let byte = rest.popFirst() {
            if byte == end { return digits > 0 ? value : nil }
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), digits < 18 else { return nil }
            value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            digits += 1
        }
        return nil
    }

    /// How many agent messages a message of `count` bytes takes.
    static func count(for count: Int) -> Int {
        count <= bodyLimit ? 1 : (count + payloadCount - 1) / payloadCount
    }

    /// The head of segment `number` of `total`.
    static func header(first: Int64, number: Int, total: Int) -> [UInt8] { Array("#\(first).\(number).\(total) ".utf8) }
}

/// Puts the segments of one message together, in whatever order they come.
struct Assembly: Sendable {
    let first: Int64
    let total: Int
    private var bytes: [UInt8]
    private var lastCount = 0
    private(set) var present: [Bool]
    private(set) var numbers: [Int64]
    /// Whether some of its segments are rows.
    var isStored = false
    /// Whether its head says that it is bulk; nil before the head has come.
    var isBulk: Bool?

    init(_ segment: Segment) {
        first = segment.first
        total = segment.total
        bytes = [UInt8](repeating: 0, count: segment.total * Segment.payloadCount)
        present = [Bool](repeating: false, count: segment.total)
        numbers = [Int64](repeating: 0, count: segment.total)
    }

    /// Whether every segment is here.
    var isComplete: Bool { present.allSatisfy { $0 } }
    /// How many bytes it holds.
    var byteCount: Int { bytes.count }

    /// The first bytes of the message, once segment 0 is here.
    var head: ArraySlice<UInt8>? {
        present[0] ? bytes[..<(total == 1 ? lastCount : Segment.payloadCount)] : nil
    }

    /// Puts a segment in its place; one that is there already, or of another shape, changes nothing.
    /// - Returns: whether it was put in.
    @discardableResult
    mutating func insert(_ segment: Segment, id: Int64) -> Bool {
        guard segment.first == first, segment.total == total, !present[segment.number] else { return false }
        let start = segment.number * Segment.payloadCount
        if segment.number == total - 1 {
            // The end of the message: shortened here, where nobody else has the bytes, it costs no copy.
            bytes.replaceSubrange(start..., with: segment.body)
            lastCount = segment.body.count
        } else {
            bytes.replaceSubrange(start..<start + segment.body.count, with: segment.body)
        }
        present[segment.number] = true
        numbers[segment.number] = id
        return true
    }

    /// Takes a segment out again that could not be stored.
    mutating func remove(_ number: Int) { present[number] = false }

    /// The whole message.
    consuming func message() -> [UInt8] { bytes }

    /// The segments that are here: number, agent message number, bytes.
    var segments: [(number: Int, id: Int64, body: ArraySlice<UInt8>)] {
        present.indices.filter { present[$0] }.map { number in
            let start = number * Segment.payloadCount
            let count = number == total - 1 ? lastCount : Segment.payloadCount
            return (number, numbers[number], bytes[start..<start + count])
        }
    }
}
