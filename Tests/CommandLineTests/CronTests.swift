import Glibc
import Testing

/// `resume` from cron.
@Suite(.serialized)
struct CronTests {
    @Test("two sides that never run together get a file across, and send nothing twice")
    func alternation() async throws {
        let stage = try await Stage()
        let port = try #require(Int(stage.address.split(separator: ":").last ?? ""))
        let forwarder = try Forwarder(to: port)
        let relay = stage.address.split(separator: "@")[0] + "@127.0.0.1:\(forwarder.port)"
        let (alice, bob) = try await stage.pair(relay: String(relay))
        let path = try stage.makeFile("by night", count: 2_000_000)
        let sent = try await alice.offer(path, to: bob)
        #expect(try await alice.run("resume").status == 75)
        let id = try await bob.newestOffer()
        try await bob.succeed("accept", id, "--no-wait")
        #expect(try await bob.run("resume").status == 75)
        var sentByAlice = 0
        var rounds = 0
        while try await bob.state(id) != "complete", rounds < 8 {
            let before = forwarder.upward
            _ = try await alice.run("resume")
            sentByAlice += forwarder.upward - before
            _ = try await bob.run("resume")
            rounds += 1
        }
        #expect(rounds <= 2)
        #expect(haveSameBytes(bob.downloads + "/by night", path))
        // The file once, in blocks, with what surrounds it: far from twice.
        #expect(sentByAlice < 2_700_000)
        let last = try await alice.run("resume")
        #expect(last.status == 0)
        #expect(try await alice.state(sent) == "complete")
        // Nothing is left: silence.
        for person in [alice, bob] {
            let idle = try await person.run("resume")
            #expect(idle.status == 0)
            #expect(idle.output.isEmpty && idle.errors.isEmpty)
        }
        forwarder.end()
    }

    @Test("overlapping runs leave at once")
    func overlapping() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let host = try alice.start("daemon")
        // The daemon answers once it is the engine: an invitation is its work.
        try await alice.succeed("invite", "--as", "carol")
        var runs: [ChildProcess] = []
        for _ in 0..<10 { runs.append(try alice.start("resume")) }
        for run in runs {
            let result = try await run.wait()
            #expect(result.status == 0)
            #expect(result.output.isEmpty && result.errors.isEmpty)
        }
        // Wishes of ten commands at once, all carried out by the one engine.
        let path = try stage.makeFile("many", count: 10)
        var sends: [ChildProcess] = []
        for _ in 0..<10 { sends.append(try alice.start("send", "bob", path, "--no-wait")) }
        var ids: Set<String> = []
        for send in sends {
            let result = try await send.wait()
            #expect(result.status == 0, "\(result.errors)")
            ids.insert(result.text)
        }
        #expect(ids.count == 10)
        _ = try await bob.run("resume")
        #expect(try await bob.succeed("inbox").lines.count == 10)
        host.signal(SIGINT)
        #expect(try await host.wait().status == 0)
    }

    @Test("a full relay is named, and drained")
    func fullRelay() async throws {
        let stage = try await Stage(quota: "40")
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("large", count: 2_000_000)
        let sent = try await alice.offer(path, to: bob)
        let id = try await bob.newestOffer()
        try await bob.succeed("accept", id, "--no-wait")
        let full = try await alice.run("resume")
        #expect(full.status == 75)
        #expect(full.errors.contains("relay is full, "))
        #expect(full.errors.contains("% waits for bob"))
        #expect(try await alice.succeed("status", sent).output.contains("relay is full, "))
        var rounds = 0
        while try await bob.state(id) != "complete", rounds < 20 {
            _ = try await bob.run("resume")
            _ = try await alice.run("resume")
            rounds += 1
        }
        #expect(haveSameBytes(bob.downloads + "/large", path))
    }

    @Test("a daemon accepts by itself")
    func daemon() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let place = stage.directory + "/place"
        mkdir(place, 0o755)
        let host = try bob.start("daemon", "--accept-from", "alice", "-o", place)
        let path = try stage.makeFile("welcome", count: 100_000)
        try await alice.succeed("send", "bob", path)
        #expect(haveSameBytes(place + "/welcome", path))
        host.signal(SIGTERM)
        #expect(try await host.wait().status == 0)
    }
}
