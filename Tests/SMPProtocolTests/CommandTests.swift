import Primitives
import SMPProtocol
import Testing
import WireFormat

@Suite("Commands and answers") struct CommandTests {
    private static let keys: String = "2c" + Fixture.leafSPKI + "2c" + Fixture.clientSPKI

    private static func new(_ password: String? = nil, subscribe: Bool = true, isSenderSecured: Bool = true)
        -> ClientCommand
    {
        .new(
            .init(
                recipientKey: .ed25519(Fixture.leaf.publicKey), agreementKey: Fixture.client.publicKey,
                password: password, subscribe: subscribe, isSenderSecured: isSenderSecured))
    }

    @Test(
        "NEW, byte for byte",
        arguments: [
            (new(), 8, "S"), (new("pw"), 8, "A\u{2}pwS"), (new(), 9, "0ST"), (new(), 14, "0ST"),
            (new("pw"), 9, "1\u{2}pwST"), (new(subscribe: false, isSenderSecured: false), 14, "0CF"),
            (new(), 15, "0S1M0"), (new(), 16, "0S1M0"), (new(), 17, "0S1M00"), (new(), 18, "0S1M00"),
            (new("pw"), 18, "1\u{2}pwS1M00"), (new(isSenderSecured: false), 18, "0S1C00"),
            (new(subscribe: false), 15, "0C1M0"),
        ] as [(ClientCommand, UInt16, String)])
    func newQueue(command: ClientCommand, version: UInt16, end: String) throws {
        #expect(Fixture.command(command, version) == ascii("NEW ") + Self.keys + ascii(end))
        // What our relay speaks it reads back.
        if (9...14).contains(version) {
            #expect(try ClientCommand(bytes(ascii("NEW ") + Self.keys + ascii(end))) == command)
        }
    }

    static let commands: [(ClientCommand, String)] = [
        (.subscribe, ascii("SUB")), (.get, ascii("GET")), (.suspend, ascii("OFF")), (.delete, ascii("DEL")),
        (.ping, ascii("PING")),
        (.secure(.ed25519(Fixture.leaf.publicKey)), ascii("KEY ") + "2c" + Fixture.leafSPKI),
        (.secure(.x25519(Fixture.queue.publicKey)), ascii("KEY ") + "2c" + Fixture.queueSPKI),
        (.secureBySender(.ed25519(Fixture.leaf.publicKey)), ascii("SKEY ") + "2c" + Fixture.leafSPKI),
        (.acknowledge(Fixture.correlation[...]), ascii("ACK ") + "18" + Fixture.correlationHex),
        (.send(notify: true, body: [1, 2]), ascii("SEND T ") + "0102"),
        (.send(notify: false, body: []), ascii("SEND F ")), (.forwarded([9, 8]), ascii("RFWD ") + "0908"),
    ]

    @Test("The other commands are the same in all versions", arguments: commands)
    func otherCommands(command: ClientCommand, hex: String) throws {
        for version in SMP.clientVersions { #expect(Fixture.command(command, version) == hex) }
        #expect(try ClientCommand(bytes(hex)) == command)
    }

    @Test(
        "What is no command",
        arguments: [
            ("", ClientCommand.CommandSyntax.unknown), ("XYZ", .unknown), ("sub", .unknown), ("LGET", .unknown),
            ("SUB ", .syntax), ("SUBx", .syntax), ("PING\0", .syntax), ("SEND X body", .syntax), ("SEND T", .syntax),
            ("SEND Tx", .syntax), ("ACK ", .syntax), ("ACK \u{2}a", .syntax), ("ACK \u{1}ab", .syntax),
            ("KEY \u{1}a", .syntax), ("SKEY ", .syntax), ("NEW ", .syntax), ("SEND", .unknown), ("ACK", .unknown),
        ] as [(String, ClientCommand.CommandSyntax)])
    func rejected(text: String, error: ClientCommand.CommandSyntax) {
        #expect(throws: error) { try ClientCommand(Array(text.utf8)[...]) }
    }

    @Test("NEW is refused at every cut and with more behind it") func newRejected() throws {
        let good = Array(bytes(ascii("NEW ") + Self.keys + ascii("1\u{2}pwST")))
        for count in 4..<good.count {
            #expect(throws: ClientCommand.CommandSyntax.syntax, "\(count)") { try ClientCommand(good.prefix(count)) }
        }
        #expect(throws: ClientCommand.CommandSyntax.syntax) { try ClientCommand((good + [0])[...]) }
        var mode = good
        mode[mode.count - 2] = UInt8(ascii: "X")
        #expect(throws: ClientCommand.CommandSyntax.syntax) { try ClientCommand(mode[...]) }
        // A password that is not UTF-8 would print longer than its length field says.
        var password = good
        password[password.count - 3] = 0xff
        #expect(throws: ClientCommand.CommandSyntax.syntax) { try ClientCommand(password[...]) }
    }

    private static let ids: ServerResponse = ServerResponse.ids(
        .init(
            recipientID: Fixture.correlation, senderID: Fixture.entity, serverKey: Fixture.server.publicKey,
            isSenderSecured: true))
    private static let idsHex: String =
        ascii("IDS ") + "18" + Fixture.correlationHex + "18" + Fixture.entityHex + "2c" + Fixture.serverSPKI

    @Test(
        "IDS in every version",
        arguments: [
            (9, "T"), (14, "T"), (15, "1M0"), (15, "1M1\u{2}ab"), (16, "1M00"), (16, "1M01\u{1}s"), (17, "1M000"),
            (18, "1M000"), (18, "1M01\u{1}s1\u{1}n\u{1}k"),
        ] as [(UInt16, String)])
    func queueIDs(version: UInt16, end: String) throws {
        let hex = Self.idsHex + ascii(end)
        #expect(try ServerResponse(bytes(hex), version: version) == Self.ids)
        let count = hex.count / 2
        for cut in 1..<(version < 17 ? count : count - end.utf8.count + 2) {
            #expect(throws: SMPProtocolError.self, "\(cut)") {
                try ServerResponse(bytes(hex).prefix(cut), version: version)
            }
        }
    }

