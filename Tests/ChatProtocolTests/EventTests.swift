import ChatProtocol
import Testing
import WireFormat

let root = [UInt8](repeating: 9, count: 32)
let root64 = Base64.encode(root)

/// Messages in exactly the form that we send, and what they say.
let eventVectors: [(text: String, id: Int64?, event: ChatEvent)] = {
    let offer = sure(
        FileOffer(
            chunkSize: 65_536, modified: FileTime(seconds: 1_700_000_000, nanoseconds: 5_000_000), mode: 0o644))
    let offerJSON = #"{"chunk":65536,"hash":"sha256","kind":"file","mtime":1700000000.005000000,"mode":420}"#
    let plainJSON = #"{"chunk":262144,"hash":"sha256","kind":"file"}"#
    let done = #"{"chunks":3,"size":150000,"root":"\#(root64)"}"#
    let direct = DirectOffer(
        endpoints: [
            sure(DirectOffer.Endpoint(address: "192.0.2.1", port: 1024)),
            sure(DirectOffer.Endpoint(address: "2001:db8::1", port: 65_535)),
        ], identity: [UInt8](repeating: 1, count: 16), key: root)
    let directJSON =
        #"{"endpoints":["192.0.2.1:1024","[2001:db8::1]:65535"],"identity":"AQEBAQEBAQEBAQEBAQEBAQ==","key":"\#(root64)"}"#
    var ranges = ChunkRanges(80...UInt64.max)
    ranges.insert(17)
    ranges.insert(40...63)
    let chunk = FileChunk(reference: 5, number: 2, length: 4, hash: root)
    return [
        ("3 x.msg.new c.text x.text:5 hello", 3, .newMessage(NewMessage(text: "hello"))),
        (" x.msg.file 5,1.2 x.file:4:\(root64) ab c", nil, .fileChunk(chunk, body: ascii("ab c")[...])),
        ("8 x.msg.update 3 x.text:2 hi", 8, .messageUpdate(reference: 3, parts: [.text("hi")])),
        ("9 x.msg.delete 3 ", 9, .messageDelete(reference: 3)),
        (
            "11 x.msg.eval 8 c.json:2 {}", 11,
            .messageEvaluate(reference: 8, parts: [ContentPart(sure(ContentType("c.json")), body: ascii("{}"))])
        ),
        (
            "20 x.file my%20photo%2C%2050%25%20%C3%A9.jpg,150000 x.text:4,x.json:\(offerJSON.utf8.count) link \(offerJSON)",
            20,
            .fileOffer(FileInvitation(name: "my photo, 50% é.jpg", size: 150_000, invitation: "link", offer: offer))
        ),
        (
            "21 x.file a,- x.text:4,x.json:\(plainJSON.utf8.count) link \(plainJSON)", 21,
            .fileOffer(FileInvitation(name: "a", size: nil, invitation: "link", offer: .plain))
        ),
        (" x.file.acpt my%20photo.jpg ", nil, .fileAccept(name: "my photo.jpg")),
        (" x.file.want 2,77,17,40-63,80- ", nil, .fileWant(FileWant(number: 2, seen: 77, ranges: ranges))),
        (
            " x.file.want 3,77.1,17,40-63,80- ", nil,
            .fileWant(FileWant(number: 3, seen: 77, frames: 1, ranges: ranges))
        ),
        (
            " x.file.done  x.json:\(done.utf8.count) \(done)", nil,
            .fileDone(FileDone(count: 3, size: 150_000, root: root))
        ),
        (" x.file.ok \(root64) ", nil, .fileComplete(root: root)),
        (
            " x.file.cancel 20,failed x.text:18 the source changed", nil,
            .fileCancel(FileCancel(reference: 20, code: .failed, reason: "the source changed"))
        ),
        (" x.file.cancel 20,declined ", nil, .fileCancel(FileCancel(reference: 20, code: .declined))),
        (" x.file.direct  x.json:\(directJSON.utf8.count) \(directJSON)", nil, .fileDirect(direct)),
        (" x.file.retry 20 ", nil, .fileRetry(reference: 20)),
        (" x.ok  ", nil, .ok),
    ]
}()

@Suite struct EventTests {
    @Test(arguments: eventVectors.indices) func eventsReadAndPrint(_ index: Int) throws {
        let vector = eventVectors[index]
        let message = try ChatMessage(parsing: ascii(vector.text))
        #expect(message.id == vector.id)
        #expect(try ChatEvent(message) == vector.event)
        let printed = try vector.event.message(id: vector.id)
        #expect(String(decoding: printed.encoded(), as: UTF8.self) == vector.text)
        #expect(printed == message)
    }

