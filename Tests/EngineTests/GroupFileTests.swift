import AgentLink
import Foundation
import GroupCore
import Testing

@testable import Engine

/// A group of real engines over a real relay.
private struct Circle {
    let owner: User
    let members: [User]
    static let name = "#team"

    /// Everybody added by the first; all know each other then.
    static func form(_ names: [String], in world: World) async throws -> Circle {
        let owner = try world.user("alice")
        _ = try owner.profile.createGroup("team")
        var circle = Circle(owner: owner, members: [])
        for name in names { circle = try await circle.adding(name, in: world) }
        return circle
    }

    func adding(_ name: String, in world: World) async throws -> Circle {
        let user = try world.user(name)
        let invited = try owner.profile.requestInvite(as: name)
        let link = try await owner.wait(.contact(invited.id)) { try $0.invitationLink(contact: invited.id) }
        let joined = try user.profile.requestConnect(link: link, as: "alice")
        async let connected: Void = owner.connected(invited.id)
        try await user.connected(joined.id)
        try await connected
        _ = try owner.profile.inviteToGroup(Self.name, contact: name)
        let grown = Circle(owner: owner, members: members + [user])
        try await grown.settle(user)
        return grown
    }

    /// Until everybody is connected to everybody; all stay that long, as each may be needed by the others.
    private func settle(_ newcomer: User) async throws {
        let all = [owner] + members
        try await withThrowingTaskGroup(of: Void.self) { group in
            for user in all {
                group.addTask {
                    if user.files == newcomer.files {
                        let team = try await user.wait(.anything) { try $0.groups().first }
                        _ = try user.profile.joinGroup(team.name)
                    }
                    _ = try await user.wait(.anything) { _ in
                        let isSettled = try all.allSatisfy { other in
                            guard let team = try other.profile.groups().first else { return false }
                            return try other.profile.members(of: team.id).filter(\.isActive).count == all.count - 1
                        }
                        return isSettled ? true : nil
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    func send(_ path: String, _ change: (inout SendRequest) -> Void = { _ in }) throws -> Int64 {
        var request = SendRequest(contact: Self.name)
        request.path = path
        request.lane = "relay"
        change(&request)
        return try #require(try owner.profile.requestSend(request).transfer)
    }

    func whole(_ id: Int64) throws -> Transfer { try #require(try owner.profile.transfer(id: id)) }

    func states(_ id: Int64) throws -> [String: TransferState] {
        Dictionary(uniqueKeysWithValues: try whole(id).members.map { ($0.member ?? "", $0.state) })
    }
}

extension User {
    /// Receives the next offer.
    fileprivate func receive() async throws -> Data {
        let offer = try await wait(.anything) { try $0.transfers(.inbox).first }
        try await profile.requestAccept(offer.id, into: files.path)
        let received = try await wait(.transfer(offer.id)) { profile in
            try profile.isConfirmationWithRelay(offer.id) ? try profile.transfer(id: offer.id) : nil
        }
        return try Data(contentsOf: URL(fileURLWithPath: received.path ?? ""))
    }
}

/// What is said of a transfer to several.
@Suite struct MembersTests {
    private static func part(
        _ state: TransferState, _ transferred: UInt64 = 0, failure: FailureKind? = nil, waiting: Waiting? = nil
    ) -> Transfer {
        var transfer = FlowTests.transfer(.send, state)
        transfer.parent = 9
        transfer.transferred = transferred
        transfer.failure = failure
        transfer.waiting = waiting
        return transfer
    }

    private static func whole(_ parts: Transfer...) -> Transfer {
        var transfer = FlowTests.transfer(.send, .offered)
        transfer.connection = nil
        transfer.groupID = 1
        transfer.fold(parts)
        return transfer
    }

    @Test func statesOfTheOpen() {
        #expect(Self.whole(Self.part(.offered), Self.part(.complete)).state == .offered)
        #expect(Self.whole(Self.part(.offered), Self.part(.accepted)).state == .accepted)
        #expect(Self.whole(Self.part(.sent), Self.part(.active), Self.part(.failed)).state == .active)
        #expect(Self.whole(Self.part(.sent), Self.part(.offered)).state == .offered)
        #expect(Self.whole(Self.part(.sent), Self.part(.complete)).state == .sent)
    }

    @Test func theWorstOfTheEnded() {
        #expect(Self.whole(Self.part(.complete), Self.part(.complete)).state == .complete)
        #expect(Self.whole(Self.part(.complete), Self.part(.declined)).state == .declined)
        let failed = Self.whole(
            Self.part(.cancelled), Self.part(.failed, failure: .failed), Self.part(.failed, failure: .integrity))
        #expect(failed.state == .failed)
        #expect(failed.failure == .integrity)
        #expect(failed.isFinished)
    }

    @Test func bytesInTheMean() {
        #expect(Self.whole(Self.part(.active, 2), Self.part(.active, 4), Self.part(.declined, 1)).transferred == 3)
        #expect(Self.whole(Self.part(.complete, 5), Self.part(.complete, 5)).transferred == 5)
        #expect(Self.whole(Self.part(.cancelled, 1)).transferred == 0)
    }

    @Test func whatAllWaitFor() {
        #expect(Self.whole(Self.part(.active), Self.part(.offered, waiting: .peer)).waiting == nil)
        #expect(
            Self.whole(Self.part(.active, waiting: .relayDown), Self.part(.offered, waiting: .peer)).waiting
                == .relayDown)
        #expect(Self.whole(Self.part(.complete), Self.part(.offered, waiting: .peer)).waiting == .peer)
    }
}

@Suite(.serialized) struct GroupFileTests {
    @Test(.timeLimit(.minutes(2)), arguments: ["relay", "direct"]) func everyMemberHasIt(lane: String) async throws {
        try await World.with { world in
            let circle = try await Circle.form(["bob", "carol", "dave"], in: world)
            let bytes = noise(900_000)
            let id = try circle.send(circle.owner.write("report.pdf", bytes)) { $0.lane = lane }
            let offered = try circle.whole(id)
            #expect(offered.group == "team")
            #expect(offered.peer == "#team")
            #expect(offered.members.map(\.member) == ["bob", "carol", "dave"])
            #expect(offered.members.allSatisfy { $0.state == .offered && $0.parent == id })
            // One for the user, whatever there is below it.
            #expect(try circle.owner.profile.transfers(.all).map(\.id) == [id])
            async let sent = circle.owner.reaches(.complete, id)
            try await withThrowingTaskGroup(of: Data.self) { group in
                for member in circle.members { group.addTask { try await member.receive() } }
                for try await data in group { #expect(data == Data(bytes)) }
            }
            let complete = try await sent
            #expect(complete.state == .complete)
            #expect(complete.transferred == 900_000)
            #expect(complete.isFinished)
            let offer = try #require(try circle.members[1].profile.transfers(.all).first)
            #expect(offer.group == "team")
            #expect(offer.member == "alice")
            #expect(offer.peer == "#team/alice")
            #expect(offer.members.isEmpty)
            try await circle.owner.resume()
            #expect(try circle.whole(id).members.allSatisfy { $0.connection == nil })
            #expect(try circle.owner.profile.openTransfers().isEmpty)
            #expect(try circle.owner.profile.unfinishedCount() == 0)
        }
    }

    /// One has it, one declines, one is cancelled alone, one is never there: each for itself. Who comes later hears nothing.
    @Test(.timeLimit(.minutes(3))) func eachMemberForItself() async throws {
        try await World.with { world in
            var circle = try await Circle.form(["bob", "carol", "dave", "erin"], in: world)
            let bytes = noise(300_000)
            let id = try circle.send(circle.owner.write("report.pdf", bytes))
            try await circle.owner.resume()
            try circle.owner.profile.requestCancel(id, member: "dave")
            circle = try await circle.adding("frank", in: world)
            let declined = try await circle.members[1].wait(.anything) { try $0.transfers(.inbox).first }
            try circle.members[1].profile.requestDecline(declined.id, reason: "no room")
            try await circle.members[1].resume()
            let owner = circle.owner
            async let sent = owner.wait(.transfer(id)) { profile in
                try profile.transfer(id: id)?.members.first?.state == .complete ? true : nil
            }
            #expect(try await circle.members[0].receive() == Data(bytes))
            _ = try await sent
            try await circle.owner.resume()
            #expect(
                try circle.states(id) == [
                    "bob": .complete, "carol": .declined, "dave": .cancelled, "erin": .offered,
                ])
            let whole = try circle.whole(id)
            #expect(whole.state == .offered)
            #expect(!whole.isFinished)
            #expect(whole.members[1].reason == "no room")
            #expect(whole.members[1].endedBy == .peer)
            try await circle.members[2].resume()
            #expect(try circle.members[2].profile.transfers(.all).map(\.state) == [.cancelled])
            try await circle.members[4].resume()
            #expect(try circle.members[4].profile.transfers(.all).isEmpty)
            // The rest at once.
            try circle.owner.profile.requestCancel(id)
            #expect(try circle.states(id)["bob"] == .complete)
            #expect(try circle.states(id)["erin"] == .cancelled)
            let ended = try circle.whole(id)
            #expect(ended.isFinished)
            #expect(ended.state == .declined)
            #expect(throws: EngineError.noSuchMember("zoe", group: "team")) {
                try circle.owner.profile.requestCancel(id, member: "zoe")
            }
        }
    }

    /// Who leaves before accepting it is done with it; who has accepted it gets it all the same.
    @Test(.timeLimit(.minutes(2))) func membersWhoLeave() async throws {
        try await World.with { world in
            let circle = try await Circle.form(["bob", "carol"], in: world)
            let bytes = noise(300_000)
            let id = try circle.send(circle.owner.write("report.pdf", bytes))
            try await circle.owner.resume()
            let (bob, carol) = (circle.members[0], circle.members[1])
            _ = try bob.profile.leaveGroup("team")
            try await bob.resume()
            async let received = carol.receive()
            _ = try await circle.owner.wait(.transfer(id)) { profile in
                try profile.transfer(id: id)?.isFinished == true ? true : nil
            }
            #expect(try await received == Data(bytes))
            #expect(try circle.states(id) == ["bob": .failed, "carol": .complete])
            let whole = try circle.whole(id)
            #expect(whole.state == .failed)
            #expect(whole.reason == "#team/bob is not in the group any more")
            // Nobody is left to whom it could go again.
            #expect(throws: EngineError.wrongState(id, .failed, Profile.nobodyLeft)) {
                try circle.owner.profile.requestRetry(sending: id)
            }
        }
    }

    /// Those for whom it is over get it again, as one transfer for them.
    @Test(.timeLimit(.minutes(3))) func retry() async throws {
        try await World.with { world in
            let circle = try await Circle.form(["bob", "carol", "dave"], in: world)
            let bytes = noise(200_000)
            let id = try circle.send(circle.owner.write("report.pdf", bytes))
            try await circle.owner.resume()
            try circle.owner.profile.requestCancel(id, member: "carol")
            try circle.owner.profile.requestCancel(id, member: "dave")
            async let bobs = circle.members[0].receive()
            _ = try await circle.owner.wait(.transfer(id)) { profile in
                try profile.transfer(id: id)?.isFinished == true ? true : nil
            }
            #expect(try await bobs == Data(bytes))
            let repeated = try #require(try circle.owner.profile.requestRetry(sending: id).transfer)
            let again = try #require(try circle.owner.profile.transfer(id: repeated))
            #expect(again.retryOf == id)
            #expect(again.members.map(\.member) == ["carol", "dave"])
            // Asked twice, it is done once.
            #expect(throws: EngineError.wrongState(id, .cancelled, Profile.nobodyLeft)) {
                try circle.owner.profile.requestRetry(sending: id)
            }
            async let sent = circle.owner.reaches(.complete, again.id)
            for member in circle.members.dropFirst() {
                let offer = try await member.wait(.anything) { profile in
                    try profile.transfers(.inbox).first { $0.retryOf != nil }
                }
                #expect(offer.group == "team")
                try await member.profile.requestAccept(offer.id, into: member.files.path)
                _ = try await member.wait(.transfer(offer.id)) { profile in
                    try profile.isConfirmationWithRelay(offer.id) ? true : nil
                }
            }
            #expect(try await sent.state == .complete)
        }
    }

    /// A policy is the contact's, and a member's who is proven to be that contact; a mere member has none.
    @Test(.timeLimit(.minutes(2))) func policiesAreOfContacts() async throws {
        try await World.with { world in
            let circle = try await Circle.form(["bob", "carol"], in: world)
            let (bob, carol) = (circle.members[0], circle.members[1])
            try bob.profile.setPolicy("alice") { policy in
                policy.isAlways = true
                policy.directory = bob.files.path
            }
            let id = try circle.send(circle.owner.write("report.pdf", noise(1000)))
            try await circle.owner.resume()
            try await bob.resume()
            try await carol.resume()
            let atBob = try #require(try bob.profile.transfers(.all).first)
            let alice = try bob.profile.contact(named: "alice")
            #expect(atBob.state == .accepted)
            #expect(atBob.isFrom(alice))
            #expect(try carol.profile.transfers(.all).map(\.state) == [.offered])
            var request = SendRequest(contact: "#team")
            request.path = try carol.write("notes.txt", noise(1000))
            _ = try carol.profile.requestSend(request)
            try await carol.resume()
            try await bob.resume()
            let fromCarol = try #require(try bob.profile.transfers(.inbox).first)
            #expect(fromCarol.member == "carol")
            #expect(!fromCarol.isFrom(alice))
            try circle.owner.profile.requestCancel(id)
        }
    }

    /// 1 MiB to thirty, all engines at work.
    @Test(.timeLimit(.minutes(8))) func thirtyMembers() async throws {
        let count = 30
        try await World.with { world in
            try await Gathering.with((0...count).map { "user\($0)" }, in: world) { all in
                let owner = all[0].profile
                _ = try owner.createGroup("team")
                for index in 1...count {
                    _ = try owner.inviteToGroup("team", contact: "user\(index)")
                    try await all.join(index, "team")
                }
                try await until { try all.reach(0, "team") == count }
                let bytes = noise(1 << 20)
                var request = SendRequest(contact: "#team")
                request.path = try all[0].write("report.pdf", bytes)
                request.lane = "relay"
                let id = try #require(try owner.requestSend(request).transfer)
                for index in 1...count {
                    let offer = try await until { try all[index].profile.transfers(.inbox).first }
                    #expect(offer.group == "team")
                    try await all[index].profile.requestAccept(offer.id, into: all[index].files.path)
                }
                try await until { try owner.transfer(id: id)?.isFinished == true }
                let whole = try #require(try owner.transfer(id: id))
                #expect(whole.members.count == count)
                #expect(whole.state == .complete)
                for index in 1...count {
                    let path = all[index].files.appendingPathComponent("report.pdf")
                    #expect(try Data(contentsOf: path) == Data(bytes))
                }
            }
        }
    }
}