    @Test("A queue that the sender does not secure") func contactQueue() throws {
        for (version, end) in [(9, "F"), (15, "1C0"), (16, "000"), (18, "1C000")] as [(UInt16, String)] {
            guard case .ids(let ids) = try ServerResponse(bytes(Self.idsHex + ascii(end)), version: version) else {
                Issue.record("not IDS")
                continue
            }
            #expect(!ids.isSenderSecured)
        }
    }

    static let responses: [(ServerResponse, String)] = [
        (ids, idsHex + ascii("T")), (.ok, ascii("OK")), (.subscribed, ascii("SOK 0")), (.end, ascii("END")),
        (.deleted, ascii("DELD")), (.pong, ascii("PONG")),
        (.message(id: Fixture.correlation, body: [1, 2]), ascii("MSG ") + "18" + Fixture.correlationHex + "0102"),
        (.forwarded([3]), ascii("RRES ") + "03"), (.error(.auth), ascii("ERR AUTH")),
        (.error(.command(.noEntity)), ascii("ERR CMD NO_ENTITY")),
    ]

    @Test("Answers of our relay, byte for byte", arguments: responses)
    func answers(response: ServerResponse, hex: String) throws {
        var writer = WireWriter()
        response.write(&writer)
        #expect(Hex.encode(writer.bytes) == hex)
        for version in SMP.relayVersions { #expect(try ServerResponse(bytes(hex), version: version) == response) }
    }

    @Test("SOK names a service or none") func subscribed() throws {
        #expect(try ServerResponse(bytes(ascii("SOK 1\u{3}abc")), version: 18) == .subscribed)
        #expect(throws: SMPProtocolError.self) { try ServerResponse(bytes(ascii("SOK ")), version: 18) }
    }

    @Test("What is no answer", arguments: ["", "NO", "OKAY", "OK ", "MSG ", "MSG \u{3}ab", "IDS ", "ERROR", "MS"])
    func notAnswers(text: String) {
        #expect(throws: SMPProtocolError.self) { try ServerResponse(Array(text.utf8)[...], version: 14) }
    }

    static let errors: [(SMPServerError, String)] = [
        (.block, "BLOCK"), (.session, "SESSION"), (.command(.unknown), "CMD UNKNOWN"),
        (.command(.syntax), "CMD SYNTAX"),
        (.command(.prohibited), "CMD PROHIBITED"), (.command(.noAuth), "CMD NO_AUTH"),
        (.command(.hasAuth), "CMD HAS_AUTH"), (.command(.noEntity), "CMD NO_ENTITY"),
        (.proxy("BROKER TIMEOUT"), "PROXY BROKER TIMEOUT"),
        (.proxy(""), "PROXY"), (.auth, "AUTH"), (.blocked("reason=spam"), "BLOCKED reason=spam"), (.service, "SERVICE"),
        (.crypto, "CRYPTO"), (.quota, "QUOTA"), (.store("no file"), "STORE no file"), (.store(""), "STORE"),
        (.expired, "EXPIRED"), (.noMessage, "NO_MSG"), (.largeMessage, "LARGE_MSG"), (.internal, "INTERNAL"),
        (.unknown("DUPLICATE_"), "DUPLICATE_"), (.unknown("CMD NEW_WORD"), "CMD NEW_WORD"), (.unknown(""), ""),
    ]

    @Test("Every error reads and prints", arguments: errors)
    func eachError(error: SMPServerError, text: String) throws {
        #expect(error.text == text)
        #expect(SMPServerError(text: text) == error)
        #expect(try ServerResponse(bytes(ascii("ERR " + text)), version: 14) == .error(error))
    }

    @Test("The longest messages by version") func messageSizes() {
        #expect(
            [6, 7, 8, 10, 11, 18].map { SMP.maximumMessageSize($0) } == [
                16_088, 16_088, 16_064, 16_064, 16_048, 16_048,
            ])
    }
}
