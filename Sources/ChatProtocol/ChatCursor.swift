/// A position in a message that only moves forward and never leaves it.
struct ChatCursor {
    let bytes: ArraySlice<UInt8>
    private(set) var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    /// Bytes from the start of the message.
    var offset: Int { position - bytes.startIndex }
    /// Bytes not yet read.
    var count: Int { bytes.endIndex - position }
    var isAtEnd: Bool { position == bytes.endIndex }
    var peek: UInt8? { isAtEnd ? nil : bytes[position] }

    /// Consumes `byte` if it is next; says whether it was.
    mutating func skip(_ byte: UInt8) -> Bool {
        guard position < bytes.endIndex, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    /// Consumes `text` if it is next; says whether it was.
    mutating func skip(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard length <= count else { return false }
        let next = bytes[position..<position + length]
        guard text.withUTF8Buffer({ next.elementsEqual($0) }) else { return false }
        position += length
        return true
    }

    /// Consumes the bytes, perhaps none, up to the first that `belongs` refuses.
    mutating func run(while belongs: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        let start = position
        while position < bytes.endIndex, belongs(bytes[position]) { position += 1 }
        return bytes[start..<position]
    }

    /// Consumes `count` bytes; nil, and nothing consumed, if there are fewer.
    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count >= 0, count <= self.count else { return nil }
        defer { position += count }
        return bytes[position..<position + count]
    }

    /// Consumes `1*DIGIT`.
    mutating func number(_ field: ChatField) throws(ChatProtocolError) -> ChatNumber {
        let start = offset
        let digits = run(while: Letters.isDigit)
        guard !digits.isEmpty else { throw .malformed(field, offset: start) }
        guard let number = ChatNumber(digits: digits) else { throw .numberTooLarge(field, offset: start) }
        return number
    }
}

/// The classes of bytes in the grammar.
enum Letters {
    static let space = UInt8(ascii: " ")
    static let comma = UInt8(ascii: ",")
    static let dot = UInt8(ascii: ".")
    static let colon = UInt8(ascii: ":")
    static let slash = UInt8(ascii: "/")
    static let percent = UInt8(ascii: "%")
    static let hyphen = UInt8(ascii: "-")

    static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    static func isAlpha(_ byte: UInt8) -> Bool {
        byte >= 0x41 && byte <= 0x5A || byte >= 0x61 && byte <= 0x7A
    }

    /// `%x21-2B / %x2D-7E`: no control characters, space, comma.
    static func isParameter(_ byte: UInt8) -> Bool { byte >= 0x21 && byte <= 0x7E && byte != comma }

    /// The letters of a MIME type or subtype (RFC 6838, section 4.2).
    static func isMIME(_ byte: UInt8) -> Bool {
        if isAlpha(byte) || isDigit(byte) { return true }
        switch byte {
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "-"),
            UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "+"):
            return true
        default: return false
        }
    }

    /// The letters of padded standard base64.
    static func isBase64(_ byte: UInt8) -> Bool {
        isAlpha(byte) || isDigit(byte) || byte == UInt8(ascii: "+") || byte == slash || byte == UInt8(ascii: "=")
    }
}
