import Glibc
import Testing

/// The direct lane between real processes: on one machine, and between machines made of network namespaces.
@Suite(.serialized)
struct DirectTests {
    private static let mebibyte = 1 << 20

    /// Sends a file to somebody who takes it at once, and says by which lanes it went.
    private func send(
        _ path: String, from alice: Person, to bob: Person, isUndisturbed: Bool = true,
        midway: () async throws -> Void = {}
    ) async throws -> Set<String> {
        mkdir(bob.home + "/in", 0o700)
        let taker = try bob.start("daemon", "-v", "--accept-from", alice.name, "-o", bob.home + "/in")
        let sender = try alice.stage.start(
            ["send", bob.name, path, "--json", "-v"], home: alice.name)
        while !sender.hasEnded {
            let last = sender.output.split(separator: "\n").last.flatMap { try? JSONObject(String($0)) }
            if let moved: Int = last?["transferred"], last?["lane"] == "direct", moved > 0, last?.type == "progress" {
                try await midway()
                break
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        let result = try await sender.wait()
        #expect(result.status == 0, "\(result.errors)")
        taker.signal(SIGTERM)
        try await taker.wait()
        // One meeting: an answer that comes late does not end what is up.
        for errors in [result.errors, taker.errors] where isUndisturbed {
            #expect(
                errors.split(separator: "\n").count { $0.contains("goes by a direct connection") } <= 1, "\(errors)")
        }
        let name = String(path.split(separator: "/").last ?? "")
        #expect(haveSameBytes(bob.home + "/in/" + name, path), "\(result.errors)\n\(taker.errors)")
        #expect(Stage.list(bob.home + "/in") == [name])
        return Set(try result.objects.compactMap { $0["lane"] as String? })
    }

    @Test("on one machine a file goes directly")
    func loopback() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("large.bin", count: 64 * Self.mebibyte)
        #expect(try await send(path, from: alice, to: bob).contains("direct"))
        // Both sides are done with it: nothing is left to be said.
        let left = try await alice.run("resume")
        #expect(left.status == 0 && left.output.isEmpty)
        // A small one too, if its sender says so, and an empty one.
        for count in [0, 1, 100_000] {
            let small = try stage.makeFile("small\(count).bin", count: count)
            _ = try await sendSmall(small, from: alice, to: bob)
        }
    }

    private func sendSmall(_ path: String, from alice: Person, to bob: Person) async throws -> CommandResult {
        let taker = try bob.start("daemon", "--accept-from", alice.name, "-o", bob.home + "/in")
        let result = try await alice.succeed("send", bob.name, path, "--lane", "direct", "--timeout", "60s")
        taker.signal(SIGTERM)
        try await taker.wait()
        #expect(haveSameBytes(bob.home + "/in/" + (path.split(separator: "/").last ?? ""), path))
        return result
    }

    @Test("--lane relay and the setting offer and dial nothing", arguments: [true, false])
    func relayOnly(bySetting: Bool) async throws {
        let stage = try await Stage()
        let (_, bob) = try await stage.pair()
        if bySetting { try await bob.succeed("config", "set", "lane", "relay") }
        let path = try stage.makeFile("large.bin", count: 3 * Self.mebibyte)
        let taker = try bob.start("daemon", "-v", "--accept-from", "alice")
        let words = bySetting ? [] : ["--lane", "relay"]
        let sender = try stage.start(["send", "bob", path, "--json", "-v"] + words, home: "alice")
        let result = try await sender.wait()
        #expect(result.status == 0)
        taker.signal(SIGTERM)
        try await taker.wait()
        #expect(haveSameBytes(bob.downloads + "/large.bin", path))
        #expect(try result.objects.allSatisfy { $0["lane"] != "direct" })
        // The one who does not want it never listens; the other only before it knows.
        #expect(!(bySetting ? taker.errors : result.errors).contains("listening on"))
        if !bySetting { #expect(!taker.errors.contains("listening on")) }
    }

    @Test("--lane direct waits for the other side, and never uses the relay for chunks")
    func directOnly() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        try await bob.succeed("config", "set", "lane", "relay")
        let path = try stage.makeFile("large.bin", count: 3 * Self.mebibyte)
        let taker = try bob.start("daemon", "--accept-from", "alice")
        let result = try await alice.run("send", "bob", path, "--lane", "direct", "--timeout", "3s")
        #expect(result.status == 75)
        try await bob.succeed("config", "set", "lane", "auto")
        taker.signal(SIGTERM)
        try await taker.wait()
        let again = try bob.start("daemon")
        #expect(try await alice.run("resume", "--wait", "60s").status == 0)
        again.signal(SIGTERM)
        try await again.wait()
        #expect(haveSameBytes(bob.downloads + "/large.bin", path))
    }

