import Foundation
import Primitives
import SMPRelay
import Testing

/// What is still there after the process was killed: the store is left open as it is, or copied while in use.
@Suite struct StoreTests {
    /// A copy of the directory as a kill would leave it: nothing closed, nothing flushed.
    private func copy(_ directory: TemporaryDirectory) throws -> TemporaryDirectory {
        let copy = TemporaryDirectory()
        for name in try FileManager.default.contentsOfDirectory(atPath: directory.path) {
            try FileManager.default.copyItem(atPath: directory.path + "/" + name, toPath: copy.path + "/" + name)
        }
        return copy
    }

    @Test func everythingSurvivesAKill() throws {
        let relay = try CoreHarness()
        let connection = relay.connect(1)
        let queue = try #require(relay.make(on: connection, subscribing: true))
        let first = try #require(relay.send("one", to: queue, on: connection).pushed.first)
        for text in ["two", "three"] { _ = relay.send(text, to: queue, on: connection) }
        let second = relay.receive(.acknowledge(first.id[...]), queue, on: connection).message
        let after = try CoreHarness(in: copy(relay.directory))
        #expect(after.core.store.storedBytes == 2 * 16384)
        let later = after.connect(1)
        let key = relay.recipientKey
        let subscribed = after.core.receive(
            .subscribe, queue: queue.recipient, key: key, on: later, now: relay.now)
        #expect(subscribed.pushed.map(\.id) == [second?.id])
        #expect(subscribed.pushed.map(\.text) == ["two"])
        // The sender's key is still the queue's.
        let sent = after.core.send(
            .init(queue: queue.sender, key: relay.senderKey, notifies: true, body: [1]), on: later, now: relay.now)
        #expect(sent.isOK)
    }

    /// Random sends, acknowledgements and kills against a plain list of what must be there.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func randomRunsMatchAModel(seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        var bounds = QueueStore.Bounds()
        (bounds.openFiles, bounds.queuesInMemory) = (2, 2)
        var relay = try CoreHarness(bounds: bounds)
        var connection = relay.connect(1)
        let keys = (relay.recipientKey, relay.senderKey)
        let queues = try (0..<4).map { _ in try #require(relay.make(on: connection)) }
        var model: [[String]] = Array(repeating: [], count: queues.count)
        for step in 0..<1500 {
            let index = Int.random(in: 0..<queues.count, using: &generator)
            let queue = queues[index]
            switch Int.random(in: 0..<100, using: &generator) {
            case 0:
                relay = try CoreHarness(in: copy(relay.directory), bounds: bounds)
                connection = relay.connect(1)
            case 1..<55:
                let text = String(repeating: "\(step),", count: Int.random(in: 1..<40, using: &generator))
                let outcome = relay.core.send(
                    .init(queue: queue.sender, key: keys.1, notifies: false, body: Array(text.utf8)[...]),
                    on: connection, now: relay.now)
                #expect(outcome.isOK)
                model[index].append(text)
            default:
                for _ in 0..<Int.random(in: 1..<100, using: &generator) {
                    let got = relay.core.receive(
                        .get, queue: queue.recipient, key: keys.0, on: connection, now: relay.now
                    ).message
                    #expect(got?.text == model[index].first)
                    guard let got else { break }
                    model[index].removeFirst()
                    _ = relay.core.receive(
                        .acknowledge(got.id[...]), queue: queue.recipient, key: keys.0, on: connection, now: relay.now)
                }
            }
            #expect(relay.core.store.storedBytes == model.reduce(0) { $0 + $1.count } * 16384)
            #expect(relay.core.store.activeCount <= 3)
        }
    }

