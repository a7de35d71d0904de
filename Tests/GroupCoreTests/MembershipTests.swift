import ChatProtocol
import GroupCore
import Testing

/// Profiles, numbers, lost connections, and changes of mind before a group is joined.
@Suite struct MembershipTests {
    private func world(_ count: Int) throws -> World {
        var world = World(seed: 21)
        world.add(count + 1)
        world.create(0)
        for node in 1..<count {
            try world.invite(node, by: 0, role: .admin)
            try world.settle()
        }
        return world
    }

    private func id(_ world: World, _ node: Int) throws -> MemberID { try #require(try world.machine(node)).me.id }

    @Test func aNewProfileReachesAll() throws {
        var world = try world(4)
        try world.wish(2, .profile(Profile(displayName: "new")))
        try world.settle()
        try expectWhole(world, Array(0..<4))
        // The same again is nothing to tell.
        world.trace = []
        try world.wish(2, .profile(Profile(displayName: "new")))
        try world.settle()
        #expect(world.trace.isEmpty)
        // It is what later members are told.
        try world.invite(4, by: 0)
        try world.settle()
        try expectWhole(world, Array(0..<5))
    }

    @Test func oneRowOfNumbers() throws {
        let world = try world(3)
        var machine = try #require(try world.machine(1))
        func numbers(_ wish: GroupWish) -> [Int64?] {
            machine.handle(.wish(wish), world.context(1)).compactMap {
                if case .send(_, let message) = $0 { message.id } else { nil }
            }
        }
        let parent = MessageParent(
            member: machine.me.id, message: 1, hash: [UInt8](repeating: 0, count: 16))
        let text = ChatEvent.newMessage(NewMessage(text: "a"))
        #expect(numbers(.send(text, parents: [])) == [1, 1])
        #expect(numbers(.sendTo(try id(world, 2), text)) == [2])
        machine = try GroupMachine(checkpoint: machine.checkpoint())
        #expect(numbers(.send(text, parents: [parent])) == [3, 3])
    }

    @Test func contentChangesNothing() throws {
        let world = try world(3)
        var machine = try #require(try world.machine(1))
        let before = machine
        let connection = try #require(machine.members[id(world, 2)]?.connection)
        for event in [
            ChatEvent.newMessage(NewMessage(text: "a")), .messageDelete(reference: 1), .ok, .unknown(name: "x.new"),
            .earlierForm(name: "x.grp.mem.req"),
        ] {
            #expect(machine.handle(.received(connection, event), world.context(1)).isEmpty)
        }
        #expect(machine == before)
    }

    @Test func aLostConnectionIsTold() throws {
        let world = try world(3)
        var machine = try #require(try world.machine(1))
        let member = try id(world, 2)
        let connection = try #require(machine.members[member]?.connection)
        #expect(machine.handle(.failed(connection), world.context(1)) == [.tell(.lost(member))])
        #expect(machine.members[member]?.connection == nil)
        #expect(machine.connectedMembers.map(\.id) == [try id(world, 0)])
        #expect(try GroupMachine(checkpoint: machine.checkpoint()) == machine)
    }

    @Test func anInvitationIsDeclined() throws {
        var world = try world(2)
        world.nodes[2].joinsAtOnce = false
        try world.invite(2, by: 0)
        try world.settle()
        #expect(try world.machine(2)?.me.status == .invited)
        world.trace = []
        try world.wish(2, .leave)
        try world.settle()
        #expect(world.trace.isEmpty)
        #expect(try world.machine(2)?.me.departure == .left)
        try world.wish(2, .join)
        #expect(try world.machine(2)?.me.status == .invited)
    }

    /// The invitation is taken back while the invited is joining: it hears of it as soon as it has joined.
    @Test func anInvitationIsTakenBack() throws {
        var world = try world(2)
        let invited = try world.invite(2, by: 0)
        while try world.machine(0)?.members[invited]?.status != .accepted { _ = try world.step(orderly: true) }
        try world.wish(0, .remove(invited))
        try world.settle()
        #expect(try world.machine(2)?.me.departure == .removed(by: id(world, 0)))
        #expect(!world.trace.contains { $0.hasPrefix("0>1") && $0.hasSuffix("x.grp.mem.del") })
        try expectWhole(world, [0, 1])
    }

    @Test func aGroupIsFullAtSomePoint() throws {
        let world = try world(2)
        var machine = try #require(try world.machine(0))
        let connection = try #require(machine.members[id(world, 1)]?.connection)
        func announce(_ number: Int) -> [GroupAction] {
            let member = memberID([0, 0, 0, 0, 0, 1, UInt8(number >> 8), UInt8(number & 255)])
            let new = MemberDescription(member: member, role: .member, profile: Profile(displayName: "x"))
            return machine.handle(
                .received(connection, .memberNew(MemberAnnouncement(connected: [], new: new))), world.context(0))
        }
        for number in 2..<GroupMachine.mostMembers { #expect(!announce(number).contains { $0.isRefusal }) }
        #expect(announce(0) == [.refuse(.tooManyMembers(limit: GroupMachine.mostMembers))])
    }
}

extension GroupAction {
    fileprivate var isRefusal: Bool { if case .refuse = self { true } else { false } }
}
