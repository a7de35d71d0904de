import Primitives
import SMPRelay
import Testing

/// Quotas, the marker, expiry, and what one address may do.
@Suite struct LimitTests {
    private func limits(_ change: (inout QueueLimits) -> Void) -> QueueLimits {
        var limits = QueueLimits()
        change(&limits)
        return limits
    }

    @Test func aFullQueueIsMarkedAndRefusesUntilDrained() throws {
        let relay = try CoreHarness(limits: limits { $0.messagesPerQueue = 3 })
        let (recipient, sender) = (relay.connect(1), relay.connect(2))
        let queue = try #require(relay.make(on: recipient))
        for text in ["1", "2", "3"] { #expect(relay.send(text, to: queue, on: sender).isOK) }
        #expect(relay.send("4", to: queue, on: sender).refusal == .quota)
        var message = try #require(relay.receive(.subscribe, queue, on: recipient).pushed.first)
        var texts = [message.text]
        while let next = relay.receive(.acknowledge(message.id[...]), queue, on: recipient).message {
            // There is room by count, but the mark is still ahead.
            #expect(relay.send("early", to: queue, on: sender).refusal == .quota)
            texts.append(next.text)
            message = next
        }
        #expect(texts == ["1", "2", "3", "QUOTA"])
        let accepted = relay.send("5", to: queue, on: sender)
        #expect(accepted.isOK && accepted.pushed.map(\.text) == ["5"])
    }

    @Test(arguments: [(true, 8), (false, 128)])
    func anUnsecuredQueueHoldsLittle(senderCanSecure: Bool, limit: Int) throws {
        let relay = try CoreHarness()
        let connection = relay.connect(1)
        let queue = try #require(relay.make(on: connection, senderCanSecure: senderCanSecure, secured: false))
        for _ in 0..<limit { #expect(relay.send("x", to: queue, on: connection, secured: false).isOK) }
        #expect(relay.send("x", to: queue, on: connection, secured: false).refusal == .quota)
        // Securing does not lift the mark.
        _ = relay.receive(.secure(relay.senderKey), queue, on: connection)
        #expect(relay.send("x", to: queue, on: connection).refusal == .quota)
        #expect(relay.drain(queue, on: connection).count == limit + 1)
        #expect(relay.send("x", to: queue, on: connection).isOK)
    }

    @Test func theTotalLeavesAMarkerToo() throws {
        let relay = try CoreHarness(limits: limits { $0.totalBytes = 3 * 16384 })
        let (recipient, sender) = (relay.connect(1), relay.connect(2))
        let full = try #require(relay.make(on: recipient))
        let empty = try #require(relay.make(on: recipient))
        for _ in 0..<3 { #expect(relay.send("x", to: full, on: sender).isOK) }
        #expect(relay.send("x", to: empty, on: sender).refusal == .quota)
        #expect(relay.drain(full, on: recipient).count == 3)
        #expect(relay.send("x", to: empty, on: sender).refusal == .quota)
        #expect(relay.drain(empty, on: recipient) == ["QUOTA"])
        #expect(relay.send("x", to: empty, on: sender).isOK)
        #expect(relay.core.store.storedBytes == 16384)
    }

    @Test func oneAddressStoresOnlySoMuch() throws {
        let relay = try CoreHarness(limits: limits { $0.storedBytesPerAddress = 2 * 16384 })
        let recipient = relay.connect(1)
        let (sender, neighbour, stranger) = (
            relay.connect(2, address: [192, 0, 2, 1]), relay.connect(3, address: [192, 0, 2, 200]),
            relay.connect(4, address: [198, 51, 100, 1])
        )
        let queues = try (0..<3).map { _ in try #require(relay.make(on: recipient)) }
        #expect(relay.send("1", to: queues[0], on: sender).isOK)
        #expect(relay.send("2", to: queues[0], on: neighbour).isOK)
        #expect(relay.send("3", to: queues[1], on: sender).refusal == .quota)
        #expect(relay.send("4", to: queues[2], on: stranger).isOK)
        #expect(relay.drain(queues[0], on: recipient).count == 2)
        #expect(relay.drain(queues[1], on: recipient) == ["QUOTA"])
        #expect(relay.send("5", to: queues[1], on: neighbour).isOK)
        // A deleted queue's messages no longer count.
        #expect(relay.send("6", to: queues[1], on: neighbour).isOK)
        #expect(relay.receive(.delete, queues[1], on: recipient).isOK)
        #expect(relay.send("7", to: queues[0], on: sender).isOK)
    }

    @Test(
        arguments: [
            ([192, 0, 2, 1], [192, 0, 2, 77], true), ([192, 0, 2, 1], [192, 0, 3, 1], false),
            (v6(last: 0, network: 0), v6(last: 9, network: 0xff), true),
            (v6(last: 0, network: 0), v6(last: 0, network: 0x100), false),
        ] as [([UInt8], [UInt8], Bool)])
    func newQueuesAreLimitedByNetwork(first: [UInt8], second: [UInt8], together: Bool) throws {
        let relay = try CoreHarness(limits: limits { $0.newQueuesPerHour = 2 })
        let (one, other) = (relay.connect(1, address: first), relay.connect(2, address: second))
        #expect(relay.make(on: one) != nil && relay.make(on: one) != nil && relay.make(on: one) == nil)
        #expect((relay.make(on: other) == nil) == together)
        relay.now += 1800
        #expect(relay.make(on: one) != nil && relay.make(on: one) == nil)
    }

    @Test(
        arguments: [
            [127, 0, 0, 1], [127, 9, 9, 9], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1],
        ] as [[UInt8]])
    func loopbackIsNotLimited(address: [UInt8]) throws {
        let relay = try CoreHarness(limits: limits { ($0.newQueuesPerHour, $0.storedBytesPerAddress) = (0, 0) })
        let connection = relay.connect(1, address: address)
        let queue = try #require(relay.make(on: connection))
        #expect(relay.send("x", to: queue, on: connection).isOK)
    }

    @Test func oldMessagesAndIdleQueuesGo() throws {
        let relay = try CoreHarness()
        let connection = relay.connect(1)
        let queue = try #require(relay.make(on: connection))
        let used = try #require(relay.make(on: connection))
        _ = relay.send("old", to: queue, on: connection)
        relay.now += 20 * 86400
        _ = relay.send("young", to: queue, on: connection)
        relay.now += 2 * 86400
        _ = relay.core.sweep(10, now: relay.now)
        #expect(relay.core.store.storedBytes == 16384)
        #expect(relay.drain(queue, on: connection) == ["young"])
        relay.core.disconnect(connection)
        let later = relay.connect(2)
        relay.now += 80 * 86400
        #expect(relay.receive(.get, used, on: later).isOK)
        relay.now += 20 * 86400
        _ = relay.core.sweep(10, now: relay.now)
        #expect(relay.receive(.get, queue, on: later).refusal == .authorization)
        #expect(relay.receive(.get, used, on: later).isOK)
        #expect(relay.core.store.queueCount == 1)
    }

    private static func v6(last: UInt8, network: UInt16) -> [UInt8] {
        [0x20, 0x01, 0x0d, 0xb8, 1, 2, UInt8(network >> 8), UInt8(network & 0xff), 0, 0, 0, 0, 0, 0, 0, last]
    }
}
