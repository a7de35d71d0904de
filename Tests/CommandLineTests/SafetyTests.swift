import GRDB
import Glibc
import Testing

/// Whatever a peer sends, a terminal is shown text and nothing else.
@Suite(.serialized)
struct SafetyTests {
    /// What a peer could send: escape sequences, C1 controls, line breaks, invisible and reordering characters, bytes that are
    /// no UTF-8, far too much of it.
    static let hostile: [(name: String, bytes: [UInt8])] = [
        ("clears the screen", Array("a\u{1b}[2J\u{1b}[1;1Hb".utf8)), ("title", Array("\u{1b}]0;owned\u{7}".utf8)),
        ("C1", Array("\u{9b}31mred\u{9d}0;x\u{9c}".utf8)),
        ("lines", Array("a\n1\tbob\tfile\r\u{2028}b\u{85}\u{b}".utf8)),
        ("bidi", Array("\u{202e}gpj.exe\u{2066}\u{2069}\u{200f}\u{61c}".utf8)),
        ("invisible", Array("a\u{200b}\u{feff}\u{ad}\u{e0041}".utf8)),
        ("DEL", [0x61, 0x7F, 0x08, 0x08, 0x62]), ("no UTF-8", [0x61, 0xFF, 0xFE, 0x9B, 0x33, 0x31, 0x6D, 0xC3, 0x28]),
        ("cut UTF-8", [0x61, 0xE2, 0x82]), ("surrogate", [0xED, 0xA0, 0x80]),
        ("long", [UInt8](repeating: 0x61, count: 60_000)),
        ("marks", Array(("a" + String(repeating: "\u{301}", count: 5000)).utf8)),
    ]

    /// Bytes that a terminal acts upon, and characters that are not what they look like.
    private func check(_ text: String, _ what: String) {
        for scalar in text.unicodeScalars where scalar != "\n" && scalar != "\t" {
            let category = scalar.properties.generalCategory
            #expect(
                ![.control, .format, .lineSeparator, .paragraphSeparator, .surrogate].contains(category),
                "\(what): U+\(String(scalar.value, radix: 16))")
        }
    }

    @Test("names, texts and reasons are shown as text, in lists, alone and as JSON", arguments: hostile.indices)
    func shown(_ index: Int) async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("plain", count: 300_000)
        for _ in 0..<2 { _ = try await alice.offer(path, to: bob) }
        try await alice.succeed("send", "bob", "-m", "text")
        _ = try await bob.newestOffer()
        try await bob.succeed("decline", "1")
        let bytes = Self.hostile[index].bytes
        let hex = bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
        let database = try DatabaseQueue(path: bob.profile + "/sxfile.db")
        try await database.write { db in
            try db.execute(
                sql: """
                    UPDATE transfers SET name = CAST(x'\(hex)' AS TEXT), reason = CAST(x'\(hex)' AS TEXT);
                    UPDATE messages SET text = CAST(x'\(hex)' AS TEXT);
                    UPDATE contacts SET reason = CAST(x'\(hex)' AS TEXT);
                    """)
        }
        try database.close()
        let asked = [
            ["inbox"], ["inbox", "2"], ["status"], ["status", "--all"], ["status", "1"], ["contacts"],
            ["accept", "1"], ["retry", "2"], ["messages", "alice"], ["inbox", "3"],
        ]
        for words in asked {
            for json in [[], ["--json"]] {
                let result = try await stage.start(words + json, home: "bob").wait()
                check(result.output, "\(words)")
                check(result.errors, "\(words)")
                if !json.isEmpty { _ = try result.objects }
                // A list has a line for each, whatever is in them, and no line without an end.
                if words == ["inbox"] || words == ["status"], json.isEmpty, !result.lines.isEmpty {
                    #expect(result.lines.allSatisfy { $0.utf8.count < 4000 }, "\(words)")
                    #expect(result.lines.allSatisfy { ["1", "2", "3"].contains($0.prefix { $0 != "\t" }) }, "\(words)")
                }
            }
        }
        let terminal = try Terminal(bob, columns: 40, "accept", "2", "--timeout", "1s", "--no-color")
        try await terminal.child.wait()
        for line in terminal.drawn { check(line, "on a terminal") }
    }
}
