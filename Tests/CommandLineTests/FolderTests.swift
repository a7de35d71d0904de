import Glibc
import Testing

/// Folders and several files as one transfer.
@Suite(.serialized)
struct FolderTests {
    /// A folder with files of many sizes.
    private func makeFolder(_ stage: Stage, _ name: String, files: Int, largest: Int = 400_000) throws -> String {
        let root = stage.directory + "/" + name
        mkdir(root, 0o755)
        var generator = SeededGenerator(seed: UInt64(files))
        for number in 0..<files {
            let directory = root + "/\(number % 7)"
            mkdir(directory, 0o755)
            let count = number % 5 == 0 ? 0 : Int.random(in: 0...largest, using: &generator)
            let path = try stage.makeFile("\(name)/\(number % 7)/file \(number)", count: count, seed: UInt64(number))
            chmod(path, number % 3 == 0 ? 0o755 : 0o640)
            setTime(path, 1_600_000_000 + number, number * 1000)
        }
        mkdir(root + "/void", 0o750)
        symlink("0/file 0", root + "/link")
        return root
    }

    private func setTime(_ path: String, _ seconds: Int, _ nanoseconds: Int) {
        let time = timespec(tv_sec: seconds, tv_nsec: nanoseconds)
        utimensat(AT_FDCWD, path, [time, time], AT_SYMLINK_NOFOLLOW)
    }

    /// Every path below, with kind, mode, time and contents.
    private func picture(_ root: String) -> [String: String] {
        var picture: [String: String] = [:]
        func look(_ path: String) {
            for name in Stage.list(root + path) {
                let inner = path + "/" + name
                var status = stat()
                lstat(root + inner, &status)
                let mode = String(status.st_mode, radix: 8)
                switch status.st_mode & S_IFMT {
                case S_IFDIR:
                    picture[inner] = mode
                    look(inner)
                case S_IFLNK:
                    var target = [CChar](repeating: 0, count: 200)
                    let count = max(readlink(root + inner, &target, 199), 0)
                    picture[inner] = String(
                        decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
                default:
                    let bytes = [UInt8](file: root + inner)
                    let sum = bytes.reduce(UInt64(bytes.count)) { $0 &* 31 &+ UInt64($1) }
                    picture[inner] = "\(mode) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec) \(sum)"
                }
            }
        }
        look("")
        return picture
    }

    @Test("a folder arrives as it is", arguments: ["relay", "direct"])
    func wholeFolder(lane: String) async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let root = try makeFolder(stage, "photos", files: 60)
        try stage.makeFile("photos/.hidden", count: 10).write(to: stage.directory + "/unused")
        let sending = try alice.start("send", "bob", root + "/", "--lane", lane)
        _ = try await sending.firstLine()
        let id = try await bob.newestOffer()
        let offer = try await bob.succeed("inbox").text
        #expect(offer.contains("\tfolder\t61 files, 8 folders, 1 link, "))
        #expect(offer.contains("\t1 hidden, 20 executable\t"))
        let shown = try await bob.succeed("inbox", id).lines
        #expect(shown.contains("entry\t10 B\thidden\t.hidden"))
        #expect(shown.contains("entry\tlink\t\tlink -> 0/file 0"))
        #expect(shown.contains("entry\tfolder\t\tvoid"))
        let accepted = try await bob.succeed("accept", id, "--json").objects
        #expect(accepted.last?["path"] == bob.downloads + "/photos")
        #expect(accepted.last?["files"] == 61)
        #expect(accepted.last?["filesDone"] == 61)
        let sent = try await sending.wait()
        #expect(sent.status == 0 && sent.errors.isEmpty, "\(sent.errors)")
        #expect(picture(bob.downloads + "/photos") == picture(root))
        #expect(Stage.list(bob.downloads) == ["photos"])
        #expect(Stage.list(alice.profile + "/spool") == [])
    }

