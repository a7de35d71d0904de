import Glibc
import Testing

/// Texts, and files that travel inside them.
@Suite(.serialized)
struct MessageTests {
    @Test("a text waits in the inbox until it is read")
    func text() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let sent = try await alice.succeed("send", "bob", "-m", "hello\u{7}\nworld")
        #expect(sent.text == "1")
        #expect(try await bob.run("resume").status == 0)
        #expect(try await bob.succeed("inbox").lines == ["1\talice\tmessage\thello\\x07\\nworld"])
        let object = try #require(try await bob.succeed("--json", "inbox").objects.first)
        #expect(
            object.keys == [
                "v", "type", "id", "direction", "peer", "group", "kind", "text", "state", "missing", "editedAt",
                "deletedAt", "createdAt",
            ])
        #expect(object["state"] == "new")
        #expect(object["text"] == "hello\u{7}\nworld")
        #expect(try await bob.succeed("inbox", "1").lines == ["hello\\x07", "world"])
        #expect(try await bob.succeed("inbox").output.isEmpty)
    }

    @Test("a small file with a text travels inside it, and accept moves it out")
    func inlineFile() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("note.pdf", count: 40_000)
        let sending = try alice.start("send", "bob", path, "-m", "have a look")
        let id = try await sending.firstLine()
        _ = try await bob.run("resume")
        #expect(try await sending.wait().status == 0)
        #expect(try await alice.state(id) == "complete")
        let offers = try await bob.succeed("inbox").lines
        #expect(offers.contains { $0.contains("have a look") })
        let file = try #require(offers.first { $0.contains("note.pdf") })
        let received = try await bob.succeed("accept", String(file.prefix { $0 != "\t" }))
        #expect(haveSameBytes(received.text, path))
        #expect(Stage.list(bob.downloads) == ["note.pdf"])
    }

    @Test("--inline with a preview; too much for the recipient is declined")
    func inlineLimits() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("scan.png", count: 90_000)
        let picture = try stage.makeFile("small.png", count: 900)
        try await bob.succeed("config", "set", "inline-limit", "50000")
        let sending = try alice.start("send", "bob", path, "--inline", "--preview", picture)
        _ = try await sending.firstLine()
        _ = try await bob.run("resume")
        let refused = try await sending.wait()
        #expect(refused.status == 4)
        #expect(refused.errors.contains("larger than the 50000 bytes"))
        try await bob.succeed("config", "set", "inline-limit", "100000")
        let second = try alice.start("send", "bob", path, "--inline", "--preview", picture)
        _ = try await second.firstLine()
        let id = try await bob.newestOffer()
        #expect(try await second.wait().status == 0)
        #expect(try await bob.succeed("inbox", id).output.contains("preview\ti.image/png, 900 bytes"))
        let large = try stage.makeFile("large", count: 1_100_000)
        #expect(try await alice.run("send", "bob", large, "--inline").status == 1)
    }
}
