import ChatProtocol
import Testing
import WireFormat

@Suite struct FileTests {
    private func offer(_ json: String) throws(ChatProtocolError) -> FileOffer {
        try FileOffer(parsing: ascii(json)[...])
    }

    @Test func offers() throws {
        #expect(try offer("{}") == .plain)
        #expect(try offer(#"{"later":1}"#) == .plain)
        for chunk in [16, 32, 64, 128, 256, 512, 1024] as [UInt64] {
            let parsed = try offer(#"{"chunk":\#(chunk << 10),"hash":"sha256","kind":"stream","mode":493}"#)
            #expect(parsed == FileOffer(chunkSize: chunk << 10, kind: .stream, mode: 0o755))
            #expect(try FileOffer(parsing: parsed.encoded()[...]) == parsed)
        }
        let tree = try offer(#"{"kind":"tree","entries":[{"path":"a"}]}"#)
        #expect(tree.kind == .tree && tree.entries?.array?.count == 1)
        #expect(try FileOffer(parsing: tree.encoded()[...]) == tree)
        #expect(try offer(#"{"mode":35309}"#).mode == 0o755)
        let again = try offer(#"{"expires":1700000000,"retry":7}"#)
        #expect(again.expires == FileTime(seconds: 1_700_000_000) && again.retries == 7)
        #expect(try FileOffer(parsing: again.encoded()[...]) == again)
        let sparse = try offer(#"{"sparse":true}"#)
        #expect(sparse.isSparse && !FileOffer.plain.isSparse)
        #expect(try FileOffer(parsing: sparse.encoded()[...]) == sparse)
        // What cannot be is as good as nothing.
        #expect(try offer(#"{"expires":-1,"retry":"7","sparse":1}"#) == .plain)
    }

    @Test(arguments: [
        (#"{"chunk":0}"#, "chunk size"), (#"{"chunk":-65536}"#, "chunk size"), (#"{"chunk":65535}"#, "chunk size"),
        (#"{"chunk":8192}"#, "chunk size"), (#"{"chunk":2097152}"#, "chunk size"),
        (#"{"chunk":"65536"}"#, "chunk size"),
        (#"{"chunk":65536.0}"#, "chunk size"), (#"{"hash":"md5"}"#, "hash algorithm"),
        (#"{"hash":null}"#, "hash algorithm"),
        (#"{"kind":"device"}"#, "kind"), (#"{"kind":1}"#, "kind"), (#"{"mode":-1}"#, "mode"),
        (#"{"mode":"644"}"#, "mode"),
        ("[]", "offer"), ("1", "offer"),
    ])
    func badOffers(_ json: String, _ what: String) {
        #expect(throws: ChatProtocolError.invalid(what, event: "x.file")) { try offer(json) }
    }

    @Test func offerLimits() throws {
        let filling = String(repeating: "a", count: ChatLimits.offerJSON - 8)
        #expect(try offer(#"{"f":"\#(filling)"}"#) == .plain)
        #expect(throws: ChatProtocolError.json(.tooLong, offset: ChatLimits.offerJSON)) {
            try offer(#"{"f":"\#(filling)a"}"#)
        }
        #expect(try offer(#"{"f":"\#(filling)a","entries":[]}"#).entries == .array([]))
        let more = String(repeating: "a", count: ChatLimits.json)
        #expect(throws: ChatProtocolError.json(.tooLong, offset: ChatLimits.json)) {
            try offer(#"{"entries":"\#(more)"}"#)
        }
    }

    @Test func times() throws {
        for (json, seconds, nanoseconds) in [
            ("0", 0, 0), ("1700000000", 1_700_000_000, 0), ("1.5", 1, 500_000_000), ("1.000000001", 1, 1),
            ("4133980799.999999999", 4_133_980_799, 999_999_999),
        ] as [(String, Int64, Int32)] {
            let parsed = try offer(#"{"mtime":\#(json)}"#)
            #expect(parsed.modified == FileTime(seconds: seconds, nanoseconds: nanoseconds))
            #expect(try FileOffer(parsing: parsed.encoded()[...]) == parsed)
        }
        for json in ["-1", "-0.5", "4133980800", "1e9", "1.0000000001", "9223372036854775808", #""1""#, "null"] {
            #expect(try offer(#"{"mtime":\#(json)}"#).modified == nil, "\(json)")
        }
        #expect(FileTime(seconds: 1, nanoseconds: 1_000_000_000) == nil && FileTime(seconds: 1, nanoseconds: -1) == nil)
    }

    @Test func chunkHeaders() throws {
        let body = binary(1000)
        for (id, hash) in [(nil, nil), (7, root), (nil, root), (7, nil)] as [(Int64?, [UInt8]?)] {
            let chunk = FileChunk(id: id, reference: 5, part: 2, number: 1 << 40, length: 1000, hash: hash)
            for tail in [[], [0x20]] as [[UInt8]] {
                let message = [9] + chunk.header + body + tail
                let parsed = try #require(FileChunk.parse(message.dropFirst()))
                #expect(parsed.chunk == chunk && parsed.body == body[...])
                #expect(parsed.body.startIndex == 1 + chunk.header.count)
                // The slow way says the same.
                #expect(try ChatEvent(parsing: message.dropFirst()) == .fileChunk(chunk, body: body[...]))
            }
            #expect(try ChatEvent.fileChunk(chunk, body: body[...]).message().encoded() == chunk.header + body)
            // The body may be missing; the header may not.
            let header = try #require(FileChunk.parseHeader(chunk.header[...]))
            #expect(header.chunk == chunk && header.bodyOffset == chunk.header.count)
            for count in 0..<chunk.header.count { #expect(FileChunk.parseHeader(chunk.header[..<count]) == nil) }
            #expect(FileChunk.parse((chunk.header + body.dropLast())[...]) == nil)
            #expect(FileChunk.parse((chunk.header + body + [0x20, 0x20])[...]) == nil)
            #expect(FileChunk.parse((chunk.header + body + [0x21])[...]) == nil)
        }
        for vector in seedVectors where vector.head.contains("x.msg.file") {
            #expect(FileChunk.parse(vector.bytes[...])?.body == vector.bodies[0][...])
        }
    }

    @Test(arguments: [
        "x.msg.file 5,1.1 x.file:1 a", " x.msg.new 5,1.1 x.file:1 a", " x.msg.file 5,1 x.file:1 a",
        "06 x.msg.file 5,1.1 x.file:1 a",
        " x.msg.file 5,0.1 x.file:1 a", " x.msg.file 5,1.0 x.file:1 a", " x.msg.file 5,1.1 x.text:1 a",
        " x.msg.file 5,1.1,2 x.file:1 a", " x.msg.file 05,1.1 x.file:1 a", " x.msg.file 5,1.1 x.file:01 a",
        " x.msg.file 5,1.1 x.file:1,x.file:1 a b", " x.msg.file 5,1.1 x.file:1:AAAA a",
        " x.msg.file 5,1.1 x.file:1048577 a",
        " x.msg.file 5,1.1 x.file:99999999999999999999 a", " x.msg.file -5,1.1 x.file:1 a",
        " x.msg.file 5,1.99999999999999999999 x.file:1 a", " x.msg.file 5,1.1 x.file:1",
    ])
    func notTheFastForm(_ text: String) {
        #expect(FileChunk.parse(ascii(text)[...]) == nil)
        #expect(FileChunk.parseHeader(ascii(text)[...]) == nil)
    }

    @Test func largestChunk() throws {
        let header = FileChunk(reference: 1, number: 1, length: ChatLimits.chunk, hash: nil).header
        let message = header + [UInt8](repeating: 0, count: ChatLimits.chunk)
        #expect(FileChunk.parse(message[...])?.body.count == ChatLimits.chunk)
        let larger =
            ascii(" x.msg.file 1,1.1 x.file:\(ChatLimits.chunk + 1) ")
            + [UInt8](repeating: 0, count: ChatLimits.chunk + 1)
        #expect(throws: ChatProtocolError.invalid("chunk size", event: "x.msg.file")) {
            try ChatEvent(parsing: larger[...])
        }
    }

    @Test func percentEncoding() {
        for (text, encoded) in [
            ("a", "a"), ("a b", "a%20b"), ("a,b%", "a%2Cb%25"), ("é", "%C3%A9"), ("\0\u{7F}\n", "%00%7F%0A"),
            ("~!+:/", "~!+:/"), ("", ""),
        ] {
            #expect(PercentEncoding.encode(text) == encoded)
            #expect(PercentEncoding.decode(encoded) == text)
        }
        #expect(PercentEncoding.decode("%c3%a9") == "é")
        for bad in ["%", "%1", "a%", "%G0", "%0G", "%%20", "%FF", "%C3"] { #expect(PercentEncoding.decode(bad) == nil) }
        var generator = SeededGenerator(state: 3)
        for _ in 0..<200 {
            let text = String(decoding: generator.bytes(20), as: UTF8.self)
            let encoded = PercentEncoding.encode(text)
            #expect(PercentEncoding.decode(encoded)?.utf8.elementsEqual(text.utf8) == true)
            #expect(encoded.utf8.allSatisfy { $0 >= 0x21 && $0 <= 0x7E && $0 != 0x2C })
        }
    }
}