    @Test("killed on the direct lane, it goes on", arguments: ["sender", "recipient"])
    func killed(victim: String) async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("large.bin", count: 200 * Self.mebibyte)
        let id = try await alice.offer(path, to: bob, lane: "auto")
        let offer = try await bob.newestOffer()
        try await bob.succeed("accept", offer, "--no-wait")
        var generator = SeededGenerator(seed: victim == "sender" ? 1 : 2)
        for _ in 0..<4 {
            let sender = try alice.start("daemon")
            let recipient = try bob.start("daemon")
            try await Task.sleep(for: .milliseconds(Int.random(in: 150...600, using: &generator)))
            (victim == "sender" ? sender : recipient).signal(SIGKILL)
            try await Task.sleep(for: .milliseconds(100))
            for process in [sender, recipient] {
                process.signal(SIGTERM)
                try await process.wait()
            }
        }
        let sender = try alice.start("resume", "--wait", "60s")
        #expect(try await bob.run("resume", "--wait", "60s").status == 0)
        #expect(try await sender.wait().status == 0)
        #expect(haveSameBytes(bob.downloads + "/large.bin", path))
        #expect(try await alice.state(id) == "complete")
    }

    @Test(
        "a disk that fills up pauses it, room lets it go on", .enabled(if: geteuid() == 0, "SKIP: mounting wants root"),
        arguments: ["auto", "direct"])
    func diskFull(lane: String) async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let small = bob.home + "/small"
        mkdir(small, 0o700)
        try #require(mount("tmpfs", small, "tmpfs", 0, "size=48m") == 0)
        defer { umount2(small, Int32(MNT_DETACH)) }
        let path = try stage.makeFile("large.bin", count: 40 * Self.mebibyte)
        let sent = try await alice.offer(path, to: bob, lane: lane)
        let id = try await bob.newestOffer()
        try await bob.succeed("accept", id, "-o", small, "--no-wait")
        try [UInt8](repeating: 1, count: 30 * Self.mebibyte).write(to: small + "/ballast")
        let sender = try alice.start("daemon")
        let recipient = try bob.start("daemon")
        var waited = false
        for _ in 0..<3000 where !waited {
            waited = try await bob.succeed("status", id, "--json").objects.first?["waiting"] == "space"
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(waited)
        #expect(!Stage.list(small).contains("large.bin") || [UInt8](file: small + "/large.bin").isEmpty)
        unlink(small + "/ballast")
        for _ in 0..<3000 where try await alice.state(sent) != "complete" {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(haveSameBytes(small + "/large.bin", path))
        for process in [sender, recipient] {
            process.signal(SIGTERM)
            try await process.wait()
        }
    }

    // MARK: - Machines of their own

    private static let needsNamespaces = "SKIP: network namespaces want root and iproute2"

    @Test(
        "one side reaches the other", .enabled(if: Namespaces.areAvailable, Comment(rawValue: needsNamespaces)),
        arguments: [
            ["10.77.9.1/24", "10.77.9.2/24"], ["10.77.9.1/32", "10.77.9.2/24"], ["10.77.9.1/24", "10.77.9.2/32"],
            ["fd77::1/64", "fd77::2/64"],
        ])
    func reachable(addresses: [String]) async throws {
        let network = try Namespaces(alice: [addresses[0]], bob: [addresses[1]])
        let stage = try await Stage(network: network)
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("large.bin", count: 40 * Self.mebibyte)
        #expect(try await send(path, from: alice, to: bob).contains("direct"))
    }

    @Test(
        "nobody reaches the other: the relay carries it",
        .enabled(if: Namespaces.areAvailable, Comment(rawValue: needsNamespaces)))
    func blackholed() async throws {
        let network = try Namespaces(alice: ["10.77.9.1/24"], bob: ["10.77.9.2/24"])
        try network.blackhole("10.77.9.2", on: "alice")
        try network.blackhole("10.77.9.1", on: "bob")
        let stage = try await Stage(network: network)
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("large.bin", count: 8 * Self.mebibyte)
        #expect(try await send(path, from: alice, to: bob) == ["relay"])
    }

    @Test(
        "cut midway: the relay carries on",
        .enabled(if: Namespaces.areAvailable, Comment(rawValue: needsNamespaces)))
    func cut() async throws {
        let network = try Namespaces(alice: ["10.77.9.1/24"], bob: ["10.77.9.2/24"])
        let stage = try await Stage(network: network)
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("large.bin", count: 300 * Self.mebibyte)
        let lanes = try await send(path, from: alice, to: bob, isUndisturbed: false) {
            try network.blackhole("10.77.9.2", on: "alice")
            try network.blackhole("10.77.9.1", on: "bob")
        }
        #expect(lanes == ["direct", "relay"])
    }
}