    @Test func longQueuesGiveTheirSpaceBack() throws {
        let relay = try CoreHarness()
        let connection = relay.connect(1)
        let queue = try #require(relay.make(on: connection))
        for number in 0..<800 { _ = relay.send("\(number)", to: queue, on: connection) }
        let file = try #require(relay.directory.spools.first)
        let before = try size(of: file)
        #expect(before.length > 799 * 16384)
        var message = relay.receive(.subscribe, queue, on: connection).pushed.first
        for number in 0..<800 {
            #expect(message?.text == "\(number)")
            if number == 600 { #expect(try size(of: file).blocks < before.blocks) }
            message = relay.receive(.acknowledge(try #require(message).id[...]), queue, on: connection).message
        }
        #expect(try size(of: file).length <= 4096)
        // Numbers go on after the file began anew.
        _ = relay.send("after", to: queue, on: connection)
        let later = try CoreHarness(in: copy(relay.directory))
        #expect(later.core.store.storedBytes == 16384)
    }

    /// A recipient that keeps up: the file is filled again from its start, and a kill at any moment loses nothing.
    @Test func aQueueThatNeverEmptiesKeepsItsFileShort() throws {
        let relay = try CoreHarness()
        let connection = relay.connect(1)
        let queue = try #require(relay.make(on: connection))
        let keys = (relay.recipientKey, relay.senderKey)
        var (sent, taken) = (0, 0)
        // From 100 waiting up to 500 and back: behind the turn there is room, then there is none.
        for target in [100, 100, 100, 100, 100, 100, 500, 100, 100, 100, 20, 300, 20, 100] {
            for _ in 0..<100 {
                _ = relay.send("\(sent)", to: queue, on: connection)
                sent += 1
                while sent - taken > target { try take() }
            }
            while sent - taken < target {
                _ = relay.send("\(sent)", to: queue, on: connection)
                sent += 1
            }
            let after = try CoreHarness(in: copy(relay.directory))
            #expect(after.core.store.storedBytes == (sent - taken) * 16384)
            let later = after.connect(1)
            _ = after.core.send(
                .init(queue: queue.sender, key: keys.1, notifies: false, body: Array("last".utf8)[...]), on: later,
                now: relay.now)
            for number in taken...sent {
                let got = after.core.receive(
                    .get, queue: queue.recipient, key: keys.0, on: later, now: relay.now
                ).message
                #expect(got?.text == (number == sent ? "last" : "\(number)"))
                _ = after.core.receive(
                    .acknowledge(try #require(got).id[...]), queue: queue.recipient, key: keys.0, on: later,
                    now: relay.now)
            }
            #expect(after.core.store.storedBytes == 0)
        }
        let file = try #require(relay.directory.spools.first)
        #expect(try size(of: file).length <= 4096 + 600 * 16384)

        func take() throws {
            let got = relay.core.receive(
                .get, queue: queue.recipient, key: keys.0, on: connection, now: relay.now
            ).message
            #expect(got?.text == "\(taken)")
            _ = relay.receive(.acknowledge(try #require(got).id[...]), queue, on: connection)
            taken += 1
        }
    }

    @Test func aTornLastMessageIsLeftOut() throws {
        for cut in [1, 63, 64, 100, 16383] {
            let relay = try CoreHarness()
            let connection = relay.connect(1)
            let queue = try #require(relay.make(on: connection))
            for byte: UInt8 in [1, 2] {
                _ = relay.send([UInt8](repeating: byte, count: 16000), to: queue, on: connection)
            }
            let torn = try copy(relay.directory)
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: try #require(torn.spools.first)))
            try file.truncate(atOffset: UInt64(4096 + 16384 + min(cut, 16063)))
            try file.close()
            let after = try CoreHarness(in: torn)
            #expect(after.core.store.storedBytes == 16384)
            let later = after.connect(1)
            let sent = after.core.send(
                .init(queue: queue.sender, key: relay.senderKey, notifies: false, body: [7]), on: later, now: relay.now)
            #expect(sent.isOK && after.core.store.storedBytes == 2 * 16384)
            let first = after.core.receive(
                .subscribe, queue: queue.recipient, key: relay.recipientKey, on: later, now: relay.now
            ).pushed.first
            #expect(first?.body.first == 1)
            let second = after.core.receive(
                .acknowledge(try #require(first).id[...]), queue: queue.recipient, key: relay.recipientKey, on: later,
                now: relay.now
            ).message
            #expect(second.map { Array($0.body) } == [7])
        }
    }

    @Test func aDamagedMessageIsPassedOver() throws {
        let relay = try CoreHarness()
        let connection = relay.connect(1)
        let queue = try #require(relay.make(on: connection))
        for text in ["one", "two", "three"] { _ = relay.send(text, to: queue, on: connection) }
        let damaged = try copy(relay.directory)
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: try #require(damaged.spools.first)))
        try file.seek(toOffset: 4096 + 16384 + 64)
        try file.write(contentsOf: Data([0xff]))
        try file.close()
        let after = try CoreHarness(in: damaged)
        let later = after.connect(1)
        var message = after.core.receive(
            .subscribe, queue: queue.recipient, key: relay.recipientKey, on: later, now: relay.now
        ).pushed.first
        #expect(message?.text == "one")
        message =
            after.core.receive(
                .acknowledge(try #require(message).id[...]), queue: queue.recipient, key: relay.recipientKey, on: later,
                now: relay.now
            ).message
        #expect(message?.text == "three")
        let last = after.core.receive(
            .acknowledge(try #require(message).id[...]), queue: queue.recipient, key: relay.recipientKey, on: later,
            now: relay.now)
        #expect(last.isOK && after.core.store.storedBytes == 0)
    }

    @Test func filesOfDeletedQueuesAreRemovedAtStart() throws {
        let relay = try CoreHarness()
        let connection = relay.connect(1)
        let queue = try #require(relay.make(on: connection))
        _ = relay.send("one", to: queue, on: connection)
        let before = try copy(relay.directory)
        _ = relay.receive(.delete, queue, on: connection)
        let after = try copy(relay.directory)
        // The deletion was recorded, and the kill came before the file was removed.
        let name = try #require(before.spools.first?.dropFirst(before.path.count))
        try FileManager.default.copyItem(atPath: before.path + name, toPath: after.path + name)
        let reopened = try CoreHarness(in: after)
        #expect(reopened.core.store.storedBytes == 0 && after.spools.isEmpty)
    }

    @Test func theQuotaMarkerSurvivesAKill() throws {
        var limits = QueueLimits()
        limits.messagesPerQueue = 1
        let relay = try CoreHarness(limits: limits)
        let connection = relay.connect(1)
        let queue = try #require(relay.make(on: connection))
        _ = relay.send("one", to: queue, on: connection)
        #expect(relay.send("two", to: queue, on: connection).refusal == .quota)
        let after = try CoreHarness(in: copy(relay.directory))
        let later = after.connect(1)
        let refused = after.core.send(
            .init(queue: queue.sender, key: relay.senderKey, notifies: false, body: [7]), on: later, now: relay.now)
        #expect(refused.refusal == .quota)
    }

    @Test func oneRelayADirectory() throws {
        let relay = try CoreHarness()
        #expect(throws: RelayError.self) { try QueueStore(directory: relay.directory.path) }
    }

    @Test func nobodyElseReadsIt() throws {
        let relay = try CoreHarness()
        for name in ["queues.db", "queues.db-wal", "queues.db-shm"] {
            var status = stat()
            try #require(stat(relay.directory.path + "/" + name, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600, "\(name)")
        }
    }

    private func size(of path: String) throws -> (length: Int, blocks: Int) {
        var status = stat()
        try #require(stat(path, &status) == 0)
        return (Int(status.st_size), Int(status.st_blocks))
    }
}

/// SplitMix64.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