    @Test(arguments: groupVectors.indices) func groupEventsReadAndPrint(_ index: Int) throws {
        let vector = groupVectors[index]
        let bytes = fill(vector.template, hasProfile: vector.hasProfile)
        let message = try ChatMessage(parsing: bytes)
        #expect(try ChatEvent(message) == vector.event)
        #expect(try vector.event.message(id: message.id).encoded() == bytes)
    }

    @Test func seedExamplesAsEvents() throws {
        let names = try seedVectors.map { try ChatEvent(parsing: $0.bytes[...]).name }
        #expect(names == seedVectors.map { String($0.head.split(separator: " ").first { $0.hasPrefix("x.") } ?? "") })
        let earlier = try seedVectors.filter { $0.head.hasPrefix(" x.grp.") }.map {
            try ChatEvent(parsing: $0.bytes[...])
        }
        #expect(earlier.count == 6)
        for event in earlier {
            guard case .earlierForm = event else {
                Issue.record("\(event)")
                continue
            }
            #expect(throws: ChatProtocolError.self) { try event.message() }
        }
        guard case .newMessage(let image) = try ChatEvent(parsing: seedVectors[3].bytes[...]),
            case .newMessage(let app) = try ChatEvent(parsing: seedVectors[9].bytes[...]),
            case .fileOffer(let file) = try ChatEvent(parsing: seedVectors[18].bytes[...])
        else {
            Issue.record("another event")
            return
        }
        #expect(image.kind == .image && image.preview?.size == 256)
        let files = try image.inlineFiles()
        #expect(files.map(\.description.size) == [150_000] && files.map(\.part) == [1] && files[0].name == nil)
        #expect(app.kind == .other("app/v1") && app.parts.count == 4)
        #expect(file == FileInvitation(name: "photo.jpg", size: 150_000, invitation: link, offer: .plain))
    }

    @Test func unknownEventsAreKept() throws {
        #expect(try ChatEvent(parsing: ascii("1 y.new.thing a,b c.d:1 e")[...]) == .unknown(name: "y.new.thing"))
        #expect(try ChatEvent(parsing: ascii(" x.file.later  ")[...]) == .unknown(name: "x.file.later"))
        #expect(throws: ChatProtocolError.self) { try ChatEvent.unknown(name: "x.y").message() }
    }

