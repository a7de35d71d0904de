import Glibc
import Testing

/// Eight members at once: forks, kill -9, cut connections. All end with the same members, each pair connected.
@Suite(.serialized)
struct GroupCrashTests {
    /// Who invites whom: three invite at the same time, so that members are announced in several branches.
    private static let invitations: [(inviter: Int, invitee: Int)] = [
        (0, 1), (0, 2), (0, 3), (1, 4), (1, 5), (2, 6), (0, 7),
    ]

    /// `SXFILE_TEST_SEEDS` is how many are run.
    private static let seeds: ClosedRange<UInt64> =
        1...(getenv("SXFILE_TEST_SEEDS").flatMap { UInt64(String(cString: $0)) } ?? 2)

    @Test("eight members in any order, with losses and kills", arguments: seeds)
    func seeded(seed: UInt64) async throws {
        let stage = try await Stage()
        let port = try #require(stage.address.split(separator: ":").last.flatMap { Int($0) })
        let forwarder = try Forwarder(to: port)
        let address = stage.address.dropLast("\(port)".count) + "\(forwarder.port)"
        var people: [Person] = []
        for name in ["alice", "bob", "carol", "dave", "eve", "fred", "gina", "hugo"] {
            let person = try await stage.person(name, relay: String(address))
            try await person.succeed("config", "set", "name", name)
            people.append(person)
        }
        for (inviter, invitee) in Self.invitations { try await stage.introduce(people[inviter], people[invitee]) }
        try await people[0].succeed("group", "create", "team")
        var generator = SeededGenerator(seed: seed)
        var daemons = try people.map { try $0.start("daemon") }
        var invited: Set<Int> = [0]
        var joined: Set<Int> = [0]
        var kills = 0
        while joined.count < people.count || kills < 40 {
            switch Int.random(in: 0..<8, using: &generator) {
            case 0, 1, 2:
                let victim = Int.random(in: people.indices, using: &generator)
                daemons[victim].signal(SIGKILL)
                _ = try await daemons[victim].wait()
                daemons[victim] = try people[victim].start("daemon")
                kills += 1
            case 3: forwarder.cut()
            case 4, 5:
                let possible = Self.invitations.filter { joined.contains($0.inviter) && !invited.contains($0.invitee) }
                guard let (inviter, invitee) = possible.randomElement(using: &generator) else { continue }
                let words = ["group", "invite", "team", people[invitee].name, "--no-wait", "--role", "admin"]
                // Who has been let in may not have heard of it yet.
                let result = try await stage.start(words, home: people[inviter].name).wait()
                if result.status == 0 { invited.insert(invitee) }
            default:
                let possible = people.indices.filter { invited.contains($0) && !joined.contains($0) }
                guard let index = possible.randomElement(using: &generator) else { continue }
                let result = try await people[index].run("group", "join", "team", "--no-wait", "--timeout", "2s")
                if result.status == 0 { joined.insert(index) }
            }
            try await Task.sleep(for: .milliseconds(Int.random(in: 0..<120, using: &generator)))
        }
        var lists: Set<Set<String>> = []
        for person in people {
            try await eventually("\(person.name) is connected to all") {
                try await person.groupMembers("team").dropFirst().filter { $0["connected"] == true }.count == 7
            }
            lists.insert(Set(try await person.groupMembers("team").compactMap { $0["id"] }))
        }
        #expect(lists.count == 1)
        #expect(lists.first?.count == 8)
        for person in people.dropFirst() {
            try await eventually("\(person.name) is told so") {
                try await person.groupMembers("team").first?["status"] == "confirmed"
            }
        }
        for daemon in daemons { daemon.signal(SIGTERM) }
        for daemon in daemons { _ = try await daemon.wait() }
        forwarder.end()
    }
}

extension Person {
    /// The objects that `group members` prints, myself first.
    func groupMembers(_ group: String) async throws -> [JSONObject] {
        try await succeed("--json", "group", "members", group).objects
    }
}
