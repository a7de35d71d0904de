import TOML
import Testing

@Suite struct TOMLReadingTests {
    /// One line of a file, and what it is read as.
    static let values: [(String, TOMLValue)] = [
        ("\"\"", .string("")), ("\"a b\"", .string("a b")), ("''", .string("")),
        (#"'C:\x "q"'"#, .string(#"C:\x "q""#)),
        (#""\b\t\n\f\r\"\\""#, .string("\u{8}\t\n\u{C}\r\"\\")), (#""\u00e9\U0001F600""#, .string("é😀")),
        ("\"# no comment\"", .string("# no comment")), ("\"é😀\"", .string("é😀")),
        ("0", .integer(0)), ("+7", .integer(7)), ("-7", .integer(-7)), ("-0", .integer(0)),
        ("1_000_000", .integer(1_000_000)), ("9223372036854775807", .integer(.max)),
        ("-9223372036854775808", .integer(.min)), ("true", .boolean(true)), ("false", .boolean(false)),
        ("[]", .array([])), ("[ 1, \"a\" , true ]", .array([.integer(1), .string("a"), .boolean(true)])),
        ("[1,]", .array([.integer(1)])),
        ("[ # first\n  'a', # second\n\n  'b'\n]", .array([.string("a"), .string("b")])),
    ]

    @Test("values are read", arguments: values)
    func value(_ text: String, _ value: TOMLValue) throws {
        for form in ["k = \(text)", "k=\(text) # why\n", "\tk\t=\t\(text)\t\r\n"] {
            let document = try TOMLDocument(form)
            #expect(document[["k"]]?.value == value)
            #expect(document.text == form)
        }
        // What we print is read as the same.
        #expect(try TOMLDocument("k = \(value.text)")[["k"]]?.value == value)
    }

    @Test("sections and keys with points are one tree, with places")
    func sections() throws {
        let document = try TOMLDocument(
            """
            # Ours.
            name = "a"
            direct.dial-public = true
              "with space".'and more' = 1
            [hook]
            done = ["x"]

            [ a . "b c" ] # why
            k = 2
            [a]
            k = 3
            """)
        #expect(
            document.entries.map(\.path) == [
                ["name"], ["direct", "dial-public"], ["with space", "and more"], ["hook", "done"], ["a", "b c", "k"],
                ["a", "k"],
            ])
        #expect(document.entries.map(\.keyPosition.description) == ["2:1", "3:1", "4:3", "6:1", "9:1", "11:1"])
        #expect(document[["hook", "done"]]?.valuePosition == TOMLDocument.position(6, 8))
        #expect(document[["a", "b c", "k"]]?.key == "a.\"b c\".k")
        #expect(document.headers.map(\.path) == [["hook"], ["a", "b c"], ["a"]])
        #expect(document.headers.map(\.position.line) == [5, 8, 10])
        #expect(document[["nothing"]] == nil)
    }

    /// A file, and the place of its error.
    static let errors: [(String, String)] = [
        ("k", "1:2"), ("k 1", "1:3"), ("= 1", "1:1"), ("k =", "1:4"), ("k = # x", "1:5"), ("k = 1 2", "1:7"),
        ("k = a", "1:5"), ("k = True", "1:5"), ("k = 1.5", "1:5"), ("k = 1e3", "1:5"), ("k = 0x10", "1:5"),
        ("k = 010", "1:5"), ("k = +", "1:5"), ("k = 1__0", "1:5"), ("k = _1", "1:5"), ("k = 1_", "1:5"),
        ("k = inf", "1:5"), ("k = 9223372036854775808", "1:5"), ("k = 2026-01-01", "1:5"), ("k = 10M", "1:5"),
        ("k = \"a", "1:5"), ("k = \"a\nb\"", "1:5"), ("k = 'a\n'", "1:5"), ("k = \"\\x\"", "1:6"),
        ("k = \"\\u12\"", "1:6"), ("k = \"\\uD800\"", "1:6"), ("k = \"\\", "1:6"), ("k = \"\\U00110000\"", "1:6"),
        ("k = \"\u{1}\"", "1:6"), ("k = '\u{7F}'", "1:6"), ("# \u{0}", "1:3"), ("k = \"\"\"a\"\"\"", "1:5"),
        ("k = '''a'''", "1:5"), ("k = {a = 1}", "1:5"), ("k = [1", "1:5"), ("k = [1 2]", "1:8"),
        ("k = [,]", "1:6"), ("k = [1,,2]", "1:8"), ("k = [[1]]", "1:6"), ("k = [\n1\n", "1:5"), ("k = [#]", "1:5"),
        ("[[a]]", "1:1"), ("[a", "1:3"), ("[]", "1:2"), ("[a] b", "1:5"), ("[a]\nk = 1\n[a]", "3:1"),
        ("a = 1\n[a]", "2:1"), ("a = 1\n[a.b]", "2:1"), ("a.b = 1\n[a]", "2:1"), ("[a.b]\n[a]\nb.c = 1", "3:1"),
        ("[a]\nb = 1\nb = 2", "3:1"), ("a = 1\na.b = 2", "2:1"), ("a.b = 1\na = 2", "2:1"), ("é = 1", "1:1"),
        ("a. = 1", "1:4"), (".a = 1", "1:1"), ("a..b = 1", "1:3"), ("a = 1\rb = 2", "1:6"), ("\u{FEFF}a = 1", "1:1"),
        ("# é\nk = é", "2:5"), ("k = \"é\" x", "1:9"), ("\"\"\"a\"\"\" = 1", "1:1"),
    ]

    @Test("what is not understood is an error with its place", arguments: errors)
    func error(_ text: String, _ place: String) {
        let error = #expect(throws: TOMLError.self) { try TOMLDocument(text) }
        #expect(error?.position.description == place, "\(error?.description ?? "")")
        #expect(error.map { $0.description.hasPrefix("\(place): ") } == true)
    }

    @Test("bytes that are no UTF-8 are told with their line")
    func encoding() {
        let error = #expect(throws: TOMLError.self) { try TOMLDocument(Array("a = 1\nb = '".utf8) + [0xFF, 0x27]) }
        #expect(error?.position == TOMLDocument.position(2, 1))
        #expect(throws: TOMLError.self) { try TOMLDocument([0xC3]) }
    }
}

extension TOMLDocument {
    /// A place, as an error has it.
    fileprivate static func position(_ line: Int, _ column: Int) -> TOMLPosition? {
        let text = String(repeating: "\n", count: line - 1) + String(repeating: " ", count: column - 1) + "="
        do { _ = try TOMLDocument(text) } catch { return error.position }
        return nil
    }
}