    @Test func otherForms() throws {
        #expect(
            try ChatEvent(parsing: ascii("1 x.grp.mem.ok \(memberB.text)  ")[...]) == .memberConnectedToAll(memberB))
        let probe64 = Base64.encode(probe, .url)
        let longer = " x.grp.mem.fwd \(memberB.text),admin,g,d,\(probe64) x.json:2 {}"
        #expect(
            try ChatEvent(parsing: ascii(longer)[...])
                == .memberForward(MemberInvitation(member: memberB, group: "g", direct: "d", probe: probe)))
        // Ids without padding, parameters and parts that an event does not have.
        #expect(MemberID(memberB.text.replacing("=", with: "")) == memberB)
        #expect(try ChatEvent(parsing: ascii(" x.ok a,b x.text:1 c")[...]) == .ok)
        #expect(try ChatEvent(parsing: ascii(" x.msg.delete 3,later ")[...]) == .messageDelete(reference: 3))
    }

    @Test func sortedMembers() throws {
        let new = MemberDescription(member: memberA, role: .member, profile: Profile(displayName: "a"))
        let message = try ChatEvent.memberNew(MemberAnnouncement(connected: [memberB, memberA], new: new)).message(
            id: 1)
        #expect(message.parameters.prefix(2) == [memberA.text, memberB.text])
        #expect(MemberRole.member < .admin && MemberRole.admin < .owner)
    }

    @Test(arguments: [
        (" x.msg.new  ", "kind of content"), (" x.msg.delete  ", "message reference"),
        (" x.msg.file 5 x.file:1 a", "chunk number"), (" x.msg.file 5,1.1  ", "bytes"),
        (" x.msg.file 5,1.1 x.file:9", "bytes"), (" x.file  ", "file name"), (" x.file a ", "size"),
        (" x.file a,1 ", "invitation"), (" x.file a,1 x.text:0 ", "invitation"), (" x.file.acpt  ", "file name"),
        (" x.file.want 1,2 ", "ranges"), (" x.file.done  ", "JSON"), (" x.file.ok  ", "root hash"),
        (" x.file.cancel 1 ", "code"), (" x.file.retry  ", "message reference"), (" x.file.direct  ", "JSON"),
        (" x.info  ", "JSON"),
        (" x.info.probe  ", "probe"),
        (" x.grp.acpt  ", "member id"), (" x.grp.mem.con  ", "member id"), (" x.grp.mem.new a ", "member id and role"),
        (" x.grp.mem.fwd bWVtYmVyLUE=,l,m ", "probe"), (" x.grp.mem.inv bWVtYmVyLUE=,l,m ", "probe"),
        (" x.grp.mem.intro bWVtYmVyLUE=,admin ", "JSON"),
    ])
    func missing(_ text: String, _ what: String) {
        let name = String(text.split(separator: " ")[0])
        #expect(eventRefusal(text) == .missing(what, event: name))
    }

    @Test(arguments: [
        (" x.msg.delete a ", "message reference"), (" x.msg.delete 03 ", "message reference"),
        (" x.msg.file 5,1 x.file:1 a", "chunk number"), (" x.msg.file 5,0.1 x.file:1 a", "chunk number"),
        (" x.msg.file 5,1.0 x.file:1 a", "chunk number"), (" x.msg.file 5,1.01 x.file:1 a", "chunk number"),
        (" x.msg.file 5,1.1.1 x.file:1 a", "chunk number"),
        (" x.msg.file 5,1.9223372036854775808 x.file:1 a", "chunk number"),
        (" x.msg.new c.text x.text:1 \u{7F}", ""), (" x.file a%2,1 x.text:1 l", "file name"),
        (" x.file %FF,1 x.text:1 l", "file name"), (" x.file a,-1 x.text:1 l", "size"),
        (" x.file a,9223372036854775808 x.text:1 l", "size"), (" x.file a,1 x.text:1,x.json:2 l []", "offer"),
        (" x.file.want a,2,3 ", "number"), (" x.file.want 1,b,3 ", "message number"),
        (" x.file.want 1,2.,3 ", "message number"), (" x.file.want 1,.2,3 ", "message number"),
        (" x.file.want 1,2.03,3 ", "message number"), (" x.file.want 1,2.3.4,3 ", "message number"),
        (" x.file.want 1,2,0 ", "list of ranges"), (" x.file.ok AAAA ", "root hash"),
        (" x.file.cancel 1,later ", "code"), (" x.file.done  x.json:2 {}", "chunk count"),
        (" x.info  x.json:2 {}", "profile"), (" x.info  x.json:18 {\"displayName\":\"\"}", "profile"),
        (" x.info.probe AAAA ", "probe"), (" x.grp.acpt AAAA ", "member id"),
        (" x.grp.mem.info bWVtYmVyLUE=,king x.json:2 {}", "role"),
        (" x.grp.mem.intro 23456,king x.json:2 {}", "member id"),
    ])
    func invalid(_ text: String, _ what: String) {
        let name = String(text.split(separator: " ")[0])
        #expect(eventRefusal(text) == (what.isEmpty ? nil : .invalid(what, event: name)))
    }

    /// Hosts hand on profiles and links: what is too long for that is refused where it comes from.
    @Test func whatIsHandedOnIsBounded() throws {
        for length in [1020, 1025] {
            let json = "{\"displayName\":\"\(String(repeating: "a", count: length))\"}"
            let refusal = eventRefusal(" x.info  x.json:\(json.utf8.count) \(json)")
            #expect(refusal == (length > 1024 ? .invalid("profile", event: "x.info") : nil))
        }
        for length in [8192, 8193] {
            let (link, probe) = (String(repeating: "l", count: length), String(repeating: "A", count: 43) + "=")
            let refusal = eventRefusal(" x.grp.mem.inv bWVtYmVyLUE=,\(link),d,\(probe) ")
            #expect(refusal == (length > 8192 ? .invalid("group invitation", event: "x.grp.mem.inv") : nil))
        }
    }

    @Test func textIsUnicode() {
        for event in ["x.msg.new c.text", "x.msg.update 1", "x.msg.eval 1"] {
            let bytes = ascii(" \(event) x.text:2 ") + [0xC3, 0x28]
            #expect(throws: ChatProtocolError.self) { try ChatEvent(parsing: bytes[...]) }
        }
    }

    @Test func whatCannotBeSaid() {
        let file = FileInvitation(name: "a", size: 1, invitation: "l", offer: .plain)
        var nameless = file
        nameless.name = ""
        var huge = file
        huge.size = 1 << 63
        var tooMany = ChunkRanges()
        for number in 1...65 as ClosedRange<UInt64> { tooMany.insert(number * 2) }
        let events: [ChatEvent] = [
            .fileOffer(nameless), .fileOffer(huge), .fileAccept(name: ""), .probe([1]), .fileComplete(root: []),
            .fileWant(FileWant(number: 1, seen: 0, ranges: ChunkRanges())),
            .fileWant(FileWant(number: 1, seen: 0, ranges: tooMany)),
            .fileWant(FileWant(number: 1, seen: -1, ranges: ChunkRanges(1...2))),
            .fileWant(FileWant(number: 1, seen: 0, ranges: ChunkRanges(0...2))),
            .fileDone(FileDone(count: 1, size: 1, root: [1])), .info(Profile(displayName: "")),
            .fileDirect(DirectOffer(endpoints: [], identity: [], key: root)),
            .fileChunk(FileChunk(reference: 1, number: 1, length: 2, hash: nil), body: [1]),
            .newMessage(NewMessage(kind: .other("two words"))),
            .newMessage(NewMessage(files: [OutgoingInlineFile(name: "", size: 1, root: root)])),
        ]
        for event in events { #expect(throws: ChatProtocolError.self, "\(event)") { try event.message() } }
    }

    @Test func inlineFiles() throws {
        let files = [
            OutgoingInlineFile(name: "a b.txt", size: 5, root: root),
            OutgoingInlineFile(name: "c,d", size: 1 << 40, root: probe),
        ]
        let preview = ContentPart(ContentType("i.image/png")!, body: [1, 2, 3])
        let message = try ChatEvent.newMessage(NewMessage(files: files, text: "see these", preview: preview)).message(
            id: 9)
        #expect(message.encoded().starts(with: ascii("9 x.msg.new c.file,x.file:5,x.file:1099511627776 x.json:")))
        guard case .newMessage(let new) = try ChatEvent(parsing: message.encoded()[...]) else {
            Issue.record("another event")
            return
        }
        let inline = try new.inlineFiles()
        #expect(inline.map(\.part) == [1, 2] && inline.map(\.name) == ["a b.txt", "c,d"])
        #expect(inline.map(\.root) == [root, probe] && inline.map(\.description.size) == [5, 1 << 40])
        #expect(new.text == "see these" && new.preview == preview && new.kind == .file)
        for (json, fault) in [
            (#"{"name":"a"}"#, ChatProtocolError.invalid("root hash", event: "x.msg.new")),
            (#"{"root":"\#(root64)"}"#, .invalid("file name", event: "x.msg.new")),
            ("[]", .invalid("file", event: "x.msg.new")),
        ] {
            let bad = NewMessage(
                kind: .file, announced: [ContentDescription(.file, size: 1)],
                parts: [ContentPart(.json, body: ascii(json))])
            #expect(throws: fault) { try bad.inlineFiles() }
        }
    }

    @Test func announcedPartsAreNumberedInOrder() throws {
        let event = try ChatEvent(
            parsing: ascii("5 x.msg.new c.image,i.image/jpg:7,later x.text:1,i.image/png:9 a")[...])
        guard case .newMessage(let new) = event else {
            Issue.record("another event")
            return
        }
        #expect(new.otherParameters == ["later"])
        #expect(
            try new.inlineFiles().map { "\($0.part) \($0.description.encoded)" } == [
                "1 i.image/jpg:7", "2 i.image/png:9",
            ])
    }

    @Test func endpoints() {
        for text in ["192.0.2.1:1024", "[::1]:65535", "[fe80::1:2]:5000"] {
            #expect(DirectOffer.Endpoint(text)?.text == text)
        }
        for text in [
            "", ":", "192.0.2.1", "192.0.2.1:1023", "192.0.2.1:65536", "192.0.2.1:05000", "host.example:5000",
            "::1:5000",
            "[192.0.2.1]:5000", "[]:5000", "[fe80::1%eth0]:5000", "abc:5000", "[::1:5000", "1.2.3.4:+5000", "[::1]5000",
        ] { #expect(DirectOffer.Endpoint(text) == nil, "\(text)") }
        let nine = #"{"endpoints":[\#(Array(repeating: #""1.1.1.1:1024""#, count: 9).joined(separator: ","))]}"#
        #expect(
            eventRefusal(" x.file.direct  x.json:\(nine.utf8.count) \(nine)")
                == .invalid("list of endpoints", event: "x.file.direct"))
    }

    @Test func errorsAreSentences() {
        let errors: [ChatProtocolError] = [
            .messageTooLong(count: 5, limit: 4), .headerTooLong(limit: 4), .malformed(.event, offset: 3),
            .numberTooLarge(.contentSize, offset: 3), .tooMany(.parameter, limit: 3),
            .bodyIncomplete(part: 1, size: 2, available: 1), .trailingBytes(offset: 1),
            .missing("size", event: "x.file"), .invalid("size", event: "x.file"), .json(.duplicateKey, offset: 2),
        ]
        for error in errors { #expect(!error.description.isEmpty && !error.description.contains("\n")) }
    }
}
