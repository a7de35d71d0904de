/// A `1*DIGIT` of the grammar: its value, and how many zeros too many it was written with.
public struct ChatNumber: Hashable, Sendable {
    /// From 0 to 2⁶³ − 1.
    public let value: Int64
    /// Zeros in front of the shortest form; they are kept so that a message prints back as it came.
    public let leadingZeros: Int

    /// A number in its shortest form. Negative values are our own mistake and trap.
    public init(_ value: Int64) {
        precondition(value >= 0, "the grammar has no negative numbers")
        self.value = value
        leadingZeros = 0
    }

    /// Reads digits; nil for none, another byte, or a value above 2⁶³ − 1.
    public init?(digits: some Collection<UInt8>) {
        guard !digits.isEmpty else { return nil }
        var value: Int64 = 0
        var zeros = 0
        for digit in digits {
            guard Letters.isDigit(digit) else { return nil }
            let (tens, tooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = tens.addingReportingOverflow(Int64(digit - 0x30))
            guard !tooLarge, !carried else { return nil }
            if value == 0 { zeros += 1 }
            value = sum
        }
        self.value = value
        // Each digit read while the value was still 0 counted, the first one that belongs to the shortest form too.
        leadingZeros = zeros - 1
    }

    func append(to bytes: inout [UInt8]) {
        bytes.append(contentsOf: repeatElement(0x30, count: leadingZeros))
        bytes.append(contentsOf: String(value).utf8)
    }

    /// A number in its shortest form, as parameters have it: no leading zeros, at most 2⁶³ − 1.
    static func shortest(_ text: some StringProtocol) -> Int64? {
        guard let number = ChatNumber(digits: text.utf8), number.leadingZeros == 0 else { return nil }
        return number.value
    }
}
