import Database
import Foundation
import GRDB
import Logging
import NIOCore
import SMPProtocol
import Testing

@testable import AgentLink

/// Two links, a real relay, real sockets, real databases.
@Suite(.serialized) struct LinkTests {
    @Test(.timeLimit(.minutes(1))) func inviteJoinTalk() async throws {
        try await withRelay { relay in
            let (alice, bob) = (try await relay.party("alice"), try await relay.party("bob"))
            let (a, b) = try await connect(alice, bob)
            #expect(await alice.link.securityCode(a) == bob.link.securityCode(b))
            try await alice.link.send(Array(" x.ok   ".utf8), on: a)
            #expect(try await bob.message() == Array(" x.ok   ".utf8))
            // A message of several segments, both ways at once.
            let large = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            try await alice.link.send(large, on: a)
            try await bob.link.send(large, on: b)
            #expect(try await bob.message() == large)
            #expect(try await alice.message() == large)
            await alice.link.stop()
            await bob.link.stop()
        }
    }

    /// The two are never on line together.
    @Test(.timeLimit(.minutes(1))) func throughTheRelayOneAtATime() async throws {
        try await withRelay { relay in
            var alice = try await relay.party("alice")
            let a = try alice.database.write { db in try AgentStore.insertInitiator(db, kind: .contact, now: 0) }
            await alice.link.wake(a)
            let link = try await alice.invitation(of: a)
            await alice.link.stop()

            var bob = try await relay.party("bob")
            let b = try bob.database.write { db in
                try AgentStore.insertJoiner(db, kind: .contact, link: link, info: Array("bob".utf8), now: 0)
            }
            await bob.link.wake(b)
            try await bob.until(b, is: .joined)
            await bob.link.stop()

            alice = try await relay.party("alice")
            #expect(try await alice.confirmation() == Array("bob".utf8))
            try alice.database.write { db in try AgentStore.allow(db, a, info: Array("alice".utf8)) }
            await alice.link.wake(a)
            try await alice.until(a, is: .connected)
            let last = try await alice.link.send([UInt8](repeating: 7, count: 40_000), on: a)
            try await alice.delivered(a, last)
            await alice.link.stop()

            bob = try await relay.party("bob")
            #expect(try await bob.message() == [UInt8](repeating: 7, count: 40_000))
            #expect(try AgentStore.isEmptyOutbox(alice.database))
            await bob.link.stop()
        }
    }

    @Test(.timeLimit(.minutes(1))) func bulkWithAcknowledgementByTheEngine() async throws {
        try await withRelay { relay in
            let (alice, bob) = (try await relay.party("alice"), try await relay.party("bob"))
            let (a, b) = try await connect(alice, bob, kind: .file)
            let chunks = (0..<12 as Range<UInt8>).map { number in
                Array(" x.msg.file ".utf8) + [UInt8](repeating: number, count: 60_000)
            }
            let sender = Task {
                for chunk in chunks { _ = try await alice.link.sendBulk([chunk], on: a) }
            }
            for chunk in chunks {
                let (body, token) = try await bob.bulk()
                #expect(body == chunk)
                try await bob.link.acknowledge(token)
            }
            try await sender.value
            #expect(await bob.link.received(on: b) == 1 + 12 * 4)
            await alice.link.stop()
            await bob.link.stop()
        }
    }

    /// What was not acknowledged comes again; what was, does not.
    @Test(.timeLimit(.minutes(1))) func crashOfTheRecipient() async throws {
        try await withRelay { relay in
            let alice = try await relay.party("alice")
            var bob = try await relay.party("bob")
            let (a, _) = try await connect(alice, bob, kind: .file)
            let chunks = (0..<4 as Range<UInt8>).map { Array(" x.msg.file ".utf8) + [$0] }
            for chunk in chunks { _ = try await alice.link.sendBulk([chunk], on: a) }
            let (first, token) = try await bob.bulk()
            #expect(first == chunks[0])
            try await bob.link.acknowledge(token)
            let (second, _) = try await bob.bulk()
            #expect(second == chunks[1])
            await bob.link.abandon()
            bob = try await relay.party("bob")
            for chunk in chunks[1...] {
                let (body, token) = try await bob.bulk()
                #expect(body == chunk)
                try await bob.link.acknowledge(token)
            }
            await alice.link.stop()
            await bob.link.stop()
        }
    }

