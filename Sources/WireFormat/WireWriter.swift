/// Writes the binary layouts of the SimpleX protocols: big-endian integers, length-prefixed strings.
///
/// The caller vouches for lengths: a field that exceeds its length prefix is our own mistake and traps. Check what comes
/// from a user before it gets here.
public struct WireWriter: Sendable {
    /// What has been written so far.
    public private(set) var bytes: [UInt8] = []

    /// Starts empty, with room for `capacity` bytes.
    public init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    /// Bytes as they are.
    public mutating func raw(_ value: some Collection<UInt8>) { bytes.append(contentsOf: value) }

    /// ASCII text as it is.
    public mutating func tag(_ value: StaticString) {
        value.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    /// One byte.
    public mutating func u8(_ value: UInt8) { bytes.append(value) }

    /// A big-endian integer.
    public mutating func integer<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// A big-endian 16-bit integer.
    public mutating func u16(_ value: UInt16) { integer(value) }
    /// A big-endian 32-bit integer.
    public mutating func u32(_ value: UInt32) { integer(value) }
    /// A big-endian signed 64-bit integer.
    public mutating func i64(_ value: Int64) { integer(value) }

    /// `S(x)`: a length byte and the bytes, at most 255.
    public mutating func short(_ value: some Collection<UInt8>) {
        precondition(value.count <= Int(UInt8.max), "a short field holds at most 255 bytes")
        u8(UInt8(value.count))
        raw(value)
    }

    /// `L(x)`: a 16-bit length and the bytes, at most 65,535.
    public mutating func long(_ value: some Collection<UInt8>) {
        precondition(value.count <= Int(UInt16.max), "a long field holds at most 65,535 bytes")
        u16(UInt16(value.count))
        raw(value)
    }

    /// `M(x)`: `'0'` for nothing, or `'1'` and the value.
    public mutating func maybe<Value>(_ value: Value?, _ write: (inout WireWriter, Value) -> Void) {
        guard let value else { return u8(UInt8(ascii: "0")) }
        u8(UInt8(ascii: "1"))
        write(&self, value)
    }

    /// A Bool: `'T'` or `'F'`.
    public mutating func bool(_ value: Bool) { u8(value ? UInt8(ascii: "T") : UInt8(ascii: "F")) }

    /// `N[x]`: a count byte and the items, at most 255.
    public mutating func list<Values: Collection>(_ values: Values, _ write: (inout WireWriter, Values.Element) -> Void)
    {
        precondition(values.count <= Int(UInt8.max), "a list holds at most 255 items")
        u8(UInt8(values.count))
        for value in values { write(&self, value) }
    }

    /// `pad(x, n)`: a 16-bit length, `content`, and `'#'` up to `size` bytes in total; throws if it does not fit.
    public static func pad(_ content: some Collection<UInt8>, to size: Int) throws(WireError) -> [UInt8] {
        let limit = min(size - 2, Int(UInt16.max))
        guard content.count <= limit else { throw .tooLong(count: content.count, limit: limit) }
        var writer = WireWriter(capacity: size)
        writer.u16(UInt16(content.count))
        writer.raw(content)
        writer.fill(to: size)
        return writer.bytes
    }

    /// Adds `'#'` up to `size` bytes in total, none if there are as many already.
    public mutating func fill(to size: Int) {
        var missing = size - bytes.count
        while missing > 0 {
            let piece = min(missing, Self.filling.count)
            bytes.append(contentsOf: Self.filling[..<piece])
            missing -= piece
        }
    }

    /// Overwrites what stands at `offset` with as many bytes of `value`.
    public mutating func overwrite(at offset: Int, with value: some Collection<UInt8>) {
        precondition(offset >= 0 && offset + value.count <= bytes.count, "only what has been written is overwritten")
        bytes.replaceSubrange(offset..<offset + value.count, with: value)
    }

    /// Adds `count` zero bytes, to be overwritten later.
    public mutating func reserve(_ count: Int) { bytes.append(contentsOf: repeatElement(0, count: count)) }

    /// Forgets everything from `offset` on.
    public mutating func truncate(to offset: Int) { bytes.removeLast(bytes.count - offset) }

    /// Appending a piece of this is a copy of memory; a repeated element is appended one by one.
    private static let filling = [UInt8](repeating: UInt8(ascii: "#"), count: 1024)
}
