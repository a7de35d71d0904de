/// Writes the binary layouts of the SimpleX protocols: big-endian integers, length-prefixed strings.
///
/// The caller vouches for lengths: a field that exceeds its length prefix is our own mistake and traps. Check what comes
/// from a user before it gets here.
public struct WireWriter: Sendable {
    /// What has been written so far.
    @inlinable public var bytes: [UInt8] { storage }

    // What callers write is an array or a slice nearly always: inlined, it is copied without a detour.
    @usableFromInline var storage: [UInt8] = []

    /// Starts empty, with room for `capacity` bytes.
    public init(capacity: Int = 0) { storage.reserveCapacity(capacity) }

    /// Bytes as they are.
    @inlinable
    public mutating func raw(_ value: some Collection<UInt8>) { storage.append(contentsOf: value) }

    /// ASCII text as it is.
    public mutating func tag(_ value: StaticString) {
        value.withUTF8Buffer { storage.append(contentsOf: $0) }
    }

    /// One byte.
    @inlinable
    public mutating func u8(_ value: UInt8) { storage.append(value) }

    /// A big-endian integer.
    @inlinable
    public mutating func integer<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.bigEndian) { storage.append(contentsOf: $0) }
    }

    /// A big-endian 16-bit integer.
    @inlinable
    public mutating func u16(_ value: UInt16) { integer(value) }
    /// A big-endian 32-bit integer.
    public mutating func u32(_ value: UInt32) { integer(value) }
    /// A big-endian signed 64-bit integer.
    public mutating func i64(_ value: Int64) { integer(value) }

    /// `S(x)`: a length byte and the bytes, at most 255.
    @inlinable
    public mutating func short(_ value: some Collection<UInt8>) {
        precondition(value.count <= Int(UInt8.max), "a short field holds at most 255 bytes")
        u8(UInt8(value.count))
        raw(value)
    }

    /// `L(x)`: a 16-bit length and the bytes, at most 65,535.
    @inlinable
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
        var missing = size - storage.count
        while missing > 0 {
            let piece = min(missing, Self.filling.count)
            storage.append(contentsOf: Self.filling[..<piece])
            missing -= piece
        }
    }

    /// Overwrites what stands at `offset` with as many bytes of `value`.
    @inlinable
    public mutating func overwrite(at offset: Int, with value: some Collection<UInt8>) {
        precondition(offset >= 0 && offset + value.count <= storage.count, "only what has been written is overwritten")
        var place = offset
        for byte in value {
            storage[place] = byte
            place += 1
        }
    }

    /// Adds `count` zero bytes, to be overwritten later.
    public mutating func reserve(_ count: Int) {
        var missing = count
        while missing > 0 {
            let piece = min(missing, Self.zeros.count)
            storage.append(contentsOf: Self.zeros[..<piece])
            missing -= piece
        }
    }

    /// Gives what stands from `offset` on to `body`, to be changed in place.
    public mutating func edit<Result>(
        from offset: Int, _ body: (UnsafeMutableBufferPointer<UInt8>) -> Result
    ) -> Result {
        storage.withUnsafeMutableBufferPointer { body(UnsafeMutableBufferPointer(rebasing: $0[offset...])) }
    }

    /// Makes room for `capacity` bytes in total.
    public mutating func reserveCapacity(_ capacity: Int) { storage.reserveCapacity(capacity) }

    /// Gives out what has been written and starts anew.
    public mutating func take() -> [UInt8] {
        defer { storage = [] }
        return storage
    }

    /// Forgets everything from `offset` on.
    public mutating func truncate(to offset: Int) { storage.removeLast(storage.count - offset) }

    /// Appending a piece of this is a copy of memory; a repeated element is appended one by one.
    private static let filling = [UInt8](repeating: UInt8(ascii: "#"), count: 1024)
    private static let zeros = [UInt8](repeating: 0, count: 128)
}