    /// Numbers that a crash may have used are left out; the peer sees a gap, no second plaintext.
    @Test(.timeLimit(.minutes(1))) func crashOfTheSender() async throws {
        try await withRelay { relay in
            var alice = try await relay.party("alice")
            let bob = try await relay.party("bob")
            let (a, b) = try await connect(alice, bob, kind: .file)
            _ = try await alice.link.sendBulk([Array(" x.msg.file 1".utf8)], on: a)
            let (_, token) = try await bob.bulk()
            try await bob.link.acknowledge(token)
            await alice.link.abandon()
            alice = try await relay.party("alice")
            let ids = try await alice.link.sendBulk([Array(" x.msg.file 2".utf8)], on: a)
            #expect(ids.lowerBound > 2 + AgentLink.reservedBlock)
            let (body, next) = try await bob.bulk()
            #expect(body == Array(" x.msg.file 2".utf8))
            try await bob.link.acknowledge(next)
            #expect(await bob.link.received(on: b) == ids.upperBound)
            await alice.link.stop()
            await bob.link.stop()
        }
    }

    @Test(.timeLimit(.minutes(1))) func usedLinkAndDeletedQueue() async throws {
        try await withRelay { relay in
            let (alice, bob) = (try await relay.party("alice"), try await relay.party("bob"))
            let (a, b) = try await connect(alice, bob)
            let carol = try await relay.party("carol")
            let link = try #require(try alice.database.read { db in try AgentStore.link(db, a) })
            let c = try carol.database.write { db in
                try AgentStore.insertJoiner(db, kind: .contact, link: link, info: [], now: 0)
            }
            await carol.link.wake(c)
            #expect(try await carol.failure() == .linkUsed)
            try bob.database.write { db in try AgentStore.delete(db, b) }
            await bob.link.wake(b)
            try await bob.until(b, is: nil)
            try await alice.link.send([1], on: a)
            #expect(try await alice.failure() == .queueGone)
            for party in [alice, bob, carol] { await party.link.stop() }
        }
    }

