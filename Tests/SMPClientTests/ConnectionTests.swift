import Guarding
import NIOCore
import NIOPosix
import Primitives
import SMPClient
import SMPProtocol
import TLSTransport
import Testing
import WireFormat

/// The client over real connections to servers that behave well or badly.
@Suite("A client's connection") struct ConnectionTests {
    private func failure(_ connect: () async throws -> SMPClient) async -> SMPClientError? {
        do {
            _ = try await connect()
            return nil
        } catch {
            return error as? SMPClientError
        }
    }

    @Test("A full exchange in the newest version") func newest() async throws {
        var script = ScriptedRelay.Script()
        script.answers = { command in
            switch command.text {
            case "NEW ":
                let ids = [24] + [UInt8](repeating: 1, count: 24) + [24] + [UInt8](repeating: 2, count: 24)
                let key = [44] + X25519PrivateKey().publicKey.spki
                return [[command.answer(Array("IDS ".utf8) + ids + key + Array("1M000".utf8))]]
            case "SUB":
                // The answer, and the message as a push right behind it in the same block.
                let push = ScriptedRelay.transmission([], command.entity, Array("MSG \u{1}apush".utf8))
                return [[command.answer("SOK 0"), push]]
            case "ACK ": return [[command.answer("MSG \u{1}bnext")]]
            case "PING": return [[command.answer("PONG")]]
            default: return [[command.answer("ERR AUTH")]]
            }
        }
        let relay = try await ScriptedRelay(script)
        let client = try await relay.connect()
        #expect(client.version == 18)
        #expect(client.sessionID.count == 32)
        let key = Ed25519PrivateKey()
        let new = ClientCommand.NewQueue(
            recipientKey: .ed25519(key.publicKey), agreementKey: X25519PrivateKey().publicKey)
        guard case .ids(let ids) = try await client.perform(.new(new), entity: [], authorization: .ed25519(key)) else {
            Issue.record("no IDS")
            return
        }
        #expect(ids.isSenderSecured && ids.senderID == [UInt8](repeating: 2, count: 24))
        let queue = ids.recipientID
        #expect(try await client.perform(.subscribe, entity: queue, authorization: .ed25519(key)) == .subscribed)
        var pushes = client.pushes.makeAsyncIterator()
        #expect(
            await pushes.next()
                == SMPPush(entity: queue, event: .message(id: Array("a".utf8), body: Array("push".utf8)[...])))
        let next = try await client.perform(
            .acknowledge(Array("a".utf8)[...]), entity: queue, authorization: .ed25519(key))
        #expect(next == .message(id: Array("b".utf8), body: Array("next".utf8)[...]))
        #expect(
            await pushes.next()
                == SMPPush(entity: queue, event: .message(id: Array("b".utf8), body: Array("next".utf8)[...])))
        #expect(try await client.perform(.ping, entity: [], authorization: .none) == .pong)
        #expect(try await client.perform(.delete, entity: queue, authorization: .ed25519(key)) == .error(.auth))
        #expect(client.closeReason == nil)
        client.close()
        #expect(await pushes.next() == nil)
        #expect(client.closeReason == nil)
        await #expect(throws: SMPClientError.closed("by ourselves")) {
            try await client.perform(.ping, entity: [], authorization: .none)
        }
    }

    @Test("Nobody listens") func unreachable() async throws {
        let relay = try await ScriptedRelay()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = UInt16(listener.localAddress?.port ?? 0)
        try await listener.close()
        let server = SMPServer(fingerprint: relay.server.fingerprint, hosts: ["127.0.0.1"], port: port)
        let error = await failure {
            try await SMPClient.connect(to: server, on: MultiThreadedEventLoopGroup.singleton, logger: quiet)
        }
        guard case .unreachable = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("The next host is tried; onion hosts are left out") func hosts() async throws {
        let relay = try await ScriptedRelay()
        // Nobody listens at the first address: only 127.0.0.1 is bound.
        let server = SMPServer(
            fingerprint: relay.server.fingerprint, hosts: ["abc.onion", "127.9.9.9", "127.0.0.1"],
            port: relay.server.port)
        let client = try await SMPClient.connect(to: server, on: MultiThreadedEventLoopGroup.singleton, logger: quiet)
        #expect(client.version == 18)
    }

    @Test("Another relay than the address names") func wrongFingerprint() async throws {
        let relay = try await ScriptedRelay()
        let server = SMPServer(
            fingerprint: [UInt8](repeating: 0, count: 32), hosts: relay.server.hosts, port: relay.server.port)
        let error = await failure {
            try await SMPClient.connect(to: server, on: MultiThreadedEventLoopGroup.singleton, logger: quiet)
        }
        guard case .identity = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("No common version", arguments: [4...8, 19...30] as [ClosedRange<UInt16>])
    func versions(versions: ClosedRange<UInt16>) async throws {
        var script = ScriptedRelay.Script()
        script.versions = versions
        let relay = try await ScriptedRelay(script)
        guard case .incompatible = await failure({ try await relay.connect() }) else {
            Issue.record("connected")
            return
        }
    }

    @Test("Something that does not speak TLS") func notTLS() async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    channel.writeAndFlush(ByteBuffer(string: "220 mail.example ESMTP\r\n"), promise: nil)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let server = SMPServer(
            fingerprint: [UInt8](repeating: 0, count: 32), hosts: ["127.0.0.1"],
            port: UInt16(listener.localAddress?.port ?? 0))
        let error = await failure {
            try await SMPClient.connect(to: server, on: MultiThreadedEventLoopGroup.singleton, logger: quiet)
        }
        guard case .garbage = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        try await listener.close()
    }

    @Test("Garbage where the hello should be") func garbageHello() async throws {
        var script = ScriptedRelay.Script()
        script.hello = { [UInt8](repeating: 255, count: $0.count) }
        let relay = try await ScriptedRelay(script)
        guard case .garbage = await failure({ try await relay.connect() }) else {
            Issue.record("connected")
            return
        }
    }

    @Test("A hello for another TLS session") func foreignHello() async throws {
        var script = ScriptedRelay.Script()
        script.hello = { block in
            var block = block
            // Length, versions, length of the session id.
            block[2 + 4 + 1] ^= 1
            return block
        }
        let relay = try await ScriptedRelay(script)
        guard case .identity = await failure({ try await relay.connect() }) else {
            Issue.record("connected")
            return
        }
    }

    @Test("A relay that never says hello") func silentHello() async throws {
        var script = ScriptedRelay.Script()
        script.hello = { _ in nil }
        let relay = try await ScriptedRelay(script)
        let error = await failure { try await relay.connect(.init(connect: .milliseconds(400))) }
        #expect(error == .timedOut("the handshake"))
    }

    @Test("A relay that refuses our hello closes") func refusedHello() async throws {
        var script = ScriptedRelay.Script()
        script.closesAfterHello = true
        let relay = try await ScriptedRelay(script)
        let client = try await relay.connect()
        await #expect(throws: SMPClientError.self) { try await client.perform(.ping, entity: [], authorization: .none) }
        for await _ in client.pushes {}
        guard case .closed = client.closeReason else {
            Issue.record("\(String(describing: client.closeReason))")
            return
        }
    }

    @Test("A missed deadline ends the connection and fails all that is open") func deadline() async throws {
        let relay = try await ScriptedRelay()
        let client = try await relay.connect(.init(command: .milliseconds(200)))
        let answers = [1, 2].map { client.submit(.subscribe, entity: [$0], authorization: .none) }
        for answer in answers {
            await #expect(throws: SMPClientError.timedOut("SUB")) { try await answer.get() }
        }
        for await _ in client.pushes {}
        #expect(client.closeReason == .timedOut("SUB"))
    }

    @Test("Silence is answered with PINGs") func ping() async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        var script = ScriptedRelay.Script()
        script.answers = { command in
            continuation.yield(command.text)
            return [[command.answer("PONG")]]
        }
        let relay = try await ScriptedRelay(script)
        let client = try await relay.connect(.init(silence: .milliseconds(50)))
        var commands = stream.makeAsyncIterator()
        #expect(await commands.next() == "PING")
        #expect(await commands.next() == "PING")
        #expect(client.closeReason == nil)
    }

    @Test("A block cut short") func cut() async throws {
        let relay = try await ScriptedRelay()
        let client = try await relay.connect()
        let open = client.submit(.subscribe, entity: [1], authorization: .none)
        try await relay.cut(sending: [1, 2, 3])
        await #expect(throws: SMPClientError.self) { try await open.get() }
        for await _ in client.pushes {}
        guard case .garbage = client.closeReason else {
            Issue.record("\(String(describing: client.closeReason))")
            return
        }
    }

    @Test("A block that is not authentic") func tampered() async throws {
        let relay = try await ScriptedRelay()
        let client = try await relay.connect()
        try await relay.cut(sending: [UInt8](repeating: 7, count: SMP.blockSize))
        for await _ in client.pushes {}
        guard case .identity = client.closeReason else {
            Issue.record("\(String(describing: client.closeReason))")
            return
        }
    }

    @Test("A body longer than the relay takes is answered without it") func tooLong() async throws {
        let relay = try await ScriptedRelay()
        let client = try await relay.connect()
        let body = [UInt8](repeating: 0, count: 16_049)
        let answer = try await client.perform(.send(notify: true, body: body[...]), entity: [1], authorization: .none)
        #expect(answer == .error(.largeMessage))
    }

    @Test("Commands go out in the order of the calls, from off the loop too") func order() async throws {
        var script = ScriptedRelay.Script()
        let log = Log()
        script.answers = { command in
            log.entities.withLock { $0.append(contentsOf: command.entity) }
            return [[command.answer("OK")]]
        }
        let relay = try await ScriptedRelay(script)
        let client = try await relay.connect()
        let answers = (0..<200).map { number in
            client.submit(
                .send(notify: true, body: [UInt8](repeating: 1, count: 4000)[...]), entity: [UInt8(number)],
                authorization: .none)
        }
        for answer in answers { #expect(try await answer.get() == .ok) }
        #expect(log.entities.withLock { $0 } == (0..<200).map { UInt8($0) })
    }

    private final class Log: Sendable {
        let entities = Guarded<[UInt8]>([])
    }
}
