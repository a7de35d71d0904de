import ChatProtocol
import GroupCore
import Primitives
import Testing

/// Which member is which contact: only on proof.
@Suite struct ProbeTests {
    /// 0 owns; 1 is in; 2 comes in, and has `pretended` as a contact with 1's profile.
    private func world(pretended: Int?, binds: Bool = true) throws -> World {
        var world = World(seed: 5)
        world.binds = binds
        world.add(4)
        world.create(0)
        try world.invite(1, by: 0)
        try world.settle()
        if let pretended {
            world.befriend(2, pretended)
            world.nodes[2].contacts[Int64(pretended)] = World.profile(1)
        }
        world.trace = []
        try world.invite(2, by: 0)
        try world.settle()
        return world
    }

    @Test func aPretenderLearnsNothingAndIsNotMerged() throws {
        // Member 1 has the profile of contact 3, who is not in the group.
        let world = try world(pretended: 3)
        let known = try self.world(pretended: nil)
        // What member 1 sees is the same whether or not there is such a contact.
        #expect(world.trace.filter { $0.contains(">1") } == known.trace.filter { $0.contains(">1") })
        #expect(world.trace.filter { $0.contains("probe") } == ["2>1g x.info.probe", "2>3 x.info.probe.check"])
        #expect(world.nodes.allSatisfy { $0.merges.isEmpty })
        try expectWhole(world, [0, 1, 2])
    }

    @Test func withoutBindingOnlyWhoAskedMerges() throws {
        let world = try world(pretended: 1, binds: false)
        #expect(world.nodes[2].merges.count == 1 && world.nodes[1].merges.isEmpty)
    }

    /// The hash of a probe handed on over another connection does not fit there.
    @Test func aCheckHandedOnIsNotAnswered() throws {
        let world = try world(pretended: nil)
        var machine = try #require(try world.machine(1))
        let probe = try probe(world)
        let (ends, other) = (KnownContact(id: 2, binding: [1]), KnownContact(id: 3, binding: [2]))
        let member = try #require(try world.machine(2)).me.id
        let connection = try #require(machine.members[member]?.connection)
        let hash = SHA256.hash(probe + world.binding(1, connection) + ends.binding)
        #expect(machine.handle(.contactReceived(other, .probeCheck(hash: hash)), world.context(1)).isEmpty)
        #expect(
            machine.handle(.contactReceived(ends, .probeCheck(hash: hash)), world.context(1)) == [
                .sendToContact(2, .probeConfirm(probe)), .merge(member, contact: 2),
            ])
    }

    /// A member in the middle, in another group with the contact, hands the secret on there: it came on another connection.
    @Test func aSecretHandedOnInAnotherGroupProvesNothing() throws {
        let world = try world(pretended: nil)
        let member = try #require(try world.machine(0)).me.id
        var machine = try #require(try world.machine(1))
        let connection = try #require(machine.members[member]?.connection)
        let (probe, contact) = ([UInt8](repeating: 4, count: 32), KnownContact(id: 7, binding: [7]))
        let check = ChatEvent.probeCheck(hash: SHA256.hash(probe + [1, 2, 3] + contact.binding))
        #expect(machine.handle(.received(connection, .probe(probe)), world.context(1)).isEmpty)
        #expect(machine.handle(.contactReceived(contact, check), world.context(1)).isEmpty)
    }

    /// An answer counts from whom it was asked for only.
    @Test func anAnswerThatWasNotAskedForIsRefused() throws {
        let world = try world(pretended: 3)
        var machine = try #require(try world.machine(2))
        let probe = try probe(world)
        let input = GroupInput.contactReceived(KnownContact(id: 0), .probeConfirm(probe))
        #expect(machine.handle(input, world.context(2)) == [.refuse(.unproven(contact: 0))])
        let foreign = GroupInput.contactReceived(
            KnownContact(id: 3), .probeConfirm([UInt8](repeating: 0, count: 32)))
        #expect(machine.handle(foreign, world.context(2)).isEmpty)
    }

    /// The contact's connection may be faster than the group's.
    @Test func aCheckBeforeTheProbeWaits() throws {
        let world = try world(pretended: nil)
        let member = try #require(try world.machine(0)).me.id
        var machine = try #require(try world.machine(1))
        let contact = KnownContact(id: 7, binding: [7])
        let probe = [UInt8](repeating: 4, count: 32)
        let connection = try #require(machine.members[member]?.connection)
        let hash = SHA256.hash(probe + world.binding(1, connection) + contact.binding)
        #expect(
            machine.handle(.contactReceived(contact, .probeCheck(hash: hash)), world.context(1)).isEmpty)
        machine = try GroupMachine(checkpoint: machine.checkpoint())
        #expect(
            machine.handle(.received(connection, .probe(probe)), world.context(1)).first
                == .sendToContact(7, .probeConfirm(probe)))
    }

    /// What contacts send for nothing does not pile up.
    @Test func checksAreBounded() throws {
        let world = try world(pretended: nil)
        var machine = try #require(try world.machine(1))
        var sizes: Set<Int> = []
        for number in 0..<1000 {
            let contact = KnownContact(id: Int64(number % 20))
            let hash = SHA256.hash([UInt8(number & 255), UInt8(number >> 8)])
            #expect(machine.handle(.contactReceived(contact, .probeCheck(hash: hash)), world.context(1)).isEmpty)
            if number > 500 { sizes.insert(machine.checkpoint().count) }
        }
        #expect(sizes.count == 1)
    }

    /// The secret that 2 sent to 1.
    private func probe(_ world: World) throws -> [UInt8] {
        let index = try #require(world.trace.firstIndex(of: "2>1g x.info.probe"))
        let bytes = world.wire[world.wire.count - world.trace.count + index]
        guard case .probe(let probe) = try ChatEvent(parsing: bytes[...]) else { throw Missing() }
        return probe
    }

    private struct Missing: Error {}
}
