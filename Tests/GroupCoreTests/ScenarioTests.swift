import ChatProtocol
import GroupCore
import Testing

/// The seed's example: A (0) invites B (2) to a group where M (1) is.
@Suite struct ScenarioTests {
    /// A group of A and M, and the invitation of B on its way.
    private func world(contact: Bool = false) throws -> World {
        var world = World(seed: 7)
        world.add(3)
        world.create(0)
        try world.invite(1, by: 0, role: .member)
        try world.settle()
        if contact { world.befriend(1, 2) }
        world.trace = []
        world.wire = []
        for node in 0..<3 { world.nodes[node].notices = [] }
        try world.invite(2, by: 0, role: .admin)
        return world
    }

    private func id(_ world: World, _ node: Int) throws -> String { try #require(try world.machine(node)).me.id.text }

    @Test func theFirstTwo() throws {
        var world = World(seed: 7)
        world.add(2)
        world.create(0)
        try world.invite(1, by: 0)
        try world.settle()
        #expect(
            world.trace == [
                "0>1 x.grp.inv", "1>0g +x.grp.acpt", "0>1g +x.ok", "0>1g x.grp.mem.new", "0>1g x.grp.mem.con.all",
            ])
        try expectWhole(world, [0, 1])
    }

    @Test func namesAndOrder() throws {
        var world = try world()
        try world.settle()
        #expect(
            world.trace == [
                // A -> B: invite to group
                "0>2 x.grp.inv",
                // B -> A: establish group connection; join group
                "2>0g +x.grp.acpt", "0>2g +x.ok",
                // A -> group (including B): announce group member
                "0>1g x.grp.mem.new", "0>2g x.grp.mem.new",
                // A -> Bg: intro member; B -> Ag: inv for mem; A -> Mg: fwd inv
                "0>2g x.grp.mem.intro", "2>0g x.grp.mem.inv", "0>1g x.grp.mem.fwd",
                // M -> Bg: establish group connection, M -> B: establish direct connection; confirm profile and role
                "1>2g +x.grp.mem.info", "1>2d +x.info", "2>1g +x.grp.mem.info", "2>1d +x.info",
                // B -> Mg: send profile probe
                "2>1g x.info.probe",
                // B -> Ag, M -> Ag: connected
                "2>0g x.grp.mem.con", "1>0g x.grp.mem.con",
                // A -> group: once all members connected
                "0>1g x.grp.mem.con.all", "0>2g x.grp.mem.con.all",
            ])
        try expectWhole(world, [0, 1, 2])
        #expect(world.nodes.allSatisfy { $0.refusals.isEmpty })
    }

    @Test func aKnownContactIsProbed() throws {
        var world = try world(contact: true)
        try world.settle()
        let probes = world.trace.filter { $0.contains("x.info.probe") }
        #expect(probes == ["2>1g x.info.probe", "2>1 x.info.probe.check", "1>2 x.info.probe.ok"])
        try expectWhole(world, [0, 1, 2])
        #expect(world.nodes[2].merges == [try #require(try world.machine(1)).me.id: 1])
        #expect(world.nodes[1].merges == [try #require(try world.machine(2)).me.id: 2])
    }

    @Test func theWords() throws {
        var world = try world()
        try world.settle()
        let (a, m, b) = (try id(world, 0), try id(world, 1), try id(world, 2))
        func text(_ event: String) -> String {
            let index = world.trace.firstIndex { $0.hasSuffix(" \(event)") || $0.hasSuffix("+\(event)") }
            return index.map { String(decoding: world.wire[$0], as: UTF8.self) } ?? ""
        }
        let profile = #"{"displayName":"n2","fullName":"Number 2"}"#
        #expect(text("x.grp.inv").hasPrefix(" x.grp.inv \(a),owner,\(b),admin,link%2C%200%20"))
        #expect(text("x.grp.acpt") == " x.grp.acpt \(b) ")
        // Numbers only to all. The first two were about M.
        #expect(text("x.grp.mem.new") == "3 x.grp.mem.new \(m),\(b),admin x.json:\(profile.utf8.count) \(profile)")
        #expect(text("x.grp.mem.con.all").hasPrefix("4 x.grp.mem.con.all \(b)"))
        #expect(text("x.grp.mem.intro").hasPrefix(" x.grp.mem.intro \(m),member x.json:"))
        #expect(text("x.grp.mem.inv").hasPrefix(" x.grp.mem.inv \(m),link"))
        #expect(text("x.grp.mem.fwd").hasPrefix(" x.grp.mem.fwd \(b),link"))
        #expect(text("x.grp.mem.info").hasPrefix(" x.grp.mem.info \(m),member x.json:"))
        // The introducer has the probe of the invitation, and so it must not be the one that proves.
        let invited = text("x.grp.mem.inv").split(separator: ",").last?.split(separator: " ").first
        #expect(!text("x.info.probe").contains(try #require(invited)))
    }

    @Test func everyStatusIsReached() throws {
        var world = try world()
        try world.settle()
        let (a, m, b) = (
            try #require(try world.machine(0)).me.id, try #require(try world.machine(1)).me.id,
            try #require(try world.machine(2)).me.id
        )
        func statuses(_ node: Int, of member: MemberID) -> [MemberStatus] {
            world.nodes[node].notices.compactMap {
                if case .member(member, let status) = $0 { status } else { nil }
            }
        }
        #expect(statuses(0, of: b) == MemberCategory.invitee.statuses)
        #expect(statuses(2, of: a) == [.connected])
        #expect(statuses(2, of: m) == MemberCategory.prior.statuses)
        #expect(statuses(1, of: b) == MemberCategory.later.statuses)
        let mine = world.nodes[2].notices.compactMap { if case .me(let status) = $0 { status } else { nil } }
        #expect(mine == [.accepted, .connected, .announced, .confirmed])
        let introductions = world.nodes[0].notices.compactMap {
            if case .introduction(b, m, let status) = $0 { status } else { nil }
        }
        #expect(
            introductions == [.created, .sent, .invitationReceived, .forwarded, .confirmedByInvitee, .completed])
    }

    /// Two admins add at once: neither knows of the other's.
    @Test func aForkEndsConnected() throws {
        var world = World(seed: 3)
        world.add(5)
        world.create(0)
        try world.invite(1, by: 0, role: .admin)
        try world.invite(2, by: 0, role: .member)
        try world.settle()
        for node in 0..<5 { world.nodes[node].refusals = [] }
        world.trace = []
        try world.invite(3, by: 0)
        try world.invite(4, by: 1)
        try world.settle()
        try expectWhole(world, Array(0..<5))
        try expectEverybodyHears(&world)
        // Both hosts brought the two together: the forward comes with an announcement of its own.
        #expect(world.trace.filter { $0 == "0>4g x.grp.mem.new" || $0 == "1>3g x.grp.mem.new" }.count >= 1)
        #expect(world.nodes.allSatisfy { $0.refusals.isEmpty })
    }

    /// Every message of a group of 30 that the first forms one by one, each with no contact in common.
    ///
    /// The newcomer to a group of m takes 3 messages to come in (inv, acpt, ok), m of new and m of con.all, and with each
    /// of the m - 1 members who are not its host: intro, inv, fwd, 2 info and 2 x.info as connection information, a probe
    /// and 2 con. That is 3 + 2 m + 10 (m - 1) = 12 m - 7, and for a group of n the sum over m from 1 to n - 1:
    /// 6 n (n - 1) - 7 (n - 1) = (n - 1) (6 n - 7). It grows with the square of n, as the pairs do; each pair costs 12.
    @Test(arguments: [2, 3, 8, 30])
    func countOfMessages(n: Int) throws {
        var world = World(seed: 30)
        world.add(n)
        world.create(0)
        for node in 1..<n {
            try world.invite(node, by: 0)
            try world.settle()
        }
        #expect(world.trace.count == (n - 1) * (6 * n - 7))
        try expectWhole(world, Array(0..<n))
        let groups = world.nodes.map { $0.connections.keys.filter { $0.kind == .group }.count }.reduce(0, +)
        #expect(groups == n * (n - 1))
    }
}
