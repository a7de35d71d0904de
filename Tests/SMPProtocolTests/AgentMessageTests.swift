import Primitives
import SMPProtocol
import Testing
import WireFormat

@Suite("Agent messages") struct AgentMessageTests {
    /// Two X448 keys: 'D', SPKI of 68 bytes each.
    private static let x448: String = "44" + "3042300506032b656f033900" + String(repeating: "07", count: 56)
    private static let parameters: String = "0002" + x448 + x448
    private static let parameters3: String = "0003" + x448 + x448 + "30"
    private static let proposal: String = "0003" + x448 + x448 + "31" + ascii("P") + "0003" + "010203"
    private static let acceptance: String = "0003" + x448 + x448 + "31" + ascii("A") + "0001" + "09" + "0002" + "0807"

    static let envelopes: [(AgentEnvelope, String)] = [
        (.message(version: 7, encrypted: [1, 2]), "0007" + ascii("M") + "0102"),
        (.confirmation(version: 7, parameters: nil, encrypted: [1]), "0007" + ascii("C0") + "01"),
        (
            .confirmation(version: 7, parameters: bytes(parameters), encrypted: [1]),
            "0007" + ascii("C1") + parameters + "01"
        ),
        (
            .confirmation(version: 5, parameters: bytes(parameters3), encrypted: [1]),
            "0005" + ascii("C1") + parameters3 + "01"
        ),
        (
            .confirmation(version: 7, parameters: bytes(proposal), encrypted: [1]),
            "0007" + ascii("C1") + proposal + "01"
        ),
        (.confirmation(version: 7, parameters: bytes(acceptance), encrypted: []), "0007" + ascii("C1") + acceptance),
        (
            .invitation(version: 7, link: "simplex:/x", info: [5]),
            "0007" + ascii("I") + "000a" + ascii("simplex:/x") + "05"
        ),
        (.ratchetKey(version: 7, parameters: bytes(parameters), info: [6]), "0007" + ascii("R") + parameters + "06"),
    ]

    @Test("Envelopes, byte for byte", arguments: envelopes)
    func envelope(envelope: AgentEnvelope, hex: String) throws {
        #expect(Hex.encode(envelope.encoded()) == hex)
        #expect(try AgentEnvelope(bytes(hex)) == envelope)
    }

    @Test(
        "What is no envelope",
        arguments: [
            "", "00", "0007", "000758", "000743", "00074332", "0007430131", "000749", "00074900ff", "0007520002",
            "0007430100034401", "00074301" + "0003" + x448 + x448 + "3158", "00074301" + "0003" + x448 + x448 + "3141",
            // A link that is not UTF-8 would print longer than its length field says.
            "00074900027fff",
        ])
    func notEnvelope(hex: String) {
        #expect(throws: SMPProtocolError.self) { try AgentEnvelope(bytes(hex)) }
    }

    private static let server = SMPServer(fingerprint: Fixture.run(0), hosts: ["a.b", "c"], port: nil)
    private static let serverHex: String =
        "02" + "03" + ascii("a.b") + "01" + ascii("c") + "00" + "20" + Hex.encode(Fixture.run(0))
    private static let address = QueueAddress(server: server, senderID: Fixture.entity)
    private static let addressHex: String = serverHex + "18" + Fixture.entityHex

    private static func info(_ version: UInt16, _ isSenderSecured: Bool) -> SMPQueueInfo {
        SMPQueueInfo(
            version: version, address: address, key: Fixture.client.publicKey, isSenderSecured: isSenderSecured)
    }
    private static func infoHex(_ version: UInt16, _ mode: String) -> String {
        "000\(version)" + addressHex + "2c" + Fixture.clientSPKI + ascii(mode)
    }

