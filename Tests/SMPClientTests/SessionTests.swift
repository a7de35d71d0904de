import NIOCore
import Primitives
import SMPClient
import SMPProtocol
import Testing
import WireFormat

private func run(_ first: UInt8, _ count: Int = 32) -> [UInt8] { (0..<count).map { first &+ UInt8($0) } }

private func digest(_ bytes: [UInt8]) -> String { Hex.encode(SHA256.hash(bytes)) }

/// A session and the relay's side of it. The fixed keys and expected digests are those of SMPProtocol's transcripts.
private struct Talk {
    typealias Session = ClientSession<Int>

    static let sessionID = [UInt8](repeating: 1, count: 32)
    static let fingerprint = run(0)
    static let correlation = run(1, 24)
    static let entity = run(0xe0, 24)
    let leaf: Ed25519PrivateKey
    let clientKey: X25519PrivateKey
    let serverKey: X25519PrivateKey
    let queueKey: X25519PrivateKey
    var session: Session
    var relay = BlockCipher()
    var version: UInt16 = 14

    init(
        versions: ClosedRange<UInt16> = 9...18, timeouts: SMPClient.Timeouts = .init(), window: UInt16 = 128,
        withKey: Bool = true
    ) throws {
        leaf = try Ed25519PrivateKey(seed: run(0x20))
        clientKey = try X25519PrivateKey(raw: run(0x40))
        serverKey = try X25519PrivateKey(raw: run(0x60))
        queueKey = try X25519PrivateKey(raw: run(0x80))
        session = Session(
            server: SMPServer(fingerprint: Self.fingerprint, hosts: ["relay.example"], port: nil),
            sessionID: Self.sessionID, leafKey: .ed25519(leaf.publicKey), versions: versions, timeouts: timeouts,
            window: window, now: .uptimeNanoseconds(0), handshakeKey: withKey ? clientKey : nil)
    }

    /// A talk whose handshake is done.
    static func open(_ version: UInt16 = 14, timeouts: SMPClient.Timeouts = .init()) throws -> Talk {
        var talk = try Talk(timeouts: timeouts)
        _ = try talk.agree(talk.hello(6...version))
        talk.version = version
        if version >= 11 {
            talk.relay = BlockCipher(
                sharedSecret: try talk.serverKey.agree(with: talk.clientKey.publicKey), sessionID: sessionID,
                side: .server)
        }
        return talk
    }

    func hello(
        _ versions: ClosedRange<UInt16>, sessionID: [UInt8] = sessionID, signedBy leaf: Ed25519PrivateKey? = nil
    ) throws -> [UInt8] {
        let hello = ServerHello(
            versions: versions, sessionID: sessionID, chain: [[1], [2]],
            signedKey: SignedKey.make(serverKey.publicKey, leaf: leaf ?? self.leaf))
        return try WireWriter.pad(hello.encoded(), to: SMP.blockSize)
    }

    mutating func agree(_ block: [UInt8]) throws -> [UInt8] { try session.agree(block, now: .uptimeNanoseconds(0)) }

    mutating func submit(
        _ command: ClientCommand, entity: [UInt8] = entity, authorization: Authorization? = nil, ticket: Int? = 1,
        seconds: UInt64 = 0, correlation: [UInt8]? = nil
    ) throws -> Bool {
        try session.submit(
            command, entity: entity, authorization: authorization ?? .x25519(queueKey), ticket: ticket,
            now: .uptimeNanoseconds(seconds * 1_000_000_000),
            correlationID: correlation ?? SecureRandom.bytes(24))
    }

    /// The commands of the next blocks as the relay reads them.
    mutating func commands() throws -> [[String]] {
        try session.takeBlocks().map { block in
            try BlockBody.decode(try relay.open(block)).map { part in
                let text = try Transmission(part, version: version).command
                return String(decoding: text.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)
            }
        }
    }

