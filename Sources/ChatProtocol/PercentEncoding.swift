/// Free text in a parameter: UTF-8, and `%XX` for every byte that the grammar excludes and for `%` itself.
public enum PercentEncoding {
    /// The text as one parameter; empty for an empty text, which no parameter can hold.
    public static func encode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var encoded: [UInt8] = []
        encoded.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            if Letters.isParameter(byte), byte != Letters.percent {
                encoded.append(byte)
            } else {
                encoded.append(Letters.percent)
                encoded.append(digits[Int(byte >> 4)])
                encoded.append(digits[Int(byte & 15)])
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// The text of a parameter; nil for a `%` without two hexadecimal digits (either case), or bytes that are not UTF-8.
    public static func decode(_ parameter: some StringProtocol) -> String? {
        var decoded: [UInt8] = []
        var rest = parameter.utf8.makeIterator()
        while let byte = rest.next() {
            guard byte == Letters.percent else {
                decoded.append(byte)
                continue
            }
            guard let high = rest.next().flatMap(nibble), let low = rest.next().flatMap(nibble) else { return nil }
            decoded.append(high << 4 | low)
        }
        return String(validating: decoded, as: UTF8.self)
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x41 + 10
        case 0x61...0x66: digit - 0x61 + 10
        default: nil
        }
    }
}
