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

    @Test func withoutTheAnswerItIsPlainSMP() throws {
        let relay = try SessionHarness()
        let recipient = try relay.client(14)
        let queue = try filled(relay, recipient, 3)
        #expect(try numbers(recipient.responses(), queue).map(\.number) == [1])
    }
}
