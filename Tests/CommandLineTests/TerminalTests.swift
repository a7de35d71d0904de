import Glibc
import Testing

/// What a person sees while something takes its time: on a wide terminal, on a narrow one, and on one that can do nothing.
@Suite(.serialized)
struct TerminalTests {
    struct Kind: Sendable, CustomTestStringConvertible {
        var columns: Int
        var term = "xterm"
        var testDescription: String { "\(columns) columns, \(term)" }
    }

    static let kinds = [Kind(columns: 80), Kind(columns: 40), Kind(columns: 80, term: "dumb")]

    /// Every drawn line fits, and a terminal that knows nothing is sent nothing but text.
    private func check(_ terminal: Terminal, _ kind: Kind) {
        for line in terminal.drawn where line.hasPrefix("[") || line.contains("done") {
            #expect(line.count < kind.columns, "\(line)")
        }
        if kind.term == "dumb" { #expect(!terminal.text.contains("\u{1b}")) }
    }

    @Test("a command that waits says for whom, and its clock goes on", arguments: kinds)
    func waiting(_ kind: Kind) async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("a-rather-long-name-of-a-photograph.raw", count: 300_000)
        let sending = try Terminal(alice, columns: kind.columns, term: kind.term, "send", "bob", path)
        // Each second shows: the line is drawn again without anything having happened.
        for clock in ["0:01", "0:02", "0:03"] { try await sending.waits(for: clock) }
        let line = try #require(sending.drawn.last { $0.hasPrefix("[1]") })
        #expect(line.contains("waiting for bob"))
        let offer = try await bob.newestOffer()
        let receiving = try Terminal(bob, columns: kind.columns, term: kind.term, "accept", offer)
        #expect(try await receiving.child.wait().status == 0)
        #expect(try await sending.child.wait().status == 0)
        check(sending, kind)
        check(receiving, kind)
        #expect(receiving.text.contains(bob.downloads + "/a-rather-long-name-of-a-photograph.raw"))
    }

    @Test("a relay that does not answer is said to be tried again, and when")
    func relayDown() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("a", count: 300_000)
        _ = try await alice.offer(path, to: bob)
        let id = try await bob.newestOffer()
        let staying = try Terminal(alice, columns: 80, "resume", "--wait", "1h")
        try await staying.waits(for: "waiting for bob to accept")
        let relay = try #require(stage.relay)
        relay.signal(SIGTERM)
        try await relay.wait()
        try await staying.waits(for: "relay unreachable, next try in ")
        let row = try #require(try await alice.succeed("status", "--json").objects.first)
        #expect(row["waiting"] == "relay-down")
        #expect((row["retryAt"] as String?) != nil)
        #expect(try await alice.succeed("status").output.contains("relay unreachable, "))
        try await stage.startRelay()
        try await staying.waits(for: "waiting for bob to accept")
        try await bob.succeed("accept", id)
        #expect(try await staying.child.wait().status == 0)
    }

    @Test("status --watch draws on, and prints each change", arguments: kinds)
    func watch(_ kind: Kind) async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("watched", count: 300_000)
        let id = try await alice.offer(path, to: bob)
        let watching = try Terminal(alice, columns: kind.columns, term: kind.term, "status", "--watch")
        try await watching.waits(for: "0:02")
        try await alice.succeed("cancel", id)
        #expect(try await watching.child.wait().status == 0)
        #expect(watching.text.contains("cancelled"))
        check(watching, kind)
    }

    @Test("several at once: how many are done, and all of them together")
    func several() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        for name in ["one", "two", "three"] {
            _ = try await alice.offer(try stage.makeFile(name, count: 200_000), to: bob)
        }
        _ = try await bob.newestOffer()
        let receiving = try Terminal(bob, columns: 100, "accept", "--all")
        try await receiving.waits(for: "0 of 3 done")
        try await receiving.waits(for: "0:01")
        _ = try await alice.run("resume")
        #expect(try await receiving.child.wait().status == 0)
        #expect(Stage.list(bob.downloads) == ["one", "three", "two"])
    }

    @Test("an invitation that nobody has joined is waited for aloud")
    func invitation() async throws {
        let stage = try await Stage()
        let alice = try await stage.person("alice")
        let inviting = try Terminal(alice, columns: 40, "invite", "--wait", "1h")
        for clock in ["0:01", "0:02"] { try await inviting.waits(for: clock) }
        inviting.child.signal(SIGINT)
        #expect(try await inviting.child.wait().status == 130)
    }
}
