import Glibc
import Testing

/// Messages of a group between real processes.
@Suite(.serialized)
struct GroupConversationTests {
    /// What `messages` prints, without times.
    private func conversation(_ person: Person) async throws -> [String] {
        try await person.succeed("messages", "#team").lines.map { line in
            var fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            fields.removeFirst(min(2, fields.count))
            return fields.joined(separator: "\t")
        }
    }

    /// alice has a group with bob and carol; all are on line.
    private func team(_ stage: Stage) async throws -> (people: [Person], daemons: [ChildProcess]) {
        var people: [Person] = []
        for name in ["alice", "bob", "carol"] {
            let person = try await stage.person(name)
            try await person.succeed("config", "set", "name", name)
            people.append(person)
        }
        let alice = people[0]
        for other in people.dropFirst() { try await stage.introduce(alice, other) }
        let daemons = try people.map { try $0.start("daemon") }
        try await alice.succeed("group", "create", "team")
        for other in people.dropFirst() {
            try await alice.succeed("group", "invite", "team", other.name)
            try await eventually("the invitation arrives") {
                try await other.succeed("inbox").output.contains("#team")
            }
            try await other.succeed("group", "join", "team")
        }
        // A text reaches all once everybody is connected to everybody.
        for person in people {
            try await eventually("\(person.name) is connected to both") {
                let members = try await person.succeed("group", "members", "team", "--json").objects
                return members.count { $0["connected"] == true } == 3
            }
        }
        return (people, daemons)
    }

    @Test("said to all, changed, deleted, killed in between")
    func toAll() async throws {
        let stage = try await Stage()
        var (people, daemons) = try await team(stage)
        let (alice, bob, carol) = (people[0], people[1], people[2])
        let first = try await alice.succeed("send", "#team", "-m", "hello,\nall").text
        let expected = ["alice\tmessage\thello,", "\t\tall"]
        for person in [bob, carol] {
            try await eventually("it arrives") { try await self.conversation(person) == expected }
        }
        let sent = try #require(try await alice.succeed("messages", "#team", "--json").objects.first)
        #expect(sent["group"] == "team")
        #expect(sent["peer"] == "#team")
        #expect(sent["state"] == "sent")
        // carol is killed, and bob away: what is said meanwhile waits for both.
        daemons[2].signal(SIGKILL)
        try await daemons[2].wait()
        daemons[1].signal(SIGTERM)
        try await daemons[1].wait()
        try await alice.succeed("edit", first, "hello")
        let hasty = try await alice.succeed("send", "#team", "-m", "hasty").text
        try await alice.succeed("delete", hasty)
        daemons[1] = try bob.start("daemon")
        daemons[2] = try carol.start("daemon")
        let after = ["alice\tmessage (edited)\thello", "alice\tmessage (deleted)\t"]
        for person in [bob, carol] {
            try await eventually("the changes arrive") { try await self.conversation(person) == after }
        }
        try await bob.succeed("send", "#team", "-m", "good morning")
        try await eventually("carol has it") { try await carol.succeed("inbox").output.contains("good morning") }
        #expect(try await carol.succeed("inbox").text.hasSuffix("\t#team/bob\tmessage\tgood morning"))
        let received = try #require(try await carol.succeed("inbox", "--json").objects.first)
        #expect(received["peer"] == "bob")
        #expect(received["group"] == "team")
        let theirs: Int = try #require(received["id"])
        let refused = try await carol.run("delete", "\(theirs)")
        #expect(refused.status == 2)
        #expect(refused.errors.contains("you can delete your own only"))
        let path = try stage.makeFile("plan.pdf", count: 300_000)
        try await alice.succeed("send", "#team", path, "-m", "the plan", "--no-wait")
        try await eventually("the offer arrives") {
            try await self.conversation(bob).suffix(2) == [
                "alice\tmessage\tthe plan", "alice\tfile (offered)\t293.0 KiB\tplan.pdf",
            ]
        }
        #expect(
            try await conversation(alice).suffix(2) == [
                "you\tmessage\tthe plan", "you\tfile (offered)\t293.0 KiB, 0 of 2 have it\tplan.pdf",
            ])
        #expect(try await alice.run("messages", "#other").status == 3)
        #expect(try await alice.run("send", "#other", "-m", "x").status == 3)
        for daemon in daemons {
            daemon.signal(SIGTERM)
            try await daemon.wait()
        }
    }
}
