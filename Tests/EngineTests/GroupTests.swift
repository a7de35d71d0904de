import ChatProtocol
import Database
import Foundation
import GRDB
import Testing

import enum GroupCore.MemberStatus

@testable import Engine

/// Groups of real engines: who is in, how far everybody is, what survives.
@Suite(.serialized) struct GroupTests {
    @Test(.timeLimit(.minutes(1))) func twoMembers() async throws {
        try await World.with { world in
            let (alice, bob) = try await world.friends()
            _ = try alice.profile.createGroup("team")
            _ = try alice.profile.inviteToGroup("#team", contact: "bob")
            try await alice.resume()
            try await bob.resume()
            #expect(try bob.profile.group(named: "team").isInvitation)
            _ = try bob.profile.joinGroup("team")
            // Each once: what one says waits for the other at the relay.
            for _ in 0..<3 {
                try await bob.resume()
                try await alice.resume()
            }
            let (group, other) = (try alice.profile.group(named: "team"), try bob.profile.group(named: "team"))
            #expect(other.status == .confirmed)
            #expect(try alice.profile.members(of: group.id).map(\.status) == [.confirmed])
            #expect(try alice.profile.members(of: group.id).map(\.name) == ["bob"])
            #expect(try bob.profile.members(of: other.id).map(\.status) == [.connected])
            #expect(try bob.profile.members(of: other.id).map(\.isActive) == [true])
        }
    }

    @Test("what a member may not say is reported and changes nothing", .timeLimit(.minutes(2)))
    func refusals() async throws {
        try await World.with { world in
            try await Gathering.with(["alice", "bob", "carol"], in: world) { all in
                _ = try all[0].profile.createGroup("team")
                for index in 1...2 {
                    _ = try all[0].profile.inviteToGroup("team", contact: all[index].name)
                    try await all.join(index, "team")
                }
                for index in 0...2 { try await until { try all.reach(index, "team") == 2 } }
                for index in 1...2 {
                    try await until { try all[index].profile.group(named: "team").status == .confirmed }
                }
                // Bob is a mere member. Carol is not his host, and he has announced nobody.
                let stranger = try #require(MemberID([1, 2, 3, 4, 5, 6, 7, 8]))
                let (alice, carol) = (all[0], all[2])
                let known = try #require(try carol.profile.members(of: 1).first { $0.name == "alice" }?.member)
                let description = MemberDescription(
                    member: stranger, role: .member, profile: ChatProtocol.Profile(displayName: "mallory"))
                let again = MemberDescription(
                    member: known, role: .member, profile: ChatProtocol.Profile(displayName: "mallory"))
                let links = MemberInvitation(
                    member: stranger, group: "smp://a", direct: "smp://b", probe: noise(32))
                let cases: [(ChatEvent, User, String)] = [
                    (.memberIntroduce(description), carol, "who is not the host"),
                    (.memberNew(MemberAnnouncement(connected: [], new: description)), carol, "takes the role admin"),
                    (.memberForward(links), carol, "takes the role admin"),
                    (.memberInvite(links), alice, "out of turn"),
                    (.memberInvite(links), carol, "whom we did not invite"),
                    (.memberDelete(known), carol, "takes the role owner"),
                    (.groupDelete, carol, "takes the role owner"),
                    (.memberConnected(stranger), alice, "out of turn"),
                    (.memberIntroduce(again), carol, "who is not the host"),
                ]
                for (event, other, why) in cases {
                    let before = try other.machine()
                    try all[1].say(event, to: other.name)
                    try await until { try other.profile.group(named: "team").problem?.contains(why) == true }
                    #expect(try other.machine() == before, "\(event.name)")
                    try other.profile.write { db in try db.execute(sql: "UPDATE groups SET problem = NULL") }
                }
                #expect(try carol.profile.members(of: 1).map(\.name) == ["alice", "bob"])
            }
        }
    }

    @Test("who borrows a contact's name is not that contact", .timeLimit(.minutes(2)))
    func borrowedName() async throws {
        try await World.with { world in
            // Mallory calls herself as Bob's contact Carol does, who is not in the group.
            try await Gathering.with(["alice", "bob", "mallory", "carol"], in: world) { all in
                try await all.befriend(1, 3)
                let carol = try all[1].profile.contact(named: "carol")
                try all[2].profile.set(.name, "carol")
                try await until { try all[0].profile.contact(named: "mallory").profile?.displayName == "carol" }
                _ = try all[0].profile.createGroup("team")
                for (index, contact) in [(1, "bob"), (2, "mallory")] {
                    _ = try all[0].profile.inviteToGroup("team", contact: contact)
                    try await all.join(index, "team")
                    try await until { try all[index].profile.group(named: "team").status == .confirmed }
                }
                let mallory = try await until {
                    try all[1].profile.members(of: 1).first { $0.name != "alice" && $0.status == .connectedDirectly }
                }
                #expect(mallory.profile.displayName == "carol")
                #expect(mallory.contact != carol.id)
                // The check went to Carol, whose engine knows no such probe, and says nothing.
                for index in all.users.indices { try await until { try all[index].hasNothingToSend() } }
                #expect(try all[1].profile.contact(named: "carol") == carol)
                #expect(try all[1].profile.contacts().map(\.name) == ["alice", "carol", "carol_1"])
            }
        }
    }

    @Test(.timeLimit(.minutes(5))) func everybodyIsAddedByTheFirst() async throws {
        let count = 30
        try await World.with { world in
            try await Gathering.with((0..<count).map { "user\($0)" }, in: world) { all in
                _ = try all[0].profile.createGroup("team")
                for index in 1..<count {
                    _ = try all[0].profile.inviteToGroup("team", contact: "user\(index)")
                    try await all.join(index, "team")
                    // One after the other: with forks there are more messages.
                    try await until { try all[index].profile.group(named: "team").status == .confirmed }
                }
                for index in 0..<count { try await until { try all.reach(index, "team") == count - 1 } }
                let host = try all[0].profile.group(named: "team")
                #expect(try all[0].profile.members(of: host.id).allSatisfy { $0.status == .confirmed })
                var messages = 0
                for index in 0..<count {
                    let group = try all[index].profile.group(named: "team").id
                    try await until { try all[index].profile.isWithRelay(group: group) }
                    // Each connection carries one piece of connection information each way.
                    messages += try all[index].profile.read { db in
                        try GroupConnectionRow.all(db, group: group).count
                    }
                    messages += try all[index].outgoingCount()
                }
                #expect(messages == (count - 1) * (6 * count - 7))
            }
        }
    }
}

extension User {
    /// All that is stored of the only group.
    fileprivate func machine() throws -> [UInt8] {
        try profile.read { db in
            try #require(try Row.fetchOne(db, sql: "SELECT machine FROM groups")?.bytes("machine"))
        }
    }

    /// Has the engine say something in the group that its machine would not.
    fileprivate func say(_ event: ChatEvent, to name: String) throws {
        try profile.write { db in
            let member = try GroupMember.named(db, name, in: Group.named(db, "team"))
            try Outgoing.insert(db, try #require(member.connection), event.message().encoded())
        }
    }

    fileprivate func hasNothingToSend() throws -> Bool {
        try profile.read { db in
            try Int.fetchOne(db, sql: "SELECT (SELECT COUNT(*) FROM outgoing) + (SELECT COUNT(*) FROM outbox)") == 0
        }
    }
}

extension User {
    /// How many chat messages, other than texts and offers to contacts, were ever decided on.
    fileprivate func outgoingCount() throws -> Int {
        try profile.read { db in
            try Int.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'outgoing'") ?? 0
        }
    }
}
