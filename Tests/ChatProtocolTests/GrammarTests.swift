import ChatProtocol
import Testing

@Suite struct GrammarTests {
    @Test(arguments: seedVectors) func seedExamplesPrintBack(_ vector: Vector) throws {
        let message = try ChatMessage(parsing: vector.bytes)
        #expect(message.encoded() == vector.bytes)
        #expect(message.ending == vector.ending)
        #expect(message.parts.map { $0.body.map(Array.init) } == vector.bodies)
        // The form we send has neither the space too many nor the missing one, and says the same.
        let exact = try ChatMessage(
            id: message.id, event: message.event, parameters: message.parameters, parts: message.parts)
        let reparsed = try ChatMessage(parsing: exact.encoded())
        #expect(reparsed == exact && reparsed.ending == .exact)
        #expect(reparsed.parts == message.parts && reparsed.parameters == message.parameters)
    }

    @Test(arguments: seedVectors) func bodiesShareTheInput(_ vector: Vector) throws {
        let slice = ([1, 2, 3] + vector.bytes)[3...]
        let message = try ChatMessage(parsing: slice)
        #expect(message.encoded() == vector.bytes)
        for body in message.parts.compactMap(\.body) {
            #expect(slice.indices.contains(body.startIndex) || body.isEmpty)
        }
    }

    @Test func endings() throws {
        let accepted: [(String, ChatMessage.Ending)] = [
            (" x.ok", .missingSpaces(2)), (" x.ok ", .missingSpaces(1)), (" x.ok  ", .exact),
            (" x.ok   ", .extraSpace), (" x.a b", .missingSpaces(1)), (" x.a b ", .exact), (" x.a b  ", .extraSpace),
            (" x.a  c.b:5", .exact), (" x.a  c.b:5 ", .extraSpace), (" x.a  c.b:0", .exact), (" x.a  c.b:0 ", .exact),
            (" x.a  c.b:0  ", .extraSpace), (" x.a  c.b:1,c.d:2 1", .exact), (" x.a  c.b:1,c.d:2 1 ", .extraSpace),
            (" x.a  c.b:1,c.d:0 1 ", .exact), (" x.a  c.b:1,c.d:2 1 22", .exact),
            (" x.a  c.b:1,c.d:2 1 22 ", .extraSpace),
        ]
        for (text, ending) in accepted {
            #expect(refusal(text) == nil, "\(text)")
            #expect(try ChatMessage(parsing: ascii(text)).ending == ending, "\(text)")
        }
        for text in [" x.ok    ", " x.a b   ", " x.a  c.b:0   ", " x.a  c.b:1 1  ", " x.a b  c", " x.a  c.b:1 1x"] {
            #expect(refusal(text) == .trailingBytes(offset: text.utf8.count - 1), "\(text)")
        }
    }

    @Test func announcedPartsHaveNoBody() throws {
        let some = try ChatMessage(parsing: ascii(" x.a  c.b:1,c.d:0,c.e:9 1 "))
        #expect(some.parts.map { $0.body.map(Array.init) } == [[0x31], [], nil])
        let none = try ChatMessage(parsing: ascii(" x.a  c.b:0,c.e:9"))
        #expect(none.parts.map(\.body) == [nil, nil])
        #expect(none.parts.map(\.size) == [0, 9])
    }

    @Test func messageID() throws {
        for (text, id) in [(" x.a  ", nil), ("0 x.a  ", 0), ("7 x.a  ", 7), ("9223372036854775807 x.a  ", Int64.max)]
            as [(String, Int64?)]
        {
            #expect(refusal(text) == nil)
            #expect(try ChatMessage(parsing: ascii(text)).id == id)
        }
        let padded = try ChatMessage(parsing: ascii("0070 x.a  "))
        #expect(padded.id == 70 && padded.encoded() == ascii("0070 x.a  "))
        let zeros = try ChatMessage(parsing: ascii("000 x.a  "))
        #expect(zeros.id == 0 && zeros.encoded() == ascii("000 x.a  "))
        #expect(refusal("9223372036854775808 x.a  ") == .numberTooLarge(.messageID, offset: 0))
        #expect(refusal("99999999999999999999999 x.a  ") == .numberTooLarge(.messageID, offset: 0))
        for (text, offset) in [("", 0), ("x.a  ", 0), ("-1 x.a  ", 0), ("+1 x.a  ", 0), ("1", 1), ("1a x.a  ", 1)] {
            #expect(refusal(text) == .malformed(.messageID, offset: offset), "\(text)")
        }
    }

