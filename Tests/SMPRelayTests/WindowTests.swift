import Primitives
import SMPRelay
import Testing

/// sxfile-protocol(7), DELIVERY WINDOW: the relay's side.
@Suite struct WindowTests {
    /// "SXFW", length, 16 messages, no flags.
    private static let tail = Array("SXFW".utf8) + [3, 0, 16, 0]

    private func numbers(_ responses: [TestClient.Response], _ queue: TestQueue) throws -> [(
        id: [UInt8], number: UInt8
    )] {
        try responses.filter { $0.command.starts(with: Array("MSG ".utf8)) }.map { response in
            #expect(response.correlation.isEmpty)
            let (id, body) = try queue.open(response)
            return (id, body.last ?? 0)
        }
    }

    private func filled(_ relay: SessionHarness, _ recipient: TestClient, _ count: UInt8) throws -> TestQueue {
        let sender = try relay.client(14)
        let queue = try TestQueue(on: recipient, .x25519)
        #expect(try queue.secure(on: sender) == "OK")
        for number in 1...count {
            #expect(
                try sender.perform(Array("SEND F ".utf8) + [number], entity: queue.senderID, queue.sender).first?.text
                    == "OK")
        }
        return queue
    }

    @Test func asManyAsTheClientAskedForThenOneAcknowledgementForAll() throws {
        let relay = try SessionHarness()
        let recipient = try relay.client(14, withKey: false, tail: Self.tail)
        let queue = try filled(relay, recipient, 40)
        var seen = try numbers(recipient.responses(), queue)
        #expect(seen.map(\.number) == Array(1...16))
        while seen.count < 40 {
            let last = try #require(seen.last)
            let answers = try recipient.perform(
                Array("ACK ".utf8) + [24] + last.id, entity: queue.recipientID, queue.recipient)
            #expect(answers.first?.text == "OK")
            seen += try numbers(answers, queue)
        }
        #expect(seen.map(\.number) == Array(1...40))
        let last = try #require(seen.last)
        let answers = try recipient.perform(
            Array("ACK ".utf8) + [24] + last.id, entity: queue.recipientID, queue.recipient)
        #expect(answers.map(\.text) == ["OK"])
    }

    @Test func subscribingAgainDeliversAllThatIsUnacknowledged() throws {
        let relay = try SessionHarness()
        let recipient = try relay.client(14, withKey: false, tail: Self.tail)
        let queue = try filled(relay, recipient, 20)
        let seen = try numbers(recipient.responses(), queue)
        _ = try recipient.perform(
            Array("ACK ".utf8) + [24] + seen[4].id, entity: queue.recipientID, queue.recipient)
        recipient.disconnect()
        let later = try relay.client(14, withKey: false, tail: Self.tail)
        let again = try numbers(try later.perform(Array("SUB".utf8), entity: queue.recipientID, queue.recipient), queue)
        #expect(again.map(\.number) == Array(6...20))
        #expect(again.first?.id == seen[5].id)
    }

    /// "SXFW", length, 16 messages, queues are bound.
    private static let binding = Array("SXFW".utf8) + [3, 0, 16, 1]

    @Test func oneAuthorizedCommandBindsAQueueToTheConnection() throws {
        let relay = try SessionHarness()
        let recipient = try relay.client(14, withKey: false, tail: Self.binding)
        let sender = try relay.client(14, withKey: false, tail: Self.binding)
        let queue = try TestQueue(on: recipient, .x25519)
        #expect(try queue.secure(on: sender) == "OK")
        func send(_ client: TestClient, _ signing: TestClient.Signing = .none) throws -> String? {
            try client.perform(Array("SEND F x".utf8), entity: queue.senderID, signing).first?.text
        }
        // SKEY does not bind, and nothing is bound before.
        #expect(try send(sender) == "ERR AUTH")
        #expect(try send(sender, queue.sender) == "OK")
        #expect(try send(sender) == "OK")
        let seen = try numbers(recipient.responses(), queue)
        #expect(seen.count == 2)
        func acknowledge(_ id: [UInt8], _ signing: TestClient.Signing = .none) throws -> String? {
            try recipient.perform(Array("ACK ".utf8) + [24] + id, entity: queue.recipientID, signing).first?.text
        }
        #expect(try acknowledge(seen[0].id) == "ERR CMD NO_AUTH")
        #expect(try acknowledge(seen[0].id, queue.recipient) == "OK")
        #expect(try acknowledge(seen[1].id) == "OK")
        // Nothing else goes without, and nobody else profits.
        for command in ["SUB", "DEL", "OFF", "GET"] {
            #expect(
                try recipient.perform(Array(command.utf8), entity: queue.recipientID).first?.text == "ERR CMD NO_AUTH")
        }
        #expect(try send(try relay.client(14, withKey: false, tail: Self.binding)) == "ERR AUTH")
        // A wrong authorization is one, bound or not.
        #expect(try send(sender, .x25519(X25519PrivateKey())) == "ERR AUTH")
        #expect(try send(sender) == "OK")
    }

    @Test func withoutTheFlagEveryCommandIsAuthorized() throws {
        let relay = try SessionHarness()
        for tail in [[], Self.tail] {
            let recipient = try relay.client(14, withKey: false, tail: tail)
            let queue = try TestQueue(on: recipient, .x25519)
            #expect(try queue.secure(on: recipient) == "OK")
            for (signing, answer) in [(queue.sender, "OK"), (.none, "ERR AUTH")] {
                let text = try recipient.perform(Array("SEND F x".utf8), entity: queue.senderID, signing)
                #expect(text.first?.text == answer)
            }
        }
    }

    @Test func noMoreQueuesAreBoundThanAgreed() throws {
        let relay = try SessionHarness()
        let client = try relay.client(14, withKey: false, tail: Self.binding)
        for number in 1...1026 {
            let queue = try TestQueue(on: client, .x25519, subscribing: false)
            #expect(
                try client.perform(Array("SUB".utf8), entity: queue.recipientID, queue.recipient).first?.text == "OK")
            guard number > 1022 else { continue }
            let command = Array("ACK ".utf8) + [24] + [UInt8](repeating: 1, count: 24)
            let answer = try client.perform(command, entity: queue.recipientID).first?.text
            #expect(answer == (number <= 1024 ? "ERR NO_MSG" : "ERR CMD NO_AUTH"))
        }
    }

    @Test func okaysWaitForARecipientAtWork() throws {
        var limits = QueueLimits()
        limits.messagesPerQueue = 8
        let relay = try SessionHarness(limits: limits)
        let recipient = try relay.client(14, withKey: false, tail: Self.tail)
        let sender = try relay.client(14, withKey: false, tail: Self.tail)
        let queue = try TestQueue(on: recipient, .x25519)
        #expect(try queue.secure(on: sender) == "OK")
        func send(_ count: Int) throws -> [String] {
            try (0..<count).flatMap { _ in
                try sender.perform(Array("SEND F x".utf8), entity: queue.senderID, queue.sender).map(\.text)
            }
        }
        var seen: [(id: [UInt8], number: UInt8)] = []
        func acknowledge(_ index: Int) throws {
            _ = try recipient.perform(
                Array("ACK ".utf8) + [24] + seen[index].id, entity: queue.recipientID, queue.recipient)
        }
        // A recipient that has taken nothing yet is not waited for.
        #expect(try send(6).count == 6)
        seen = try numbers(recipient.responses(), queue)
        #expect(seen.count == 6)
        try acknowledge(5)
        #expect(try send(6) == ["OK", "OK", "OK", "OK"])
        seen = try numbers(recipient.responses(), queue)
        #expect(seen.count == 6)
        try acknowledge(0)
        #expect(try sender.responses() == [])
        try acknowledge(1)
        #expect(try sender.responses().map(\.text) == ["OK", "OK"])
        // A sender that does not wait is refused at the quota, as everywhere.
        #expect(try send(5) == ["ERR QUOTA"])
        seen = try numbers(recipient.responses(), queue)
        #expect(seen.count == 5)
        // Nobody drains any more: what is stored is stored.
        recipient.disconnect()
        #expect(try sender.responses().map(\.text) == ["OK", "OK", "OK", "OK"])
    }

    @Test func plainSendersAreNotHeldBack() throws {
        var limits = QueueLimits()
        limits.messagesPerQueue = 4
        let relay = try SessionHarness(limits: limits)
        let recipient = try relay.client(14, withKey: false, tail: Self.tail)
        let sender = try relay.client(14)
        let queue = try TestQueue(on: recipient, .x25519)
        #expect(try queue.secure(on: sender) == "OK")
        let answers = try (0..<5).flatMap { _ in
            try sender.perform(Array("SEND F x".utf8), entity: queue.senderID, queue.sender).map(\.text)
        }
        #expect(answers == ["OK", "OK", "OK", "OK", "ERR QUOTA"])
    }

    @Test func whatIsUnderWayOnAConnectionIsBounded() throws {
        let relay = try SessionHarness()
        let recipient = try relay.client(14, withKey: false, tail: Array("SXFW".utf8) + [3, 0, 128, 0])
        let sender = try relay.client(14)
        let queues = try (0..<6).map { _ in try TestQueue(on: recipient, .x25519) }
        for queue in queues {
            #expect(try queue.secure(on: sender) == "OK")
            for _ in 0..<120 {
                let answer = try sender.perform(Array("SEND F x".utf8), entity: queue.senderID, queue.sender)
                #expect(answer.map(\.text) == ["OK"])
            }
        }
        // 512, and one for the queue that finds no room.
        let delivered = Dictionary(grouping: try recipient.responses(), by: \.entity)
        #expect(queues.map { delivered[$0.recipientID]?.count } == [120, 120, 120, 120, 32, 1])
    }

    @Test func withoutTheAnswerItIsPlainSMP() throws {
        let relay = try SessionHarness()
        let recipient = try relay.client(14)
        let queue = try filled(relay, recipient, 3)
        #expect(try numbers(recipient.responses(), queue).map(\.number) == [1])
    }
}
