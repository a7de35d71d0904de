import Glibc
import Testing

/// From nothing to two contacts.
@Suite(.serialized)
struct SetUpTests {
    @Test("settings are kept, listed and unset")
    func settings() async throws {
        let stage = try await Stage(withRelay: false)
        let alice = Person(name: "alice", stage: stage)
        mkdir(alice.home, 0o700)
        #expect(try await alice.run("config", "get", "name").status == 1)
        try await alice.succeed("config", "set", "name", "Alice A.")
        #expect(try await alice.succeed("config", "get", "name").output == "Alice A.\n")
        #expect(
            try await alice.succeed("config", "list").lines
                == [
                    "relay=\tbuilt-in", "name=Alice A.\tfile \(alice.profile)/sxfile.toml:1",
                    "inline-limit=1048576\tbuilt-in", "limit-rate=\tbuilt-in", "proxy=\tbuilt-in",
                    "lane=auto\tbuilt-in", "direct.offer-public=no\tbuilt-in", "direct.dial-public=no\tbuilt-in",
                    "hook=\tbuilt-in", "notify=no\tbuilt-in",
                ])
        #expect(try await alice.run("config", "set", "lane", "direct").status == 2)
        #expect(try await alice.run("config", "set", "direct.dial-public", "maybe").status == 2)
        try await alice.succeed("config", "set", "name", "-", input: "Al\n")
        let shown = try await alice.succeed("--json", "config", "get", "name").objects
        #expect(shown.first?["value"] == "Al")
        try await alice.succeed("config", "set", "name", "")
        #expect(try await alice.run("config", "get", "name").status == 1)
    }

    @Test("a link makes two contacts, and nothing but it is printed")
    func inviteAndConnect() async throws {
        let stage = try await Stage()
        let alice = try await stage.person("alice")
        let bob = Person(name: "bob", stage: stage)
        mkdir(bob.home, 0o700)
        let invited = try await alice.succeed("invite", "--as", "bob")
        #expect(invited.lines.count == 1)
        #expect(invited.errors.isEmpty)
        #expect(try await alice.succeed("contacts").lines == ["bob\tinvited"])
        let host = try alice.start("daemon")
        let connected = try await bob.succeed("connect", "-", "--as", "alice", input: invited.output)
        #expect(connected.output == "alice\n")
        host.signal(SIGTERM)
        #expect(try await host.wait().status == 0)
        #expect(try await alice.succeed("contacts", "list").lines == ["bob\tconnected"])
        // A profile without a relay takes the link's.
        let taken = try await bob.succeed("config", "get", "relay").text
        #expect(taken.contains(stage.address.split(separator: "@")[1]))
        let listed = try await bob.succeed("contacts", "--json").objects
        #expect(listed.count == 1)
        #expect(listed[0].keys == ["v", "type", "name", "state", "verified", "reason", "accept", "max", "dir"])
        #expect(listed[0].type == "contact")
        #expect(listed[0]["state"] == "connected")
        #expect(listed[0]["verified"] == false)
    }

    @Test("links are good once")
    func usedLink() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let carol = try await stage.person("carol")
        let link = try await alice.succeed("invite").text
        try await bob.succeed("connect", "--as", "alice2", "--no-wait", input: link)
        _ = try await alice.run("resume")
        let late = try await carol.run("connect", input: link)
        #expect(late.status == 1)
        #expect(late.errors.hasPrefix("error: "))
        #expect(late.errors.contains("hint: "))
        // Our own link is for somebody else.
        let own = try await alice.succeed("invite").text
        #expect(try await alice.run("connect", input: own).status == 2)
    }

    @Test("a link in the arguments works, with a warning")
    func linkArgument() async throws {
        let stage = try await Stage()
        let alice = try await stage.person("alice")
        let bob = try await stage.person("bob")
        let link = try await alice.succeed("invite").text
        let joined = try await bob.run("connect", link, "--no-wait")
        #expect(joined.status == 0)
        #expect(joined.errors.hasPrefix("warning: "))
    }

    @Test("connect waits as long as it is told, and a later run completes it")
    func connectTimeout() async throws {
        let stage = try await Stage()
        let alice = try await stage.person("alice")
        let bob = try await stage.person("bob")
        let link = try await alice.succeed("invite", "--as", "bob").text
        let early = try await bob.run("connect", "--as", "alice", "--timeout", "1s", input: link)
        #expect(early.status == 75)
        #expect(try await bob.run("resume").status == 75)
        #expect(try await alice.run("resume").status == 0)
        #expect(try await bob.run("resume").status == 0)
        #expect(try await bob.succeed("contacts").lines == ["alice\tconnected"])
        // The same link again is the same contact.
        #expect(try await bob.succeed("connect", input: link).output == "alice\n")
    }

    @Test("contacts are renamed, verified and removed")
    func contactCare() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let code = try await alice.succeed("contacts", "verify", "bob").text
        #expect(try await bob.succeed("contacts", "verify", "alice").text == code)
        #expect(try await alice.run("contacts", "verify", "bob", "--code", "00000").status == 5)
        #expect(try await alice.run("contacts", "verify", "bob", "--code", code).status == 0)
        #expect(try await alice.succeed("contacts").lines == ["bob\tconnected\tverified"])
        try await alice.succeed("contacts", "rename", "bob", "robert")
        #expect(try await alice.run("contacts", "rename", "bob", "x").status == 3)
        #expect(try await alice.run("contacts", "rename", "robert", "a b").status == 2)
        try await alice.succeed("contacts", "remove", "robert")
        #expect(try await alice.succeed("contacts").output.isEmpty)
        #expect(try await alice.run("contacts", "remove", "robert").status == 3)
    }
}
