import ChatProtocol
import Testing

@Suite struct HostileTests {
    /// A message cut anywhere is refused with an offset within it, or is a message that prints back.
    @Test(arguments: seedVectors) func truncatedAnywhere(_ vector: Vector) {
        let bytes = vector.bytes
        // Every cut in the head and at the borders of bodies; within long bodies, every 97th.
        let head = vector.head.utf8.count
        for count in 0..<bytes.count where count < head + 300 || count % 97 == 0 || count > bytes.count - 40 {
            let cut = Array(bytes[..<count])
            do {
                let message = try ChatMessage(parsing: cut)
                #expect(message.encoded() == cut)
                _ = try? ChatEvent(message)
            } catch {
                checkOffsets(error, count: count)
            }
            _ = FileChunk.parse(cut[...])
        }
    }

    private func checkOffsets(_ error: ChatProtocolError, count: Int) {
        switch error {
        case .malformed(_, let offset), .numberTooLarge(_, let offset), .trailingBytes(let offset):
            #expect(offset <= count)
        case .bodyIncomplete(_, let size, let available): #expect(Int64(available) < size && available <= count)
        case .messageTooLong, .headerTooLong, .tooMany, .missing, .invalid, .json: Issue.record("\(error)")
        }
    }

    @Test func exactlyTheseCutsAreMessages() {
        let text = "3 x.msg.new c.text x.text:5,c.b:3 hello abc "
        let accepted = (0...text.utf8.count).filter { refusal(Array(text.utf8.prefix($0))) == nil }
        let lengths = [
            "3 x.m", "3 x.ms", "3 x.msg", "3 x.msg.n", "3 x.msg.ne", "3 x.msg.new", "3 x.msg.new ", "3 x.msg.new c",
            "3 x.msg.new c.", "3 x.msg.new c.t", "3 x.msg.new c.te", "3 x.msg.new c.tex", "3 x.msg.new c.text",
            "3 x.msg.new c.text ", "3 x.msg.new c.text x.text:5", "3 x.msg.new c.text x.text:5,c.b:3",
            "3 x.msg.new c.text x.text:5,c.b:3 ", "3 x.msg.new c.text x.text:5,c.b:3 hello",
            "3 x.msg.new c.text x.text:5,c.b:3 hello ", "3 x.msg.new c.text x.text:5,c.b:3 hello abc", text,
        ]
        #expect(accepted == lengths.map(\.utf8.count))
    }

