import AgentLink
import ChatProtocol
import Foundation
import GRDB
import GroupCore
import Testing

@testable import Engine

/// What is said in a group of real engines, and in which order.
@Suite(.serialized) struct GroupMessageTests {
    /// alice, bob and carol in #team, each connected to both others.
    private func team(_ world: World, _ body: (Gathering) async throws -> Void) async throws {
        try await Gathering.with(["alice", "bob", "carol"], in: world) { team in
            _ = try team[0].profile.createGroup("team")
            for index in 1...2 {
                _ = try team[0].profile.inviteToGroup("#team", contact: team[index].name)
                try await team.join(index, "team")
            }
            for index in 0...2 { try await until { try team.reach(index, "team") == 2 } }
            try await body(team)
        }
    }

    private func say(_ text: String, _ user: User) throws -> Int64 {
        var request = SendRequest(contact: "#team")
        request.text = text
        return try #require(try user.profile.requestSend(request).message)
    }

    /// Who said what, and what is to be remarked.
    private func conversation(_ user: User) throws -> [String] {
        try user.profile.conversation(with: "#team").compactMap { entry in
            guard case .message(let message) = entry else { return nil }
            let text = message.deletedAt != nil ? "(deleted)" : message.isText ? message.text : message.kind.rawValue
            return "\(message.member ?? "me"): \(text)\(message.editedAt == nil ? "" : " (edited)")"
        }
    }

