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

    @Test(.timeLimit(.minutes(5))) func everybodyIsAddedByTheFirst() async throws {
        let count = ProcessInfo.processInfo.environment["SXFILE_TEST_MEMBERS"].flatMap(Int.init) ?? 30
        let begin = ContinuousClock.now
        try await World.with { world in
            try await Gathering.with((0..<count).map { "user\($0)" }, in: world) { all in
                FileHandle.standardError.write(Data("friends \(ContinuousClock.now - begin)\n".utf8))
                _ = try all[0].profile.createGroup("team")
                for index in 1..<count {
                    _ = try all[0].profile.inviteToGroup("team", contact: "user\(index)")
                    try await all.join(index, "team")
                }
                FileHandle.standardError.write(Data("joined \(ContinuousClock.now - begin)\n".utf8))
                for index in 0..<count {
                    try await until { try all.reach(index, "team") == count - 1 }
                }
                FileHandle.standardError.write(Data("connected \(ContinuousClock.now - begin)\n".utf8))
                let host = try all[0].profile.group(named: "team")
                try await until {
                    try all[0].profile.members(of: host.id).allSatisfy { $0.status == .confirmed }
                }
                FileHandle.standardError.write(Data("confirmed \(ContinuousClock.now - begin)\n".utf8))
            }
        }
    }
}