    @Test func eventName() throws {
        for name in ["x.a", "x.msg.new", "app.b", "X.Y.Z", "x.grp.mem.direct.inv"] {
            #expect(refusal(" \(name)  ") == nil)
            #expect(try ChatEvent(parsing: ascii(" \(name.lowercased()).zz  ")[...]).name == "\(name.lowercased()).zz")
        }
        for name in ["", "x", "x.", ".a", "x..a", "x.a.", "x.a1", "1.a", "x.a-b", "x.ä", "x.a,b", "x.a\0"] {
            guard case .malformed(.event, _) = refusal(" \(name)  ") else {
                Issue.record("\(name) is taken for an event")
                continue
            }
        }
        #expect(refusal("  x.a  ") == .malformed(.event, offset: 1))
    }

    @Test func parameters() throws {
        let all = String(decoding: (0x21...0x7E).filter { $0 != 0x2C } as [UInt8], as: UTF8.self)
        let message = try ChatMessage(parsing: ascii(" x.a \(all),b,%20 "))
        #expect(message.parameters == [all, "b", "%20"] && message.encoded() == ascii(" x.a \(all),b,%20 "))
        for (text, offset) in [
            (" x.a , ", 5), (" x.a a, ", 7), (" x.a ,a ", 5), (" x.a a,,b ", 7), (" x.a a\u{7F} ", 6), (" x.a \0 ", 5),
            (" x.a a\tb ", 6), (" x.a é ", 5), (" x.a a\n", 6),
        ] { #expect(refusal(text) == .malformed(.parameter, offset: offset), "\(text)") }
    }

    @Test func contentTypes() throws {
        for type in [
            "x.text", "c.js", "c.json", "x.a.b.c", "app.thing", "i.image/jpg", "i.image/svg+xml", "m.text/plain",
            "i.application/vnd.ms-excel", "m.x/1!#$&-^_.+", "z.unknown.kind",
        ] {
            #expect(refusal(" x.a  \(type):2 ab") == nil, "\(type)")
            #expect(ContentType(type)?.text == type)
        }
        #expect(ContentType("i.image/png")?.mime == "image/png" && ContentType("x.text")?.mime == nil)
        #expect(ContentType("app.b.c")?.namespace == "app")
        for type in [
            "text", "x.", ".text", "x..a", "x.a.", "x.a1", "x.a/b", "i.image", "i.image/", "i./png", "i.image/.png",
            "m.text/plain;charset=utf-8", "1.a", "i.a/b/c", "c.mp3", "i.\(String(repeating: "a", count: 128))/b",
        ] {
            guard let error = refusal(" x.a  \(type):2 ab") else {
                Issue.record("\(type) is taken for a content type")
                continue
            }
            switch error {
            case .malformed(.contentType, _), .malformed(.contentSize, _): break
            default: Issue.record("\(type): \(error)")
            }
            #expect(ContentType(type) == nil)
        }
        #expect(refusal(" x.a  c.a:1,,c.b:1 1 2") == .malformed(.contentType, offset: 12))
        #expect(refusal(" x.a  c.a:1, 1") == .malformed(.contentType, offset: 12))
        #expect(refusal(" x.a  c.a:1;") == .malformed(.contentParts, offset: 11))
    }

    @Test func contentSizes() throws {
        let padded = try ChatMessage(parsing: ascii(" x.a  c.a:005 hello"))
        #expect(padded.parts[0].size == 5 && padded.encoded() == ascii(" x.a  c.a:005 hello"))
        for text in [" x.a  c.a", " x.a  c.a:", " x.a  c.a:x a", " x.a  c.a:-1 a", " x.a  c.a 1"] {
            guard case .malformed(.contentSize, _) = refusal(text) else {
                Issue.record("\(text): \(String(describing: refusal(text)))")
                continue
            }
        }
        #expect(refusal(" x.a  c.a:9223372036854775808 a") == .numberTooLarge(.contentSize, offset: 10))
    }

    @Test func contentHashes() throws {
        let good = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        let message = try ChatMessage(parsing: ascii(" x.a  x.file:3:\(good),c.b:1 abc d"))
        #expect(message.encoded() == ascii(" x.a  x.file:3:\(good),c.b:1 abc d"))
        #expect(message.parts[0].description.hash?.count == 32 && message.parts[1].description.hash == nil)
        for bad in [
            "", "47DE", String(good.dropLast()), good + "=", good.replacing("+", with: "-"), "A" + good,
            // Bits that would be lost: another spelling of the same hash.
            String(good.dropLast(2)) + "V=", "====", String(repeating: "A", count: 44),
        ] {
            #expect(refusal(" x.a  x.file:3:\(bad) abc") == .malformed(.contentHash, offset: 15), "\(bad)")
        }
    }

    @Test func hashesOfBodies() throws {
        // Not SHA-256; the digest is the caller's.
        func digest(_ bytes: ArraySlice<UInt8>) -> [UInt8] { [UInt8](repeating: bytes.reduce(0, ^), count: 32) }
        let message = try ChatMessage(parsing: ascii(" x.a  c.a:1,c.b:2,c.c:9 1 22")).hashed(by: digest)
        #expect(message.damagedPart(by: digest) == nil)
        #expect(message.parts.map { $0.description.hash == nil } == [false, false, true])
        var bytes = message.encoded()
        bytes[bytes.count - 1] ^= 1
        #expect(try ChatMessage(parsing: bytes).damagedPart(by: digest) == 2)
    }

    @Test func ownMessagesAreChecked() {
        #expect(throws: ChatProtocolError.self) { try ChatMessage(event: "x") }
        #expect(throws: ChatProtocolError.self) { try ChatMessage(event: "x.a1") }
        #expect(throws: ChatProtocolError.self) { try ChatMessage(event: "x.a", parameters: [""]) }
        #expect(throws: ChatProtocolError.self) { try ChatMessage(event: "x.a", parameters: ["a b"]) }
        #expect(throws: ChatProtocolError.headerTooLong(limit: ChatLimits.header)) {
            try ChatMessage(event: "x.a", parameters: [String(repeating: "a", count: ChatLimits.header)])
        }
        #expect(throws: ChatProtocolError.tooMany(.parameter, limit: ChatLimits.parameters)) {
            try ChatMessage(event: "x.a", parameters: Array(repeating: "a", count: ChatLimits.parameters + 1))
        }
    }

    @Test func parents() throws {
        let two = binary(64)
        let parents = try #require(MessageParent.list(two[...]))
        #expect(parents.count == 2 && MessageParent.encode(parents) == two)
        #expect(parents[1].member.bytes == Array(two[32..<40]) && parents[1].hash == Array(two[48..<64]))
        #expect(MessageParent.list(binary(16)[...]) == nil && MessageParent.list([][...]) == [])
        // Anywhere among the parts; a body of another length is opaque.
        let message = try ChatMessage(
            parsing: ascii(" x.a  x.text:1,x.dag:16,x.dag:64 a ") + binary(16) + [0x20] + two)
        #expect(message.parents == parents)
        let own = try ChatEvent.newMessage(NewMessage(text: "hello")).message(id: 3, parents: parents)
        #expect(own.encoded().starts(with: ascii("3 x.msg.new c.text x.dag:64,x.text:5 ")))
        #expect(own.parents == parents)
    }
}
