import Glibc
import Testing

/// --limit-rate: whatever the lane and the side that asks for it, nothing is faster than that. Slower is no failure.
@Suite(.serialized)
struct LimitRateTests {
    private static let size = 3 << 20
    /// At 1 MiB a second: the file, less what may pass at once at the beginning.
    private static let least: Duration = .milliseconds(2500)

    private func send(
        _ stage: Stage, _ alice: Person, _ bob: Person, lane: String, sending: [String], taking: [String]
    ) async throws -> (Duration, Set<String>) {
        let path = try stage.makeFile("limited.bin", count: Self.size)
        mkdir(bob.home + "/in", 0o700)
        let taker = try stage.start(
            ["daemon", "-v", "--accept-from", "alice", "-o", bob.home + "/in"] + taking, home: "bob")
        try await eventually("bob is connected") { taker.errors.contains("connected to a relay") }
        let start = ContinuousClock.now
        let sent = try await stage.start(
            ["send", "bob", path, "--json", "--lane", lane] + sending, home: "alice"
        ).wait()
        let time = ContinuousClock.now - start
        #expect(sent.status == 0, "\(sent.errors)")
        // However slow the line is, the sender hears how far it is. A relay takes all at once from a sender without a limit.
        let moved = try sent.objects.compactMap { $0["transferred"] as Int? }
        #expect(lane == "relay" || moved.contains { 0 < $0 && $0 < Self.size }, "\(moved)")
        taker.signal(SIGTERM)
        try await taker.wait()
        #expect(haveSameBytes(bob.home + "/in/limited.bin", path))
        unlink(bob.home + "/in/limited.bin")
        return (time, Set(try sent.objects.compactMap { $0["lane"] as String? }))
    }

    @Test("both lanes, both sides", arguments: ["relay", "direct"], [true, false])
    func limit(lane: String, isSenderLimited: Bool) async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let limit = ["--limit-rate", "1M"]
        let (time, lanes) = try await send(
            stage, alice, bob, lane: lane, sending: isSenderLimited ? limit : [], taking: isSenderLimited ? [] : limit)
        #expect(time >= Self.least)
        #expect(lanes.contains(lane))
    }

    @Test("the setting limits too, and a running engine takes another one")
    func setting() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        try await bob.succeed("config", "set", "limit-rate", "1M")
        let (time, _) = try await send(stage, alice, bob, lane: "relay", sending: [], taking: [])
        #expect(time >= Self.least)
        // Far too slow at first: it ends in time only because the limit is lifted meanwhile.
        let path = try stage.makeFile("lifted.bin", count: 24 << 20)
        let daemon = try alice.start("daemon", "--limit-rate", "16K")
        try await eventually("the daemon is there") { access(alice.profile + "/engine.sock", F_OK) == 0 }
        let warned = try await alice.run("send", "bob", path, "--no-wait", "--limit-rate", "1M")
        #expect(warned.status == 0 && warned.errors.contains("keeps its own rate"))
        daemon.signal(SIGTERM)
        try await daemon.wait()
        try await alice.succeed("config", "set", "limit-rate", "16K")
        try await bob.succeed("config", "set", "limit-rate", "")
        let slow = try alice.start("daemon")
        let id = try await bob.newestOffer()
        let taker = try bob.start("accept", id)
        try await eventually("it is active") { try await alice.state(warned.text) == "active" }
        try await alice.succeed("config", "set", "limit-rate", "900M")
        try await alice.succeed("config", "set", "limit-rate", "")
        let taken = try await taker.wait()
        #expect(taken.status == 0, "\(taken.errors)")
        #expect(haveSameBytes(taken.text, path))
        slow.signal(SIGTERM)
        try await slow.wait()
    }

    @Test("what is no rate is refused", arguments: ["0", "1K", "fast", "-1M", "1.5M", ""])
    func refused(rate: String) async throws {
        let stage = try await Stage(withRelay: false)
        let alice = Person(name: "alice", stage: stage)
        mkdir(alice.home, 0o700)
        for words in [["resume"], ["daemon"], ["accept", "1"], ["send", "bob", "/etc/hostname"]] {
            let result = try await stage.start(words + ["--limit-rate=\(rate)"], home: "alice").wait()
            #expect(result.status == 2, "\(words)")
        }
    }
}