    @Test func lengthsBeyondTheMessage() {
        #expect(refusal(" x.a  c.a:6 hello") == .bodyIncomplete(part: 1, size: 6, available: 5))
        #expect(refusal(" x.a  c.a:1000000000 hello") == .bodyIncomplete(part: 1, size: 1_000_000_000, available: 5))
        #expect(
            refusal(" x.a  c.a:9223372036854775807 hello") == .bodyIncomplete(part: 1, size: .max, available: 5))
        #expect(
            refusal(" x.a  c.a:5,c.b:9223372036854775807 hello y") == .bodyIncomplete(part: 2, size: .max, available: 1)
        )
        #expect(refusal(" x.a  c.a:5,c.b:5 hello?world") == .malformed(.body, offset: 23))
    }

    @Test func aBillionParts() throws {
        // A number that says so is only a number …
        let claimed = try ChatEvent(parsing: ascii("6 x.msg.file 5,1.1000000000 x.file:1 a")[...])
        guard case .fileChunk(let chunk, _) = claimed else {
            Issue.record("\(claimed)")
            return
        }
        #expect(chunk.number == 1_000_000_000)
        let announced = try ChatEvent(parsing: ascii("6 x.msg.new c.file,x.file:1000000000000 x.text:1 a")[...])
        guard case .newMessage(let new) = announced else {
            Issue.record("\(announced)")
            return
        }
        #expect(try new.inlineFiles().map(\.description.size) == [1_000_000_000_000])
        // … and as many as fit into a message are refused at the limit.
        let many = " x.a  " + String(repeating: "c.a:0,", count: 100_000)
        #expect(refusal(many) == .tooMany(.contentParts, limit: ChatLimits.parts))
        let parameters = " x.a " + String(repeating: "b,", count: 20_000)
        #expect(refusal(parameters) == .tooMany(.parameter, limit: ChatLimits.parameters))
        let most = " x.a  " + Array(repeating: "c.a:0", count: ChatLimits.parts).joined(separator: ",")
        #expect(refusal(most) == nil)
        #expect(refusal(most + ",c.a:0") == .tooMany(.contentParts, limit: ChatLimits.parts))
        let mostParameters = " x.a " + Array(repeating: "b", count: ChatLimits.parameters).joined(separator: ",")
        #expect(refusal(mostParameters) == nil)
        #expect(refusal(mostParameters + ",b") == .tooMany(.parameter, limit: ChatLimits.parameters))
        let descriptions = " x.msg.new c.file" + String(repeating: ",x.file:1", count: ChatLimits.parts + 1)
        #expect(eventRefusal(descriptions) == .tooMany(.contentParts, limit: ChatLimits.parts))
    }

    @Test func tooLong() throws {
        let largest =
            ascii(" x.a  c.a:\(ChatLimits.message - 18) ") + [UInt8](repeating: 0, count: ChatLimits.message - 18)
        #expect(largest.count == ChatLimits.message)
        #expect(try ChatMessage(parsing: largest).parts[0].size == Int64(ChatLimits.message - 18))
        #expect(throws: ChatProtocolError.messageTooLong(count: largest.count + 1, limit: ChatLimits.message)) {
            try ChatMessage(parsing: largest + [0x20])
        }
        #expect(throws: ChatProtocolError.self) {
            try ChatMessage(event: "x.a", parts: [ContentPart(.file, body: largest)])
        }
        let long = String(repeating: "a", count: ChatLimits.header)
        #expect(refusal(" x.\(long)  ") == .headerTooLong(limit: ChatLimits.header))
        #expect(refusal(" x.a \(long) ") == .headerTooLong(limit: ChatLimits.header))
        #expect(refusal(" x.a  c.\(long):0 ") == .headerTooLong(limit: ChatLimits.header))
        #expect(
            refusal("\(String(repeating: "0", count: ChatLimits.header)) x.a  ")
                == .headerTooLong(limit: ChatLimits.header))
    }

    @Test func nulsAnywhere() throws {
        let text = ascii("3 x.msg.new c.text x.text:5:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= hello ")
        for index in text.indices {
            var bytes = text
            bytes[index] = 0
            let isBody = text.count - 6..<text.count - 1 ~= index
            #expect((refusal(bytes) == nil) == isBody, "at \(index)")
        }
        // A NUL in a name is text; whoever makes a path of it refuses it.
        let offer = try ChatEvent(parsing: ascii("1 x.file a%00b,5 x.text:1 l")[...])
        guard case .fileOffer(let file) = offer else {
            Issue.record("\(offer)")
            return
        }
        #expect(file.name == "a\0b")
    }

    /// Damaged and spliced vectors: whatever parses prints back, and what it says can be said again.
    @Test func damagedMessages() throws {
        var generator = SeededGenerator(state: 42)
        let corpus =
            seedVectors.map(\.bytes).filter { $0.count < 1000 }
            + groupVectors.map { fill($0.template, hasProfile: $0.hasProfile) }
            + eventVectors.map { ascii($0.text) }
        let letters = Array(" ,.:-%{}[]\"\\0159ax\0\u{7F}".utf8) + [0x80, 0xFF]
        var parsed = 0
        for _ in 0..<6000 {
            var bytes = corpus[Int(generator.next() % UInt64(corpus.count))]
            for _ in 0..<1 + generator.next() % 3 where !bytes.isEmpty {
                let index = Int(generator.next() % UInt64(bytes.count))
                let letter = letters[Int(generator.next() % UInt64(letters.count))]
                switch generator.next() % 4 {
                case 0: bytes[index] = letter
                case 1: bytes.insert(letter, at: index)
                case 2: bytes.remove(at: index)
                default: bytes.replaceSubrange(index..., with: corpus[Int(letter) % corpus.count].dropFirst(index))
                }
            }
            _ = FileChunk.parse(bytes[...])
            guard let message = try? ChatMessage(parsing: bytes) else { continue }
            #expect(message.encoded() == bytes)
            parsed += 1
            guard let event = try? ChatEvent(message), let again = try? event.message(id: message.id) else { continue }
            let reread = try ChatEvent(parsing: again.encoded()[...])
            #expect(try ChatEvent(try reread.message(id: message.id)) == reread)
        }
        #expect(parsed > 1000)
    }

    @Test func noise() {
        var generator = SeededGenerator(state: 7)
        for _ in 0..<2000 {
            let bytes = generator.bytes(Int(generator.next() % 60))
            if let message = try? ChatMessage(parsing: bytes) { #expect(message.encoded() == bytes) }
            _ = FileChunk.parse(bytes[...])
            _ = try? JSONValue(parsing: bytes)
            _ = try? FileOffer(parsing: bytes[...])
            _ = MessageParent.list(bytes[...])
            let text = String(decoding: bytes, as: UTF8.self)
            _ = (PercentEncoding.decode(text), ChunkRanges(text), MemberID(text), DirectOffer.Endpoint(text))
        }
    }
}
