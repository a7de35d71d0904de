import Foundation
import GRDB
import GroupCore
import Testing

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
                    messages += try all[index].profile.outgoingCount()
                }
                #expect(messages == (count - 1) * (6 * count - 7))
            }
        }
    }
}

extension Profile {
    /// How many chat messages, other than texts and offers to contacts, were ever decided on.
    fileprivate func outgoingCount() throws -> Int {
        try read { db in
            try Int.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'outgoing'") ?? 0
        }
    }
}
