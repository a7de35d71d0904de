import ChatProtocol
import GroupCore
import Testing

/// What the seed calls errors: reported, and nothing has changed.
@Suite struct RefusalTests {
    /// 0 owns the group; 1 is an admin, 2 a member, 3 an admin whom 1 invited.
    private func world() throws -> World {
        var world = World(seed: 11)
        world.add(5)
        world.create(0)
        try world.invite(1, by: 0, role: .admin)
        try world.settle()
        try world.invite(2, by: 0)
        try world.settle()
        try world.invite(3, by: 1, role: .admin)
        try world.settle()
        try expectWhole(world, Array(0..<4))
        return world
    }

    private let stranger = memberID([9, 9, 9, 9, 9, 9, 9, 9])

    private func id(_ world: World, _ node: Int) throws -> MemberID { try #require(try world.machine(node)).me.id }

    private func someone(_ id: MemberID, _ role: MemberRole = .member) -> MemberDescription {
        MemberDescription(member: id, role: role, profile: Profile(displayName: "x"))
    }

    private func invitation(_ member: MemberID) -> MemberInvitation {
        MemberInvitation(member: member, group: "g", direct: "d", probe: [UInt8](repeating: 1, count: 32))
    }

    private func expect(
        _ refusal: GroupRefusal, _ world: World, _ node: Int, from sender: Int, _ event: ChatEvent,
        location: SourceLocation = #_sourceLocation
    ) throws {
        let machine = try #require(try world.machine(node))
        let connection = try #require(machine.members[try id(world, sender)]?.connection)
        try expect(refusal, world, node, .received(connection, event), location: location)
    }

    private func expect(
        _ refusal: GroupRefusal, _ world: World, _ node: Int, _ input: GroupInput,
        location: SourceLocation = #_sourceLocation
    ) throws {
        var machine = try #require(try world.machine(node))
        let before = machine
        #expect(machine.handle(input, world.context(node)) == [.refuse(refusal)], sourceLocation: location)
        #expect(machine == before, sourceLocation: location)
        #expect(!refusal.description.isEmpty)
    }

    @Test func introductionBySomebodyElseThanTheHost() throws {
        let world = try world()
        try expect(
            .notHost(id(world, 1), event: "x.grp.mem.intro"), world, 2, from: 1, .memberIntroduce(someone(stranger)))
        // Who made the group has no host at all.
        try expect(
            .notHost(id(world, 1), event: "x.grp.mem.intro"), world, 0, from: 1, .memberIntroduce(someone(stranger)))
    }

    @Test func introductionOfAKnownMember() throws {
        let world = try world()
        let (host, event) = (try id(world, 0), "x.grp.mem.intro")
        for known in [1, 0, 2] {
            let member = try id(world, known)
            try expect(
                .duplicateMember(member, event: event, from: host), world, 2, from: 0, .memberIntroduce(someone(member))
            )
        }
    }

    @Test func announcementOfAKnownMember() throws {
        let world = try world()
        let (sender, event) = (try id(world, 1), "x.grp.mem.new")
        for known in [0, 2, 3] {
            let member = try id(world, known)
            try expect(
                .duplicateMember(member, event: event, from: sender), world, 2, from: 1,
                .memberNew(MemberAnnouncement(connected: [], new: someone(member))))
        }
    }

    /// An admin who calls an owner a member, to forward links in its name or to take the announcement back.
    @Test func announcementOfAKnownMemberWithAnotherRole() throws {
        var world = try world()
        let owner = try #require(try world.machine(2)?.members[id(world, 0)]?.connection)
        let known = MemberAnnouncement(connected: [], new: someone(stranger, .owner))
        try world.handle(2, .received(owner, .memberNew(known)))
        for role in [MemberRole.member, .admin] {
            let lower = MemberAnnouncement(connected: [], new: someone(stranger, role))
            try expect(.wrongRole(stranger, expected: .owner), world, 2, from: 1, .memberNew(lower))
        }
        try expect(
            .roleTooLow(try id(world, 1), event: "x.grp.mem.new", needed: .owner), world, 2, from: 1,
            .memberNew(known))
    }

    @Test func forwardOfAMemberWithAnInvitation() throws {
        let world = try world()
        let (sender, event) = (try id(world, 1), "x.grp.mem.fwd")
        for known in [0, 2, 3] {
            let member = try id(world, known)
            try expect(
                .duplicateMember(member, event: event, from: sender), world, 2, from: 1,
                .memberForward(invitation(member)))
        }
    }

    @Test func forwardAboutAnUnannouncedMember() throws {
        var world = try world()
        let sender = try id(world, 1)
        try expect(
            .unannounced(stranger, from: sender), world, 2, from: 1, .memberForward(invitation(stranger)))
        // Announced by somebody else is not announced by this one.
        let owner = try #require(try world.machine(2)?.members[id(world, 0)]?.connection)
        let new = MemberAnnouncement(connected: [], new: someone(stranger))
        try world.handle(2, .received(owner, .memberNew(new)))
        try expect(
            .unannounced(stranger, from: sender), world, 2, from: 1, .memberForward(invitation(stranger)))
    }

    @Test func withoutTheRole() throws {
        let world = try world()
        let sender = try id(world, 2)
        func low(_ event: String, _ needed: MemberRole = .admin, _ member: MemberID? = nil) -> GroupRefusal {
            .roleTooLow(member ?? sender, event: event, needed: needed)
        }
        let new = MemberAnnouncement(connected: [], new: someone(stranger))
        try expect(low("x.grp.mem.new"), world, 1, from: 2, .memberNew(new))
        try expect(low("x.grp.mem.fwd"), world, 1, from: 2, .memberForward(invitation(stranger)))
        try expect(low("x.grp.mem.con.all"), world, 1, from: 2, .memberConnectedToAll(id(world, 3)))
        try expect(low("x.grp.mem.del"), world, 1, from: 2, .memberDelete(id(world, 3)))
        try expect(low("x.grp.mem.del"), world, 1, from: 2, .memberDelete(id(world, 1)))
        try expect(low("x.grp.del", .owner), world, 1, from: 2, .groupDelete)
        // An admin makes no owners, and removes none.
        let admin = try id(world, 1)
        let owner = MemberAnnouncement(connected: [], new: someone(stranger, .owner))
        try expect(low("x.grp.mem.new", .owner, admin), world, 2, from: 1, .memberNew(owner))
        try expect(low("x.grp.mem.del", .owner, admin), world, 2, from: 1, .memberDelete(id(world, 0)))
        // The user is held to the same.
        let friend = Profile(displayName: "n4")
        func invite(_ role: MemberRole) -> GroupInput {
            .wish(.invite(contact: 4, profile: friend, role: role, member: stranger))
        }
        try expect(low("x.grp.inv"), world, 2, invite(.member))
        try expect(low("x.grp.inv", .owner, admin), world, 1, invite(.owner))
        try expect(low("x.grp.mem.del"), world, 2, .wish(.remove(id(world, 1))))
        try expect(low("x.grp.del", .owner, admin), world, 1, .wish(.delete))
    }

    @Test func invitationWithoutTheRole() throws {
        let me = try id(try world(), 0)
        func machine(_ inviter: MemberRole, _ invited: MemberRole) throws(GroupRefusal) -> GroupMachine {
            try GroupMachine(
                invitation: GroupInvitation(
                    inviter: stranger, inviterRole: inviter, invited: me, invitedRole: invited, invitation: "l",
                    profile: Profile(displayName: "team")),
                from: 1, hostProfile: Profile(displayName: "h"), profile: Profile(displayName: "me"))
        }
        #expect(throws: GroupRefusal.roleTooLow(stranger, event: "x.grp.inv", needed: .admin)) {
            try machine(.member, .member)
        }
        #expect(throws: GroupRefusal.roleTooLow(stranger, event: "x.grp.inv", needed: .owner)) {
            try machine(.admin, .owner)
        }
        #expect(try machine(.admin, .admin).me.status == .invited)
    }

    @Test func outOfTurn() throws {
        let world = try world()
        let member = try id(world, 3)
        try expect(
            .notInvitee(id(world, 0), event: "x.grp.mem.inv"), world, 1, from: 0, .memberInvite(invitation(member)))
        try expect(
            .unexpected(event: "x.grp.mem.inv", from: id(world, 1)), world, 0, from: 1,
            .memberInvite(invitation(member)))
        try expect(
            .unexpected(event: "x.grp.mem.con", from: id(world, 1)), world, 0, from: 1, .memberConnected(stranger))
        try expect(
            .notHost(id(world, 1), event: "x.grp.mem.con.all"), world, 0, from: 1,
            .memberConnectedToAll(id(world, 0)))
        try expect(
            .wrongConnection(event: "x.grp.acpt", from: id(world, 1)), world, 0, from: 1,
            .groupAccept(member: stranger))
        let direct = try #require(try world.machine(2)?.members[id(world, 1)]?.directConnection)
        try expect(
            .wrongConnection(event: "x.grp.del", from: id(world, 1)), world, 2, .received(direct, .groupDelete))
        let unknown = GroupConnection(member: stranger, introducer: stranger, kind: .group)
        try expect(.noSuchMember(stranger), world, 2, .received(unknown, .groupDelete))
    }

    @Test func somebodyElseJoins() throws {
        var world = try world()
        let invited = try world.invite(4, by: 0)
        world.nodes[4].joinsAtOnce = false
        try world.settle()
        let connection = GroupConnection(member: invited, introducer: try id(world, 0), kind: .group)
        try expect(
            .wrongMember(expected: invited), world, 0, .confirmation(connection, .groupAccept(member: stranger)))
        // The right one still can.
        try world.wish(4, .join)
        try world.settle()
        try expectWhole(world, Array(0..<5))
    }

    @Test func anotherRoleThanTheHostSaid() throws {
        var world = try world()
        try world.invite(4, by: 0)
        // Up to the invitations that 4 has sent for 1.
        let member = try id(world, 1)
        while try world.machine(4)?.members[member]?.status != .sentInvitation { _ = try world.step(orderly: true) }
        let connection = GroupConnection(member: member, introducer: try id(world, 0), kind: .group)
        try expect(
            .wrongRole(member, expected: .admin), world, 4, .confirmation(connection, .memberInfo(someone(member))))
        try expect(
            .wrongMember(expected: member), world, 4, .confirmation(connection, .memberInfo(someone(stranger))))
    }

    @Test func theContactIsIn() throws {
        let world = try world()
        let again = GroupWish.invite(contact: 1, profile: World.profile(1), role: .member, member: stranger)
        try expect(.alreadyMember(id(world, 1)), world, 0, .wish(again))
        try expect(.noSuchMember(stranger), world, 0, .wish(.sendTo(stranger, .ok)))
        try expect(.noSuchMember(stranger), world, 0, .wish(.remove(stranger)))
    }

    @Test func whoIsGoneStaysGone() throws {
        var world = try world()
        let gone = try id(world, 3)
        try world.wish(1, .remove(gone))
        try world.settle()
        try expectWhole(world, [0, 1, 2])
        #expect(try world.machine(3)?.me.departure == .removed(by: id(world, 1)))
        try expect(.notInGroup, world, 3, .wish(.leave))
        try expect(
            .departed(gone, event: "x.grp.mem.intro", from: id(world, 0)), world, 2, from: 0,
            .memberIntroduce(someone(gone)))
        try expect(
            .departed(gone, event: "x.grp.mem.new", from: id(world, 0)), world, 2, from: 0,
            .memberNew(MemberAnnouncement(connected: [], new: someone(gone))))
    }

    @Test func deletedForAll() throws {
        var world = try world()
        try world.wish(0, .delete)
        try world.settle()
        for node in 0..<4 {
            #expect(try world.machine(node)?.me.departure == .deleted(by: id(world, 0)))
            #expect(world.nodes[node].connections.values.filter { $0 == .connected }.isEmpty)
        }
    }
}
