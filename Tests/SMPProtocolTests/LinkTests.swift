import Primitives
import SMPProtocol
import Testing
import WireFormat

@Suite("Addresses and links") struct LinkTests {
    private static let hash: String = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    private static let senderID: String = "4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3"
    private static let dh: String = Base64.encode(Fixture.client.publicKey.spki, .url)

    @Test(
        "A relay's address",
        arguments: [
            ("smp://\(hash)@relay.example", ["relay.example"], nil, nil),
            ("smp://\(hash)@relay.example:5224", ["relay.example"], 5224, nil),
            ("smp://\(hash)@a.b,c.onion:443", ["a.b", "c.onion"], 443, nil),
            ("smp://\(hash):pa$$w0rd@10.0.0.1:1", ["10.0.0.1"], 1, "pa$$w0rd"),
            ("smp://\(hash)@[::1]:5223", ["::1"], 5223, nil), ("smp://\(hash)@[fe80::2]", ["fe80::2"], nil, nil),
        ] as [(String, [String], UInt16?, String?)])
    func server(text: String, hosts: [String], port: UInt16?, password: String?) throws {
        let server = try SMPServer(text)
        #expect(server.fingerprint == Fixture.run(0))
        #expect(server.hosts == hosts)
        #expect(server.port == port)
        #expect(server.portNumber == port ?? 5223)
        #expect(server.password == password)
        #expect(server.description == text)
        #expect(!server.identity.contains("pa$$"))
        // Unpadded, and with a slash behind it.
        #expect(try SMPServer(text.replacing("=", with: "") + "/") == server)
    }

    @Test(
        "What is no relay's address",
        arguments: [
            "", "smp://", "http://\(hash)@h", "smp://\(hash)", "smp://\(hash)@", "smp://AAECAw==@h",
            "smp://\(hash)@h:0",
            "smp://\(hash)@h:65536", "smp://\(hash)@h:x", "smp://\(hash)@h/x", "smp://\(hash)@a,,b",
            "smp://\(hash)@h@i",
            "smp://\(hash):@h", "smp://\(hash):a:b@h", "smp://\(hash):a b@h", "smp://\(hash):a/b@h",
            "smp://\(hash)@h h",
        ])
    func notServer(text: String) {
        #expect(throws: SMPProtocolError.self) { try SMPServer(text) }
    }

    @Test("The same relay with and without its default port and password") func equality() throws {
        let plain = try SMPServer("smp://\(Self.hash)@h")
        #expect(plain == (try SMPServer("smp://\(Self.hash):pw@h:5223")))
        #expect(plain != (try SMPServer("smp://\(Self.hash)@h:5224")))
        #expect(plain != (try SMPServer("smp://\(Self.hash)@i")))
        #expect(Set([plain, try SMPServer("smp://\(Self.hash)@h:5223")]).count == 1)
    }

    private static func queue(
        _ hosts: [String] = ["h.example"], versions: ClosedRange<UInt16> = 1...4, isSenderSecured: Bool = true
    ) -> QueueURI {
        QueueURI(
            address: QueueAddress(
                server: SMPServer(fingerprint: Fixture.run(0), hosts: hosts, port: nil), senderID: Fixture.entity),
            versions: versions, key: Fixture.client.publicKey, isSenderSecured: isSenderSecured)
    }

    @Test(
        "A queue in a link, byte for byte",
        arguments: [
            (queue(), "smp://\(hash)@h.example/\(senderID)#/?v=1-4&dh=\(LinkText.escape(dh))&q=m&k=s"),
            (
                queue(isSenderSecured: false),
                "smp://\(hash)@h.example/\(senderID)#/?v=1-4&dh=\(LinkText.escape(dh))&q=c"
            ),
            (queue(versions: 4...4), "smp://\(hash)@h.example/\(senderID)#/?v=4&dh=\(LinkText.escape(dh))&q=m"),
            (
                queue(["h", "i", "j"]),
                "smp://\(hash)@h/\(senderID)#/?v=1-4&dh=\(LinkText.escape(dh))&q=m&k=s&srv=i%2Cj"
            ),
            (
                queue(["h", "i"], versions: 2...4),
                "smp://\(hash)@h,i/\(senderID)#/?v=2-4&dh=\(LinkText.escape(dh))&q=m&k=s"
            ),
        ])
    func queueForm(queue: QueueURI, text: String) throws {
        #expect(queue.text == text)
        #expect(try QueueURI(text) == queue)
        #expect(dhIsPadded)
    }

    private var dhIsPadded: Bool { Self.dh.hasSuffix("=") }

