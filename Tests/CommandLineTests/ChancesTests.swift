import Glibc
import Testing

/// What did not arrive is tried again, what is not to move is held, and what waits too long is withdrawn.
@Suite(.serialized)
struct ChancesTests {
    @Test("a sender offers again what was declined")
    func senderRetries() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("photo.raw", count: 300_000)
        let first = try await alice.offer(path, to: bob)
        try await bob.succeed("decline", try await bob.newestOffer())
        _ = try await alice.run("resume")
        #expect(try await alice.state(first) == "declined")
        let again = try await alice.succeed("retry", first, "--no-wait").text
        #expect(again != first)
        let offer = try await bob.newestOffer()
        let sending = try alice.start("resume", "--wait", "1h")
        #expect(haveSameBytes(try await bob.succeed("accept", offer).text, path))
        #expect(try await sending.wait().status == 0)
        #expect(try await alice.state(again) == "complete")
        let refused = try await alice.run("retry", again)
        #expect(refused.status == 1)
        #expect(refused.errors.contains("transfer \(again) is complete: it cannot be tried again"))
        #expect(try await alice.run("retry", "99").status == 3)
    }

    /// Asking for the offer before the one that was withdrawn changes nothing.
    @Test("what the sender has withdrawn stays so, whichever offer of it is asked for")
    func withdrawn() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let first = try await alice.offer(try stage.makeFile("photo.raw", count: 300_000), to: bob)
        let offer = try await bob.newestOffer()
        try await bob.succeed("decline", offer)
        _ = try await alice.run("resume")
        let again = try await alice.succeed("retry", first, "--no-wait").text
        try await alice.succeed("cancel", again)
        let sending = try alice.start("daemon")
        let asking = try await bob.run("retry", offer)
        #expect(asking.status == 4, "\(asking.errors)")
        #expect(try await bob.run("retry", offer).status == 4)
        sending.signal(SIGTERM)
        try await sending.wait()
    }

    @Test("an accepting policy writes nothing where its directory is gone")
    func directoryGone() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let place = stage.directory + "/in"
        mkdir(place, 0o755)
        try await bob.succeed("contacts", "set", "alice", "accept=always", "dir=\(place)")
        rmdir(place)
        let sent = try await alice.offer(try stage.makeFile("photo.raw", count: 10), to: bob)
        _ = try await bob.run("resume")
        #expect(!Stage.list(stage.directory).contains("in"))
        #expect(try await alice.state(sent) == "offered")
        mkdir(place, 0o755)
        let sending = try alice.start("resume", "--wait", "1h")
        #expect(try await bob.run("resume", "--wait", "1h").status == 0)
        #expect(try await sending.wait().status == 0)
        #expect(Stage.list(place) == ["photo.raw"])
    }

    @Test("a recipient asks for what failed here, and gets it without accepting again")
    func recipientRetries() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("photo.raw", count: 300_000)
        let sent = try await alice.offer(path, to: bob)
        let offer = try await bob.newestOffer()
        try await bob.succeed("accept", offer, "--no-wait")
        try await bob.succeed("cancel", offer)
        _ = try await alice.run("resume")
        #expect(try await ["cancelled", "declined"].contains(alice.state(sent)))
        let place = stage.directory + "/place"
        mkdir(place, 0o755)
        let asking = try await bob.succeed("retry", offer, "--no-wait", "-o", place).text
        #expect(try await bob.succeed("status", asking).output.contains("waiting for alice to offer it again"))
        let sending = try alice.start("daemon")
        let received = try await bob.run("resume", "--wait", "1h")
        #expect(received.status == 0, "\(received.errors)")
        sending.signal(SIGTERM)
        try await sending.wait()
        #expect(haveSameBytes(place + "/photo.raw", path))
        let row = try #require(try await bob.succeed("status", asking, "--json").objects.first)
        #expect(row["state"] == "complete")
        #expect(row["retryOf"] == Int(offer))
    }

    @Test("the recipient waits in the foreground, and the sender's file is gone")
    func refused() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("photo.raw", count: 300_000)
        _ = try await alice.offer(path, to: bob)
        let offer = try await bob.newestOffer()
        try await bob.succeed("decline", offer)
        _ = try await alice.run("resume")
        unlink(path)
        let asking = try bob.start("retry", offer)
        let id = try await asking.firstLine()
        let host = try alice.start("daemon")
        let end = try await asking.wait()
        host.signal(SIGTERM)
        try await host.wait()
        #expect(end.status == 1)
        #expect(end.errors.contains("the file is not there any more, or has changed"))
        #expect(try await bob.state(id) == "failed")
        #expect(Stage.list(bob.downloads).isEmpty)
        let own = try await alice.run("retry", "1")
        #expect(own.status == 3)
        #expect(own.errors.contains("there is no file \(path)"))
    }

    @Test("a paused transfer moves nothing in any run, until resume names it")
    func pause() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("photo.raw", count: 2_000_000)
        let id = try await alice.offer(path, to: bob)
        #expect(try await alice.succeed("pause", id).output.isEmpty)
        try await alice.succeed("pause", id)
        let offer = try await bob.newestOffer()
        try await bob.succeed("accept", offer, "--no-wait")
        // Only the user can go on with it: cron hears of nothing.
        for _ in 0..<2 {
            #expect(try await alice.run("resume").status == 0)
            #expect(try await bob.run("resume").status == 75)
        }
        let row = try #require(try await alice.succeed("status", id, "--json").objects.first)
        #expect(row["waiting"] == "paused")
        #expect(row["transferred"] == 0)
        #expect(try await alice.succeed("status").output.contains("paused by you: `sxfile resume \(id)` lets it go on"))
        let sending = try alice.start("resume", id, "--wait", "1h")
        #expect(try await bob.run("resume", "--wait", "1h").status == 0)
        #expect(try await sending.wait().status == 0)
        #expect(haveSameBytes(bob.downloads + "/photo.raw", path))
        let late = try await alice.run("pause", id)
        #expect(late.status == 1)
        #expect(late.errors.contains("is complete: it cannot be paused"))
        #expect(try await alice.run("resume", "99").status == 3)
    }

    @Test("a recipient's engine at work hears of a pause at once, and survives a restart with it")
    func pauseWhileRunning() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("large", count: 60_000_000)
        let sending = try alice.start("send", "bob", path, "--lane", "relay")
        let offer = try await bob.newestOffer()
        let daemon = try bob.start("daemon", "--limit-rate", "10M")
        try await bob.succeed("accept", offer, "--no-wait")
        try await eventually("bytes") { try await self.transferred(bob, offer) > 0 }
        try await bob.succeed("pause", offer)
        try await eventually("paused") {
            try await bob.succeed("status", offer, "--json").objects.first?["waiting"] == "paused"
        }
        daemon.signal(SIGKILL)
        try await daemon.wait()
        let held = try await transferred(bob, offer)
        #expect(held < 60_000_000)
        #expect(try await bob.run("resume").status == 0)
        #expect(try await transferred(bob, offer) <= held + 8_000_000)
        let before = try await transferred(bob, offer)
        #expect(try await bob.run("resume").status == 0)
        #expect(try await transferred(bob, offer) == before)
        #expect(try await bob.run("resume", offer, "--wait", "1h").status == 0)
        #expect(try await sending.wait().status == 0)
        #expect(haveSameBytes(bob.downloads + "/large", path))
    }

    private func transferred(_ person: Person, _ id: String) async throws -> Int {
        try #require(try await person.succeed("status", id, "--json").objects.first?["transferred"])
    }

    @Test("an offer that nobody accepts in time is withdrawn, and leaves the inbox")
    func expiry() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("photo.raw", count: 300_000)
        let sending = try alice.start("send", "bob", path, "--expires", "4s")
        let id = try await sending.firstLine()
        _ = try await bob.run("resume")
        let end = try await sending.wait()
        #expect(end.status == 4)
        #expect(end.errors.contains("the offer was not accepted in time"))
        #expect(try await alice.state(id) == "cancelled")
        // Before bob has heard the sender's word.
        #expect(try await bob.succeed("inbox").output.isEmpty)
        #expect(try await bob.run("accept", "1").status == 1)
        _ = try await bob.run("resume")
        #expect(try await bob.state("1") == "cancelled")
        #expect(try await alice.run("send", "bob", "-m", "hello", "--expires", "4s").status == 2)
    }

    @Test("an acceptance made in time counts, though its sender's relay was down when the time ran out")
    func expiryWhileDown() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        // Her way to the relay, and nobody else's.
        let proxy = try SOCKSServer(names: [])
        try await alice.succeed("config", "set", "proxy", "socks5://127.0.0.1:\(proxy.port)")
        let path = try stage.makeFile("photo.raw", count: 300_000)
        let sending = try alice.start("send", "bob", path, "--expires", "6s", "--lane", "relay")
        let id = try await sending.firstLine()
        let offer = try await bob.newestOffer()
        proxy.setBroken(true)
        try await bob.succeed("accept", offer, "--no-wait")
        try await eventually("the time is over") {
            let row = try #require(try await alice.succeed("status", id, "--json").objects.first)
            let end: String = try #require(row["expiresAt"])
            return row["waiting"] == "relay-down" && end < Self.now()
        }
        #expect(try await alice.state(id) == "offered")
        proxy.setBroken(false)
        #expect(try await bob.run("resume", "--wait", "1h").status == 0)
        #expect(try await sending.wait().status == 0)
        #expect(haveSameBytes(bob.downloads + "/photo.raw", path))
        proxy.end()
    }

    /// As the program writes times: these compare as texts.
    private static func now() -> String {
        var seconds = time(nil) - 2
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 40)
        strftime(&text, 40, "%Y-%m-%dT%H:%M:%SZ", &parts)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    @Test("folders and pipes are withdrawn too when nobody accepts them in time")
    func expiryOfFolders() async throws {
        let stage = try await Stage()
        let (alice, _) = try await stage.pair()
        _ = try stage.makeFile("folder-file", count: 10)
        let folder = try await alice.run("send", "bob", stage.directory + "/scratch", "--expires", "2s")
        #expect(folder.status == 4 && folder.errors.contains("the offer was not accepted in time"))
        let pipe = try await alice.run("send", "bob", "-", "--expires", "2s", input: "text")
        #expect(pipe.status == 4 && pipe.errors.contains("the offer was not accepted in time"))
    }

    @Test("a folder is offered again without what was left out of it, and asked for again")
    func folderAgain() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let root = stage.directory + "/folder"
        mkdir(root, 0o755)
        for name in ["one", "two.o", "odd \n name"] { try name.write(to: root + "/" + name) }
        let first = try await alice.succeed(
            "send", "bob", root, "--exclude", "*.o", "--exclude", "odd\n*", "--exclude", "odd *", "--name", "mine",
            "--no-wait", "--lane", "relay"
        ).text
        try await bob.succeed("decline", try await bob.newestOffer())
        _ = try await alice.run("resume")
        let again = try await alice.succeed("retry", first, "--no-wait").text
        let offer = try await bob.newestOffer()
        #expect(try await bob.succeed("inbox").output.contains("1 file, 3 B\tmine"))
        // Refused by mistake: bob asks for it, and alice's next run answers.
        try await bob.succeed("decline", offer)
        _ = try await alice.run("resume")
        let asking = try await bob.succeed("retry", offer, "--no-wait").text
        let host = try alice.start("daemon")
        let received = try await bob.run("resume", "--wait", "1h")
        host.signal(SIGTERM)
        try await host.wait()
        #expect(received.status == 0, "\(received.errors)")
        #expect(try await bob.state(asking) == "complete")
        #expect(Stage.list(bob.downloads + "/mine") == ["one"])
        #expect(Stage.list(bob.downloads) == ["mine"])
        #expect(try await alice.state(again) == "declined")
        // Another folder under the old number is no answer.
        let third = try await alice.offer(root, to: bob)
        let last = try await bob.newestOffer()
        try await bob.succeed("decline", last)
        _ = try await alice.run("resume")
        #expect(try await alice.state(third) == "declined")
        try "more".write(to: root + "/one")
        let late = try bob.start("retry", last)
        _ = try await late.firstLine()
        let answering = try alice.start("daemon")
        let end = try await late.wait()
        answering.signal(SIGTERM)
        try await answering.wait()
        #expect(end.status == 1 && end.errors.contains("the folder is not there any more, or has changed"))
        #expect(Stage.list(bob.downloads) == ["mine"])
    }

    @Test("status shows the hash of the whole file, on both sides")
    func digest() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = stage.directory + "/abc"
        try "abc".write(to: path)
        let sending = try alice.start("send", "bob", path)
        let id = try await sending.firstLine()
        let offer = try await bob.newestOffer()
        try await bob.succeed("accept", offer)
        #expect(try await sending.wait().status == 0)
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(try await alice.succeed("status", id).output.contains("sha256:\(hash)\tabc"))
        let row = try #require(try await bob.succeed("status", offer, "--json").objects.first)
        #expect(row["sha256"] == hash)
        // Lists do not read files.
        #expect(try #require(try await bob.succeed("status", "--all", "--json").objects.first).isNull("sha256"))
        try "abd".write(to: bob.downloads + "/abc")
        let other = try #require(try await bob.succeed("status", offer, "--json").objects.first)
        let changed: String = try #require(other["sha256"])
        #expect(changed != hash)
        unlink(path)
        #expect(try #require(try await alice.succeed("status", id, "--json").objects.first).isNull("sha256"))
    }

    @Test("history goes back as far as asked")
    func since() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("photo.raw", count: 1000)
        let id = try await alice.offer(path, to: bob)
        try await alice.succeed("cancel", id)
        #expect(try await alice.succeed("status").output.isEmpty)
        #expect(try await alice.succeed("status", "--all", "--since", "1h").lines.count == 1)
        try await eventually("too old") { try await alice.succeed("status", "--all", "--since", "1s").output.isEmpty }
        #expect(try await alice.run("status", id, "--since", "1h").status == 2)
        #expect(try await alice.run("status", "--since", "yesterday").status == 2)
    }
}
