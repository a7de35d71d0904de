import Foundation
import NIOCore
import NIOPosix
import Primitives
import SMPProtocol
import SMPRelay
import TLSTransport
import Testing

/// The relay over real connections.
@Suite struct RelayTests {
    @Test func aMessageCrossesAndSurvivesARestart() async throws {
        let directory = TemporaryDirectory()
        let relay = try await startRelay(in: directory)
        let address = try SMPServer(relay.address)
        #expect(address.fingerprint == relay.fingerprint && address.port == UInt16(relay.port))
        let (recipient, sender) = (try await NetworkClient(to: relay), try await NetworkClient(to: relay, version: 9))
        let queue = try await NetworkQueue(on: recipient, sendingFrom: sender, signing: true)
        #expect(try await recipient.perform(.ping) == .pong)
        for body: [UInt8] in [[1], [2]] {
            let sent = try await sender.perform(
                .send(notify: false, body: body[...]), entity: queue.ids.senderID, queue.sender)
            #expect(sent == .ok)
        }
        let push = try await recipient.next()
        guard case .message(let id, let sealed) = push.response else {
            Issue.record("no message")
            return
        }
        #expect(push.correlation.isEmpty && push.entity == queue.ids.recipientID)
        guard case .message(_, false, [1]) = try Delivery.open(sealed, key: queue.box, messageID: id) else {
            Issue.record("wrong message")
            return
        }
        await relay.shutdown()
        #expect(await sender.isClosedByRelay())

        let again = try await startRelay(in: directory)
        #expect(again.fingerprint == relay.fingerprint)
        let later = try await NetworkClient(to: again)
        #expect(try await later.perform(.subscribe, entity: queue.ids.recipientID, queue.recipient) == .ok)
        guard case .message(id, _) = try await later.next().response else {
            Issue.record("not the same message")
            return
        }
        let next = try await later.perform(.acknowledge(id[...]), entity: queue.ids.recipientID, queue.recipient)
        guard case .message(let second, let body) = next else {
            Issue.record("no second message")
            return
        }
        guard case .message(_, _, [2]) = try Delivery.open(body, key: queue.box, messageID: second) else {
            Issue.record("wrong second message")
            return
        }
        await again.shutdown()
    }

    @Test func pipelinedMessagesArriveInOrder() async throws {
        let directory = TemporaryDirectory()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let relay = try await startRelay(in: directory, group: group)
        try await transfer(60, bodySize: 16043, over: relay)
        await relay.shutdown()
        try await group.shutdownGracefully()
    }

    @Test func aForeignFingerprintIsRefused() async throws {
        let directory = TemporaryDirectory()
        let relay = try await startRelay(in: directory)
        let client = try await NetworkClient(to: relay, fingerprint: [UInt8](repeating: 1, count: 32))
        #expect(await client.isClosedByRelay())
        await relay.shutdown()
    }

