import GRDB
import Glibc
import Testing

/// What is wrong, and how it ends: one line of what to do, an exit code of its own, nothing lost.
@Suite(.serialized)
struct BadInputTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var words: [String]
        var status: Int32
        var says: String
        var input: String?

        init(_ words: String..., status: Int32, says: String, input: String? = nil) {
            self.words = words
            self.status = status
            self.says = says
            self.input = input
        }

        var testDescription: String { words.joined(separator: " ") }
    }

    static let cases = [
        Case("nonsense", status: 2, says: "nonsense"),
        Case("send", status: 2, says: "contact"),
        Case("send", "bob", status: 2, says: "nothing to send"),
        Case("send", "nobody", "/etc/hostname", status: 3, says: "no contact is called 'nobody'"),
        Case("send", "bob", "/etc/missing", status: 3, says: "no file /etc/missing"),
        Case("send", "bob", "/etc/hostname", "/etc/missing", status: 3, says: "no file /etc/missing"),
        Case("send", "bob", "/etc/hostname", "-", status: 2, says: "goes alone"),
        Case("send", "bob", "/etc/hostname", "/etc/hostname", status: 2, says: "called 'hostname'"),
        Case("send", "bob", "/etc/hostname", "--exclude", "*.o", status: 2, says: "for folders"),
        Case("send", "bob", "/etc", "--exclude", "", status: 2, says: "--exclude wants"),
        Case("send", "bob", "/dev/null", status: 1, says: "no regular file"),
        Case("send", "bob", "/etc/hostname", "--lane", "sideways", status: 2, says: "sideways"),
        Case("send", "bob", "/etc/hostname", "--timeout", "soon", status: 2, says: "soon"),
        Case("send", "bob", "/etc/hostname", "--preview", "/etc/hostname", status: 2, says: "--inline"),
        Case("send", "#friends", "/etc/hostname", status: 3, says: "no group is called"),
        Case("group", "invite", "friends", "bob", status: 3, says: "no group"),
        Case("retry", "1", status: 3, says: "there is no transfer 1"),
        Case("relay", "--metrics", "here", status: 2, says: "HOST:PORT"),
        Case("relay", "--listen", "here", status: 2, says: "HOST:PORT"),
        Case("relay", "--quota", "many", status: 2, says: "many"),
        Case("inbox", "77", status: 3, says: "77"),
        Case("status", "77", status: 3, says: "no transfer 77"),
        Case("accept", "77", status: 3, says: "no transfer 77"),
        Case("accept", status: 2, says: "--all"),
        Case("accept", "1", "--all", status: 2, says: "--all"),
        Case("accept", "--all", "--from", "nobody", status: 3, says: "nobody"),
        Case("accept", "1", "-o", "-", status: 3, says: "no transfer 1"),
        Case("accept", "1", "2", "-o", "-", status: 2, says: "one file"),
        Case("inbox", "--full", status: 2, says: "--full wants"),
        Case("decline", "77", status: 3, says: "no transfer 77"),
        Case("cancel", "77", status: 3, says: "no transfer 77"),
        Case("cancel", "x", status: 2, says: "x"),
        Case("contacts", "remove", "nobody", status: 3, says: "nobody"),
        Case("contacts", "verify", "nobody", status: 3, says: "nobody"),
        Case("config", "get", "color", status: 2, says: "color"),
        Case("config", "set", "relay", "example.org", status: 2, says: "smp://"),
        Case("config", "set", "inline-limit", "big", status: 2, says: "inline-limit"),
        Case("connect", status: 2, says: "standard input", input: "\n"),
        Case("connect", status: 2, says: "link", input: "https://example.org/\n"),
        Case("connect", status: 2, says: "link", input: "simplex:/invitation#/?v=2-7&smp=smp%3A%2F%2Fxx\n"),
        Case("invite", "--as", "bob", status: 1, says: "bob"),
        Case("invite", "--as", "-x y", status: 2, says: "name"),
        Case("daemon", "--accept-from", "nobody", status: 3, says: "nobody"),
        Case("demo", "/etc/missing", status: 3, says: "/etc/missing"),
        Case("--profile", "../up", "status", status: 2, says: "../up"),
        // And what to write instead.
        Case("snd", "bob", "/etc/hostname", status: 2, says: "did you mean `sxfile send`?"),
        Case("send", "bib", "/etc/hostname", status: 3, says: "did you mean 'bob'?"),
        Case("send", "/etc/hostname", "bob", status: 3, says: "the contact comes first"),
        Case("send", "bob", "hello there", status: 3, says: "a text is sent with -m"),
        Case("resume", "--wait", "10", status: 2, says: "30s, 5m, 2h"),
        Case("accept", "hostname", status: 2, says: "an id is a number"),
        Case("contacts", "set", "bob", "accept=sometimes", status: 2, says: "accept=always, accept=ask"),
        Case("contacts", "set", "bob", "dir=/etc/missing", status: 73, says: "dir=PATH"),
    ]

    @Test("the table of wrong uses")
    func table() async throws {
        let stage = try await Stage()
        let (alice, _) = try await stage.pair()
        for item in Self.cases {
            let result = try await stage.start(item.words, home: "alice", input: item.input).wait()
            let shown = "\(item.testDescription): \(result.status) \(result.errors)"
            #expect(result.status == item.status, "\(shown)")
            #expect(result.output.isEmpty, "\(shown)")
            #expect(result.errors.contains("error: "), "\(shown)")
            #expect(result.errors.contains(item.says), "\(shown)")
        }
        // Nothing of all that left a trace.
        #expect(try await alice.succeed("status", "--all").output.isEmpty)
        #expect(try await alice.succeed("contacts").lines == ["bob\tconnected"])
    }

    @Test("help and version are no errors")
    func help() async throws {
        let stage = try await Stage(withRelay: false)
        let alice = Person(name: "alice", stage: stage)
        for words in [["--help"], ["send", "--help"], ["help", "accept"], ["--version"], []] {
            let result = try await stage.start(words, home: alice.name).wait()
            #expect(result.status == 0)
            #expect(!result.output.isEmpty)
            #expect(result.errors.isEmpty)
        }
        // No profile is made by asking for help.
        #expect(Stage.list(alice.home).isEmpty)
    }

    @Test("a profile that others can read is refused")
    func permissions() async throws {
        let stage = try await Stage()
        let alice = try await stage.person("alice")
        chmod(alice.profile, 0o755)
        let refused = try await alice.run("status")
        #expect(refused.status == 77)
        #expect(refused.errors.contains("chmod 700"))
        chmod(alice.profile, 0o700)
        chmod(alice.profile + "/sxfile.db", 0o644)
        #expect(try await alice.run("status").status == 77)
        chmod(alice.profile + "/sxfile.db", 0o600)
        #expect(try await alice.run("status").status == 0)
    }

    @Test("a damaged database is said to be one")
    func damaged() async throws {
        let stage = try await Stage()
        let alice = try await stage.person("alice")
        for file in ["sxfile.db-wal", "sxfile.db-shm"] { unlink(alice.profile + "/" + file) }
        try String(repeating: "no database ", count: 1000).write(to: alice.profile + "/sxfile.db")
        let result = try await alice.run("status")
        #expect(result.status == 1)
        #expect(result.errors.contains("damaged"))
    }

    @Test("a database of a later version, one that is held, and half of one")
    func otherDatabases() async throws {
        let stage = try await Stage()
        let alice = try await stage.person("alice")
        let path = alice.profile + "/sxfile.db"
        try await DatabaseQueue(path: path).write { db in
            try db.execute(sql: "INSERT INTO grdb_migrations VALUES ('v999')")
        }
        for words in [["status"], ["resume"], ["invite"]] {
            let newer = try await stage.start(words, home: alice.name).wait()
            #expect(newer.status == 1)
            #expect(newer.errors.contains("newer sxfile"))
        }
        let bob = try await stage.person("bob")
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let holder = try DatabaseQueue(path: bob.profile + "/sxfile.db", configuration: configuration)
        try await holder.writeWithoutTransaction { db in try db.execute(sql: "BEGIN IMMEDIATE") }
        let held = try await bob.run("invite")
        #expect(held.status == 1)
        #expect(held.errors.contains("is locked by another program"))
        #expect(try await bob.run("status").status == 0)
        try await holder.writeWithoutTransaction { db in try db.execute(sql: "ROLLBACK") }
        try await bob.succeed("invite")
        let carol = try await stage.person("carol")
        let whole = [UInt8](file: carol.profile + "/sxfile.db")
        for file in ["sxfile.db-wal", "sxfile.db-shm"] { unlink(carol.profile + "/" + file) }
        truncate(carol.profile + "/sxfile.db", whole.count / 2)
        let half = try await carol.run("resume")
        #expect(half.status == 1)
        #expect(half.errors.contains("damaged"))
    }

    @Test("a copied profile can be read, and is not run before its keys are renewed")
    func copied() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let original = [UInt8](file: alice.profile + "/sxfile.db")
        try #require(!original.isEmpty)
        unlink(alice.profile + "/sxfile.db-wal")
        unlink(alice.profile + "/sxfile.db-shm")
        let other = alice.profile + "/copy.db"
        try original.write(to: other)
        chmod(other, 0o600)
        rename(other, alice.profile + "/sxfile.db")
        #expect(try await alice.run("contacts").status == 0)
        let refused = try await alice.run("resume")
        #expect(refused.status == 1)
        #expect(refused.errors.contains("doctor --rekey"))
        #expect(try await alice.run("doctor", "--rekey").status == 0)
        _ = try await bob.run("resume")
        _ = try await alice.run("resume")
        let sent = try await alice.run("send", "bob", "-m", "with new keys")
        #expect(sent.status == 0)
        _ = try await bob.run("resume")
        #expect(try await bob.succeed("inbox").output.contains("with new keys"))
    }

    @Test("a relay that is down, another one, or none")
    func relays() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("waiting", count: 100)
        stage.relay?.end()
        let down = try await alice.run("send", "bob", path, "--no-wait")
        #expect(down.status == 69)
        #expect(down.output == "1\n")
        #expect(down.errors.contains("error: "))
        #expect(try await alice.run("invite", "--as", "carol").status == 69)
        #expect(try await alice.succeed("contacts").lines == ["bob\tconnected"])
        let waiting = try await alice.run("resume")
        #expect(waiting.status == 75)
        #expect(waiting.output.isEmpty && waiting.errors.isEmpty)
        #expect(try await alice.run("doctor").status == 69)
        // The wish was kept.
        try await stage.startRelay()
        _ = try await alice.run("resume")
        #expect(try await !bob.newestOffer().isEmpty)
        // Another relay at this address.
        let carol = try await stage.person("carol")
        let false256 = String(repeating: "A", count: 43) + "="
        let port = try #require(stage.address.split(separator: ":").last)
        try await carol.succeed("config", "set", "relay", "smp://\(false256)@127.0.0.1:\(port)")
        let foreign = try await carol.run("invite")
        #expect(foreign.status == 5)
        #expect(foreign.errors.contains("error: "))
        #expect(try await carol.run("doctor").status == 5)
        let nobody = Person(name: "nobody", stage: stage)
        mkdir(nobody.home, 0o700)
        #expect(try await nobody.run("invite").status == 1)
    }

    @Test("what answers is no relay, or does not answer")
    func noRelays() async throws {
        let stage = try await Stage()
        let alice = try await stage.person("alice")
        let fingerprint = stage.address.split(separator: "@")[0]
        for (listener, says) in [
            (try Impostor(answer: Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)), "is no relay"),
            (try Impostor(answer: nil), "did not answer in time"),
        ] {
            try await alice.succeed("config", "set", "relay", "\(fingerprint)@127.0.0.1:\(listener.port)")
            let result = try await alice.run("invite")
            #expect(result.status == 69)
            #expect(result.errors.contains(says), "\(result.errors)")
            #expect(result.errors.contains("hint: `sxfile doctor`"))
            // What cannot be given away is not kept.
            #expect(try await alice.succeed("contacts").output.isEmpty)
        }
    }

    @Test("a link that is damaged, or one's own, leaves nothing behind")
    func links() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let link = try await alice.succeed("invite", "--as", "carol").text
        for damaged in [String(link.dropLast(30)), link.replacing("x3dh%3D", with: "x3dh%3DAA")] {
            let result = try await bob.run("connect", input: damaged)
            #expect(result.status == 2, "\(result.errors)")
            #expect(result.errors.contains("the link is damaged"))
        }
        let own = try await alice.run("connect", input: link)
        #expect(own.status == 2)
        #expect(own.errors.contains("this profile made the link itself"))
        #expect(!own.errors.contains("hint"))
        #expect(try await bob.succeed("contacts").lines == ["alice\tconnected"])
        #expect(try await alice.succeed("contacts").lines == ["bob\tconnected", "carol\tinvited"])
    }
}
