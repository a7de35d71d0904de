/// What a reader found wrong with bytes that came from outside.
public enum WireError: Error, Equatable, Sendable {
    /// The input ends before a field does. `needed` and `available` are counts of bytes.
    case truncated(needed: Int, available: Int)
    /// A byte or a tag that the layout does not allow at `offset` (counted from the start of the input).
    case unexpected(offset: Int)
    /// Bytes are left over after the last field.
    case trailing(count: Int)
    /// A field is longer than its length prefix can say.
    case tooLong(count: Int, limit: Int)
}

extension WireError: CustomStringConvertible {
    /// One lower-case sentence.
    public var description: String {
        switch self {
        case .truncated(let needed, let available):
            "the message ends early: \(needed) bytes needed, \(available) there"
        case .unexpected(let offset): "unexpected byte at offset \(offset)"
        case .trailing(let count): "\(count) bytes too many at the end"
        case .tooLong(let count, let limit): "a field of \(count) bytes where at most \(limit) fit"
        }
    }
}

/// Reads the binary layouts of the SimpleX protocols: big-endian integers, length-prefixed strings.
///
/// Every length is checked against what is there before anything is taken; slices share the input's storage.
public struct WireReader: Sendable {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    /// Reads `bytes` from their start.
    @inlinable
    public init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    /// Reads `bytes` from their start.
    public init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        self.position = bytes.startIndex
    }

    /// The number of bytes not yet read.
    public var count: Int { bytes.endIndex - position }
    /// Whether everything has been read.
    public var isAtEnd: Bool { position == bytes.endIndex }
    /// The offset of the next byte, counted from the start of the input.
    public var offset: Int { position - bytes.startIndex }
    /// The next byte, not consumed; nil at the end.
    public var peek: UInt8? { isAtEnd ? nil : bytes[position] }

    /// Takes the next `count` bytes.
    public mutating func take(_ count: Int) throws(WireError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= self.count else { throw .truncated(needed: count, available: self.count) }
        defer { position += count }
        return bytes[position..<position + count]
    }

    /// Takes all bytes that are left (`T` in the layouts).
    public mutating func rest() -> ArraySlice<UInt8> {
        defer { position = bytes.endIndex }
        return bytes[position...]
    }

    /// One byte.
    public mutating func u8() throws(WireError) -> UInt8 {
        guard position < bytes.endIndex else { throw .truncated(needed: 1, available: 0) }
        defer { position += 1 }
        return bytes[position]
    }

    /// A big-endian integer of the width of `type`.
    public mutating func integer<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(WireError) -> T {
        var value: T = 0
        for byte in try take(T.bitWidth / 8) { value = value << 8 | T(truncatingIfNeeded: byte) }
        return value
    }

    /// A big-endian 16-bit integer.
    public mutating func u16() throws(WireError) -> UInt16 { try integer() }
    /// A big-endian 32-bit integer.
    public mutating func u32() throws(WireError) -> UInt32 { try integer() }
    /// A big-endian signed 64-bit integer.
    public mutating func i64() throws(WireError) -> Int64 { try integer() }

    /// `S(x)`: a length byte and that many bytes.
    public mutating func short() throws(WireError) -> ArraySlice<UInt8> { try take(Int(try u8())) }

    /// `L(x)`: a 16-bit length and that many bytes.
    public mutating func long() throws(WireError) -> ArraySlice<UInt8> { try take(Int(try u16())) }

    /// `M(x)`: `'0'` for nothing, or `'1'` and a value that `read` takes.
    public mutating func maybe<Value>(
        _ read: (inout WireReader) throws(WireError) -> Value
    ) throws(WireError) -> Value? {
        let at = offset
        switch try u8() {
        case UInt8(ascii: "0"): return nil
        case UInt8(ascii: "1"): return try read(&self)
        default: throw .unexpected(offset: at)
        }
    }

    /// A Bool: `'T'` or `'F'`.
    public mutating func bool() throws(WireError) -> Bool {
        let at = offset
        switch try u8() {
        case UInt8(ascii: "T"): return true
        case UInt8(ascii: "F"): return false
        default: throw .unexpected(offset: at)
        }
    }

    /// `N[x]`: a count byte and that many items.
    public mutating func list<Value>(
        _ read: (inout WireReader) throws(WireError) -> Value
    ) throws(WireError) -> [Value] {
        let count = Int(try u8())
        var values: [Value] = []
        for _ in 0..<count { values.append(try read(&self)) }
        return values
    }

    /// Consumes `tag` if the bytes go on with it; says whether they did.
    public mutating func skip(_ tag: StaticString) -> Bool {
        let length = tag.utf8CodeUnitCount
        guard length <= count else { return false }
        let matches = tag.withUTF8Buffer { tagBytes in
            bytes[position..<position + length].elementsEqual(tagBytes)
        }
        if matches { position += length }
        return matches
    }

    /// Consumes `tag` or throws.
    public mutating func expect(_ tag: StaticString) throws(WireError) {
        guard skip(tag) else { throw .unexpected(offset: offset) }
    }

    /// Takes the bytes up to `delimiter` and consumes the delimiter; throws if there is none.
    public mutating func until(_ delimiter: UInt8) throws(WireError) -> ArraySlice<UInt8> {
        guard let end = bytes[position...].firstIndex(of: delimiter) else {
            throw .truncated(needed: count + 1, available: count)
        }
        defer { position = end + 1 }
        return bytes[position..<end]
    }

    /// Throws unless everything has been read.
    public func end() throws(WireError) {
        guard isAtEnd else { throw .trailing(count: count) }
    }

    /// The content of `pad(x, n)`: a 16-bit length, the content, and filling that is not looked at.
    public static func unpad(_ padded: ArraySlice<UInt8>) throws(WireError) -> ArraySlice<UInt8> {
        var reader = WireReader(padded)
        return try reader.long()
    }
}
