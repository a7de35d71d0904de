import NIOCore
import NIOPosix
import Primitives
import SMPProtocol
import Testing

@testable import SMPRelay

/// A relay that stops, drains or gets other settings, over real connections.
@Suite struct StopTests {
    @Test func whatWasStoredWasAnswered() async throws {
        let directory = TemporaryDirectory()
        let relay = try await startRelay(in: directory)
        let (recipient, sender) = (try await NetworkClient(to: relay), try await NetworkClient(to: relay))
        let queue = try await NetworkQueue(on: recipient, sendingFrom: sender)
        await recipient.close()
        let body = [UInt8](repeating: 7, count: 16000)
        for _ in 0..<200 {
            try sender.submit([(.send(notify: false, body: body[...]), queue.ids.senderID, queue.sender)])
        }
        #expect(try await sender.next().response == .ok)
        async let isSynced = relay.shutdown()
        var answered = 1
        while let response = try? await sender.next().response {
            #expect(response == .ok)
            answered += 1
        }
        #expect(await isSynced)
        let store = try QueueStore(directory: directory.path)
        #expect(store.storedBytes == answered * SpoolLayout.slotCount)
        store.close(day: 0)
    }

    @Test func aSilentClientDoesNotHoldUpTheStop() async throws {
        let directory = TemporaryDirectory()
        let relay = try await startRelay(in: directory)
        // One that never begins TLS, and one that never reads the end.
        let silent = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: relay.port).get()
        let deaf = try await NetworkClient(to: relay)
        try await deaf.channel.setOption(.autoRead, value: false).get()
        await relay.shutdown()
        try await silent.closeFuture.get()
        await deaf.close()
        // The directory is free for the next one.
        try await startRelay(in: directory).shutdown()
    }

    @Test func settingsChangeWhileItRuns() async throws {
        let directory = TemporaryDirectory()
        let relay = try await startRelay(in: directory)
        var configuration = RelayConfiguration(directory: directory.path)
        configuration.createPassword = "with space"
        #expect(throws: RelayError.password) { try relay.apply(configuration) }
        configuration.createPassword = "secret"
        try relay.apply(configuration)
        let key = Ed25519PrivateKey()
        var new = ClientCommand.NewQueue(
            recipientKey: .ed25519(key.publicKey), agreementKey: X25519PrivateKey().publicKey)
        let client = try await NetworkClient(to: relay)
        #expect(try await client.perform(.new(new), .ed25519(key)) == .error(.auth))
        new.password = "secret"
        relay.drain()
        #expect(try await client.perform(.new(new), .ed25519(key)) == .error(.quota))
        try relay.apply(configuration)
        guard case .ids = try await client.perform(.new(new), .ed25519(key)) else {
            Issue.record("no queue after draining")
            return
        }
        await relay.shutdown()
    }
}