    @Test("Other forms of a queue that are read") func queueForms() throws {
        let place = "smp://\(Self.hash)@h.example/\(Self.senderID)"
        for (query, isSecured) in [
            ("v=1-4&dh=\(Self.dh)&q=m", true), ("v=1-3&dh=\(Self.dh)&k=s", true), ("v=1-4&dh=\(Self.dh)", false),
            ("dh=\(Self.dh.dropLast())&v=2&q=c&k=s", false), ("v=1-9&dh=\(Self.dh)&new=1&q=m", true),
        ] {
            #expect(try QueueURI("\(place)#/?\(query)").isSenderSecured == isSecured, "\(query)")
        }
        for bad in [
            "\(place)#?v=1-4&dh=\(Self.dh)", "\(place)#/?dh=\(Self.dh)", "\(place)#/?v=4-1&dh=\(Self.dh)",
            "\(place)#/?v=5-6&dh=\(Self.dh)", "\(place)#/?v=1-4", "\(place)#/?v=1-4&dh=AAAA",
            "\(place)#/?v=1--4&dh=\(Self.dh)",
            "smp://\(Self.hash)@h#/?v=1-4&dh=\(Self.dh)", "smp://\(Self.hash)@h/!!#/?v=1-4&dh=\(Self.dh)",
            "\(place)#/?v=1-4&dh=\(Self.dh)&srv=a/b", "", "#/?",
        ] {
            #expect(throws: SMPProtocolError.self, "\(bad)") { try QueueURI(bad) }
        }
    }

    private static let queueText: String =
        "smp://\(hash)@h.example/\(senderID)#/?v=1-4&dh=\(LinkText.escape(dh))&q=m&k=s"
    private static let invitation: String =
        "simplex:/invitation#/?v=2-7&smp=\(LinkText.escape(queueText))&e2e=v%3D2-3%26x3dh%3Dabc%3D%2Cdef%3D"

    @Test("An invitation, byte for byte") func invitationText() throws {
        let link = ConnectionLink.invitation(
            queues: [Self.queue()], parameters: "v=2-3&x3dh=abc=,def=", versions: 2...7)
        #expect(link.description == Self.invitation)
        #expect(try ConnectionLink(Self.invitation) == link)
        // Escaped once for the queue and once more for the link.
        #expect(link.description.contains("%253D%26q%3Dm"))
    }

    @Test("A contact address, byte for byte") func contactText() throws {
        let queues = [Self.queue(isSenderSecured: false), Self.queue(["i"], isSenderSecured: false)]
        let link = ConnectionLink.contact(queues: queues, versions: 2...7)
        let text = "simplex:/contact#/?v=2-7&smp=\(LinkText.escape(queues.map(\.text).joined(separator: ";")))"
        #expect(link.description == text)
        #expect(try ConnectionLink(text) == link)
    }

    @Test(
        "Links as people paste them",
        arguments: [
            invitation.replacing("simplex:/", with: "https://simplex.chat/"),
            invitation.replacing("simplex:/", with: "https://h.example:8443/"),
            invitation.replacing("#/?", with: "/#/?"), invitation + "&data=%7B%7D", "  \(invitation)\n",
            String(invitation.prefix(70)) + "\n" + invitation.dropFirst(70),
            invitation.replacing("%3D", with: "%3d"),
        ])
    func pasted(text: String) throws {
        #expect(try ConnectionLink(text).description == Self.invitation)
    }

    @Test(
        "What is no link",
        arguments: [
            "", "hello", "simplex:/invitation", "simplex:/invitation#/?", invitation.replacing("v=2-7", with: "v=8-9"),
            invitation.replacing("v=2-7&", with: ""), invitation.replacing("&e2e=", with: "&x="),
            invitation.replacing("&smp=", with: "&x="), invitation.replacing("simplex:/", with: "ftp://h/"),
            invitation.replacing("/invitation", with: "/channel"), "simplex:/contact#/?v=2-7&smp=smp",
        ])
    func notLink(text: String) {
        #expect(throws: SMPProtocolError.self) { try ConnectionLink(text) }
    }

    @Test("Percent-encoding") func escaping() {
        #expect(LinkText.escape("aZ9-._~ &=ü/") == "aZ9-._~%20%26%3D%C3%BC%2F")
        #expect(LinkText.unescape("%C3%BC%2f%") == "ü/%")
        #expect(LinkText.unescape("%zz%1") == "%zz%1")
        #expect(LinkText.query("a=1&b=%26&a=2&c&d=") == ["a": "1", "b": "&", "d": ""])
    }
}