    @Test func aSilentConnectionIsClosed() async throws {
        let directory = TemporaryDirectory()
        let relay = try await startRelay(in: directory) { $0.handshakeTimeout = .milliseconds(100) }
        let silent = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: relay.port).get()
        try await silent.closeFuture.get()
        await relay.shutdown()
    }

    @Test func anIdleConnectionIsClosedUnlessItReceives() async throws {
        let directory = TemporaryDirectory()
        let relay = try await startRelay(in: directory) { $0.idleTimeout = .seconds(1) }
        let subscriber = try await NetworkClient(to: relay)
        let sender = try await NetworkClient(to: relay)
        _ = try await NetworkQueue(on: subscriber, sendingFrom: sender)
        #expect(await sender.isClosedByRelay())
        #expect(try await subscriber.perform(.ping) == .pong)
        await relay.shutdown()
    }

    @Test func connectionsAreLimited() async throws {
        let directory = TemporaryDirectory()
        let relay = try await startRelay(in: directory) { $0.connectionLimit = 1 }
        let first = try await NetworkClient(to: relay)
        await #expect(throws: (any Error).self) { try await NetworkClient(to: relay) }
        #expect(try await first.perform(.ping) == .pong)
        await relay.shutdown()
    }

    @Test func thePasswordIsChecked() async throws {
        let directory = TemporaryDirectory()
        await #expect(throws: RelayError.password) {
            try await startRelay(in: directory) { $0.createPassword = "with space" }
        }
        let relay = try await startRelay(in: directory) { $0.createPassword = "secret" }
        await #expect(throws: RelayError.self) { try await startRelay(in: directory) }
        let client = try await NetworkClient(to: relay)
        let key = Ed25519PrivateKey()
        var queue = ClientCommand.NewQueue(
            recipientKey: .ed25519(key.publicKey), agreementKey: X25519PrivateKey().publicKey)
        #expect(try await client.perform(.new(queue), .ed25519(key)) == .error(.auth))
        queue.password = "secret"
        guard case .ids = try await client.perform(.new(queue), .ed25519(key)) else {
            Issue.record("refused with the password")
            return
        }
        await relay.shutdown()
    }

    /// Set `SXFILE_RELAY_MESSAGES` to measure: messages of full size through one queue.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["SXFILE_RELAY_MESSAGES"] != nil))
    func throughput() async throws {
        let count = Int(ProcessInfo.processInfo.environment["SXFILE_RELAY_MESSAGES"] ?? "") ?? 1000
        let directory = TemporaryDirectory()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let relay = try await startRelay(in: directory, group: group) { $0.messagesPerQueue = count }
        for (signing, withKey) in [(false, true), (false, false), (true, true)] {
            let before = try await cpu(of: group)
            let start = ContinuousClock.now
            try await transfer(count, bodySize: 16043, over: relay, signing: signing, withKey: withKey)
            let elapsed = ContinuousClock.now - start
            let used = try await cpu(of: group) - before
            print(
                "\(count) messages, \(signing ? "signed" : "authenticators"), \(withKey ? "" : "no ")block encryption:",
                "\(elapsed), relay \(used * 1e6 / Double(count)) µs of CPU a message")
        }
        await relay.shutdown()
        try await group.shutdownGracefully()
    }

    /// Seconds of CPU that the event loop's thread has used.
    private func cpu(of group: any EventLoopGroup) async throws -> Double {
        try await group.next().submit {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }.get()
    }

    private func transfer(
        _ count: Int, bodySize: Int, over relay: Relay, signing: Bool = false, withKey: Bool = true
    ) async throws {
        let recipient = try await NetworkClient(to: relay, withKey: withKey)
        let sender = try await NetworkClient(to: relay, withKey: withKey)
        let queue = try await NetworkQueue(on: recipient, sendingFrom: sender, signing: signing)
        async let receiving: Void = receive(count, from: queue, on: recipient)
        let window = 32
        var (sent, confirmed) = (0, 0)
        while confirmed < count {
            while sent < count, sent - confirmed < window {
                var body = [UInt8](repeating: 0, count: bodySize)
                withUnsafeBytes(of: UInt32(sent).bigEndian) { body.replaceSubrange(0..<4, with: $0) }
                try sender.submit([(.send(notify: false, body: body[...]), queue.ids.senderID, queue.sender)])
                sent += 1
            }
            try #require(try await sender.next().response == .ok)
            confirmed += 1
        }
        try await receiving
        await recipient.close()
        await sender.close()
    }

    private func receive(_ count: Int, from queue: NetworkQueue, on client: NetworkClient) async throws {
        var received = 0
        while received < count {
            let response = try await client.next().response
            // The queue was empty when the last message was acknowledged: the next one is a push.
            if case .ok = response { continue }
            guard case .message(let id, let sealed) = response,
                case .message(_, _, let body) = try Delivery.open(sealed, key: queue.box, messageID: id)
            else { throw NetworkClient.Closed() }
            try #require(body.prefix(4).reduce(0) { $0 << 8 | Int($1) } == received)
            received += 1
            try client.submit([(.acknowledge(id[...]), queue.ids.recipientID, queue.recipient)])
        }
    }
}
