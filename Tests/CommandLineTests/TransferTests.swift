import Glibc
import Testing

/// Files from one side to the other, and all the ways to end.
@Suite(.serialized)
struct TransferTests {
    @Test("both sides up: the file arrives, with name, bytes and permissions")
    func sendAndAccept() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("a b.iso", count: 700_001)
        chmod(path, 0o640)
        let sending = try alice.start("send", "bob", path)
        #expect(try await sending.firstLine() == "1")
        let id = try await bob.newestOffer()
        let accepted = try await bob.succeed("accept", id)
        #expect(accepted.output == bob.downloads + "/a b.iso\n")
        #expect(try await sending.wait().status == 0)
        #expect(haveSameBytes(accepted.text, path))
        #expect(Stage.list(bob.downloads) == ["a b.iso"])
        var status = stat()
        stat(accepted.text, &status)
        #expect(status.st_mode & 0o777 == 0o640)
        #expect(try await alice.state("1") == "complete")
        #expect(try await bob.state(id) == "complete")
        #expect(try await alice.succeed("status").output.isEmpty)
        #expect(try await alice.succeed("status", "--all").lines.count == 1)
    }

    @Test("the grid of sizes around a chunk", arguments: [0, 1, 262_143, 262_144, 262_145, 524_288])
    func sizes(count: Int) async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("grid.bin", count: count)
        let sending = try alice.start("send", "bob", path)
        _ = try await sending.firstLine()
        let accepted = try await bob.succeed("accept", try await bob.newestOffer(), "-o", stage.directory + "/here")
        #expect(accepted.text == stage.directory + "/here")
        #expect(haveSameBytes(accepted.text, path))
        #expect(try await sending.wait().status == 0)
    }

    @Test("taken names are stepped over, taken paths refused, nothing is overwritten")
    func destinations() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("photo.tar.gz", count: 5000)
        let place = stage.directory + "/place"
        mkdir(place, 0o755)
        try "mine".write(to: place + "/photo.tar.gz")
        for _ in 0..<3 { _ = try await alice.offer(path, to: bob) }
        let id = try await bob.newestOffer()
        let taken = try await bob.run("accept", id, "-o", place + "/photo.tar.gz")
        #expect(taken.status == 73)
        #expect(try await bob.run("accept", id, "-o", stage.directory + "/missing/name").status == 73)
        #expect(try await bob.run("accept", "1", "2", "-o", stage.directory + "/exact").status == 73)
        let host = try alice.start("daemon")
        let accepted = try await bob.succeed("accept", "1", "2", "-o", place)
        #expect(Set(accepted.lines).count == 2)
        let all = try await bob.succeed("accept", "--all", "--from", "alice", "-o", place + "/")
        #expect(all.lines.count == 1)
        host.signal(SIGTERM)
        #expect(try await host.wait().status == 0)
        #expect(String(file: place + "/photo.tar.gz") == "mine")
        let names = Stage.list(place)
        #expect(names.count == 4)
        for name in names where name != "photo.tar.gz" {
            #expect(haveSameBytes(place + "/" + name, path))
        }
        // Nothing waits: nothing to do.
        #expect(try await bob.succeed("accept", "--all").output.isEmpty)
    }

    @Test("a declined offer ends the sender's wait with 4")
    func decline() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("unwanted", count: 1000)
        let sending = try alice.start("send", "bob", path)
        _ = try await sending.firstLine()
        let id = try await bob.newestOffer()
        try await bob.succeed("decline", id)
        #expect(try await sending.wait().status == 4)
        #expect(try await alice.state("1") == "declined")
        #expect(try await bob.state(id) == "declined")
        // Again, and again with the other word.
        #expect(try await bob.run("decline", id).status == 0)
        #expect(try await bob.run("cancel", id).status == 0)
        #expect(try await bob.state(id) == "declined")
        #expect(try await bob.run("accept", id).status == 1)
        #expect(try await bob.succeed("inbox").output.isEmpty)
    }

    @Test("a sender who cancels while the recipient is away")
    func cancelOffer() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("secret plan", count: 1000)
        let id = try await alice.offer(path, to: bob)
        try await alice.succeed("cancel", id)
        #expect(try await alice.run("cancel", id).status == 0)
        _ = try await bob.run("resume")
        #expect(try await bob.succeed("inbox").output.isEmpty)
        #expect(try await alice.state(id) == "cancelled")
    }

    @Test("an offer that its sender took back cannot be had")
    func acceptCancelled() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("secret plan", count: 1000)
        let sent = try await alice.offer(path, to: bob)
        let id = try await bob.newestOffer()
        try await alice.succeed("cancel", sent)
        let late = try await bob.run("accept", id)
        #expect(late.status == 4)
        #expect(late.errors.contains("was cancelled by alice"))
        #expect(try await bob.state(id) == "cancelled")
        #expect(Stage.list(bob.downloads).isEmpty)
        // At the same time, with both on line: either it was faster, or the file is there on both sides.
        let hosts = [try alice.start("daemon"), try bob.start("daemon")]
        for seed in 1...3 as ClosedRange<UInt64> {
            let next = try await alice.succeed("send", "bob", path, "--name", "plan \(seed)", "--no-wait").text
            var offers: [String] = []
            try await eventually("an offer") {
                offers = try await bob.succeed("inbox").lines
                return !offers.isEmpty
            }
            let offer = String(offers[0].prefix { $0 != "\t" })
            let accepting = try bob.start("accept", offer)
            let cancelling = try alice.start("cancel", next)
            let accepted = try await accepting.wait()
            #expect(try await cancelling.wait().status == 0)
            // 1: cancelled before it was accepted; 4: after that.
            let isRight = [0, 4].contains(accepted.status) || accepted.errors.contains("is cancelled: it cannot be")
            #expect(isRight, "\(accepted.status) \(accepted.errors)")
            let state = accepted.status == 0 ? "complete" : "cancelled"
            #expect(try await bob.state(offer) == state)
            // x.file.ok may be under way, against which a cancel does not count.
            try await eventually("alice is told") { try await alice.state(next) == state }
            #expect(Stage.list(bob.downloads).contains("plan \(seed)") == (accepted.status == 0))
        }
        for host in hosts {
            host.signal(SIGTERM)
            try await host.wait()
        }
    }

    @Test("a cancel behind the last chunk comes too late, and both sides say so")
    func cancelSent() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("gone", count: 300_000)
        let sent = try await alice.offer(path, to: bob)
        let id = try await bob.newestOffer()
        try await bob.succeed("accept", id, "--no-wait")
        _ = try await alice.run("resume")
        #expect(try await alice.state(sent) == "sent")
        try await alice.succeed("cancel", sent)
        #expect(try await alice.run("resume").status == 0)
        _ = try await bob.run("resume")
        #expect(haveSameBytes(bob.downloads + "/gone", path))
        _ = try await alice.run("resume")
        #expect(try await bob.state(id) == "complete")
        #expect(try await alice.state(sent) == "complete")
    }

    @Test("a recipient who cancels after acceptance leaves nothing behind")
    func cancelAccepted() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("big", count: 300_000)
        let sent = try await alice.offer(path, to: bob)
        let id = try await bob.newestOffer()
        try await bob.succeed("accept", id, "--no-wait")
        #expect(Stage.list(bob.downloads).contains("big"))
        try await bob.succeed("cancel", id)
        _ = try await alice.run("resume")
        _ = try await bob.run("resume")
        #expect(Stage.list(bob.downloads).isEmpty)
        _ = try await alice.run("resume")
        // Without a file connection yet, the word on the contact's connection is "declined".
        #expect(["cancelled", "declined"].contains(try await alice.state(sent)))
        #expect(try await bob.state(id) == "cancelled")
    }

    @Test("a source that changes or goes ends the transfer with its reason")
    func changedSource() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let first = try stage.makeFile("changing", count: 400_000)
        let second = try stage.makeFile("going", count: 400_000)
        let one = try await alice.offer(first, to: bob)
        let two = try await alice.offer(second, to: bob)
        _ = try await bob.newestOffer()
        try await bob.succeed("accept", "--all", "--no-wait")
        _ = try stage.makeFile("changing", count: 1000, seed: 2)
        unlink(second)
        let resumed = try await alice.run("resume")
        #expect(resumed.status == 1)
        #expect(resumed.errors.contains("error: "))
        #expect(try await alice.state(one) == "failed")
        #expect(try await alice.state(two) == "failed")
        // A failure counts once.
        #expect(try await alice.run("resume").status == 0)
        let told = try await bob.run("resume")
        #expect(told.status == 1)
        #expect(told.errors.contains("failed on the side of alice: "))
        // Where alice keeps files is her business.
        #expect(!told.errors.contains("/"), "\(told.errors)")
        #expect(Stage.list(bob.downloads).isEmpty)
    }

    @Test("--name, a peer's hostile name, and its display")
    func hostileName() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("plain", count: 100)
        let name = "\u{1b}[31m../../evil\nname\u{202e}gpj.exe"
        try await alice.succeed("send", "bob", path, "--name", name, "--no-wait")
        let id = try await bob.newestOffer()
        let shown = try await bob.succeed("inbox")
        #expect(shown.lines.count == 1)
        #expect(!shown.output.contains("\u{1b}"))
        #expect(!shown.output.contains("\u{202e}"))
        #expect(shown.output.contains("\\x1b[31m"))
        let object = try #require(try await bob.succeed("inbox", "--json").objects.first)
        #expect(object["name"] == name)
        let place = stage.directory + "/place"
        mkdir(place, 0o755)
        let host = try alice.start("daemon")
        try await bob.succeed("accept", id, "-o", place)
        host.end()
        #expect(Stage.list(place).count == 1)
    }
}
