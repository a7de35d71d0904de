import ChatProtocol
import WireFormat

/// The layout of stored groups: big-endian integers, texts and lists with a 32-bit count, a byte for each choice.
enum GroupCheckpointCoding {
    static let version: UInt8 = 1

    /// Reads a whole checkpoint with `read`, after its version.
    static func decode<Value>(
        _ bytes: [UInt8], _ read: (inout WireReader) throws(WireError) -> Value
    ) throws(GroupRefusal) -> Value {
        var reader = WireReader(bytes)
        guard let found = reader.peek else { throw .checkpointDamaged }
        guard found == version else { throw found > version ? .checkpointNewer(found) : .checkpointDamaged }
        do throws(WireError) {
            _ = try reader.u8()
            let value = try read(&reader)
            try reader.end()
            return value
        } catch {
            throw .checkpointDamaged
        }
    }
}

extension WireWriter {
    mutating func flag(_ value: Bool) { u8(value ? 1 : 0) }

    mutating func data(_ value: some Collection<UInt8>) {
        u32(UInt32(value.count))
        raw(value)
    }

    mutating func text(_ value: String) { data(value.utf8) }

    mutating func member(_ value: MemberID) { raw(value.bytes) }

    mutating func profile(_ value: Profile) {
        text(value.displayName)
        text(value.fullName)
    }

    mutating func optional<Value>(_ value: Value?, _ write: (inout WireWriter, Value) -> Void) {
        flag(value != nil)
        if let value { write(&self, value) }
    }

    mutating func items<Value>(_ values: [Value], _ write: (inout WireWriter, Value) -> Void) {
        u32(UInt32(values.count))
        for value in values { write(&self, value) }
    }

    /// The place of `value` among all of its kind: their order is part of the layout.
    mutating func choice<Value: CaseIterable & Equatable>(_ value: Value) {
        u8(UInt8(Array(Value.allCases).firstIndex(of: value) ?? 0))
    }

    mutating func departure(_ value: Departure) {
        switch value {
        case .left: u8(0)
        case .removed(let by):
            u8(1)
            member(by)
        case .deleted(let by):
            u8(2)
            member(by)
        }
    }
}

extension WireReader {
    mutating func flag() throws(WireError) -> Bool {
        let at = offset
        switch try u8() {
        case 0: return false
        case 1: return true
        default: throw .unexpected(offset: at)
        }
    }

    mutating func data() throws(WireError) -> [UInt8] {
        let count = Int(try u32())
        return Array(try take(count))
    }

    mutating func text() throws(WireError) -> String {
        let at = offset
        guard let text = String(validating: try data(), as: UTF8.self) else { throw .unexpected(offset: at) }
        return text
    }

    mutating func member() throws(WireError) -> MemberID {
        let at = offset
        guard let member = MemberID(try take(MemberID.count)) else { throw .unexpected(offset: at) }
        return member
    }

    mutating func profile() throws(WireError) -> Profile {
        Profile(displayName: try text(), fullName: try text())
    }

    mutating func optional<Value>(
        _ read: (inout WireReader) throws(WireError) -> Value
    ) throws(WireError) -> Value? {
        try flag() ? try read(&self) : nil
    }

    /// A list; each item takes at least a byte, so that a wrong count allocates nothing.
    mutating func items<Value>(
        _ read: (inout WireReader) throws(WireError) -> Value
    ) throws(WireError) -> [Value] {
        let at = offset
        let number = Int(try u32())
        guard number <= count else { throw .unexpected(offset: at) }
        var values: [Value] = []
        for _ in 0..<number { values.append(try read(&self)) }
        return values
    }

    mutating func choice<Value: CaseIterable>(_ type: Value.Type = Value.self) throws(WireError) -> Value {
        let at = offset
        let (all, place) = (Array(Value.allCases), Int(try u8()))
        guard place < all.count else { throw .unexpected(offset: at) }
        return all[place]
    }

    mutating func departure() throws(WireError) -> Departure {
        let at = offset
        switch try u8() {
        case 0: return .left
        case 1: return .removed(by: try member())
        case 2: return .deleted(by: try member())
        default: throw .unexpected(offset: at)
        }
    }
}
