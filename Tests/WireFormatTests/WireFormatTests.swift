import Testing
import WireFormat

@Suite struct WireFormatTests {
    @Test func fieldsRoundTrip() throws {
        var writer = WireWriter()
        writer.u8(7)
        writer.u16(0x0102)
        writer.u32(0x0102_0304)
        writer.i64(-2)
        writer.short([1, 2])
        writer.long([3])
        writer.maybe(nil as UInt8?) { $0.u8($1) }
        writer.maybe(9 as UInt8?) { $0.u8($1) }
        writer.bool(true)
        writer.list([5, 6]) { $0.u8($1) }
        writer.tag("OK")
        var reader = WireReader(writer.bytes)
        #expect(try reader.u8() == 7)
        #expect(try reader.u16() == 0x0102)
        #expect(try reader.u32() == 0x0102_0304)
        #expect(try reader.i64() == -2)
        #expect(try Array(reader.short()) == [1, 2])
        #expect(try Array(reader.long()) == [3])
        let none: UInt8? = try reader.maybe { (inner) throws(WireError) in try inner.u8() }
        let some: UInt8? = try reader.maybe { (inner) throws(WireError) in try inner.u8() }
        #expect(none == nil && some == 9)
        #expect(try reader.bool())
        #expect(try reader.list { (inner) throws(WireError) in try inner.u8() } == [5, 6])
        try reader.expect("OK")
        try reader.end()
    }

    @Test func everyTruncationIsAnError() {
        let bytes: [UInt8] = [0, 5, 1, 2, 3, 4, 5]
        for count in 0..<bytes.count {
            var reader = WireReader(bytes[..<count])
            #expect(throws: WireError.self) { try reader.long() }
        }
    }

    @Test func claimsAreNotBelieved() {
        var list = WireReader([255])
        #expect(throws: WireError.self) { try list.list { (inner) throws(WireError) in try inner.u32() } }
        var flag = WireReader([UInt8(ascii: "X")])
        #expect(throws: WireError.unexpected(offset: 0)) { try flag.bool() }
        let rest = WireReader([1, 2])
        #expect(throws: WireError.trailing(count: 2)) { try rest.end() }
    }

    @Test func padding() throws {
        let padded = try WireWriter.pad([1, 2, 3], to: 8)
        #expect(padded == [0, 3, 1, 2, 3, 0x23, 0x23, 0x23])
        #expect(try Array(WireReader.unpad(padded[...])) == [1, 2, 3])
        #expect(throws: WireError.tooLong(count: 7, limit: 6)) {
            try WireWriter.pad([UInt8](repeating: 0, count: 7), to: 8)
        }
    }

    /// RFC 4648, section 10.
    @Test(arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")])
    func base64(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(plain.utf8))
        #expect(Base64.decode(encoded.replacing("=", with: "")) == Array(plain.utf8))
    }

    @Test func base64Rejects() {
        for text in ["Z", "Zg=", "Zh==", "Zm9v=", "Zg==Zg==", "Zm 9v", "-_-_"] { #expect(Base64.decode(text) == nil) }
        #expect(Base64.decode("-_-_", .url) == [0xfb, 0xff, 0xbf])
    }

    @Test func hex() {
        #expect(Hex.encode([0, 0xab]) == "00ab")
        #expect(Hex.decode("00aB") == [0, 0xab])
        #expect(Hex.decode("0") == nil && Hex.decode("0g") == nil)
    }
}