    @Test(.timeLimit(.minutes(1))) func saidChangedDeleted() async throws {
        try await World.with { world in
            try await team(world) { team in
                let (alice, bob, carol) = (team[0], team[1], team[2])
                let first = try say("hello", alice)
                try await until { try conversation(carol) == ["alice: hello"] }
                try await until { try conversation(bob) == ["alice: hello"] }
                _ = try say("hi", bob)
                let hasty = try say("hasty", bob)
                try await until { try conversation(alice) == ["me: hello", "bob: hi", "bob: hasty"] }
                try alice.profile.requestEdit(first, text: "hello, all")
                try bob.profile.requestDelete(hasty)
                // Each names its own: both have said a message of the same number.
                try await until {
                    try conversation(carol) == ["alice: hello, all (edited)", "bob: hi", "bob: (deleted)"]
                }
                try await until { try alice.profile.isWithRelay(message: first) }
                try await until {
                    try conversation(alice) == ["me: hello, all (edited)", "bob: hi", "bob: (deleted)"]
                }
                #expect(try carol.profile.newMessages().map(\.peer) == ["#team/alice", "#team/bob", "#team/bob"])
                #expect(try carol.profile.newMessages().map(\.group) == ["team", "team", "team"])
                // Who does not know whose it is cannot change it.
                let theirs = try #require(try carol.profile.newMessages().first).id
                #expect(throws: EngineError.self) { try carol.profile.requestEdit(theirs, text: "x") }
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func writtenAtTheSameTime() async throws {
        try await World.with { world in
            try await team(world) { team in
                let (alice, bob, carol) = (team[0], team[1], team[2])
                _ = try say("start", alice)
                for user in [bob, carol] { try await until { try conversation(user).count == 1 } }
                for index in 1...2 { await team.stop(index) }
                _ = try say("left", bob)
                _ = try say("right", carol)
                for index in 1...2 { team.start(index) }
                try await until { try conversation(alice).count == 4 }
                let seen = try conversation(alice)
                #expect(seen.first == "me: start")
                #expect(Set(seen) == ["me: start", "bob: left", "carol: right", seen[2]])
                #expect(seen[2].hasSuffix(": fork"))
                #expect(seen[2].prefix(4) == seen[3].prefix(4))
                // One that has seen both ends it.
                for user in [bob, carol] { try await until { try conversation(user).count == 4 } }
                _ = try say("both", alice)
                try await until { try conversation(bob).last == "alice: both" }
                let group = try bob.profile.group(named: "team")
                #expect(try bob.profile.read { db in try group.graph(db).parents.count } == 1)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aMessageThatNeverCame() async throws {
        try await World.with { world in
            try await team(world) { team in
                let (alice, bob, carol) = (team[0], team[1], team[2])
                _ = try say("start", alice)
                for user in [bob, carol] { try await until { try conversation(user).count == 1 } }
                // What carol says to bob is lost.
                await team.stop(2)
                let lost = try say("lost", carol)
                try carol.profile.write { db in
                    let group = try Group.named(db, "team")
                    let bob = try GroupMember.named(db, "bob", in: group)
                    try db.execute(
                        sql: "DELETE FROM outgoing WHERE subject = ? AND connection = ?",
                        arguments: [lost, bob.connection?.rawValue])
                }
                team.start(2)
                try await until { try conversation(alice).last == "carol: lost" }
                _ = try say("what carol said", alice)
                try await until { try conversation(bob).count == 3 }
                #expect(try conversation(bob) == ["alice: start", "carol: gap", "alice: what carol said"])
                // Her next word is known to be her next: the gap stays.
                _ = try say("again", carol)
                try await until { try conversation(bob).last == "carol: again" }
                // She changes what did not come: it comes, with its new text.
                try carol.profile.requestEdit(lost, text: "found")
                try await until { try conversation(bob).last == "carol: found (edited)" }
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func whoComesLaterHearsNothingOfBefore() async throws {
        try await World.with { world in
            try await Gathering.with(["alice", "bob", "carol"], in: world) { team in
                let (alice, carol) = (team[0], team[2])
                _ = try alice.profile.createGroup("team")
                #expect(throws: EngineError.nobodyInGroup("team")) { try say("to nobody", alice) }
                #expect(try conversation(alice).isEmpty)
                _ = try alice.profile.inviteToGroup("#team", contact: "bob")
                try await team.join(1, "team")
                try await until { try team.reach(0, "team") == 1 && team.reach(1, "team") == 1 }
                let early = try say("early", alice)
                try await until { try conversation(team[1]).count == 1 }
                _ = try alice.profile.inviteToGroup("#team", contact: "carol")
                try await team.join(2, "team")
                for index in 0...2 { try await until { try team.reach(index, "team") == 2 } }
                _ = try say("welcome", alice)
                try await until { try conversation(carol) == ["alice: welcome"] }
                _ = try say("from bob", team[1])
                try await until { try conversation(carol) == ["alice: welcome", "bob: from bob"] }
                // Neither is the end of what they have not seen.
                try alice.profile.requestDelete(early)
                try await until { try conversation(team[1]).first == "alice: (deleted)" }
                _ = try say("end", alice)
                try await until { try conversation(carol).last == "alice: end" }
                #expect(try conversation(carol) == ["alice: welcome", "bob: from bob", "alice: end"])
            }
        }
    }

    /// Who was told something else than the others hears of it.
    @Test(.timeLimit(.minutes(1))) func differentWords() async throws {
        try await World.with { world in
            try await team(world) { team in
                let (alice, bob, carol) = (team[0], team[1], team[2])
                _ = try say("start", alice)
                for user in [bob, carol] { try await until { try conversation(user).count == 1 } }
                await team.stop(2)
                let id = try say("yes", carol)
                try carol.profile.write { db in
                    let group = try Group.named(db, "team")
                    let bob = try GroupMember.named(db, "bob", in: group)
                    let row = try #require(
                        try Row.fetchOne(
                            db, sql: "SELECT id, body FROM outgoing WHERE subject = ? AND connection = ?",
                            arguments: [id, bob.connection?.rawValue]))
                    let body: Data = row["body"]
                    try db.execute(
                        sql: "UPDATE outgoing SET body = ? WHERE id = ?",
                        arguments: [Data(body.dropLast(3)) + Data("no!".utf8), row["id"] as Int64])
                }
                team.start(2)
                try await until { try conversation(alice).last == "carol: yes" }
                try await until { try conversation(bob).last == "carol: no!" }
                _ = try say("carol agrees", alice)
                try await until { try conversation(bob).last == "alice: carol agrees" }
                #expect(
                    try conversation(bob) == [
                        "alice: start", "carol: no!", "carol: conflict", "alice: carol agrees",
                    ])
            }
        }
    }

    /// Said, changed, deleted in any order, engines coming and going: in the end all have read the same.
    @Test(.timeLimit(.minutes(2)), arguments: [1, 2]) func endsTheSame(seed: UInt64) async throws {
        try await World.with { world in
            try await team(world) { team in
                var numbers = noise(200, seed: seed)[...]
                func roll(_ sides: Int) -> Int { Int(numbers.removeFirst()) % sides }
                var own: [[Int64]] = [[], [], []]
                var isRunning = [true, true, true]
                for step in 0..<40 {
                    let (who, index) = (roll(3), roll(6))
                    switch index {
                    case 0:
                        isRunning[who].toggle()
                        if isRunning[who] { team.start(who) } else { await team.stop(who) }
                    case 1 where !own[who].isEmpty:
                        let id = own[who][roll(own[who].count)]
                        try? team[who].profile.requestEdit(id, text: "changed in step \(step)")
                    case 2 where !own[who].isEmpty:
                        try team[who].profile.requestDelete(own[who][roll(own[who].count)])
                    default: own[who].append(try say("said in step \(step)", team[who]))
                    }
                }
                for who in 0..<3 where !isRunning[who] { team.start(who) }
                let names = team.users.map(\.name)
                func read(_ who: Int) throws -> [String] {
                    try conversation(team[who]).map { line in
                        line.hasPrefix("me:") ? names[who] + line.dropFirst(2) : line
                    }.filter { !$0.hasSuffix(": fork") }.sorted()
                }
                try await until { try read(0) == read(1) && read(1) == read(2) && !read(0).isEmpty }
                #expect(try read(0).count == own.joined().count)
            }
        }
    }
}
