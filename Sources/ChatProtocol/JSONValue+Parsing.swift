extension JSONValue {
    /// Parses exactly one value, with white space around it. Total for any input.
    ///
    /// Throws `.json` for a text longer than `limit` bytes, deeper than `ChatLimits.jsonDepth`, with a key twice in an
    /// object, with strings that are not Unicode (lone surrogates too), or not JSON.
    public init(
        parsing text: ArraySlice<UInt8>, limit: Int = ChatLimits.json
    ) throws(ChatProtocolError) {
        guard text.count <= limit else { throw .json(.tooLong, offset: limit) }
        var parser = JSONParser(cursor: ChatCursor(text))
        parser.skipSpace()
        self = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.cursor.isAtEnd else { throw parser.fault() }
    }

    /// Parses exactly one value.
    public init(parsing text: [UInt8], limit: Int = ChatLimits.json) throws(ChatProtocolError) {
        try self.init(parsing: text[...], limit: limit)
    }
}

private struct JSONParser {
    var cursor: ChatCursor

    func fault(_ fault: JSONFault = .syntax) -> ChatProtocolError { .json(fault, offset: cursor.offset) }

    mutating func skipSpace() {
        _ = cursor.run { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
    }

    /// A value; `depth` arrays and objects are open around it.
    mutating func value(depth: Int) throws(ChatProtocolError) -> JSONValue {
        switch cursor.peek {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t") where cursor.skip("true"): return .bool(true)
        case UInt8(ascii: "f") where cursor.skip("false"): return .bool(false)
        case UInt8(ascii: "n") where cursor.skip("null"): return .null
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws(ChatProtocolError) -> JSONValue {
        guard depth <= ChatLimits.jsonDepth else { throw fault(.tooDeep) }
        _ = cursor.skip(UInt8(ascii: "{"))
        skipSpace()
        if cursor.skip(UInt8(ascii: "}")) { return .object([]) }
        var members: [JSONMember] = []
        var keys: Set<[UInt8]> = []
        repeat {
            skipSpace()
            let keyFault = fault(.duplicateKey)
            let key = try string()
            guard keys.insert(Array(key.utf8)).inserted else { throw keyFault }
            skipSpace()
            guard cursor.skip(Letters.colon) else { throw fault() }
            skipSpace()
            members.append(JSONMember(key, try value(depth: depth)))
            skipSpace()
        } while cursor.skip(Letters.comma)
        guard cursor.skip(UInt8(ascii: "}")) else { throw fault() }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(ChatProtocolError) -> JSONValue {
        guard depth <= ChatLimits.jsonDepth else { throw fault(.tooDeep) }
        _ = cursor.skip(UInt8(ascii: "["))
        skipSpace()
        if cursor.skip(UInt8(ascii: "]")) { return .array([]) }
        var values: [JSONValue] = []
        repeat {
            skipSpace()
            values.append(try value(depth: depth))
            skipSpace()
        } while cursor.skip(Letters.comma)
        guard cursor.skip(UInt8(ascii: "]")) else { throw fault() }
        return .array(values)
    }

    private mutating func number() throws(ChatProtocolError) -> JSONValue {
        let start = cursor.position
        let isNegative = cursor.skip(Letters.hyphen)
        var isInteger = true
        let whole = cursor.run(while: Letters.isDigit)
        guard let first = whole.first, first != 0x30 || whole.count == 1 else { throw fault() }
        if cursor.skip(Letters.dot) {
            isInteger = false
            guard !cursor.run(while: Letters.isDigit).isEmpty else { throw fault() }
        }
        if cursor.skip(UInt8(ascii: "e")) || cursor.skip(UInt8(ascii: "E")) {
            isInteger = false
            if !cursor.skip(UInt8(ascii: "+")) { _ = cursor.skip(Letters.hyphen) }
            guard !cursor.run(while: Letters.isDigit).isEmpty else { throw fault() }
        }
        let text = String(decoding: cursor.bytes[start..<cursor.position], as: UTF8.self)
        // "-0" is kept as written: an integer would lose its sign.
        if isInteger, let value = Int64(text), !(isNegative && value == 0) { return .integer(value) }
        return .decimal(text)
    }

    private mutating func string() throws(ChatProtocolError) -> String {
        let start = fault(.notUnicode)
        guard cursor.skip(UInt8(ascii: "\"")) else { throw fault() }
        var bytes: [UInt8] = []
        while true {
            bytes.append(contentsOf: cursor.run { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") })
            if cursor.skip(UInt8(ascii: "\"")) { break }
            guard cursor.skip(UInt8(ascii: "\\")) else { throw fault() }
            try escape(&bytes)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw start }
        return text
    }

    /// What stands behind a backslash.
    private mutating func escape(_ bytes: inout [UInt8]) throws(ChatProtocolError) {
        guard let letter = cursor.peek else { throw fault() }
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(letter)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            _ = cursor.skip(letter)
            bytes.append(contentsOf: String(try scalar()).utf8)
            return
        default: throw fault()
        }
        _ = cursor.skip(letter)
    }

    /// Four hexadecimal digits, or a pair of surrogates, behind `\u`.
    private mutating func scalar() throws(ChatProtocolError) -> Character {
        let high = UInt32(try unit())
        if let scalar = Unicode.Scalar(high) { return Character(scalar) }
        guard (0xD800..<0xDC00).contains(high), cursor.skip("\\u") else { throw fault(.notUnicode) }
        let low = UInt32(try unit())
        guard (0xDC00..<0xE000).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
        else { throw fault(.notUnicode) }
        return Character(scalar)
    }

    private mutating func unit() throws(ChatProtocolError) -> UInt16 {
        guard let digits = cursor.take(4) else { throw fault() }
        // `UInt16(_:radix:)` would take a sign.
        guard digits.first != UInt8(ascii: "+"), digits.first != Letters.hyphen,
            let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw fault() }
        return unit
    }
}