    /// What the client makes of these answers and pushes, all in one block.
    mutating func hear(
        _ responses: [(String, correlation: [UInt8], entity: [UInt8])], seconds: UInt64 = 0
    ) throws -> [String] {
        let parts = responses.map { text, correlation, entity in
            [0, UInt8(correlation.count)] + correlation + [UInt8(entity.count)] + entity + Array(text.utf8)
        }
        let block = try relay.seal(BlockBody.encode(parts))
        return try session.receive(block, now: .uptimeNanoseconds(seconds * 1_000_000_000)).map { event in
            switch event {
            case .answer(let ticket, let response): "\(ticket.map { "\($0)" } ?? "own") \(response.name)"
            case .push(let push):
                switch push.event {
                case .message(let id, let body): "push \(id.count) \(String(decoding: body, as: UTF8.self))"
                case .end: "push END"
                case .deleted: "push DELD"
                }
            }
        }
    }
}

private let messageText = "MSG \u{3}abcbody"

@Suite("A client's session") struct SessionTests {
    @Test(
        "Our hello, byte for byte",
        arguments: [(9, ""), (13, ""), (14, "46"), (15, "46"), (16, "4630"), (18, "4630")]
            as [(UInt16, String)])
    func hello(version: UInt16, end: String) throws {
        var talk = try Talk()
        let block = try talk.agree(talk.hello(4...version))
        let content =
            "00" + Hex.encode([UInt8(version)]) + "20" + Hex.encode(Talk.fingerprint)
            + "2c302a300506032b656e03210079a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a" + end
        let length = content.count / 2
        #expect(Hex.encode(block.prefix(2 + length)) == "00" + Hex.encode([UInt8(length)]) + content)
        #expect(block.dropFirst(2 + length).allSatisfy { $0 == UInt8(ascii: "#") } && block.count == SMP.blockSize)
        #expect(talk.session.agreed?.version == version)
        #expect(talk.session.agreed?.serverKey == talk.serverKey.publicKey)
    }

    @Test("Without a key of ours, byte for byte", arguments: [(9, ""), (14, "46"), (18, "4630")] as [(UInt16, String)])
    func helloWithoutKey(version: UInt16, end: String) throws {
        var talk = try Talk(withKey: false)
        let block = try talk.agree(talk.hello(4...version))
        let content = "00" + Hex.encode([UInt8(version)]) + "20" + Hex.encode(Talk.fingerprint) + end
        let length = content.count / 2
        #expect(Hex.encode(block.prefix(2 + length)) == "00" + Hex.encode([UInt8(length)]) + content)
        // The blocks that follow are only padded.
        #expect(try talk.submit(.ping, entity: [], authorization: Authorization.none))
        #expect(try talk.commands() == [["PING"]])
    }

    @Test("A relay that speaks more than we do gets our highest version") func newerRelay() throws {
        var talk = try Talk()
        _ = try talk.agree(talk.hello(6...99))
        #expect(talk.session.agreed?.version == 18)
    }

    private func failure(_ change: (inout Talk) throws -> [UInt8]) throws -> String {
        var talk = try Talk()
        let block = try change(&talk)
        do {
            _ = try talk.agree(block)
            return "none"
        } catch let error as SMPClientError {
            #expect(talk.session.agreed == nil)
            switch error {
            case .unreachable: return "unreachable"
            case .identity: return "identity"
            case .incompatible: return "incompatible"
            case .garbage: return "garbage"
            case .timedOut: return "timed out"
            case .closed: return "closed"
            }
        }
    }

