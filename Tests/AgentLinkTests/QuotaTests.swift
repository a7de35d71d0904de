import Database
import Foundation
import GRDB
import Testing

@testable import AgentLink

/// Full queues, and what outlives a stop.
@Suite(.serialized) struct QuotaTests {
    /// A sleeping recipient, a small queue: the sender is told, waits, and is woken by the recipient (A_QCONT).
    @Test(.timeLimit(.minutes(2))) func aFullQueueIsWoken() async throws {
        try await withRelay(messagesPerQueue: 5) { relay in
            let alice = try await relay.party("alice")
            var bob = try await relay.party("bob")
            let (a, _) = try await connected(alice, bob)
            await bob.link.stop()
            let texts = (1...14).map { Array(" x.text \($0)".utf8) }
            for text in texts { try await alice.link.send(text, on: a) }
            #expect(try await alice.isFull(a))
            // Only A_QCONT can end the wait in time.
            await alice.link.waitLong(a)
            bob = try await relay.party("bob")
            var got: Set<[UInt8]> = []
            for _ in texts { got.insert(try await bob.message()) }
            #expect(got == Set(texts))
            #expect(try await !alice.isFull(a))
            while try !AgentStore.isEmptyOutbox(alice.database) { try await Task.sleep(for: .milliseconds(5)) }
            await alice.link.stop()
            await bob.link.stop()
        }
    }

