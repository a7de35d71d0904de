import Primitives
import SMPRelay
import Testing

/// What recipients and senders see of a queue, without sockets.
@Suite struct DeliveryTests {
    @Test func messagesComeOneAtATimeInOrder() throws {
        let relay = try CoreHarness()
        let (recipient, sender) = (relay.connect(1), relay.connect(2))
        let queue = try #require(relay.make(on: recipient, subscribing: true))
        let first = relay.send("one", to: queue, on: sender)
        #expect(first.isOK && first.pushed.map(\.text) == ["one"] && first.pushes.first?.connection == recipient)
        #expect(relay.send("two", to: queue, on: sender).pushes.isEmpty)
        #expect(relay.send("three", to: queue, on: sender).pushes.isEmpty)
        let two = relay.receive(.acknowledge(first.pushed[0].id[...]), queue, on: recipient).message
        #expect(two?.text == "two")
        let three = relay.receive(.acknowledge(try #require(two).id[...]), queue, on: recipient).message
        #expect(three?.text == "three")
        #expect(relay.receive(.acknowledge(try #require(three).id[...]), queue, on: recipient).isOK)
        #expect(relay.send("four", to: queue, on: sender).pushed.map(\.text) == ["four"])
    }

    @Test func unacknowledgedComesAgainWithTheSameID() throws {
        let relay = try CoreHarness()
        let (recipient, sender) = (relay.connect(1), relay.connect(2))
        let queue = try #require(relay.make(on: recipient, subscribing: true))
        let pushed = try #require(relay.send("one", to: queue, on: sender).pushed.first)
        let again = relay.receive(.subscribe, queue, on: recipient)
        #expect(again.isOK && again.pushed.map(\.id) == [pushed.id])
        relay.core.disconnect(recipient)
        let later = relay.connect(3)
        #expect(relay.receive(.subscribe, queue, on: later).pushed.map(\.id) == [pushed.id])
    }

    @Test func aSecondSubscriberStealsTheQueue() throws {
        let relay = try CoreHarness()
        let (first, second, sender) = (relay.connect(1), relay.connect(2), relay.connect(3))
        let queue = try #require(relay.make(on: first, subscribing: true))
        let message = try #require(relay.send("one", to: queue, on: sender).pushed.first)
        let stolen = relay.receive(.subscribe, queue, on: second)
        #expect(stolen.ended == [first])
        #expect(stolen.pushed.map(\.id) == [message.id])
        #expect(relay.receive(.acknowledge(message.id[...]), queue, on: first).refusal == .noMessage)
        #expect(!relay.core.isSubscribed(first) && relay.core.isSubscribed(second))
        #expect(relay.receive(.acknowledge(message.id[...]), queue, on: second).isOK)
        // The first one's end must not end the second one's subscription.
        relay.core.disconnect(first)
        #expect(relay.send("two", to: queue, on: sender).pushes.map(\.connection) == [second])
    }

    @Test func acknowledgementsMustNameTheDeliveredMessage() throws {
        let relay = try CoreHarness()
        let (recipient, sender) = (relay.connect(1), relay.connect(2))
        let queue = try #require(relay.make(on: recipient, subscribing: true))
        #expect(relay.receive(.acknowledge([1, 2, 3]), queue, on: recipient).refusal == .noMessage)
        let message = try #require(relay.send("one", to: queue, on: sender).pushed.first)
        #expect(relay.receive(.acknowledge(SecureRandom.bytes(24)[...]), queue, on: recipient).refusal == .noMessage)
        #expect(relay.receive(.acknowledge(message.id[...]), queue, on: recipient).isOK)
        #expect(relay.receive(.acknowledge(message.id[...]), queue, on: recipient).refusal == .noMessage)
    }

    @Test func getAndSubscribeDoNotMixOnOneConnection() throws {
        let relay = try CoreHarness()
        let (getter, subscriber, sender) = (relay.connect(1), relay.connect(2), relay.connect(3))
        let queue = try #require(relay.make(on: getter))
        #expect(relay.receive(.get, queue, on: getter).isOK)
        _ = relay.send("one", to: queue, on: sender)
        _ = relay.send("two", to: queue, on: sender)
        let got = try #require(relay.receive(.get, queue, on: getter).message)
        #expect(got.text == "one")
        #expect(relay.receive(.subscribe, queue, on: getter).refusal == .prohibited)
        let pushed = try #require(relay.receive(.subscribe, queue, on: subscriber).pushed.first)
        #expect(pushed.id == got.id)
        #expect(relay.receive(.get, queue, on: subscriber).refusal == .prohibited)
        // Acknowledged by the one, the next message goes to the other.
        let acknowledged = relay.receive(.acknowledge(got.id[...]), queue, on: getter)
        #expect(acknowledged.isOK && acknowledged.pushed.map(\.text) == ["two"])
        #expect(acknowledged.pushes.map(\.connection) == [subscriber])
        #expect(relay.receive(.acknowledge(got.id[...]), queue, on: subscriber).refusal == .noMessage)
    }

    @Test func aConnectionWithoutRoomGetsItsMessagesLater() throws {
        let relay = try CoreHarness()
        let (recipient, sender) = (relay.connect(1), relay.connect(2))
        let queues = try (0..<20).map { _ in try #require(relay.make(on: recipient, subscribing: true)) }
        relay.core.pause(recipient)
        for (index, queue) in queues.enumerated() {
            #expect(relay.send("message \(index)", to: queue, on: sender).pushes.isEmpty)
        }
        var texts: [String] = []
        while relay.core.hasWaiting(recipient) {
            texts += relay.core.resume(recipient, now: relay.now).pushed.map(\.text)
        }
        #expect(texts == (0..<20).map { "message \($0)" })
    }

    @Test func deletionDropsMessagesAndTellsTheSubscriber() throws {
        let relay = try CoreHarness()
        let (recipient, other, sender) = (relay.connect(1), relay.connect(2), relay.connect(3))
        let queue = try #require(relay.make(on: recipient, subscribing: true))
        _ = relay.send("one", to: queue, on: sender)
        #expect(relay.core.store.storedBytes > 0 && relay.directory.spools.count == 1)
        let deleted = relay.receive(.delete, queue, on: other)
        #expect(deleted.isOK && deleted.deleted == [recipient])
        #expect(relay.core.store.storedBytes == 0 && relay.directory.spools.isEmpty)
        #expect(relay.receive(.subscribe, queue, on: recipient).refusal == .authorization)
        #expect(relay.send("two", to: queue, on: sender).refusal == .authorization)
    }
}

/// Who may do what to a queue.
@Suite struct AuthorizationTests {
    @Test func keysSecureAQueueOnce() throws {
        let relay = try CoreHarness()
        let connection = relay.connect(1)
        let other = AuthKey.ed25519(Ed25519PrivateKey().publicKey)
        for bySender in [true, false] {
            let queue = try #require(relay.make(on: connection, secured: false))
            func secure(_ key: AuthKey) -> Outcome {
                bySender
                    ? relay.core.secure(bySender: queue.sender, key: key, now: relay.now)
                    : relay.receive(.secure(key), queue, on: connection)
            }
            #expect(secure(relay.senderKey).isOK)
            #expect(secure(relay.senderKey).isOK)
            #expect(secure(other).refusal == .authorization)
            #expect(relay.core.secure(bySender: queue.sender, key: relay.senderKey, now: relay.now).isOK)
            #expect(relay.core.secure(bySender: queue.sender, key: other, now: relay.now).refusal == .authorization)
        }
    }

    @Test func aSenderSecuresOnlyWhereTheRecipientAllowedIt() throws {
        let relay = try CoreHarness()
        let connection = relay.connect(1)
        let queue = try #require(relay.make(on: connection, senderCanSecure: false, secured: false))
        let outcome = relay.core.secure(bySender: queue.sender, key: relay.senderKey, now: relay.now)
        #expect(outcome.refusal == .authorization)
        #expect(relay.receive(.secure(relay.senderKey), queue, on: connection).isOK)
    }

    @Test func sendIsAuthorizedExactlyWhenSecured() throws {
        let relay = try CoreHarness()
        let connection = relay.connect(1)
        let queue = try #require(relay.make(on: connection, secured: false))
        #expect(relay.send("x", to: queue, on: connection, secured: true).refusal == .authorization)
        #expect(relay.send("x", to: queue, on: connection, secured: false).isOK)
        _ = relay.receive(.secure(relay.senderKey), queue, on: connection)
        #expect(relay.send("x", to: queue, on: connection, secured: false).refusal == .authorization)
        #expect(relay.send("x", to: queue, on: connection, secured: true).isOK)
    }

    @Test func recipientCommandsNeedTheRecipientsKey() throws {
        let relay = try CoreHarness()
        let connection = relay.connect(1)
        let queue = try #require(relay.make(on: connection))
        let commands: [RecipientCommand] = [
            .subscribe, .get, .turnOff, .delete, .acknowledge([1]), .secure(relay.senderKey),
        ]
        for command in commands {
            let outcome = relay.core.receive(
                command, queue: queue.recipient, key: relay.senderKey, on: connection, now: relay.now)
            #expect(outcome.refusal == .authorization)
            // The sender's name is no name to a recipient.
            let foreign = relay.core.receive(
                command, queue: queue.sender, key: relay.recipientKey, on: connection, now: relay.now)
            #expect(foreign.refusal == .authorization)
        }
    }

    @Test func anOffQueueTakesNothingAndGivesAll() throws {
        let relay = try CoreHarness()
        let connection = relay.connect(1)
        let queue = try #require(relay.make(on: connection))
        _ = relay.send("one", to: queue, on: connection)
        #expect(relay.receive(.turnOff, queue, on: connection).isOK)
        #expect(relay.receive(.turnOff, queue, on: connection).isOK)
        #expect(relay.send("two", to: queue, on: connection).refusal == .authorization)
        #expect(relay.drain(queue, on: connection) == ["one"])
    }
}
