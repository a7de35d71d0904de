import Foundation
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
}