    /// The answer that says so comes by another relay than the last words, and may be faster.
    @Test(.timeLimit(.minutes(1))) func lastWordsBeforeADeletedQueue() async throws {
        try await withRelay { slow in
            try await withRelay { fast in
                let forwarder = try await Forwarder.start(to: slow.port, seed: 1, group: slow.group)
                forwarder.fix(.delayed(.milliseconds(200)))
                let alice = try await slow.party("alice", address: forwarder.address(of: slow.address))
                let a = try alice.database.write { db in try AgentStore.insertInitiator(db, kind: .file, now: 0) }
                await alice.link.wake(a)
                let link = try await alice.invitation(of: a)
                forwarder.fix(Fate.none)
                let bob = try await fast.party("bob")
                let b = try bob.database.write { db in
                    try AgentStore.insertJoiner(db, kind: .file, link: link, info: [], now: 0)
                }
                await bob.link.wake(b)
                _ = try await alice.confirmation()
                try alice.database.write { db in try AgentStore.allow(db, a, info: []) }
                await alice.link.wake(a)
                try await bob.until(b, is: .connected)
                try await alice.until(a, is: .connected)
                let last = try await bob.link.send([9], on: b)
                try await bob.delivered(b, last)
                try bob.database.write { db in try AgentStore.delete(db, b) }
                await bob.link.wake(b)
                try await bob.until(b, is: nil)
                try await alice.link.send([1], on: a)
                #expect(try await alice.failure() == .queueGone)
                #expect(try await alice.message() == [9])
                await alice.link.stop()
                await bob.link.stop()
                try await forwarder.close()
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func newKeys() async throws {
        try await withRelay { relay in
            let (alice, bob) = (try await relay.party("alice"), try await relay.party("bob"))
            let (a, b) = try await connect(alice, bob)
            try await alice.link.rekey()
            try await Task.sleep(for: .seconds(1))
            try await bob.link.send([2], on: b)
            #expect(try await alice.message() == [2])
            try await alice.link.send([1], on: a)
            #expect(try await bob.message() == [1])
            await alice.link.stop()
            await bob.link.stop()
        }
    }

    // MARK: Set-up

    private func connect(
        _ alice: Party, _ bob: Party, kind: ConnectionKind = .contact
    ) async throws -> (ConnectionID, ConnectionID) {
        try await connected(alice, bob, kind: kind)
    }
}

func connected(
    _ alice: Party, _ bob: Party, kind: ConnectionKind = .contact
) async throws -> (ConnectionID, ConnectionID) {
    let a = try alice.database.write { db in try AgentStore.insertInitiator(db, kind: kind, now: 0) }
    await alice.link.wake(a)
    let link = try await alice.invitation(of: a)
    let b = try bob.database.write { db in
        try AgentStore.insertJoiner(db, kind: kind, link: link, info: Array("bob".utf8), now: 0)
    }
    await bob.link.wake(b)
    #expect(try await alice.confirmation() == Array("bob".utf8))
    try alice.database.write { db in try AgentStore.allow(db, a, info: Array("alice".utf8)) }
    await alice.link.wake(a)
    try await bob.until(b, is: .connected)
    try await alice.until(a, is: .connected)
    return (a, b)
}

extension AgentStore {
    static func isEmptyOutbox(_ database: ProfileDatabase) throws -> Bool {
        try database.read { db in try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM outbox") } == 0
    }
}

extension TestRelay {
    func party(
        _ name: String, address: String? = nil, bootID: String = "test", isFast: Bool = true,
        versions: ClosedRange<UInt16> = SMP.clientVersions
    ) async throws -> Party {
        try await Party(
            directory.appendingPathComponent("\(name).db").path, relay: address ?? self.address, bootID: bootID,
            isFast: isFast, versions: versions, group: group)
    }
}

/// One profile's link, with its events in a box.
final class Party: Sendable {
    let database: ProfileDatabase
    let link: AgentLink
    private let events: Events

    init(
        _ path: String, relay: String, bootID: String, isFast: Bool, versions: ClosedRange<UInt16>,
        group: any EventLoopGroup
    ) async throws {
        database = try ProfileDatabase(path: path)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        var configuration = AgentLink.Configuration(
            servers: [try SMPServer(relay)], bootID: bootID, isBulk: { $0.starts(with: Array(" x.msg.file ".utf8)) })
        configuration.makesSenderSecuredQueues = isFast
        configuration.versions = versions
        link = AgentLink(database: database, configuration: configuration, group: group, logger: logger)
        events = Events(link)
        try await link.start()
    }

    func invitation(of id: ConnectionID) async throws -> String {
        try await events.first { if case .linkReady(id, let link) = $0 { link } else { nil } }
    }
    func confirmation() async throws -> [UInt8] {
        try await events.first { if case .confirmation(_, let info) = $0 { info } else { nil } }
    }
    func message() async throws -> [UInt8] {
        let (inbound, body) = try await events.first {
            if case .message(_, let inbound, _, _, let body) = $0 { (inbound, body) } else { nil }
        }
        try database.write { db in try AgentStore.deleteInbound(db, inbound) }
        return body
    }
    func bulk() async throws -> ([UInt8], BulkToken) {
        try await events.first { if case .bulk(_, _, _, let body, let token) = $0 { (body, token) } else { nil } }
    }
    func delivered(_ id: ConnectionID, _ messageID: Int64) async throws {
        _ = try await events.first { if case .delivered(id, messageID) = $0 { true } else { nil } }
    }
    func isFull(_ id: ConnectionID) async throws -> Bool {
        try await events.first { if case .quota(id, let isFull) = $0 { isFull } else { nil } }
    }
    func drained(_ id: ConnectionID) async throws {
        _ = try await events.first { if case .drained(id) = $0 { true } else { nil } }
    }
    func request() async throws -> (link: String, info: [UInt8]) {
        try await events.first { if case .contactRequest(_, let link, let info) = $0 { (link, info) } else { nil } }
    }
    func down() async throws { _ = try await events.first { if case .relayDown = $0 { true } else { nil } } }
    func up() async throws { _ = try await events.first { if case .relayUp = $0 { true } else { nil } } }
    func taken() async throws { _ = try await events.first { if case .subscriptionTaken = $0 { true } else { nil } } }
    func hasNoBulk() async -> Bool { await !events.has { if case .bulk = $0 { true } else { false } } }
    func failure() async throws -> AgentLinkError {
        try await events.first { if case .failed(_, let error) = $0 { error } else { nil } }
    }
    func until(_ id: ConnectionID, is state: ConnectionState?) async throws {
        while try database.read({ db in try AgentStore.state(db, id) }) != state {
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

/// The events of a link, taken by kind; others wait.
actor Events {
    private var waiting: [AgentEvent] = []

    init(_ link: AgentLink) {
        Task {
            for await event in link.events { await self.add(event) }
        }
    }

    private func add(_ event: AgentEvent) { waiting.append(event) }

    func has(_ test: @Sendable (AgentEvent) -> Bool) -> Bool { waiting.contains(where: test) }

    func first<Value: Sendable>(_ pick: @Sendable (AgentEvent) -> Value?) async throws -> Value {
        while true {
            for (index, event) in waiting.enumerated() {
                if let value = pick(event) {
                    waiting.remove(at: index)
                    return value
                }
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }
}

extension AgentLink {
    /// As if the process were killed: nothing more is stored, said or heard.
    func abandon() {
        isStopping = true
        for connection in connections.values { connection.resumeRoomWaiters(throwing: .stopped) }
        for slot in relays.values { slot.shutDown() }
    }
}