    @Test("What a relay can get wrong at first") func badHello() throws {
        #expect(try failure { try $0.hello(6...8) } == "incompatible")
        #expect(try failure { try $0.hello(19...20) } == "incompatible")
        #expect(try failure { try $0.hello(6...14, sessionID: run(3)) } == "identity")
        #expect(try failure { try $0.hello(6...14, signedBy: Ed25519PrivateKey()) } == "identity")
        #expect(try failure { _ in [UInt8](repeating: 255, count: SMP.blockSize) } == "garbage")
        #expect(try failure { _ in [UInt8](repeating: 0, count: SMP.blockSize) } == "garbage")
        #expect(try failure { _ in try WireWriter.pad([0, 9, 0, 14, 1, 5], to: SMP.blockSize) } == "identity")
        // A session key of small order, well signed.
        #expect(
            try failure { talk in
                let zero = try X25519PublicKey(raw: [UInt8](repeating: 0, count: 32))
                let hello = ServerHello(
                    versions: 6...14, sessionID: Talk.sessionID, chain: [],
                    signedKey: SignedKey.make(zero, leaf: talk.leaf))
                return try WireWriter.pad(hello.encoded(), to: SMP.blockSize)
            } == "garbage")
    }

    @Test("PING, byte for byte") func ping() throws {
        var talk = try Talk.open()
        let isTaken = try talk.submit(
            .ping, entity: [], authorization: Authorization.none, correlation: Talk.correlation)
        #expect(isTaken)
        #expect(
            talk.session.takeBlocks().map(digest) == [
                "2607d4505075a74d32381914e260e8b3a7bfbc720a9893db1cd907250868b4f3"
            ])
    }

    @Test(
        "SEND of 16 KB, byte for byte",
        arguments: [
            (14, "200af2e6f5fe3bbe5cae79d5d5822989701e257b2f343b7111f8c610dc486731"),
            (16, "12712a5628892f6847405e44e3de733e5a3556384351f3aeb21e53a99a427a62"),
        ] as [(UInt16, String)])
    func send(version: UInt16, expected: String) throws {
        var talk = try Talk.open(version)
        let body = (0..<16_043).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let isTaken = try talk.submit(.send(notify: true, body: body[...]), correlation: Talk.correlation)
        #expect(isTaken)
        #expect(talk.session.takeBlocks().map(digest) == [expected])
    }

    @Test("Only commands on different queues share a block") func batching() throws {
        var talk = try Talk.open()
        func send(_ count: Int) -> ClientCommand { .send(notify: true, body: [UInt8](repeating: 1, count: count)[...]) }
        let commands: [(ClientCommand, UInt8)] = [
            (.subscribe, 1), (.subscribe, 2), (.acknowledge(Talk.entity[...]), 3),  // together
            (.acknowledge(Talk.entity[...]), 1), (send(16_043), 4),  // the second one on queue 1, and a full one
            (send(16_043), 4), (.acknowledge(Talk.entity[...]), 1),
            (.secureBySender(.x25519(talk.queueKey.publicKey)), 5),  // alone
            (.ping, 6), (send(10), 7), (send(10), 7), (.delete, 7),
        ]
        for (command, queue) in commands {
            let isTaken = try talk.submit(command, entity: [queue])
            #expect(isTaken)
        }
        #expect(
            try talk.commands() == [
                ["SUB", "SUB", "ACK"], ["ACK", "SEND"], ["SEND", "ACK"], ["SKEY"], ["PING"], ["SEND"], ["SEND"],
                ["DEL"],
            ])
        #expect(try talk.commands() == [])
    }

    @Test("A client that keeps to a rate takes a smaller window", arguments: [2, 5, 128, 200] as [UInt16])
    func smallerWindow(messages: UInt16) throws {
        var talk = try Talk(window: messages)
        let hello = ServerHello(
            versions: 6...14, sessionID: Talk.sessionID, chain: [[1], [2]],
            signedKey: SignedKey.make(talk.serverKey.publicKey, leaf: talk.leaf),
            tail: Array("SXFW".utf8) + [3, 0, 128, 1])
        let answer = try talk.agree(try WireWriter.pad(hello.encoded(), to: SMP.blockSize))
        let agreed = min(messages, 128)
        #expect(talk.session.agreed?.window == Int(agreed))
        let tail = try ClientHello(try WireReader.unpad(answer[...])).tail
        #expect(DeliveryWindow(tail: tail)?.messages == agreed)
    }

    /// sxfile-protocol(7), DELIVERY WINDOW: flag 1.
    private func binding(_ flags: UInt8) throws -> Talk {
        var talk = try Talk()
        let hello = ServerHello(
            versions: 6...14, sessionID: Talk.sessionID, chain: [[1], [2]],
            signedKey: SignedKey.make(talk.serverKey.publicKey, leaf: talk.leaf),
            tail: Array("SXFW".utf8) + [3, 0, 128, flags])
        _ = try talk.agree(try WireWriter.pad(hello.encoded(), to: SMP.blockSize))
        return talk
    }

    private func authorizations(_ talk: inout Talk) throws -> [Int] {
        try talk.session.takeBlocks().flatMap { block in
            try BlockBody.decode(try talk.relay.open(block)).map {
                try Transmission($0, version: 14).authorization.count
            }
        }
    }

    @Test("One authorized command binds a queue, if the relay says so", arguments: [0, 1, 2, 0xff] as [UInt8])
    func bound(flags: UInt8) throws {
        var talk = try binding(flags)
        let bare = flags & 1 == 1 ? 0 : 80
        let id = run(5, 24)
        for (command, entity, expected) in [
            (.send(notify: true, body: [1]), 1, 80), (.send(notify: true, body: [1]), 1, bare),
            (.subscribe, 2, 80), (.acknowledge(id[...]), 2, bare), (.subscribe, 2, 80),
            (.secureBySender(.x25519(talk.queueKey.publicKey)), 3, 80), (.send(notify: true, body: [1]), 3, 80),
            (.delete, 2, 80), (.acknowledge(id[...]), 4, 80), (.acknowledge(id[...]), 4, bare),
        ] as [(ClientCommand, UInt8, Int)] {
            let isTaken = try talk.submit(command, entity: [entity])
            #expect(isTaken)
            #expect(try authorizations(&talk) == [expected])
        }
    }

    @Test("What the relay does not take for authorized is authorized again") func unbound() throws {
        var talk = try binding(1)
        let send = ClientCommand.send(notify: true, body: [1])
        for (text, expected) in [("OK", 80), ("ERR QUOTA", 0), ("ERR AUTH", 0), ("OK", 80), ("OK", 0)] {
            let id = SecureRandom.bytes(24)
            _ = try talk.submit(send, correlation: id)
            #expect(try authorizations(&talk) == [expected])
            _ = try talk.hear([(text, id, Talk.entity)])
        }
        // A queue that is not secured takes no authorization at all, and none binds it.
        for _ in 0..<2 { _ = try talk.submit(send, entity: [9], authorization: Authorization.none) }
        _ = try talk.submit(send, entity: [9])
        #expect(try authorizations(&talk) == [0, 0, 80])
    }

    @Test("The last acknowledgement of a queue waits for others, and its answer for the relay's")
    func lateAcknowledgements() throws {
        var talk = try binding(0)
        func deliver(_ number: UInt8) throws -> [String] {
            try talk.hear([("MSG \u{1}\(Character(UnicodeScalar(number)))x", [], Talk.entity)])
        }
        func acknowledge(_ number: UInt8) throws {
            let isTaken = try talk.submit(.acknowledge([number]), ticket: Int(number))
            #expect(isTaken)
        }
        func answered() -> [Int] {
            talk.session.takeLocal().compactMap { event in
                if case .answer(let ticket?, .ok) = event { ticket } else { nil }
            }
        }
        #expect(try deliver(1) == ["push 1 x"])
        try acknowledge(1)
        #expect(try talk.commands() == [] && talk.session.hasLate)
        #expect(answered() == [])
        // The next one is acknowledged in its place.
        #expect(try deliver(2) == ["push 1 x"])
        try acknowledge(2)
        #expect(answered() == [1])
        talk.session.writeLate(now: .uptimeNanoseconds(0))
        #expect(try talk.commands() == [["ACK"]])
        #expect(!talk.session.hasLate && answered() == [])
        // A new subscription does not overtake it, and an end of the connection forgets nobody.
        #expect(try deliver(3) == ["push 1 x"])
        try acknowledge(3)
        _ = try talk.submit(.subscribe, ticket: 9)
        #expect(try talk.commands() == [["ACK"], ["SUB"]])
        #expect(try deliver(4) == ["push 1 x"])
        try acknowledge(4)
        #expect(talk.session.close().sorted() == [2, 3, 4, 9])
    }

    @Test("A thousand subscriptions take a few blocks") func manySubscriptions() throws {
        var talk = try Talk.open()
        for number in 0..<1000 {
            let isTaken = try talk.submit(.subscribe, entity: [UInt8(number / 250), UInt8(number % 250)])
            #expect(isTaken)
        }
        let blocks = try talk.commands()
        #expect(blocks.joined().count == 1000)
        #expect(blocks.count < 12)
    }

    @Test("A body longer than the relay takes is not sent", arguments: [(9, 16_064), (14, 16_048)] as [(UInt16, Int)])
    func tooLong(version: UInt16, limit: Int) throws {
        var talk = try Talk.open(version)
        let body = [UInt8](repeating: 1, count: limit + 1)
        let longer = try talk.submit(.send(notify: true, body: body[...]))
        #expect(!longer)
        let longest = try talk.submit(.send(notify: true, body: body.dropLast()))
        #expect(longest)
        #expect(try talk.commands() == [["SEND"]])
    }

    @Test("Answers find their commands, in any order") func answers() throws {
        var talk = try Talk.open()
        let ids = (0..<3).map { run(UInt8($0 * 24), 24) }
        for (ticket, id) in ids.enumerated() {
            _ = try talk.submit(.send(notify: true, body: []), entity: [UInt8(ticket)], ticket: ticket, correlation: id)
        }
        #expect(
            try talk.hear([("ERR QUOTA", ids[2], [2]), ("OK", ids[0], [0]), ("OK", ids[0], [0])])
                == ["2 ERR QUOTA", "0 OK"])
        // An error about a transmission that could not be read names no queue.
        #expect(try talk.hear([("ERR CMD SYNTAX", ids[1], [])]) == ["1 ERR CMD SYNTAX"])
        #expect(talk.session.close().isEmpty)
    }

    @Test("A MSG that answers SUB or ACK is a delivery; one that answers GET is not") func deliveries() throws {
        var talk = try Talk.open()
        let ids = (0..<3).map { run(UInt8($0 * 24), 24) }
        let commands: [ClientCommand] = [.subscribe, .acknowledge([1]), .get]
        for (ticket, command) in commands.enumerated() {
            _ = try talk.submit(command, ticket: ticket, correlation: ids[ticket])
        }
        let heard = try talk.hear(ids.map { (messageText, $0, Talk.entity) } + [(messageText, [], Talk.entity)])
        #expect(heard == ["push 3 body", "0 MSG", "push 3 body", "1 MSG", "2 MSG", "push 3 body"])
    }

    @Test("Pushes, and words of later versions") func pushes() throws {
        var talk = try Talk.open(18)
        let heard = try talk.hear(
            ["END", "DELD", "NMSG something", messageText, "OK"].map { ($0, [], Talk.entity) }
                + [("OK", run(9, 24), Talk.entity)])
        #expect(heard == ["push END", "push DELD", "push 3 body"])
    }

    @Test(
        "What ends the connection",
        arguments: [("OK", true, false), ("MSG", true, true), ("WHAT", true, true), ("ERR BLOCK", false, false)])
    func violations(text: String, isAnswer: Bool, isRightQueue: Bool) throws {
        var talk = try Talk.open()
        _ = try talk.submit(.subscribe, correlation: Talk.correlation)
        #expect {
            try talk.hear([(text, isAnswer ? Talk.correlation : [], isRightQueue ? Talk.entity : [7])])
        } throws: {
            guard case .garbage = $0 as? SMPClientError else { return false }
            return true
        }
    }

    @Test("Altered blocks are not trusted, malformed ones not understood") func badBlocks() throws {
        var talk = try Talk.open()
        #expect {
            try talk.session.receive([UInt8](repeating: 3, count: SMP.blockSize), now: .uptimeNanoseconds(0))
        } throws: {
            guard case .identity = $0 as? SMPClientError else { return false }
            return true
        }
        let block = try talk.relay.seal([0])
        #expect {
            try talk.session.receive(block, now: .uptimeNanoseconds(0))
        } throws: {
            guard case .garbage = $0 as? SMPClientError else { return false }
            return true
        }
    }

    private func time(_ seconds: UInt64) -> NIODeadline { .uptimeNanoseconds(seconds * 1_000_000_000) }

    @Test("A command without an answer") func overdue() throws {
        var talk = try Talk.open(timeouts: .init(command: .seconds(10), silence: .seconds(100)))
        _ = try talk.submit(.subscribe, seconds: 5)
        #expect(talk.session.due(time(14)) == .nothing(until: time(15)))
        #expect(talk.session.due(time(15)) == .overdue("SUB"))
    }

    @Test("Answers to others put a command's deadline off, but not for ever") func patience() throws {
        var talk = try Talk.open(timeouts: .init(command: .seconds(10), silence: .seconds(100)))
        _ = try talk.submit(.acknowledge([1]), ticket: 0)
        for number in 1..<20 as Range<UInt64> {
            let id = run(UInt8(number), 24)
            _ = try talk.submit(.send(notify: true, body: []), entity: [9], seconds: number * 5 - 5, correlation: id)
            _ = try talk.hear([("OK", id, [9])], seconds: number * 5 - 1)
            let expected = min(number * 5 + 9, 80)
            #expect(
                talk.session.due(time(number * 5))
                    == (number * 5 < 80 ? .nothing(until: time(expected)) : .overdue("ACK")))
        }
        // Pushes are no answers.
        var other = try Talk.open(timeouts: .init(command: .seconds(10), silence: .seconds(100)))
        _ = try other.submit(.subscribe)
        _ = try other.hear([("END", [], Talk.entity)], seconds: 9)
        #expect(other.session.due(time(10)) == .overdue("SUB"))
    }

    @Test("Silence is asked about, once") func silence() throws {
        var talk = try Talk.open(timeouts: .init(command: .seconds(10), silence: .seconds(100)))
        #expect(talk.session.due(time(99)) == .nothing(until: time(100)))
        #expect(talk.session.due(time(100)) == .ping)
        _ = try talk.submit(
            .ping, entity: [], authorization: Authorization.none, ticket: nil, seconds: 100,
            correlation: Talk.correlation)
        #expect(talk.session.due(time(100)) == .nothing(until: time(110)))
        #expect(try talk.hear([("PONG", Talk.correlation, [])], seconds: 101) == ["own PONG"])
        #expect(talk.session.due(time(110)) == .nothing(until: time(201)))
        _ = try talk.hear([("END", [], Talk.entity)], seconds: 150)
        #expect(talk.session.due(time(201)) == .nothing(until: time(250)))
    }

    @Test("Closing gives back what has no answer") func close() throws {
        var talk = try Talk.open()
        for ticket in 0..<3 { _ = try talk.submit(.subscribe, entity: [UInt8(ticket)], ticket: ticket) }
        _ = try talk.submit(.ping, entity: [], authorization: Authorization.none, ticket: nil)
        #expect(talk.session.close().sorted() == [0, 1, 2])
        #expect(talk.session.close().isEmpty)
        #expect(throws: SMPClientError.self) { try talk.submit(.subscribe) }
        #expect(throws: SMPClientError.self) { try talk.hear([("OK", [1], [])]) }
    }
}
