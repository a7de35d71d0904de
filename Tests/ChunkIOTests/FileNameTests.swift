import ChunkIO
import Glibc
import SystemPackage
import Testing

@Suite struct FileNameTests {
    @Test(arguments: [
        ("photo.jpg", "photo.jpg"),
        ("", "file"),
        (".", "_"),
        ("..", "__"),
        ("...", "..."),
        ("/", "_"),
        ("/etc/passwd", "_etc_passwd"),
        ("../../x", ".._.._x"),
        ("a\0b", "a_b"),
        ("a\nb\u{202E}", "a\nb\u{202E}"),
        ("-rf", "-rf"),
        (".bashrc", ".bashrc"),
    ])
    func sanitizes(given: String, expected: String) {
        #expect(FileName(sanitizing: given).string == expected)
    }

    @Test(arguments: [
        ("name.ext", 1, "name_1.ext"),
        ("name.ext", 12, "name_12.ext"),
        ("name", 1, "name_1"),
        (".bashrc", 1, ".bashrc_1"),
        ("name.", 1, "name_1."),
        ("archive.tar.gz", 1, "archive_1.tar.gz"),
        (".tar.gz", 1, ".tar_1.gz"),
        ("a.b.c", 2, "a.b_2.c"),
        ("v1.a sentence that is no extension", 1, "v1.a sentence that is no extension_1"),
    ])
    func alternatives(name: String, number: Int, expected: String) {
        #expect(FileName(sanitizing: name).alternative(number, limitInBytes: 255).string == expected)
    }

    @Test func shortens() {
        let long = FileName(sanitizing: String(repeating: "x", count: 300) + ".jpeg")
        #expect(long.bytes.count == 255)
        #expect(long.string.hasSuffix("x.jpeg"))
        #expect(long.alternative(17, limitInBytes: 255).string.hasSuffix("x_17.jpeg"))
        #expect(long.alternative(17, limitInBytes: 255).bytes.count == 255)
        // Between characters: 200 of 3 bytes each.
        let wide = FileName(sanitizing: String(repeating: "€", count: 200) + ".txt")
        #expect(wide.string == String(repeating: "€", count: 83) + ".txt")
        #expect(wide.alternative(1, limitInBytes: 143).string == String(repeating: "€", count: 45) + "_1.txt")
        #expect(FileName(sanitizing: "x." + String(repeating: "y", count: 400)).bytes.count == 255)
    }

    @Test func hidden() {
        #expect(FileName(sanitizing: ".profile").isHidden)
        #expect(!FileName(sanitizing: "profile.").isHidden)
    }

    /// Whatever a peer calls its file, one entry of the chosen directory appears and nothing else.
    @Test func noNameLeavesTheDirectory() async throws {
        let alphabet: [String] = [
            "/", "..", ".", "\0", "a", "\\", "~", "-", "%2e", "\u{202E}", "\u{9B}", "é", "/../", "tmp",
        ]
        var generator = SeededGenerator(seed: 11)
        let outer = TemporaryDirectory()
        mkdir(outer["in"].string, 0o755)
        let destination = try Destination(output: outer["in"].string)
        for _ in 0..<60 {
            let parts = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? ""
            }
            let name = FileName(sanitizing: parts.joined())
            #expect(!name.bytes.contains(0) && !name.bytes.contains(UInt8(ascii: "/")))
            #expect((1...255).contains(name.bytes.count))
            #expect(name.string != "." && name.string != "..")
            let reservation = try destination.reserve(name)
            let file = try await reservation.finish(FileAttributes(), size: 0)
            #expect(file.path.removingLastComponent() == outer["in"])
            unlink(file.path.string)
        }
        #expect(outer.names == ["in"])
    }
}

@Suite struct ChunkIOErrorTests {
    @Test(arguments: [
        (ENOSPC, ChunkIOError.noSpace("/x"), ChunkIOError.Category.space),
        (EDQUOT, .quotaExceeded("/x"), .space),
        (EFBIG, .fileTooLarge("/x"), .destination),
        (EROFS, .readOnly("/x"), .destination),
        (EACCES, .permissionDenied("/x"), .destination),
        (EPERM, .permissionDenied("/x"), .destination),
        (EIO, .deviceFailed("/x"), .local),
        (EMFILE, .tooManyOpenFiles, .local),
        (ENFILE, .tooManyOpenFiles, .local),
        (ENAMETOOLONG, .nameInvalid("/x"), .destination),
        (EBUSY, .system(operation: "write", path: "/x", errno: EBUSY), .local),
    ])
    func fromErrno(code: CInt, expected: ChunkIOError, category: ChunkIOError.Category) {
        let error = ChunkIOError(errno: code, operation: "write", path: "/x")
        #expect(error == expected)
        #expect(error.category == category)
    }

    @Test func describesWithoutDisturbingTheTerminal() {
        let error = ChunkIOError.nameTaken("/tmp/a\nb\u{1B}[2J\u{9B}\u{202E}é")
        #expect(error.description == "'/tmp/a\\u{a}b\\u{1b}[2J\\u{9b}\\u{202e}é' exists already")
        let text = ChunkIOError.system(operation: "write", path: "/x", errno: EBUSY).description
        #expect(text == "cannot write '/x': Device or resource busy")
    }
}
