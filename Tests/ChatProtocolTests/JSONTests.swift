import ChatProtocol
import Testing

@Suite struct JSONTests {
    private func fault(_ text: String) -> JSONFault? { fault(ascii(text)) }

    private func fault(_ bytes: [UInt8]) -> JSONFault? {
        do {
            _ = try JSONValue(parsing: bytes)
            return nil
        } catch .json(let fault, let offset) {
            #expect(offset <= bytes.count)
            return fault
        } catch {
            Issue.record("\(error)")
            return nil
        }
    }

    @Test func valuesPrintBack() throws {
        for text in [
            "null", "true", "false", "0", "-1", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
            "1.50", "-0", "1e5", "1E-5", "0.0", #""""#, #""a\"b\\c\nd\u0000\u001f""#, #""é😀""#, "[]", "{}",
            #"[1,[2,[3,[4]]]]"#, #"{"b":1,"a":{"c":[null,{}]},"":2}"#,
        ] {
            let value = try JSONValue(parsing: ascii(text))
            #expect(String(decoding: value.encoded(), as: UTF8.self) == text)
        }
    }

    @Test func numbersAreExact() throws {
        #expect(try JSONValue(parsing: ascii("9223372036854775807")) == .integer(.max))
        #expect(try JSONValue(parsing: ascii("9223372036854775808")) == .decimal("9223372036854775808"))
        #expect(try JSONValue(parsing: ascii("9007199254740993")).integer == 9_007_199_254_740_993)
        #expect(try JSONValue(parsing: ascii("1.0")) == .decimal("1.0"))
    }

    @Test func whiteSpaceAndEscapes() throws {
        let value = try JSONValue(
            parsing: ascii(" \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : \"\\/\\b\\f\\r\\t\\u00e9\\uD83D\\uDE00\" } "))
        #expect(value["a"] == .array([.integer(1), .integer(2)]))
        #expect(value["b"]?.string == "/\u{8}\u{C}\r\té😀")
        #expect(value["c"] == nil && value["a"]?["b"] == nil)
    }

    @Test(arguments: [
        "", " ", "nul", "truex", "+1", "01", "-", "1.", ".5", "1e", "1e+", "--1", "0x1", "NaN", "'a'", "\"a", "\"\\",
        "\"\\x\"",
        "\"\\u12\"", "\"\\u12G4\"", "\"\\u+123\"", "\"a\u{1}b\"", "\"a\nb\"", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]",
        "{", "{\"a\"",
        "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "{1:2}", "1 2", "[]]", "\u{FEFF}1", "1\0", "/**/1",
    ])
    func malformed(_ text: String) { #expect(fault(text) == .syntax) }

    @Test func duplicateKeys() {
        #expect(fault(#"{"a":1,"a":1}"#) == .duplicateKey)
        #expect(fault(#"{"a":1,"\u0061":2}"#) == .duplicateKey)
        #expect(fault(#"{"x":[{"a":1,"b":2,"a":3}]}"#) == .duplicateKey)
        #expect(fault(#"{"a":{"a":1}}"#) == nil)
        // Composed and decomposed é are different keys.
        #expect(fault("{\"\u{E9}\":1,\"e\u{301}\":2}") == nil)
    }

    @Test func depthAndLength() {
        #expect(fault("[[[[1]]]]") == nil)
        #expect(fault("[[[[[1]]]]]") == .tooDeep)
        #expect(fault(#"{"a":[{"b":[[]]}]}"#) == .tooDeep)
        #expect(fault(String(repeating: "[", count: 60_000)) == .tooDeep)
        let longest = "\"" + String(repeating: "a", count: ChatLimits.json - 2) + "\""
        #expect(fault(longest) == nil)
        #expect(fault(longest + " ") == .tooLong)
    }

    @Test func unicodeOnly() {
        #expect(fault([0x22, 0xFF, 0x22]) == .notUnicode)
        #expect(fault([0x22, 0xC0, 0x80, 0x22]) == .notUnicode)
        #expect(fault([0x22, 0xED, 0xA0, 0x80, 0x22]) == .notUnicode)
        for text in [#""\ud800""#, #""\udc00""#, #""\ud800a""#, #""\ud800\ud800""#, #""\ud800\u0041""#] {
            #expect(fault(text) == .notUnicode, "\(text)")
        }
    }

    @Test func truncatedAnywhere() {
        let text = ascii(#"{"a":[1,-2.5e3,"b\n\u00e9"],"c":{"d":null,"e":true}}"#)
        for count in 0..<text.count { #expect(fault(Array(text[..<count])) != nil) }
        #expect(fault(text) == nil)
    }
}
