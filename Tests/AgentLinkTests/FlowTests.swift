import Database
import Foundation
import GRDB
import NIOCore
import SMPProtocol
import Testing

@testable import AgentLink

/// Flows other than the usual one, and steps that are interrupted.
@Suite(.serialized) struct FlowTests {
    /// Queues that the recipient secures (mode C), on either side and on both.
    @Test(.timeLimit(.minutes(1)), arguments: [(false, true), (true, false), (false, false)])
    func slowFlow(initiatorIsFast: Bool, joinerIsFast: Bool) async throws {
        try await withRelay { relay in
            let alice = try await relay.party("alice", isFast: initiatorIsFast)
            let bob = try await relay.party("bob", isFast: joinerIsFast)
            let (a, b) = try await connected(alice, bob)
            try await alice.link.send([1], on: a)
            #expect(try await bob.message() == [1])
            try await bob.link.send([2], on: b)
            #expect(try await alice.message() == [2])
            await alice.link.stop()
            await bob.link.stop()
        }
    }

    /// A joiner that stopped before its confirmation was with the relay, and starts after a reboot.
    @Test(.timeLimit(.minutes(1))) func rebootWhileJoining() async throws {
        try await withRelay { relay in
            let alice = try await relay.party("alice")
            let a = try alice.database.write { db in try AgentStore.insertInitiator(db, kind: .contact, now: 0) }
            await alice.link.wake(a)
            let link = try await alice.invitation(of: a)
            var bob = try await relay.party("bob")
            let b = try bob.database.write { db in
                try db.execute(
                    sql: """
                        CREATE TRIGGER keep BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END
                        """)
                return try AgentStore.insertJoiner(db, kind: .contact, link: link, info: [], now: 0)
            }
            await bob.link.wake(b)
            _ = try await alice.confirmation()
            await bob.link.abandon()
            try bob.database.write { db in
                try db.execute(sql: "DROP TRIGGER keep; UPDATE connections SET state = 'joining'")
            }
            bob = try await relay.party("bob", bootID: "another")
            try await bob.until(b, is: .joined)
            try alice.database.write { db in try AgentStore.allow(db, a, info: []) }
            await alice.link.wake(a)
            try await bob.until(b, is: .connected)
            try await bob.link.send([2], on: b)
            #expect(try await alice.message() == [2])
            await alice.link.stop()
            await bob.link.stop()
        }
    }

