import ChatProtocol
import GroupCore
import Testing

/// Eight people, invitations from several at once, losses, repetitions and crashes at any step.
@Suite struct SimulationTests {
    @Test(arguments: 0..<100)
    func everyPairIsConnectedInTheEnd(seed: Int) throws {
        var world = World(
            seed: UInt64(seed), weather: Weather(loss: seed % 3 * 15, crash: seed % 4 * 8, again: seed % 5 * 6))
        world.add(8)
        // Some know each other already: those are found by probes.
        for one in 0..<8 {
            for other in 0..<one where world.random.chance(30) { world.befriend(one, other) }
        }
        world.create(0)
        try form(&world, count: 8)
        try world.settleAtRandom()
        try expectWhole(world, Array(0..<8))
        try expectEverybodyHears(&world)
    }

    @Test(arguments: 0..<100)
    func leavingAndRemovingInTheMiddleEndsAtEverybody(seed: Int) throws {
        var world = World(
            seed: UInt64(seed) + 1000, weather: Weather(loss: seed % 3 * 15, crash: seed % 4 * 8, again: seed % 5 * 6))
        world.add(8)
        world.create(0)
        // The last two to come are plain members, who introduce nobody.
        try form(&world, count: 6)
        let admin = try #require(try admins(world).first)
        let leaver = try world.invite(6, by: admin)
        let removed = try world.invite(7, by: 0)
        let moment = world.random.below(600)
        for _ in 0..<moment { _ = try world.step(orderly: false) }
        let isIn = try world.machine(6)?.me.status != .invited && world.nodes[6].checkpoint != nil
        if isIn { try world.wish(6, .leave) }
        try world.wish(0, .remove(removed))
        try world.settleAtRandom()
        if !isIn { try world.wish(6, .leave) }
        try world.settleAtRandom()
        try expectWhole(world, Array(0..<6))
        for node in 0..<6 {
            let machine = try #require(try world.machine(node))
            #expect(machine.members[leaver] == nil && machine.members[removed] == nil)
        }
    }

    /// 0 removes 2 when 3, whom 1 has just invited, is connected to 2, but not yet to 0: nobody else can tell 3.
    @Test func whoIsConnectedLaterHearsOfRemovals() throws {
        var found = 0
        for seed in 0..<200 as Range<UInt64> {
            var world = World(seed: seed)
            world.add(4)
            world.create(0)
            try world.invite(1, by: 0, role: .admin)
            try world.settle()
            let removed = try world.invite(2, by: 0)
            try world.settle()
            let new = try world.invite(3, by: 1)
            func isMoment() throws -> Bool {
                let isKnown = try world.machine(1)?.introductions[new]?[removed]?.status == .completed
                return try isKnown && world.machine(0)?.members[new]?.isConnected == false
            }
            while try !isMoment(), try world.step(orderly: false) {}
            guard try isMoment() else { continue }
            found += 1
            try world.wish(0, .remove(removed))
            try world.settleAtRandom()
            try expectWhole(world, [0, 1, 3])
        }
        #expect(found > 0)
    }

    /// Whoever may invites whom is not in yet, at any time.
    private func form(_ world: inout World, count: Int) throws {
        var outside = Array(1..<count)
        while !outside.isEmpty {
            if world.random.chance(10) {
                let admins = try admins(world)
                let inviter = admins[world.random.below(admins.count)]
                let next = outside.removeFirst()
                try world.invite(next, by: inviter, role: world.random.chance(60) ? .admin : .member)
            }
            _ = try world.step(orderly: false)
        }
    }

    private func admins(_ world: World) throws -> [Int] {
        try world.nodes.indices.filter { node in
            guard let machine = try world.machine(node) else { return false }
            let isIn = [.connected, .announced, .confirmed].contains(machine.me.status)
            return machine.me.role >= .admin && isIn
        }
    }
}

/// The same members with the same roles at everyone, each pair connected, everything finished.
func expectWhole(_ world: World, _ nodes: [Int]) throws {
    let machines = try nodes.map { try #require(try world.machine($0)) }
    let all = machines.map(\.me).map { "\($0.id.text) \($0.role) \($0.profile)" }.sorted()
    for (node, machine) in zip(nodes, machines) {
        let seen = machine.members.values.map { "\($0.id.text) \($0.role) \($0.profile)" }
        let mine = "\(machine.me.id.text) \(machine.me.role) \(machine.me.profile)"
        #expect((seen + [mine]).sorted() == all, "node \(node)")
        #expect(machine.me.status == .confirmed, "node \(node)")
        for member in machine.sortedMembers {
            let last: MemberStatus =
                switch member.category {
                case .host: .connected
                case .invitee: .confirmed
                case .prior, .later, .me: .connectedDirectly
                }
            #expect(member.status == last, "node \(node) of \(world.number(of: member.id))")
            // What I send on, the other side has open.
            let connection = try #require(member.connection, "node \(node) of \(world.number(of: member.id))")
            let mirror = GroupConnection(
                member: machine.me.id, introducer: connection.introducer, kind: .group)
            #expect(world.nodes[world.number(of: member.id)].connections[mirror] == .connected)
        }
        for introduction in machine.introductions.values.flatMap(\.values) {
            #expect(introduction.status == .completed, "node \(node)")
        }
        for (member, contact) in world.nodes[node].merges { #expect(world.ids[member] == Int(contact)) }
    }
}

/// Each says a word, and all the others hear it.
func expectEverybodyHears(_ world: inout World) throws {
    world.weather = Weather()
    for node in world.nodes.indices {
        let text = NewMessage(text: "word")
        try world.wish(node, .send(.newMessage(text), parents: []))
    }
    try world.settle()
    for node in world.nodes.indices {
        let expected = world.nodes.indices.filter { $0 != node }.map { "\($0):word" }
        #expect(world.nodes[node].texts.sorted() == expected.sorted(), "node \(node)")
    }
}
