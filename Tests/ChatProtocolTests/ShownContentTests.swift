import ChatProtocol
import Testing

/// Which part of a message a terminal shows, and which are files.
@Suite struct ShownContentTests {
    private func shown(_ text: String) throws -> ShownContent {
        guard case .newMessage(let message) = try ChatEvent(parsing: ascii(text)[...]) else {
            Issue.record("no x.msg.new")
            return ShownContent([])
        }
        return message.shown
    }

    @Test("x.text before text/plain before text/markdown, whatever their order; none of them is a file")
    func best() throws {
        #expect(
            try shown("1 x.msg.new c.text i.text/markdown:3,i.text/plain:2,x.text:1 *a* bb c").text == "c")
        #expect(try shown("1 x.msg.new c.text i.text/markdown:3,m.text/Plain:2 *a* bb").text == "bb")
        let markdown = try shown("1 x.msg.new c.text i.text/html:3,i.text/markdown:3 <p> *a*")
        #expect(markdown.text == "*a*")
        #expect(markdown.files.map(\.fileName) == ["file.html"])
    }

    @Test("the seed's messages")
    func seed() throws {
        let picture = try shown("4 x.msg.new c.image i.image/jpg:4,i.image/png:4 abcd abcd ")
        #expect(picture.text == nil)
        #expect(picture.files.map(\.fileName) == ["file.jpg", "file.png"])
        let parents = String(repeating: "p", count: 32)
        #expect(try shown("4 x.msg.new c.image x.dag:32,i.image/jpg:2 \(parents) ab").files.count == 1)
        // A preview of what follows in chunks is no file of its own.
        #expect(try shown("5 x.msg.new c.image,i.image/jpg:150000 i.image/jpg:4 abcd ").files.isEmpty)
        let application = try shown("10 x.msg.new app/v1 i.text/html:1,i.text/css:1,c.js:1,c.json:2 h c j {}")
        #expect(application.text == nil)
        #expect(application.files.map(\.fileName) == ["file.html", "file.css", "file.js", "file.json"])
        #expect(
            try shown("12 x.msg.new c.text x.text:16,x.dag:32 hello there @123 \(parents) ").text == "hello there @123")
    }

    @Test("unknown parts are kept as they came, those that are only announced are not there yet")
    func unknown() throws {
        let content = try shown("1 x.msg.new c.text q.thing:3,x.text:2 \u{1}a\u{2} hi")
        #expect(content.text == "hi")
        #expect(content.files.map(\.type.text) == ["q.thing"])
        #expect(content.files.first?.body.map(Array.init) == [1, 0x61, 2])
        #expect(try shown("1 x.msg.new c.text x.text:5,i.image/png:9 hello").files.isEmpty)
    }

    @Test("what is no UTF-8 is no text") func damaged() {
        let part = ContentPart(sure(ContentType("i.text/plain")), body: [0xFF])
        #expect(ShownContent([part]).text == nil)
        #expect(ShownContent.source([part]).text == nil)
    }

    @Test("input for a program is a text") func source() {
        let json = ContentPart(sure(ContentType("c.json")), body: ascii(#"{"rm":"-rf"}"#))
        let picture = ContentPart(sure(ContentType("i.image/png")), body: [0xFF, 0xD8])
        let shown = ShownContent.source([picture, json])
        #expect(shown.text == #"{"rm":"-rf"}"#)
        #expect(shown.files == [picture])
    }
}
