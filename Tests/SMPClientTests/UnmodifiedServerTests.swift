import Foundation
import NIOCore
import Primitives
import SMPClient
import SMPProtocol
import Testing

private let smpServer = ProcessInfo.processInfo.environment["SMP_SERVER"]

/// The client over a server that is not ours, in every version: `SMP_SERVER=smp://fingerprint@host:port make test`.
@Suite("Client and an unmodified server", .enabled(if: smpServer != nil, "SKIP: SMP_SERVER names no server"))
struct UnmodifiedServerTests {
    static let versions = Array(SMP.clientVersions)

    private func server() throws -> SMPServer { try SMPServer(try #require(smpServer)) }

    @Test("Messages cross in order, many under way", arguments: versions, [true, false])
    func messages(version: UInt16, signing: Bool) async throws {
        let recipient = try await connect(try server(), versions: version...version)
        let sender = try await connect(try server(), versions: version...version)
        try await messages(recipient, sender, version: version, signing: signing)
    }

    @Test("Messages cross when TLS alone encrypts", arguments: versions)
    func messagesWithoutBlockEncryption(version: UInt16) async throws {
        let recipient = try await connect(try server(), versions: version...version, encryptsBlocks: false)
        let sender = try await connect(try server(), versions: version...version, encryptsBlocks: false)
        try await messages(recipient, sender, version: version, signing: false)
    }

    private func messages(_ recipient: SMPClient, _ sender: SMPClient, version: UInt16, signing: Bool) async throws {
        #expect(recipient.version == version)
        let queue = try await TestQueue.make(recipient, signing: signing)
        #expect(queue.ids.isSenderSecured)
        #expect(try await queue.secure(over: sender) == .ok)
        #expect(try await queue.secure(over: sender) == .ok)
        let count = 60
        let answers = (0..<count).map { number in
            queue.send([UInt8](repeating: UInt8(number), count: 16_043), over: sender)
        }
        var pushes = recipient.pushes.makeAsyncIterator()
        for number in 0..<count {
            let (id, content) = try await queue.next(&pushes)
            guard case .message(_, _, let body) = content else { throw UnexpectedAnswer(name: "mark") }
            #expect(body.elementsEqual([UInt8](repeating: UInt8(number), count: 16_043)))
            _ = try await queue.acknowledge(id, over: recipient)
        }
        for answer in answers { #expect(try await answer.get() == .ok) }
        #expect(try await recipient.perform(.ping, entity: [], authorization: .none) == .pong)
        #expect(
            try await recipient.perform(.delete, entity: queue.ids.recipientID, authorization: queue.recipient) == .ok)
        #expect(try await queue.send([1], over: sender).get() == .error(.auth))
    }

    @Test("What is not acknowledged comes again, to whom subscribed last", arguments: versions)
    func subscriptions(version: UInt16) async throws {
        let (first, second) = (
            try await connect(try server(), versions: version...version),
            try await connect(try server(), versions: version...version)
        )
        let queue = try await TestQueue.make(first, signing: false)
        _ = try await queue.secure(over: second)
        for number in 0..<3 as Range<UInt8> { #expect(try await queue.send([number], over: second).get() == .ok) }
        var (old, new) = (first.pushes.makeAsyncIterator(), second.pushes.makeAsyncIterator())
        let delivered = try await queue.next(&old)
        let answer = try await queue.subscribe(over: second)
        #expect([.ok, .subscribed].contains(answer) || answer.name == "MSG")
        #expect(try await queue.next(&new).id == delivered.id)
        // END comes in batches, up to 15 seconds late.
        if version == Self.versions.last {
            #expect(await old.next() == SMPPush(entity: queue.ids.recipientID, event: .end))
            #expect(try await queue.acknowledge(delivered.id, over: first) == .error(.noMessage))
        }
        // Again on the same connection: the same message once more.
        _ = try await queue.subscribe(over: second)
        #expect(try await queue.next(&new).id == delivered.id)
        #expect(try await queue.acknowledge(delivered.id, over: second).name == "MSG")
        #expect(try await queue.acknowledge(delivered.id, over: second) == .error(.noMessage))
    }

    @Test("A full queue") func quota() async throws {
        let (recipient, sender) = (try await connect(try server()), try await connect(try server()))
        let queue = try await TestQueue.make(recipient, signing: false)
        _ = try await queue.secure(over: sender)
        let answers = (0..<140).map { number in queue.send([UInt8(number)], over: sender) }
        var refused = 0
        for answer in answers {
            switch try await answer.get() {
            case .ok: #expect(refused == 0)
            case .error(.quota): refused += 1
            case let other: Issue.record("\(other.name)")
            }
        }
        #expect(refused == 12)
        var pushes = recipient.pushes.makeAsyncIterator()
        for number in 0..<128 {
            let (id, content) = try await queue.next(&pushes)
            guard case .message(_, _, let body) = content else { throw UnexpectedAnswer(name: "mark") }
            #expect(body.elementsEqual([UInt8(number)]))
            // Not before the mark is acknowledged too.
            if number == 100 { #expect(try await queue.send([1], over: sender).get() == .error(.quota)) }
            #expect(try await queue.acknowledge(id, over: recipient).name == "MSG")
        }
        let (id, mark) = try await queue.next(&pushes)
        guard case .quota = mark else { throw UnexpectedAnswer(name: "no mark") }
        #expect(try await queue.send([1], over: sender).get() == .error(.quota))
        #expect(try await queue.acknowledge(id, over: recipient) == .ok)
        #expect(try await queue.send([1], over: sender).get() == .ok)
        #expect(try await queue.send([UInt8](repeating: 0, count: 16_049), over: sender).get() == .error(.largeMessage))
    }

    @Test("Refusals") func refusals() async throws {
        let client = try await connect(try server())
        let queue = try await TestQueue.make(client, signing: false, isSenderSecured: false)
        #expect(!queue.ids.isSenderSecured)
        #expect(try await queue.secure(over: client) == .error(.auth))
        let stranger = TestQueue.key(false).0
        #expect(
            try await client.perform(.subscribe, entity: queue.ids.recipientID, authorization: stranger)
                == .error(.auth))
        #expect(
            try await client.perform(.send(notify: false, body: [1]), entity: queue.ids.senderID, authorization: .none)
                == .ok)
        #expect(
            try await client.perform(
                .secure(queue.senderKey), entity: queue.ids.recipientID, authorization: queue.recipient) == .ok)
        #expect(
            try await client.perform(.send(notify: false, body: [1]), entity: queue.ids.senderID, authorization: .none)
                == .error(.auth))
        #expect(try await queue.send([1], over: client).get() == .ok)
        #expect(
            try await client.perform(.suspend, entity: queue.ids.recipientID, authorization: queue.recipient) == .ok)
        #expect(try await queue.send([1], over: client).get() == .error(.auth))
    }
}