    @Test(
        "A queue for the answer, byte for byte",
        arguments: [
            (info(4, true), infoHex(4, "M")), (info(4, false), infoHex(4, "C")), (info(3, true), infoHex(3, "T")),
            (info(3, false), infoHex(3, "")), (info(2, false), infoHex(2, "")),
        ])
    func queueInfo(info: SMPQueueInfo, hex: String) throws {
        var writer = WireWriter()
        info.write(&writer)
        #expect(Hex.encode(writer.bytes) == hex)
        var reader = WireReader(bytes(hex))
        #expect(try SMPQueueInfo(&reader) == info)
        #expect(reader.isAtEnd)
    }

    @Test("The mode's byte is taken if it can be one") func greedyMode() throws {
        for (version, mode, isSecured, rest) in [
            (3, "M", true, 0), (3, "F", false, 0), (3, "x", false, 1), (4, "T", true, 0), (4, "F", false, 0),
            (4, "", false, 0), (4, "x", false, 1), (2, "M", false, 1), (2, "T", false, 1), (4, "MT", true, 1),
        ] as [(UInt16, String, Bool, Int)] {
            var reader = WireReader(bytes(Self.infoHex(version, mode)))
            #expect(try SMPQueueInfo(&reader).isSenderSecured == isSecured, "\(version) \(mode)")
            #expect(reader.count == rest, "\(version) \(mode)")
        }
    }

    static let messages: [(AgentMessage, String)] = [
        (.confirmation(info: [1, 2]), ascii("I") + "0102"),
        (.confirmationWithQueues([info(4, true)], info: [9]), ascii("D") + "01" + infoHex(4, "M") + "09"),
        (
            .confirmationWithQueues([info(4, false), info(3, true)], info: []),
            ascii("D") + "02" + infoHex(4, "C") + infoHex(3, "T")
        ),
        (.ratchetInfo([7]), ascii("R") + "07"),
        (message(.hello), messageHex("H")), (message(.message([1])), messageHex("M") + "01"),
        (message(.message([])), messageHex("M")), (message(.receipts([1, 2])), messageHex("V") + "0102"),
        (message(.queueContinue(address)), messageHex("QC") + addressHex),
        (message(.rotation(kind: UInt8(ascii: "A"), [1])), messageHex("QA") + "01"),
        (message(.rotation(kind: UInt8(ascii: "T"), [])), messageHex("QT")),
        (message(.ready(lastID: -2)), messageHex("E") + "fffffffffffffffe"),
        (message(.unknown([UInt8(ascii: "Z"), 1])), messageHex("Z") + "01"),
    ]
    private static func message(_ content: AMessage) -> AgentMessage {
        .message(id: 0x0102_0304, previousHash: Fixture.run(3)[...], content)
    }
    private static func messageHex(_ letters: String) -> String {
        ascii("M") + "0000000001020304" + "20" + Hex.encode(Fixture.run(3)) + ascii(letters)
    }

    @Test("Messages, byte for byte", arguments: messages)
    func agentMessage(message: AgentMessage, hex: String) throws {
        #expect(Hex.encode(message.encoded()) == hex)
        #expect(try AgentMessage(bytes(hex)) == message)
    }

    @Test(
        "What is no message",
        arguments: [
            "", "58", "44", "4401", "4d", "4d00000000000000", "4d000000000000000120", messageHex("QC") + "01",
            messageHex("Q"), messageHex("E") + "00", ascii("D") + "01" + infoHex(4, "").dropLast(2),
        ])
    func notMessage(hex: String) {
        #expect(throws: SMPProtocolError.self) { try AgentMessage(bytes(hex)) }
    }

    @Test("Server addresses that are none, inside messages") func badServer() {
        let key = "20" + Hex.encode(Fixture.run(0))
        for hex in [
            "00" + "00" + key, "01" + "00" + "00" + key, "01" + "01" + ascii("/") + "00" + key,
            "01" + "01" + ascii("a") + "01" + ascii("x") + key, "01" + "01" + ascii("a") + "00" + "0101",
        ] {
            var reader = WireReader(bytes(hex))
            #expect(throws: SMPProtocolError.self) { try SMPServer(&reader) }
        }
    }
}
