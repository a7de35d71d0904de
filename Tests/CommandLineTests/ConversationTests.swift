import Glibc
import Testing

/// `messages`, `edit` and `delete` between two real profiles.
@Suite(.serialized)
struct ConversationTests {
    /// What `messages` prints, without times.
    private func conversation(_ person: Person, _ words: String...) async throws -> [String] {
        try await stageLines(person, ["messages"] + words)
    }

    private func stageLines(_ person: Person, _ words: [String]) async throws -> [String] {
        let result = try await person.stage.start(words, home: person.name).wait()
        try #require(result.status == 0, "\(words): \(result.errors)")
        return result.lines.map { line in
            var fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            if fields.count > 2, fields[1].hasSuffix("Z") { fields.remove(at: 1) }
            return fields.joined(separator: "\t")
        }
    }

    @Test("said, changed and deleted, with the other side away each time")
    func offline() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        try await alice.succeed("send", "bob", "-m", "helo\nbob")
        try await alice.succeed("send", "bob", "-m", "something hasty")
        try await bob.succeed("resume")
        try await bob.succeed("send", "alice", "-m", "hello yourself")
        #expect(
            try await bob.succeed("inbox").lines
                == ["1\talice\tmessage\thelo\\nbob", "2\talice\tmessage\tsomething hasty"])
        try await alice.succeed("resume")
        #expect(try await alice.succeed("edit", "1", "hello\nbob").output.isEmpty)
        try await alice.succeed("delete", "2")
        try await alice.succeed("delete", "2")
        let mine = [
            "1\tyou\tmessage (edited)\thello", "\t\t\t\tbob", "2\tyou\tmessage (deleted)\t",
            "3\tbob\tmessage\thello yourself",
        ]
        #expect(try await conversation(alice, "bob") == mine)
        try await bob.succeed("resume")
        #expect(
            try await bob.succeed("inbox").lines
                == ["1\talice\tmessage (edited)\thello\\nbob", "2\talice\tmessage (deleted)\t"])
        #expect(
            try await conversation(bob, "alice", "--since", "1h") == [
                "1\talice\tmessage (edited)\thello", "\t\t\t\tbob", "2\talice\tmessage (deleted)\t",
                "3\tyou\tmessage\thello yourself",
            ])
        // Seen is read.
        #expect(try await bob.succeed("inbox").output.isEmpty)
        let objects = try await bob.succeed("messages", "alice", "--json").objects
        #expect(objects.map { $0["text"] } == ["hello\nbob", "", "hello yourself"])
        #expect(objects.map { $0["state"] } == ["read", "read", "sent"])
        try #require(objects.count == 3)
        #expect(!objects[0].isNull("editedAt") && objects[0].isNull("deletedAt"))
        #expect(objects[1].isNull("editedAt") && !objects[1].isNull("deletedAt"))
        // What is gone is gone from the disk too.
        #expect(!String(file: bob.profile + "/sxfile.db").contains("something hasty"))
    }

    @Test("only one's own messages; what cannot be says why")
    func wrong() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        try await alice.succeed("send", "bob", "-m", "hello")
        try await bob.succeed("resume")
        let theirs = try await bob.run("edit", "1", "changed")
        #expect(theirs.status == 2)
        #expect(theirs.errors.contains("message 1 is from alice: you can edit your own only"))
        #expect(try await bob.run("delete", "1").status == 2)
        let unknown = try await alice.run("edit", "9", "x")
        #expect(unknown.status == 3)
        #expect(unknown.errors.contains("hint: `sxfile messages CONTACT` shows the ids"))
        #expect(try await alice.run("edit", "1", "").errors.contains("`sxfile delete 1` deletes the message"))
        #expect(try await alice.run("edit", "1", String(repeating: "x", count: 65_537)).status == 2)
        let path = try stage.makeFile("a.bin", count: 300_000)
        _ = try await alice.offer(path, to: bob)
        #expect(try await alice.run("delete", "2").errors.contains("`sxfile cancel 2` ends it"))
        try await alice.succeed("delete", "1")
        let gone = try await alice.run("edit", "1", "again")
        #expect(gone.status == 1)
        #expect(gone.errors.contains("message 1 is deleted"))
        #expect(try await alice.run("messages", "carol").status == 3)
        #expect(
            try await conversation(alice, "bob")
                == ["1\tyou\tmessage (deleted)\t", "2\tyou\tfile (offered)\t293.0 KiB\ta.bin"])
    }

    @Test("from standard input, and with the relay down")
    func relayDown() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        stage.relay?.end()
        #expect(try await alice.run("send", "bob", "-m", "-", input: "from a pipe\n").status == 69)
        #expect(try await alice.run("send", "bob", "-m", "forget it").status == 69)
        #expect(try await alice.run("delete", "2").status == 69)
        #expect(try await alice.run("edit", "1", "-", input: "by hand").status == 69)
        #expect(
            try await conversation(alice, "bob")
                == ["1\tyou\tmessage (waits, edited)\tby hand", "2\tyou\tmessage (deleted)\t"])
        try await stage.startRelay()
        try await alice.succeed("resume")
        try await bob.succeed("resume")
        #expect(
            try await conversation(bob, "alice")
                == ["1\talice\tmessage (edited)\tby hand", "2\talice\tmessage (deleted)\t"])
        #expect(try await alice.run("send", "bob", "-", "-m", "-", input: "x").status == 2)
        #expect(try await alice.run("send", "bob", "-m", "-", input: "\n").status == 2)
    }

    @Test("changed or deleted before there was a connection, nobody hears of it")
    func unsent() async throws {
        let stage = try await Stage()
        let alice = try await stage.person("alice")
        let bob = try await stage.person("bob")
        let link = try await alice.succeed("invite", "--as", "bob").text
        for text in ["first", "hasty"] {
            #expect(try await alice.run("send", "bob", "-m", text, "--timeout", "1s").status == 75)
        }
        #expect(try await alice.run("edit", "1", "second", "--timeout", "1s").status == 75)
        _ = try await alice.run("delete", "2", "--timeout", "1s")
        #expect(
            try await conversation(alice, "bob")
                == ["1\tyou\tmessage (waits)\tsecond", "2\tyou\tmessage (deleted)\t"])
        let host = try alice.start("daemon")
        try await bob.succeed("connect", "--as", "alice", input: link)
        try await eventually("the text arrives") { try await !bob.newestOffer().isEmpty }
        host.signal(SIGTERM)
        try await host.wait()
        #expect(try await conversation(bob, "alice") == ["1\talice\tmessage\tsecond"])
        #expect(try await alice.run("resume").status == 0)
    }

    @Test("a deleted message takes a file in it along that nobody has taken")
    func withFile() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("note.pdf", count: 40_000)
        try await alice.succeed("send", "bob", path, "-m", "have a look", "--no-wait")
        try await bob.succeed("resume")
        #expect(try await bob.succeed("inbox").lines.count == 2)
        #expect(try await conversation(bob, "alice").last == "2\talice\tfile (here)\t39.1 KiB\tnote.pdf")
        let text = try await conversation(alice, "bob").first { $0.contains("have a look") }
        try await alice.succeed("delete", String(try #require(text).prefix { $0 != "\t" }))
        _ = try await bob.run("resume")
        // The text was read before.
        #expect(try await bob.succeed("inbox").output.isEmpty)
        #expect(
            try await conversation(bob, "alice") == [
                "1\talice\tmessage (deleted)\t", "2\talice\tfile (cancelled)\t39.1 KiB\tnote.pdf",
            ])
        #expect(try await bob.run("accept", "2").status == 1)
    }

    @Test("killed at any moment, every text and its last change arrive once")
    func killed() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        var generator = SeededGenerator(seed: 11)
        for number in 0..<12 {
            let sending = try alice.start("send", "bob", "-m", "text \(number)")
            let receiving = try bob.start("resume")
            // Its id is said once it is stored; whatever is killed then is not lost.
            let id = try await sending.firstLine()
            if Bool.random(using: &generator) { sending.signal(SIGKILL) }
            let changing =
                number.isMultiple(of: 3)
                ? try alice.start("delete", id) : try alice.start("edit", id, "changed \(number)")
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...60, using: &generator)))
            if Bool.random(using: &generator) { receiving.signal(SIGKILL) }
            try await sending.wait()
            try await changing.wait()
            try await receiving.wait()
        }
        try await alice.succeed("resume")
        try await bob.succeed("resume")
        let wanted = (0..<12).filter { !$0.isMultiple(of: 3) }.map { "changed \($0)" }
        for (person, peer) in [(bob, "alice"), (alice, "bob")] {
            let objects = try await person.succeed("messages", peer, "--json").objects
            let texts = objects.compactMap { object -> String? in object.isNull("deletedAt") ? object["text"] : nil }
            #expect(texts == wanted)
        }
    }
}