    /// A requester at a contact address becomes the initiator of the invitation that it sent there.
    @Test(.timeLimit(.minutes(1))) func contactAddress() async throws {
        try await withRelay { relay in
            let alice = try await relay.party("alice")
            var bob = try await relay.party("bob")
            // An address is a queue like that of an invitation; its link only says so.
            let address = try alice.database.write { db in try AgentStore.insertInitiator(db, kind: .contact, now: 0) }
            await alice.link.wake(address)
            guard
                case .invitation(let queues, _, let versions) = try ConnectionLink(
                    try await alice.invitation(of: address))
            else { return #expect(Bool(false)) }
            let link = ConnectionLink.contact(queues: queues, versions: versions).description
            let b = try bob.database.write { db in
                try AgentStore.insertJoiner(db, kind: .contact, link: link, info: Array("bob".utf8), now: 0)
            }
            await bob.link.wake(b)
            let (invitation, info) = try await alice.request()
            #expect(info == Array("bob".utf8))
            try await bob.until(b, is: .offered)
            await bob.link.stop()
            let a = try alice.database.write { db in
                try AgentStore.insertJoiner(db, kind: .contact, link: invitation, info: Array("alice".utf8), now: 0)
            }
            await alice.link.wake(a)
            try await alice.until(a, is: .joined)
            // As if the relay's answer to the request had been lost: the owner's answer is there first.
            try bob.database.write { db in
                try db.execute(
                    sql: "UPDATE connections SET state = 'joining', role = 'joiner', link = ?", arguments: [link])
            }
            bob = try await relay.party("bob")
            #expect(try await bob.confirmation() == Array("alice".utf8))
            try bob.database.write { db in try AgentStore.allow(db, b, info: []) }
            await bob.link.wake(b)
            try await alice.until(a, is: .connected)
            try await alice.link.send([1], on: a)
            #expect(try await bob.message() == [1])
            await alice.link.stop()
            await bob.link.stop()
        }
    }

    /// Both ask for new keys at once; nothing is lost, and the exchange ends.
    @Test(.timeLimit(.minutes(1))) func bothRekey() async throws {
        try await withRelay { relay in
            let (alice, bob) = (try await relay.party("alice"), try await relay.party("bob"))
            let (a, b) = try await connected(alice, bob)
            for turn in 0..<3 as Range<UInt8> {
                async let first: Void = alice.link.rekey()
                async let second: Void = bob.link.rekey()
                _ = try await (first, second)
                try await alice.sendWhenPossible([turn], on: a)
                #expect(try await bob.message() == [turn])
                try await bob.sendWhenPossible([turn], on: b)
                #expect(try await alice.message() == [turn])
            }
            let before = await (alice.link.sent(on: a), bob.link.sent(on: b))
            try await Task.sleep(for: .milliseconds(300))
            #expect(await (alice.link.sent(on: a), bob.link.sent(on: b)) == before)
            await alice.link.stop()
            await bob.link.stop()
        }
    }

    /// New keys are outside of the ratchet: when they come twice they are answered once.
    @Test(.timeLimit(.minutes(1))) func newKeysTwice() async throws {
        try await withRelay { relay in
            let (alice, bob) = (try await relay.party("alice"), try await relay.party("bob"))
            let (a, b) = try await connected(alice, bob)
            let number = await alice.link.sent(on: a) + 1
            try alice.database.write { db in
                try db.execute(
                    sql: "CREATE TRIGGER keep BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END")
            }
            try await alice.link.rekey()
            try await alice.delivered(a, number)
            await alice.link.stop()
            try alice.database.write { db in try db.execute(sql: "DROP TRIGGER keep") }
            let again = try await relay.party("alice")
            try await again.sendWhenPossible([1], on: a)
            #expect(try await bob.message() == [1])
            try await bob.sendWhenPossible([2], on: b)
            #expect(try await again.message() == [2])
            let before = await (again.link.sent(on: a), bob.link.sent(on: b))
            try await Task.sleep(for: .milliseconds(300))
            #expect(await (again.link.sent(on: a), bob.link.sent(on: b)) == before)
            await again.link.stop()
            await bob.link.stop()
        }
    }

    /// A sender that waits for room is released when its connection is deleted, also while the relay is away.
    @Test(.timeLimit(.minutes(1))) func deletedWhileASenderWaits() async throws {
        try await withRelay { relay in
            let forwarder = try await Forwarder.start(to: relay.port, seed: 1, group: relay.group)
            let address = try forwarder.address(of: relay.address)
            let alice = try await relay.party("alice", address: address)
            let bob = try await relay.party("bob", address: address)
            let (a, _) = try await connected(alice, bob, kind: .file)
            await bob.link.stop()
            forwarder.target(1)
            forwarder.cutAll()
            try await alice.down()
            let sender = Task { try await alice.link.sendBulk([Array(" x.msg.file 1".utf8)], on: a) }
            try await Task.sleep(for: .milliseconds(50))
            try alice.database.write { db in try AgentStore.delete(db, a) }
            await alice.link.wake(a)
            await #expect(throws: AgentLinkError.noConnection) { _ = try await sender.value }
            await alice.link.stop()
            try await forwarder.close()
        }
    }

    /// END: the subscription is not taken back.
    @Test(.timeLimit(.minutes(1))) func takenSubscription() async throws {
        try await withRelay { relay in
            let (alice, bob) = (try await relay.party("alice"), try await relay.party("bob"))
            let (a, _) = try await connected(alice, bob)
            let copy = relay.directory.appendingPathComponent("copy.db").path
            try bob.database.truncateLog()
            try FileManager.default.copyItem(atPath: bob.database.path, toPath: copy)
            let thief = try await relay.party("copy")
            try await bob.taken()
            try await alice.link.send([1], on: a)
            #expect(try await thief.message() == [1])
            for party in [alice, bob, thief] { await party.link.stop() }
        }
    }

    /// Thousands of stored messages do not stay in memory; they go out in order.
    @Test(.timeLimit(.minutes(2))) func longOutbox() async throws {
        try await withRelay { relay in
            let forwarder = try await Forwarder.start(to: relay.port, seed: 1, group: relay.group)
            let alice = try await relay.party("alice", address: try forwarder.address(of: relay.address))
            let bob = try await relay.party("bob")
            let (a, _) = try await connected(alice, bob)
            forwarder.target(1)
            forwarder.cutAll()
            try await alice.down()
            let count = SendWindow.bodiesInMemory + 50
            for number in 0..<count { try await alice.link.send(Array(" \(number)".utf8), on: a) }
            forwarder.target(relay.port)
            await alice.link.retryNow()
            for number in 0..<count { #expect(try await bob.message() == Array(" \(number)".utf8)) }
            await alice.link.stop()
            await bob.link.stop()
            try await forwarder.close()
        }
    }
}

extension Party {
    func sendWhenPossible(_ message: [UInt8], on id: ConnectionID) async throws {
        while true {
            do {
                try await link.send(message, on: id)
                return
            } catch AgentLinkError.noConnection, AgentLinkError.ratchet {
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }
    func quiet(_ id: ConnectionID) async throws {
        while await link.status().outstanding > 0 { try await Task.sleep(for: .milliseconds(5)) }
    }
}

extension AgentLink {
    func sent(on id: ConnectionID) -> Int64 { connections[id]?.row.sentID ?? 0 }
    func waitLong(_ id: ConnectionID) {
        guard let connection = connections[id] else { return }
        connection.fullRetry?.cancel()
        connection.fullRetryDelay = 600
        connection.fullRetry = loop.scheduleTask(in: .seconds(600)) {}
    }
    func storeNow(_ id: ConnectionID) { try? store(id) { _ in } }
}
