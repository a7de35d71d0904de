import Glibc
import Testing

/// Groups of real processes: what each prints, what travels between them, kill -9.
@Suite(.serialized)
struct GroupTests {
    @Test("a group of three, with every message of the protocol on the wire")
    func everyMessage() async throws {
        let stage = try await Stage()
        let people = try await stage.acquainted("alice", "bob", "carol")
        let (alice, bob, carol) = (people[0], people[1], people[2])
        // Bob and Carol are contacts of each other already: the probe is to find that out.
        try await stage.introduce(bob, carol)
        let daemons = try people.map { try $0.start("daemon", "-v") }
        #expect(try await alice.succeed("group", "create", "team").text == "#team")
        for person in [bob, carol] {
            #expect(try await alice.succeed("group", "invite", "#team", person.name).text == person.name)
            try await eventually("an invitation") { try await person.succeed("inbox").text.contains("#team") }
            let invitation = try await person.succeed("inbox").lines
            #expect(invitation == ["-\talice\tgroup\t#team\t`sxfile group join team`"])
            #expect(try await person.succeed("group", "join", "team").text == "#team")
            try await eventually("connected to all") { try await person.isConfirmed("team") }
        }
        try await eventually("one contact") {
            try await bob.succeed("group", "members", "team").text.contains("carol\tmember\tlater\tconnected_directly")
        }
        #expect(try await bob.succeed("contacts").lines == ["alice\tconnected", "carol\tconnected"])
        #expect(
            try await alice.succeed("-v", "group", "members", "team").text.contains("introduced to bob\tcompleted"))
        try await alice.succeed("config", "set", "name", "Alice Liddell")
        for person in [bob, carol] {
            try await eventually("the new name") {
                try await person.succeed("group", "members", "team").text.contains("calls itself Alice Liddell")
            }
        }
        #expect(try await carol.run("group", "remove", "team", "bob").status == 1)
        #expect(try await carol.run("group", "delete", "team").status == 1)
        try await carol.succeed("group", "leave", "team")
        try await eventually("Carol is gone") { try await bob.members("team") == ["me", "alice"] }
        #expect(try await carol.succeed("group", "list").output.isEmpty)
        try await alice.succeed("group", "remove", "team", "bob")
        try await eventually("Bob hears of it") { try await bob.succeed("group", "list").text.contains("\tremoved\t") }
        // A second group, for its end.
        try await alice.succeed("group", "create", "club")
        try await alice.succeed("group", "invite", "club", "bob", "--role", "admin")
        try await eventually("an invitation") { try await bob.succeed("group", "list").text.contains("#club") }
        try await bob.succeed("group", "join", "club")
        try await alice.succeed("group", "delete", "club")
        try await eventually("Bob hears of it") { try await bob.succeed("group", "list").text.contains("\tdeleted\t") }
        for name in ["team", "club"] { try await bob.succeed("group", "leave", name) }
        #expect(try await bob.succeed("group", "list").output.isEmpty)
        #expect(try await bob.succeed("contacts").lines == ["alice\tconnected", "carol\tconnected"])
        for daemon in daemons { daemon.signal(SIGTERM) }
        var (heard, reached): (Set<Substring>, Set<Substring>) = ([], [])
        for daemon in daemons {
            for line in try await daemon.wait().errors.split(separator: "\n") {
                if let word = line.split(separator: "hears ").dropFirst().first { heard.insert(word) }
                if line.contains("group "), let word = line.split(separator: " ").last { reached.insert(word) }
            }
        }
        let expected: Set<Substring> = [
            "x.grp.inv", "x.grp.acpt", "x.ok", "x.grp.mem.new", "x.grp.mem.intro", "x.grp.mem.inv", "x.grp.mem.fwd",
            "x.grp.mem.info", "x.grp.mem.con", "x.grp.mem.con.all", "x.info", "x.info.probe", "x.info.probe.check",
            "x.info.probe.ok", "x.grp.mem.del", "x.grp.leave", "x.grp.del",
        ]
        #expect(expected.subtracting(heard).isEmpty)
        let statuses: Set<Substring> = [
            "accepted", "connected", "announced", "confirmed", "introduced", "sent_invitation", "received_invitation",
            "connected_directly", "created", "sent", "invitation_received", "forwarded", "completed",
        ]
        #expect(statuses.subtracting(reached).isEmpty)
        #expect(!reached.isDisjoint(with: ["confirmed_by_invitee", "confirmed_by_member"]))
    }

    @Test("four members whose engines are killed again and again")
    func killed() async throws {
        let stage = try await Stage()
        let people = try await stage.acquainted("alice", "bob", "carol", "dave")
        var generator = SeededGenerator(seed: 4)
        try await people[0].succeed("group", "create", "team")
        for person in people.dropFirst() {
            try await people[0].succeed("group", "invite", "team", person.name, "--role", "admin")
            _ = try await person.run("resume")
            try await person.succeed("group", "join", "team", "--no-wait")
        }
        var daemons = try people.map { try $0.start("daemon") }
        for _ in 0..<40 {
            try await Task.sleep(for: .milliseconds(Int.random(in: 5..<250, using: &generator)))
            let victim = Int.random(in: people.indices, using: &generator)
            daemons[victim].signal(SIGKILL)
            _ = try await daemons[victim].wait()
            daemons[victim] = try people[victim].start("daemon")
        }
        for person in people {
            try await eventually("\(person.name) is connected to all") { try await person.connected("team") == 3 }
            let names = try await person.members("team")
            #expect(Set(names) == Set(people.map(\.name)).subtracting([person.name]).union(["me"]))
        }
        for person in people.dropFirst() {
            try await eventually("\(person.name) is told so") { try await person.isConfirmed("team") }
        }
        for daemon in daemons { daemon.signal(SIGTERM) }
        for daemon in daemons { _ = try await daemon.wait() }
    }

    @Test("killed after every step that an engine tells of")
    func killedAtEachStep() async throws {
        let stage = try await Stage()
        let people = try await stage.acquainted("alice", "bob", "carol")
        try await people[0].succeed("group", "create", "team")
        for person in people.dropFirst() {
            try await people[0].succeed("group", "invite", "team", person.name)
            _ = try await person.run("resume")
            try await person.succeed("group", "join", "team", "--no-wait")
        }
        var daemons = try people.map { try $0.start("daemon", "-v") }
        var (kills, looks) = (0, 0)
        // Until nothing has happened for a while.
        while kills < 60, looks < 1000 {
            looks += 1
            // A step, a message that went out or one that came in: then the engine is gone.
            for (index, daemon) in daemons.enumerated() {
                let log = daemon.errors
                guard log.contains("group 1: ") || log.contains(": says ") || log.contains(": hears ") else { continue }
                daemon.signal(SIGKILL)
                _ = try await daemon.wait()
                daemons[index] = try people[index].start("daemon", "-v")
                (kills, looks) = (kills + 1, 0)
            }
            try await Task.sleep(for: .milliseconds(2))
        }
        #expect(kills > 3)
        for person in people {
            try await eventually("\(person.name) is connected to all") { try await person.connected("team") == 2 }
        }
        for person in people.dropFirst() {
            try await eventually("\(person.name) is told so") { try await person.isConfirmed("team") }
        }
        for daemon in daemons { daemon.signal(SIGTERM) }
        for daemon in daemons { _ = try await daemon.wait() }
    }

    @Test("from cron alone, never two on line at once")
    func fromCron() async throws {
        let stage = try await Stage()
        let people = try await stage.acquainted("alice", "bob", "carol")
        try await people[0].succeed("group", "create", "team")
        for person in people.dropFirst() { try await people[0].succeed("group", "invite", "team", person.name) }
        for person in people.dropFirst() {
            _ = try await person.run("resume")
            let joined = try await person.run("group", "join", "team", "--timeout", "1s")
            #expect(joined.status == 75, "\(joined.errors)")
        }
        var rounds = 0
        while true {
            let (first, second) = (try await people[1].connected("team"), try await people[2].connected("team"))
            if first == 2, second == 2 { break }
            try #require(rounds < 12)
            for person in people { _ = try await person.run("resume") }
            rounds += 1
        }
        #expect(try await people[0].members("team") == ["me", "bob", "carol"])
    }

    @Test("what cannot be is an error, and changes nothing")
    func errors() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        try await alice.succeed("group", "create", "team")
        #expect(try await alice.run("group", "create", "#team").status == 1)
        #expect(try await alice.run("group", "create", "two words").status == 2)
        #expect(try await alice.run("group", "invite", "team", "nobody").status == 3)
        #expect(try await alice.run("group", "invite", "club", "bob").status == 3)
        #expect(try await alice.run("group", "invite", "team", "bob", "--role", "king").status == 2)
        #expect(try await alice.run("group", "remove", "team", "bob").status == 3)
        try await alice.succeed("group", "invite", "team", "bob")
        let again = try await alice.run("group", "invite", "team", "bob")
        #expect(again.status == 1)
        #expect(again.errors.contains("in the group already, or invited"))
        #expect(try await alice.members("team") == ["me", "bob"])
        _ = try await bob.run("resume")
        let early = try await bob.run("group", "invite", "team", "alice")
        #expect(early.status == 1)
        // Taken back before it is used: the link is of no use any more.
        try await alice.succeed("group", "remove", "team", "bob")
        let late = try await bob.run("group", "join", "team")
        #expect(late.status == 1, "\(late.errors)")
        #expect(late.errors.contains("group leave team"))
        try await bob.succeed("group", "leave", "team")
        #expect(try await bob.succeed("group", "list").output.isEmpty)
    }
}

extension Stage {
    /// People under their own names, of whom the first is everybody's contact.
    func acquainted(_ names: String...) async throws -> [Person] {
        var people: [Person] = []
        for name in names {
            let person = try await person(name)
            try await person.succeed("config", "set", "name", name)
            if let first = people.first { try await introduce(first, person) }
            people.append(person)
        }
        return people
    }
}

extension Person {
    /// The names that `group members` lists.
    fileprivate func members(_ group: String) async throws -> [String] {
        try await succeed("group", "members", group).lines.map { String($0.prefix { $0 != "\t" }) }
    }

    /// How many others messages of the group reach.
    fileprivate func connected(_ group: String) async throws -> Int {
        try await groupMembers(group).dropFirst().filter { $0["connected"] == true }.count
    }

    fileprivate func isConfirmed(_ group: String) async throws -> Bool {
        try await groupMembers(group).first?["status"] == "confirmed"
    }
}