    /// An orderly stop at a full queue keeps refused bulk messages byte for byte, and nothing is sent twice.
    @Test(.timeLimit(.minutes(2))) func stopAtAFullQueue() async throws {
        try await withRelay(messagesPerQueue: 5) { relay in
            var alice = try await relay.party("alice")
            var bob = try await relay.party("bob")
            let (a, b) = try await connected(alice, bob, kind: .file)
            await bob.link.stop()
            // Once the relay has refused one, the next waits for room until the stop: how many go out is a matter of time.
            let sender = Task { [link = alice.link] in
                var sent: [(chunk: [UInt8], id: Int64)] = []
                do {
                    for number in 1...9 {
                        let chunk = Array(" x.msg.file \(number)".utf8)
                        sent.append((chunk, try await link.sendBulk([chunk], on: a).upperBound))
                    }
                } catch AgentLinkError.stopped {}
                return sent
            }
            #expect(try await alice.isFull(a))
            while await alice.link.status().outstanding > 0 { try await Task.sleep(for: .milliseconds(5)) }
            await alice.link.stop()
            let sent = try await sender.value
            let (chunks, last) = (sent.map(\.chunk), try #require(sent.last?.id))
            let refused = await alice.link.status().unsent
            #expect(refused > 0)
            #expect(try alice.database.read { db in try AgentStore.unsentCount(db, a) } == refused)

            alice = try await relay.party("alice")
            bob = try await relay.party("bob")
            var got: [[UInt8]] = []
            for _ in chunks {
                let (body, token) = try await bob.bulk()
                got.append(body)
                try await bob.link.acknowledge(token)
            }
            #expect(Set(got) == Set(chunks) && got.count == chunks.count)
            // One more comes directly behind: nothing was skipped, nothing repeated.
            let ids = try await alice.link.sendBulk([Array(" x.msg.file end".utf8)], on: a)
            #expect(ids.lowerBound == last + 1)
            #expect(try await bob.bulk().0 == Array(" x.msg.file end".utf8))
            #expect(await bob.link.received(on: b) == last + 1)
            await alice.link.stop()
            await bob.link.stop()
        }
    }

    /// What the engine held at an orderly stop is told again, and once only.
    @Test(.timeLimit(.minutes(1)), arguments: [10, 60_000]) func heldAtAStop(size: Int) async throws {
        try await withRelay { relay in
            let alice = try await relay.party("alice")
            var bob = try await relay.party("bob")
            let (a, b) = try await connected(alice, bob, kind: .file)
            let chunks = (1...3).map { Array(" x.msg.file \($0) ".utf8) + [UInt8](repeating: UInt8($0), count: size) }
            for chunk in chunks { _ = try await alice.link.sendBulk([chunk], on: a) }
            let (held, _) = try await bob.bulk()
            #expect(held == chunks[0])
            await bob.link.stop()
            for _ in 0..<2 {
                bob = try await relay.party("bob")
                #expect(try await bob.bulk().0 == chunks[0])
                await bob.link.stop()
            }
            bob = try await relay.party("bob")
            var got: [[UInt8]] = []
            for _ in chunks {
                let (body, token) = try await bob.bulk()
                got.append(body)
                try await bob.link.acknowledge(token)
            }
            #expect(got.count == 3 && Set(got) == Set(chunks))
            try await bob.quiet(b)
            #expect(try bob.database.read { db in try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM segments") } == 0)
            await bob.link.stop()
            bob = try await relay.party("bob")
            try await bob.drained(b)
            #expect(await bob.hasNoBulk())
            await alice.link.stop()
            await bob.link.stop()
        }
    }

    /// The relay delivers again after a reconnection what the engine is still writing: it is not acknowledged before.
    @Test(.timeLimit(.minutes(1))) func heldAcrossAReconnection() async throws {
        try await withRelay { relay in
            let forwarder = try await Forwarder.start(to: relay.port, seed: 1, group: relay.group)
            let alice = try await relay.party("alice")
            var bob = try await relay.party("bob", address: try forwarder.address(of: relay.address))
            let (a, b) = try await connected(alice, bob, kind: .file)
            _ = try await alice.link.sendBulk([Array(" x.msg.file 1".utf8)], on: a)
            let (body, token) = try await bob.bulk()
            await bob.link.storeNow(b)
            try await bob.up()
            forwarder.cutAll()
            try await bob.down()
            try await bob.up()
            _ = try await alice.link.sendBulk([Array(" x.msg.file 2".utf8)], on: a)
            try await Task.sleep(for: .milliseconds(400))
            #expect(await bob.hasNoBulk())
            try await bob.link.acknowledge(token)
            let (second, _) = try await bob.bulk()
            #expect(second == Array(" x.msg.file 2".utf8) && body == Array(" x.msg.file 1".utf8))
            await bob.link.abandon()
            bob = try await relay.party("bob")
            #expect(try await bob.bulk().0 == Array(" x.msg.file 2".utf8))
            await alice.link.stop()
            await bob.link.stop()
            try await forwarder.close()
        }
    }

    /// The engine gets chunks ahead, up to a mebibyte; an orderly end stores those that it still has.
    @Test(.timeLimit(.minutes(1))) func bulkAheadOfTheEngine() async throws {
        try await withRelay { relay in
            let alice = try await relay.party("alice")
            var bob = try await relay.party("bob")
            let (a, b) = try await connected(alice, bob, kind: .file)
            let chunks = (0..<6).map { number in
                Array(" x.msg.file \(number) ".utf8) + [UInt8](repeating: UInt8(number), count: 262_144)
            }
            for chunk in chunks { _ = try await alice.link.sendBulk([chunk], on: a) }
            var tokens: [BulkToken] = []
            for chunk in chunks.prefix(4) {
                let (body, token) = try await bob.bulk()
                #expect(body == chunk)
                tokens.append(token)
            }
            try await Task.sleep(for: .milliseconds(300))
            #expect(await bob.hasNoBulk())
            // Room for one more.
            try await bob.link.acknowledge(tokens[3])
            #expect(try await bob.bulk().0 == chunks[4])
            await bob.link.stop()
            bob = try await relay.party("bob")
            for chunk in [0, 1, 2, 4, 5] {
                let (body, token) = try await bob.bulk()
                #expect(body == chunks[chunk])
                try await bob.link.acknowledge(token)
            }
            try await bob.quiet(b)
            await bob.link.stop()
            bob = try await relay.party("bob")
            try await bob.drained(b)
            #expect(await bob.hasNoBulk())
            await alice.link.stop()
            await bob.link.stop()
        }
    }

    /// What the engine has acknowledged is not acknowledged to the relay before what came earlier is.
    @Test(.timeLimit(.minutes(1))) func acknowledgedOutOfOrder() async throws {
        try await withRelay { relay in
            let alice = try await relay.party("alice")
            var bob = try await relay.party("bob")
            let (a, b) = try await connected(alice, bob, kind: .file)
            let chunks = (1...3).map { Array(" x.msg.file \($0)".utf8) }
            for chunk in chunks { _ = try await alice.link.sendBulk([chunk], on: a) }
            for round in 0..<2 {
                var tokens: [BulkToken] = []
                for chunk in chunks {
                    let (body, token) = try await bob.bulk()
                    #expect(body == chunk)
                    tokens.append(token)
                }
                if round == 0 {
                    for token in tokens.dropFirst().reversed() { try await bob.link.acknowledge(token) }
                    try await Task.sleep(for: .milliseconds(200))
                    await bob.link.abandon()
                } else {
                    for token in tokens.reversed() { try await bob.link.acknowledge(token) }
                    try await bob.drained(b)
                    await bob.link.stop()
                }
                bob = try await relay.party("bob")
            }
            try await bob.drained(b)
            #expect(await bob.hasNoBulk())
            await alice.link.stop()
            await bob.link.stop()
        }
    }

    /// A transaction that fails (a full disk) leaves the message with the relay; it comes again.
    @Test(.timeLimit(.minutes(1)), arguments: [10, 40_000]) func failedTransaction(size: Int) async throws {
        try await withRelay { relay in
            let (alice, bob) = (try await relay.party("alice"), try await relay.party("bob"))
            let (a, b) = try await connected(alice, bob)
            // A new chain on the way, too.
            try await bob.link.send([1], on: b)
            #expect(try await alice.message() == [1])
            try bob.database.write { db in
                try db.execute(
                    sql: """
                        CREATE TRIGGER full1 BEFORE INSERT ON inbound BEGIN SELECT RAISE(ABORT, 'full'); END;
                        CREATE TRIGGER full2 BEFORE INSERT ON segments BEGIN SELECT RAISE(ABORT, 'full'); END;
                        """)
            }
            let text = Array(" x.text ".utf8) + [UInt8](repeating: 3, count: size)
            let last = try await alice.link.send(text, on: a)
            try await alice.link.send([9], on: a)
            try await alice.delivered(a, last + 1)
            try await Task.sleep(for: .milliseconds(300))
            try bob.database.write { db in try db.execute(sql: "DROP TRIGGER full1; DROP TRIGGER full2") }
            #expect(try await bob.message() == text)
            #expect(try await bob.message() == [9])
            await alice.link.stop()
            await bob.link.stop()
        }
    }

    /// A message with a name of its own is not bulk, even in segments on a file connection: a crash does not lose it.
    @Test(.timeLimit(.minutes(1))) func storedSegmentsOnAFileConnection() async throws {
        try await withRelay { relay in
            let alice = try await relay.party("alice")
            var bob = try await relay.party("bob")
            let (a, b) = try await connected(alice, bob, kind: .file)
            let text = Array(" x.file.want ".utf8) + [UInt8](repeating: 3, count: 50_000)
            try bob.database.write { db in
                try db.execute(
                    sql: "CREATE TRIGGER full1 BEFORE INSERT ON inbound BEGIN SELECT RAISE(ABORT, 'full'); END")
            }
            let last = try await alice.link.send(text, on: a)
            while await bob.link.received(on: b) < last - 1 { try await Task.sleep(for: .milliseconds(5)) }
            await bob.link.abandon()
            try bob.database.write { db in try db.execute(sql: "DROP TRIGGER full1") }
            bob = try await relay.party("bob")
            #expect(try await bob.message() == text)
            await alice.link.stop()
            await bob.link.stop()
        }
    }
}