    @Test("holes of a file that goes alone are holes at the other side", arguments: ["relay", "direct"])
    func holes(lane: String) async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("disk.img", count: 10_000)
        truncate(path, 20 << 20)
        let sending = try alice.start("send", "bob", path, "--lane", lane)
        _ = try await sending.firstLine()
        let accepted = try await bob.succeed("accept", try await bob.newestOffer()).text
        #expect(try await sending.wait().status == 0)
        #expect(haveSameBytes(accepted, path))
        var status = stat()
        #expect(stat(accepted, &status) == 0 && status.st_blocks * 512 < 1 << 20)
    }

    @Test("several paths arrive in one folder")
    func severalPaths() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let folder = try makeFolder(stage, "inner", files: 5)
        let one = try stage.makeFile("one.txt", count: 10)
        mkdir(stage.directory + "/else", 0o755)
        let twin = try stage.makeFile("else/one.txt", count: 10)
        let clash = try await alice.run("send", "bob", one, twin)
        #expect(clash.status == 2 && clash.errors.contains("two of the paths are called 'one.txt'"))
        let host = try alice.start("daemon")
        try await alice.succeed("send", "bob", one, folder, "--name", "both", "--no-wait")
        let id = try await bob.newestOffer()
        try await bob.succeed("accept", id, "-o", stage.directory + "/here")
        #expect(Stage.list(stage.directory + "/here") == ["inner", "one.txt"])
        #expect(picture(stage.directory + "/here/inner") == picture(folder))
        try await alice.succeed("send", "bob", folder + "/0/..", "--no-wait")
        #expect(try await bob.succeed("accept", bob.newestOffer()).text == bob.downloads + "/inner")
        host.signal(SIGTERM)
        try await host.wait()
    }

    @Test("what cannot go is told, and the rest goes")
    func omissions() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let root = try makeFolder(stage, "mixed", files: 4)
        symlink("/etc/passwd", root + "/away")
        mkfifo(root + "/pipe", 0o600)
        try "x".write(to: root + "/later")
        try "x".write(to: root + "/skipped.o")
        let look = try await alice.succeed("send", "bob", root, "--dry-run", "--exclude", "*.o")
        #expect(look.lines.contains("1 B\t\tlater"))
        #expect(!look.output.contains("skipped"))
        #expect(look.errors.contains("away is not sent: a link out of the folder"))
        #expect(try await alice.succeed("status", "--all").output.isEmpty)
        let sending = try alice.start("send", "bob", root, "--exclude", "*.o")
        _ = try await sending.firstLine()
        let id = try await bob.newestOffer()
        try "changed".write(to: root + "/later")
        let accepted = try await bob.succeed("accept", id)
        #expect(accepted.errors.contains("later is missing: it was changed while the folder was sent"))
        let sent = try await sending.wait()
        #expect(sent.status == 0)
        #expect(sent.errors.contains("pipe is not sent: a pipe"))
        #expect(sent.errors.contains("later is missing there"))
        for name in ["away", "pipe", "later", "skipped.o"] { unlink(root + "/" + name) }
        #expect(picture(bob.downloads + "/mixed").filter { $0.key != "" } == picture(root))
    }

    @Test("names that are no text, long names, deep folders")
    func names() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let root = stage.directory + "/names"
        mkdir(root, 0o755)
        let names: [[UInt8]] = [
            [0xFF, 0xFE, 0x20], Array(String(repeating: "n", count: 255).utf8), Array("line\nbreak".utf8),
            Array("%41\u{1b}[31m".utf8), Array("e\u{301}".utf8), Array("\u{e9}".utf8),
        ]
        for name in names {
            let path = Array("\(root)/".utf8) + name
            let descriptor = open(path.map { CChar(bitPattern: $0) } + [0], O_WRONLY | O_CREAT, 0o644)
            #expect(descriptor >= 0)
            close(descriptor)
        }
        var deep = root
        for _ in 0..<20 {
            deep += "/" + String(repeating: "d", count: 60)
            mkdir(deep, 0o755)
        }
        try "deep".write(to: deep + "/f")
        let host = try alice.start("daemon")
        try await alice.succeed("send", "bob", root, "--no-wait")
        let accepted = try await bob.succeed("accept", try await bob.newestOffer())
        for name in names {
            let path = Array("\(accepted.text)/".utf8) + name
            #expect(access(path.map { CChar(bitPattern: $0) } + [0], F_OK) == 0)
        }
        #expect(String(file: accepted.text + deep.dropFirst(root.count) + "/f") == "deep")
        let shown = try await bob.succeed("inbox", "1").output
        #expect(!shown.contains("\u{1b}") && shown.contains("line\\nbreak"))
        host.signal(SIGTERM)
        try await host.wait()
    }

    @Test(
        "killed again and again, it goes on", arguments: ["sender", "recipient", "both"], ["relay", "auto"])
    func killed(victim: String, lane: String) async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let root = try makeFolder(stage, "durable", files: 300, largest: 100_000)
        _ = try stage.makeFile("durable/0/large", count: 20_000_000)
        let sent = try await alice.offer(root, to: bob, lane: lane)
        let id = try await bob.newestOffer()
        try await bob.succeed("accept", id, "--no-wait")
        var generator = SeededGenerator(seed: UInt64(victim.utf8.count))
        var rounds = 0
        while try await bob.state(id) != "complete", rounds < 40 {
            rounds += 1
            let sender = try alice.start("resume", "--wait", "20s")
            let recipient = try bob.start("resume", "--wait", "20s")
            if rounds <= 6 {
                try await Task.sleep(for: .milliseconds(Int.random(in: 20...500, using: &generator)))
                if victim != "recipient" { sender.signal(SIGKILL) }
                if victim != "sender" { recipient.signal(SIGKILL) }
                sender.signal(SIGTERM)
                recipient.signal(SIGTERM)
            }
            try await sender.wait()
            try await recipient.wait()
        }
        #expect(picture(bob.downloads + "/durable") == picture(root))
        #expect(Stage.list(bob.downloads) == ["durable"])
        _ = try await bob.run("resume")
        _ = try await alice.run("resume")
        #expect(try await alice.state(sent) == "complete")
    }

    @Test("cancelled in the middle, nothing is left", arguments: ["alice", "bob"])
    func cancelled(by who: String) async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let root = try makeFolder(stage, "unwanted", files: 50)
        let sent = try await alice.offer(root, to: bob)
        let id = try await bob.newestOffer()
        try await bob.succeed("accept", id, "--no-wait")
        #expect(Stage.list(bob.downloads).count == 2)
        if who == "bob" {
            try await bob.succeed("cancel", id)
            _ = try await bob.run("resume")
            _ = try await alice.run("resume")
        } else {
            try await alice.succeed("cancel", sent)
            _ = try await alice.run("resume")
            _ = try await bob.run("resume")
        }
        // The sender hears of acceptance and end in one word, which says declined.
        #expect(try await alice.state(sent) == (who == "bob" ? "declined" : "cancelled"))
        #expect(try await bob.state(id) == "cancelled")
        #expect(Stage.list(bob.downloads) == [])
        #expect(Stage.list(alice.profile + "/spool") == [])
    }

    @Test("the whole list comes before the offer is accepted")
    func wholeList() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let root = stage.directory + "/many"
        mkdir(root, 0o755)
        for number in 0..<3000 {
            try "".write(to: root + "/a file with a rather long name, so that its list is long too, \(10_000 + number)")
        }
        _ = try await alice.offer(root, to: bob)
        let id = try await bob.newestOffer()
        let first = try await bob.succeed("inbox", id)
        let shown = first.lines.count { $0.hasPrefix("entry\t") }
        #expect(shown > 100 && shown <= 1000)
        #expect(first.errors.contains("and \(3000 - shown) more"))
        #expect(try await bob.run("inbox", id, "--full", "--timeout", "1s").status == 75)
        let host = try alice.start("daemon")
        let all = try await bob.succeed("inbox", id, "--full")
        #expect(all.lines.count == 3000)
        #expect(all.lines.last?.hasSuffix("12999") == true)
        // It is here now.
        host.signal(SIGTERM)
        try await host.wait()
        #expect(try await bob.succeed("inbox", id, "--full").lines == all.lines)
        #expect(try await bob.state(id) == "offered")
        try await bob.succeed("decline", id)
        _ = try await bob.run("resume")
        #expect(Stage.list(bob.profile + "/spool") == [])
    }
}
