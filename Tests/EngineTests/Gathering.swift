import Foundation
import GroupCore
import Synchronization
import Testing

@testable import Engine

/// Users whose engines run side by side, as daemons, and can be stopped and started.
final class Gathering: Sendable {
    let users: [User]
    /// Their engines, on openings of the database of their own: what a command does is another process's work.
    private let hosts: [EngineHost]
    private let daemons = Mutex<[Int: Task<Void, Never>]>([:])

    /// `names` as users of `world`; the first is a contact of everybody else. All engines run.
    static func with(
        _ names: [String], in world: World, _ body: (Gathering) async throws -> Void
    ) async throws {
        let gathering = Gathering(try names.map { try world.user($0) }, try names.map { try world.user($0).host })
        do {
            for index in gathering.users.indices { gathering.start(index) }
            for index in gathering.users.indices.dropFirst() { try await gathering.befriend(0, index) }
            try await body(gathering)
        } catch {
            await gathering.stop()
            throw error
        }
        await gathering.stop()
    }

    private init(_ users: [User], _ hosts: [EngineHost]) {
        self.users = users
        self.hosts = hosts
    }

    subscript(index: Int) -> User { users[index] }

    func start(_ index: Int) {
        let host = hosts[index]
        daemons.withLock { $0[index] = Task { _ = try? await host.run(.daemon(nil)) } }
    }

    /// Stops an engine in good order.
    func stop(_ index: Int) async {
        guard let task = daemons.withLock({ $0.removeValue(forKey: index) }) else { return }
        task.cancel()
        await task.value
    }

    private func stop() async {
        let all = daemons.withLock { Array($0.values) }
        for task in all { task.cancel() }
        for task in all { await task.value }
    }

    /// Makes two users contacts of each other, each under the other's name.
    func befriend(_ one: Int, _ other: Int) async throws {
        let (inviter, joiner) = (users[one], users[other])
        let invited = try inviter.profile.requestInvite(as: joiner.name)
        let link = try await until { try inviter.profile.invitationLink(contact: invited.id) }
        _ = try joiner.profile.requestConnect(link: link, as: inviter.name)
        try await until { try inviter.profile.contact(named: joiner.name).state == .connected }
        try await until { try joiner.profile.contact(named: inviter.name).state == .connected }
    }

    /// Waits for an invitation to the group, and accepts it.
    func join(_ index: Int, _ group: String) async throws {
        let profile = users[index].profile
        try await until { try profile.groups().contains { $0.name == group } }
        _ = try profile.joinGroup(group)
    }

    /// How many of the others `index` is connected to, by the group's connection.
    func reach(_ index: Int, _ group: String) throws -> Int {
        let profile = users[index].profile
        guard let row = try profile.groups().first(where: { $0.name == group }) else { return 0 }
        return try profile.members(of: row.id).filter(\.isActive).count
    }
}

extension User {
    /// What the profile calls itself.
    var name: String { (try? profile.setting(.name)).flatMap { $0 } ?? "" }
}

/// Looks until there is something to see.
@discardableResult
func until<Outcome>(_ look: () throws -> Outcome?) async throws -> Outcome {
    while true {
        try Task.checkCancellation()
        if let outcome = try look() { return outcome }
        try await Task.sleep(for: .milliseconds(30))
    }
}

func until(_ look: () throws -> Bool) async throws { try await until { try look() ? true : nil } }
