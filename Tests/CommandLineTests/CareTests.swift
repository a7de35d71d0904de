import GRDB
import Glibc
import Testing

/// Moving a profile, QR codes, completions, the doctor.
@Suite(.serialized)
struct CareTests {
    @Test("a profile moves to another machine by a file that only the passphrase opens")
    func exportAndImport() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        try await alice.succeed("config", "set", "name", "Alice")
        let secret = stage.directory + "/secret"
        try "correct horse\nbattery\n".write(to: secret)
        let file = stage.directory + "/alice.export"
        let made = try await alice.succeed("export", file, "--passphrase-file", secret)
        #expect(made.text == file)
        var status = stat()
        #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600)
        let bytes = [UInt8](file: file)
        #expect(bytes.starts(with: Array("sxfile export 1\n".utf8)))
        #expect(!Stage.list(alice.profile).contains { $0.hasPrefix("export-") })
        // Never over anything.
        #expect(try await alice.run("export", file, "--passphrase-file", secret).status == 73)
        let onto = try await alice.run("import", file, "--passphrase-file", secret)
        #expect(onto.status == 2 && onto.errors.contains("exists"))
        // Another passphrase, a changed byte anywhere, a file cut short: nothing is made.
        let other = Person(name: "other", stage: stage)
        mkdir(other.home, 0o700)
        let wrong = stage.directory + "/wrong"
        try "incorrect horse".write(to: wrong)
        let refused = try await other.run("import", file, "--passphrase-file", wrong)
        #expect(refused.status == 1 && refused.errors.contains("passphrase"))
        for index in [3, 40, 60, bytes.count - 1] {
            var damaged = bytes
            damaged[index] ^= 1
            try damaged.write(to: file + ".bad")
            #expect(try await other.run("import", file + ".bad", "--passphrase-file", secret).status != 0)
        }
        // Within the first piece it cannot be told from a wrong passphrase.
        for (count, status) in [
            (min(bytes.count / 2, 65_000), 1), (bytes.count - 1, 2), (72 + 65_553, 2), (60, 2), (0, 2),
        ] {
            try Array(bytes.prefix(count)).write(to: file + ".bad")
            let cut = try await other.run("import", file + ".bad", "--passphrase-file", secret)
            #expect(cut.status == status, "\(count): \(cut.errors)")
        }
        try (bytes + [0]).write(to: file + ".bad")
        #expect(try await other.run("import", file + ".bad", "--passphrase-file", secret).status == 2)
        #expect(Stage.list(other.profile).filter { $0 != "engine.lock" }.isEmpty)
        // On the other machine.
        let imported = try await other.succeed("import", file, "--passphrase-file", secret)
        #expect(imported.errors.contains("--rekey"))
        #expect(try await other.succeed("config", "get", "name").text == "Alice")
        #expect(try await other.succeed("contacts").lines == ["bob\tconnected"])
        // Its keys may be old: it is refused until they are renewed.
        #expect(try await other.run("resume").status == 1)
        let online = try bob.start("daemon")
        try await other.succeed("doctor", "--rekey")
        online.signal(SIGTERM)
        try await online.wait()
        let path = try stage.makeFile("moved", count: 300_000)
        _ = try await other.offer(path, to: bob)
        let id = try await bob.newestOffer()
        let sending = try other.start("daemon")
        let received = try await bob.succeed("accept", id)
        #expect(haveSameBytes(received.text, path))
        sending.signal(SIGTERM)
        try await sending.wait()
    }

    @Test("a passphrase that is short, empty or missing is refused, and an engine at work keeps its profile")
    func passphrases() async throws {
        let stage = try await Stage()
        let alice = try await stage.person("alice")
        let file = stage.directory + "/alice.export"
        for text in ["", "\n", "short"] {
            try text.write(to: stage.directory + "/secret")
            let result = try await alice.run("export", file, "--passphrase-file", stage.directory + "/secret")
            #expect(result.status == 2)
        }
        #expect(try await alice.run("export", file).status == 2)
        #expect(try await alice.run("export", file, "--passphrase-file", stage.directory + "/none").status == 3)
        try "long enough".write(to: stage.directory + "/secret")
        #expect(try await alice.run("import", file, "--passphrase-file", stage.directory + "/secret").status == 2)
        let daemon = try alice.start("daemon")
        try await eventually("the daemon is there") { access(alice.profile + "/engine.sock", F_OK) == 0 }
        #expect(try await alice.run("export", file, "--passphrase-file", stage.directory + "/secret").status == 1)
        #expect(access(file, F_OK) != 0)
        daemon.signal(SIGTERM)
        try await daemon.wait()
    }

    @Test("a QR code of the link goes to standard error, the link alone to standard output")
    func codes() async throws {
        let stage = try await Stage()
        let alice = try await stage.person("alice")
        let invited = try await alice.succeed("invite", "--qr", "--quiet")
        #expect(invited.lines.count == 1)
        let drawn = invited.errors.split(separator: "\n")
        let width = try #require(drawn.first).count
        #expect(drawn.allSatisfy { $0.count == width })
        #expect(drawn.count == (width + 1) / 2)
        #expect(drawn.first?.allSatisfy { $0 == "█" } == true)
        // Finder patterns in three corners, behind four light squares.
        #expect(drawn[2].hasPrefix("████ ▄▄▄▄▄ █") && drawn[2].hasSuffix("█ ▄▄▄▄▄ ████"))
    }

    @Test("shells are given names and ids, quickly and silently")
    func completions() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("a:b \u{1b}[31m.txt", count: 10)
        let sent = try await alice.offer(path, to: bob)
        let id = try await bob.newestOffer()
        func complete(_ person: Person, _ shell: String, _ words: String...) async throws -> [String] {
            let result = try await stage.start(
                ["---completion"] + words, home: person.name, environment: ["SAP_SHELL=\(shell)"]
            ).wait()
            #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
            return result.lines
        }
        #expect(
            try await complete(alice, "bash", "send", "--", "positional@0", "2", "0", "sxfile", "send", "").contains(
                "bob"))
        #expect(
            try await complete(bob, "zsh", "accept", "--", "positional@0", "2", "0", "sxfile", "accept", "")
                .contains("\(id):a:b \\x1b[31m.txt from alice"))
        #expect(
            try await complete(alice, "fish", "cancel", "--", "positional@0", "2", "0", "sxfile", "cancel", "")
                .contains("\(sent)\ta:b \\x1b[31m.txt to bob"))
        #expect(
            try await complete(
                alice, "bash", "config", "set", "--", "positional@0", "3", "0", "sxfile", "config", "set", ""
            )
            .contains("limit-rate"))
        // bash expands what it is given: a name that would be a command there, should one ever get in, is left out.
        let database = try DatabaseQueue(path: alice.profile + "/sxfile.db")
        try await database.write { db in try db.execute(sql: "UPDATE contacts SET name = '$(id)'") }
        let inBash = try await complete(alice, "bash", "send", "--", "positional@0", "2", "0", "sxfile", "send", "")
        #expect(!inBash.contains { $0.contains("$") })
        let inZsh = try await complete(alice, "zsh", "send", "--", "positional@0", "2", "0", "sxfile", "send", "")
        #expect(inZsh.contains("$(id):connected"))
        try await database.write { db in try db.execute(sql: "UPDATE contacts SET name = 'bob'") }
        // An engine at work, another profile, and no profile at all; nothing is made.
        let daemon = try alice.start("daemon")
        #expect(
            try await complete(alice, "bash", "send", "--", "positional@0", "2", "0", "sxfile", "send", "").contains(
                "bob"))
        daemon.signal(SIGTERM)
        try await daemon.wait()
        #expect(
            try await !complete(
                alice, "bash", "send", "--", "positional@0", "4", "0", "sxfile", "--profile", "x", "send", ""
            ).contains("bob"))
        #expect(!Stage.list(alice.profile).contains("x"))
        let carol = Person(name: "carol", stage: stage)
        mkdir(carol.home, 0o700)
        #expect(try await complete(carol, "bash", "send", "--", "positional@0", "2", "0", "sxfile", "send", "").isEmpty)
        #expect(Stage.list(carol.home).isEmpty)
    }

    @Test("the doctor looks at everything, in JSON too")
    func doctor() async throws {
        let stage = try await Stage()
        let alice = try await stage.person("alice")
        let healthy = try await alice.succeed("doctor", "--json").objects
        #expect(
            healthy.compactMap { $0["name"] as String? } == [
                "io_uring", "memlock", "clock", "downloads", "profile", "settings", "database", "keys", "relay",
            ])
        #expect(healthy.allSatisfy { $0["ok"] == true })
        let relay = try #require(healthy.last)
        #expect(relay.keys.isSuperset(of: ["address", "version", "roundTripMilliseconds", "connectMilliseconds"]))
        // A database with a hole.
        let database = alice.profile + "/sxfile.db"
        var bytes = [UInt8](file: database)
        for index in 8192..<min(bytes.count, 40_000) { bytes[index] = 0x55 }
        try bytes.write(to: database)
        let sick = try await alice.run("doctor")
        #expect(sick.status == 1)
        #expect(
            sick.lines.contains { $0.hasPrefix("BAD\tdatabase\t") || $0.hasPrefix("BAD\tprofile\t") }, "\(sick.output)")
    }
}
