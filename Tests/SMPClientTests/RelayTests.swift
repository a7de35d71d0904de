import NIOCore
import NIOPosix
import Primitives
import SMPClient
import SMPProtocol
import SMPRelay
import Testing

/// The client and our relay against each other.
@Suite("Client and relay") struct RelayTests {
    private func start(_ directory: TemporaryDirectory, password: String? = nil) async throws -> (Relay, SMPServer) {
        var configuration = RelayConfiguration(directory: directory.path, port: 0)
        configuration.createPassword = password
        let relay = try await Relay.start(configuration, group: MultiThreadedEventLoopGroup.singleton, logger: quiet)
        return (relay, try SMPServer(relay.address))
    }

    @Test(
        "Messages cross in order, many under way",
        arguments: [(9, true), (10, false), (11, false), (14, true)] as [(UInt16, Bool)])
    func messages(version: UInt16, signing: Bool) async throws {
        let directory = TemporaryDirectory()
        let (relay, server) = try await start(directory)
        let recipient = try await connect(server, versions: version...version)
        let sender = try await connect(server)
        #expect(recipient.version == version && sender.version == 14)
        let queue = try await TestQueue.make(recipient, signing: signing)
        let secured = try await sender.perform(
            .secureBySender(queue.senderKey), entity: queue.ids.senderID, authorization: queue.sender)
        #expect(secured == .ok)
        let count = 60
        let answers = (0..<count).map { number in
            var body = [UInt8](repeating: UInt8(number), count: 16_043)
            body[0] = 255
            return sender.submit(
                .send(notify: number == 0, body: body[...]), entity: queue.ids.senderID, authorization: queue.sender)
        }
        var received = 0
        for await push in recipient.pushes {
            guard case .message(let id, let sealed) = push.event,
                case .message(_, let notify, let body) = try Delivery.open(sealed, key: queue.box, messageID: id)
            else { throw UnexpectedAnswer(name: "push") }
            #expect(push.entity == queue.ids.recipientID)
            #expect(body.count == 16_043 && body.last == UInt8(received) && notify == (received == 0))
            received += 1
            let answer = try await recipient.perform(
                .acknowledge(id[...]), entity: queue.ids.recipientID, authorization: queue.recipient)
            if received == count {
                #expect(answer == .ok)
                break
            }
        }
        for answer in answers { #expect(try await answer.get() == .ok) }
        await relay.shutdown()
    }

    @Test("A second subscription takes the queue over") func end() async throws {
        let directory = TemporaryDirectory()
        let (relay, server) = try await start(directory)
        let (first, second) = (try await connect(server), try await connect(server))
        let queue = try await TestQueue.make(first, signing: false)
        let answer = try await second.perform(
            .subscribe, entity: queue.ids.recipientID, authorization: queue.recipient)
        #expect(answer == .ok)
        var pushes = first.pushes.makeAsyncIterator()
        #expect(await pushes.next() == SMPPush(entity: queue.ids.recipientID, event: .end))
        await relay.shutdown()
        #expect(await pushes.next() == nil)
        guard case .closed = first.closeReason else {
            Issue.record("\(String(describing: first.closeReason))")
            return
        }
    }

    @Test("Refusals") func refusals() async throws {
        let directory = TemporaryDirectory()
        let (relay, server) = try await start(directory, password: "secret")
        let client = try await connect(server)
        await #expect(throws: UnexpectedAnswer.self) { try await TestQueue.make(client, signing: true) }
        let queue = try await TestQueue.make(client, signing: false, password: "secret")
        let stranger = TestQueue.key(false).0
        for authorization in [stranger, TestQueue.key(true).0] {
            let answer = try await client.perform(
                .subscribe, entity: queue.ids.recipientID, authorization: authorization)
            #expect(answer == .error(.auth))
        }
        let nowhere = try await client.perform(
            .send(notify: false, body: [1]), entity: [UInt8](repeating: 3, count: 24), authorization: stranger)
        #expect(nowhere == .error(.auth))
        let noMessage = try await client.perform(
            .acknowledge([UInt8](repeating: 3, count: 24)[...]), entity: queue.ids.recipientID,
            authorization: queue.recipient)
        #expect(noMessage == .error(.noMessage))
        let deleted = try await client.perform(.delete, entity: queue.ids.recipientID, authorization: queue.recipient)
        #expect(deleted == .ok)
        await relay.shutdown()
    }

    @Test("A relay and a client without a common version") func versions() async throws {
        let directory = TemporaryDirectory()
        let (relay, server) = try await start(directory)
        await #expect(throws: SMPClientError.self) { try await connect(server, versions: 15...18) }
        await relay.shutdown()
    }

    @Test("Commands on many queues share blocks and are all answered") func manyQueues() async throws {
        let directory = TemporaryDirectory()
        let (relay, server) = try await start(directory)
        let client = try await connect(server)
        var queues: [TestQueue] = []
        for _ in 0..<30 { queues.append(try await TestQueue.make(client, signing: false)) }
        let again = try await connect(server)
        let answers = queues.map { queue in
            again.submit(.subscribe, entity: queue.ids.recipientID, authorization: queue.recipient)
        }
        for answer in answers { #expect(try await answer.get() == .ok) }
        await relay.shutdown()
    }
}
