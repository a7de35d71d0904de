import Glibc
import Testing

/// The objects that scripts rely on.
@Suite(.serialized)
struct JSONTests {
    static let transferKeys: Set<String> = [
        "v", "type", "id", "direction", "peer", "group", "name", "size", "transferred", "files", "filesDone", "state",
        "waiting", "lane", "path", "bytesPerSecond", "reason", "by", "members", "sha256", "retryAt", "retryOf",
        "expiresAt", "createdAt", "updatedAt",
    ]

    @Test("transfers and progress have the members of the contract")
    func transfer() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("a b.iso", count: 300_000)
        let sending = try alice.start("send", "bob", path, "--json")
        let id = try await bob.newestOffer()
        let offer = try #require(try await bob.succeed("inbox", "--json").objects.first)
        #expect(offer.keys == Self.transferKeys)
        #expect(offer["state"] == "offered")
        #expect(offer["direction"] == "receive")
        #expect(offer["peer"] == "alice")
        #expect(offer["size"] == 300_000)
        #expect(offer["transferred"] == 0)
        #expect(offer.isNull("path"))
        #expect(offer.isNull("group"))
        let accepted = try await bob.succeed("accept", id, "--json").objects
        #expect(accepted.allSatisfy { $0.keys == Self.transferKeys })
        #expect(accepted.last?.type == "transfer")
        #expect(accepted.dropLast().allSatisfy { $0.type == "progress" })
        #expect(accepted.last?["state"] == "complete")
        #expect(accepted.last?["path"] == bob.downloads + "/a b.iso")
        #expect(accepted.last?["filesDone"] == 1)
        let sent = try await sending.wait()
        #expect(sent.status == 0)
        #expect(try sent.objects.last?.type == "transfer")
        #expect(try sent.objects.last?["transferred"] == 300_000)
        let shown = try #require(try await alice.succeed("status", "1", "--json").objects.first)
        #expect(shown["path"] == path)
        let created: String = try #require(shown["createdAt"])
        #expect(created.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/) != nil)
    }

    @Test("errors are objects too")
    func errors() async throws {
        let stage = try await Stage(withRelay: false)
        let alice = Person(name: "alice", stage: stage)
        mkdir(alice.home, 0o700)
        let unknown = try await alice.run("status", "99", "--json")
        #expect(unknown.status == 3)
        let object = try #require(try unknown.objects.first)
        #expect(object.keys == ["v", "type", "exit", "code", "message"])
        #expect(object.type == "error")
        #expect(object["exit"] == 3)
        let wrong = try await alice.run("--json", "send")
        #expect(wrong.status == 2)
        #expect(try wrong.objects.first?["code"] == "usage")
        let piped = try await alice.run("accept", "1", "-o", "-", "--json")
        #expect(piped.status == 3)
        #expect(piped.output.isEmpty)
        #expect(piped.errors.contains("{\"v\":1,\"type\":\"error\",\"exit\":3"))
    }
}
