import Testing
import TransferCore

/// Manifests: what is printed is read, and what is hostile is not.
@Suite struct ManifestTests {
    private static let entries: [ManifestEntry] = [
        ManifestEntry(.directory, path: Array("a".utf8), mode: 0o755, modifiedAt: 1_700_000_000, nanoseconds: 5),
        ManifestEntry(.file, path: Array("a/b".utf8), size: 12, mode: 0o644, modifiedAt: 0),
        ManifestEntry(.directory, path: Array("a/c".utf8), mode: 0o700),
        ManifestEntry(.sparse, path: Array("a/c/d e%\n".utf8), size: 1 << 40, mode: 0o600),
        ManifestEntry(.link, path: Array("a/l".utf8), target: Array("../z".utf8)),
        ManifestEntry(.file, path: Array("a.b".utf8), size: 0, mode: 0),
        ManifestEntry(.file, path: [0xFF, 0x2F & 0, 0x80].filter { $0 != 0 }, size: 1),
    ]

    private func read(_ lines: [String]) throws -> ManifestTotals {
        var reader = ManifestReader()
        for line in lines { try reader.take(ManifestEntry(line: Array(line.utf8))) }
        return reader.totals
    }

    @Test func linesAreReadAsTheyArePrinted() throws {
        var reader = ManifestReader()
        for entry in Self.entries {
            let again = try ManifestEntry(line: entry.line.dropLast())
            #expect(again == entry)
            #expect(again.line == entry.line)
            try reader.take(again)
        }
        #expect(reader.totals.files == 4)
        #expect(reader.totals.directories == 2)
        #expect(reader.totals.links == 1)
        #expect(reader.totals.bytes == 13 + 1 << 40)
        let text = String(decoding: Self.entries[3].line, as: UTF8.self)
        #expect(text == "s 1099511627776 600 - a/c/d%20e%25%0A\n")
    }

    @Test(arguments: [
        "", "f", "f 1 644 -", "f 1 644 - a b", "l 0 777 - a", "x 1 644 - a", "ff 1 644 - a", "f  1 644 - a",
        "f 01 644 - a", "f 1 0644 - a", "f 1 1000 - a", "f 1 648 - a", "f -1 644 - a", "f 1e3 644 - a",
        "f 9223372036854775808 644 - a", "f 99999999999999999999999 644 - a", "f 1 644 01 a", "f 1 644 1. a",
        "f 1 644 1.5 a", "f 1 644 1.000000000 a", "f 1 644 4133980800 a", "f 1 644 -1 a", "f 1 644 - a%2f",
        "f 1 644 - a%61", "f 1 644 - a%0a", "f 1 644 - a%", "f 1 644 - a%0", "f 1 644 - \u{e9}",
    ])
    func linesThatNobodyPrints(line: String) {
        #expect(throws: TransferError.self) { try ManifestEntry(line: Array(line.utf8)) }
    }

    @Test(arguments: [
        ["f 1 644 - /etc/passwd"], ["f 1 644 - ../a"], ["f 1 644 - a/../b"], ["f 1 644 - ."], ["f 1 644 - a/."],
        ["f 1 644 - a/"], ["f 1 644 - a//b"], ["f 1 644 - a%00b"], ["f 1 644 - "],
        // Twice, and out of order.
        ["f 1 644 - a", "f 1 644 - a"], ["f 1 644 - b", "f 1 644 - a"],
        ["d 0 755 - a", "f 1 644 - a.b", "f 1 644 - a/c"],
        // Below what is no directory.
        ["f 1 644 - a/b"], ["f 1 644 - a", "f 1 644 - a/b"], ["l 0 777 - a b", "f 1 644 - a/b"],
        ["d 0 755 - a", "d 0 755 - a/b", "f 1 644 - a/bc/d"], ["d 0 755 - a", "f 1 644 - b/c"],
        // Out of the folder.
        ["l 0 777 - a /etc"], ["l 0 777 - a ../b"], ["d 0 755 - a", "l 0 777 - a/b ../../c"],
        ["d 0 755 - a", "l 0 777 - a/b c/../../d"], ["l 0 777 - a b/.."], ["l 0 777 - a "], ["l 0 777 - a b%00"],
        // Sizes.
        ["d 1 755 - a"], ["l 1 777 - a b"],
        ["f 9223372036854775807 644 - a"], ["f 9223372036700000000 644 - a", "f 9223372036700000000 644 - b"],
    ])
    func manifestsThatLeadElsewhere(lines: [String]) {
        #expect(throws: TransferError.self) { try read(lines) }
    }

    @Test func linksThatStayInside() throws {
        let totals = try read([
            "l 0 777 - a b", "l 0 777 - b ./c/d", "d 0 755 - c", "l 0 777 - c/e ..", "l 0 777 - c/f ../b/x",
        ])
        #expect(totals.links == 4)
    }

    @Test func namesHaveTheirLimits() throws {
        let name = String(repeating: "n", count: 255)
        #expect(try read(["f 1 644 - \(name)"]).files == 1)
        #expect(throws: TransferError.self) { try read(["f 1 644 - \(name)n"]) }
        let deep = Array(repeating: "dd", count: 1400).joined(separator: "/")
        #expect(ManifestEntry.objection(toPath: Array(deep.utf8)) != nil)
    }

    @Test func whatIsFlagged() throws {
        let totals = try read([
            "d 0 755 - .git", "f 1 644 - .git/config", "d 0 755 - bin", "f 1 755 - bin/run", "f 1 644 - bin/x.y",
        ])
        #expect(totals.hidden == 2)
        #expect(totals.executable == 1)
    }

    @Test func everyByteOfTheStreamHasOnePlace() throws {
        let layout = try FolderLayout(manifest: 100, content: 1000, files: 7)
        #expect(layout.size == 1107)
        #expect(layout.parts(of: 0..<100) == [.manifest(0..<100)])
        #expect(layout.parts(of: 90..<110) == [.manifest(90..<100), .content(0..<10)])
        #expect(layout.parts(of: 0..<5000) == [.manifest(0..<100), .content(0..<1000), .verdicts(0..<7)])
        #expect(layout.parts(of: 1100..<1104) == [.verdicts(0..<4)])
        #expect(layout.parts(of: 1107..<1200) == [])
        let empty = try FolderLayout(manifest: 9, content: 0, files: 0)
        #expect(empty.parts(of: 0..<9) == [.manifest(0..<9)])
        for cut in [1, 3, 64, 333] as [UInt64] {
            var counted: UInt64 = 0
            for start in stride(from: 0, to: layout.size, by: Int(cut)) {
                for part in layout.parts(of: start..<start + cut) {
                    switch part {
                    case .manifest(let range), .content(let range), .verdicts(let range): counted += UInt64(range.count)
                    }
                }
            }
            #expect(counted == layout.size)
        }
    }

    @Test(arguments: [(0, 0, 0), (64 << 20 + 1, 0, 0), (100, UInt64.max, 0), (100, 5, 101), (100, UInt64.max - 50, 60)])
    func layoutsThatCannotBe(manifest: UInt64, content: UInt64, files: UInt64) {
        #expect(throws: TransferError.self) {
            try FolderLayout(manifest: manifest, content: content, files: files)
        }
    }
}
