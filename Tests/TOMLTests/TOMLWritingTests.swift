import TOML
import Testing

@Suite struct TOMLWritingTests {
    /// A file, the key, its new value, and the file then.
    static let changes: [(String, String, TOMLValue?, String)] = [
        // In its place, whatever is around it.
        ("# a\nk = 1 # why\nl = 2\n", "k", .integer(7), "# a\nk = 7 # why\nl = 2\n"),
        ("k = [ # x\n 1,\n] # y", "k", .array([.string("a"), .integer(2)]), "k = [\"a\", 2] # y"),
        ("[s]\r\n  k=1\r\n", "s.k", .boolean(true), "[s]\r\n  k=true\r\n"),
        // At the end of its section.
        ("", "k", .string("a\"\u{1}"), "k = \"a\\\"\\u0001\"\n"),
        ("", "s.k", .integer(1), "[s]\nk = 1\n"),
        ("a = 1", "k", .integer(1), "a = 1\nk = 1\n"),
        ("a = 1\r\n", "k", .integer(1), "a = 1\r\nk = 1\r\n"),
        ("# Only this.\n", "k", .integer(1), "# Only this.\nk = 1\n"),
        ("a = 1\n\n[s]\nb = 1\n\n# t\n[t]\n", "k", .integer(1), "a = 1\nk = 1\n\n[s]\nb = 1\n\n# t\n[t]\n"),
        ("a = 1\n\n[s]\nb = 1\n\n# t\n[t]\n", "s.k", .integer(1), "a = 1\n\n[s]\nb = 1\nk = 1\n\n# t\n[t]\n"),
        ("[s] # x\n# y\n", "s.k", .integer(1), "[s] # x\nk = 1\n# y\n"),
        ("[s]", "s.k", .integer(1), "[s]\nk = 1\n"),
        // Before the first header and its comment.
        ("# File.\n\n# s\n[s]\nb = 1\n", "k", .integer(1), "# File.\n\nk = 1\n\n# s\n[s]\nb = 1\n"),
        ("[s]\nb = 1\n", "k", .integer(1), "k = 1\n\n[s]\nb = 1\n"),
        // A new section, and beside keys with points.
        ("a = 1\n", "s.k", .integer(1), "a = 1\n\n[s]\nk = 1\n"),
        ("s.a = 1\nb = 2\n", "s.k", .integer(1), "s.a = 1\ns.k = 1\nb = 2\n"),
        ("[s.t]\na = 1\n", "s.k", .integer(1), "[s.t]\na = 1\n\n[s]\nk = 1\n"),
        ("[r]\ns.a = 1\n", "r.s.k", .integer(1), "[r]\ns.a = 1\ns.k = 1\n"),
        // Taken out; a comment behind it stays.
        ("# a\nk = 1\nl = 2\n", "k", nil, "# a\nl = 2\n"),
        ("  k = 1 # why\nl = 2\n", "k", nil, "# why\nl = 2\n"),
        ("k = [\n 1,\n]", "k", nil, ""),
        ("l = 2\n", "k", nil, "l = 2\n"),
    ]

    @Test("a change keeps everything else as it is", arguments: changes)
    func change(_ before: String, _ key: String, _ value: TOMLValue?, _ after: String) throws {
        var document = try TOMLDocument(before)
        let path = key.split(separator: ".").map(String.init)
        try document.set(path, to: value)
        #expect(document.text == after)
        #expect(document[path]?.value == value)
    }

    @Test("keys that need them get quotation marks")
    func quotedKeys() throws {
        var document = TOMLDocument()
        try document.set(["a b", "c.d"], to: .integer(1))
        #expect(document.text == "[\"a b\"]\n\"c.d\" = 1\n")
    }

    @Test("a key cannot go through a value, and a section is none")
    func conflicts() throws {
        var document = try TOMLDocument("a = 1\n[s]\nb = 1\n")
        #expect(throws: TOMLError.self) { try document.set(["a", "b"], to: .integer(1)) }
        #expect(throws: TOMLError.self) { try document.set(["s"], to: .integer(1)) }
        #expect(document.text == "a = 1\n[s]\nb = 1\n")
    }
}
