import Testing

@testable import TLSTransport

@Suite struct SOCKSTests {
    private static func proxy(_ text: String) throws -> SOCKSProxy { try #require(SOCKSProxy(text)) }

    @Test("addresses of proxies")
    func addresses() throws {
        let plain = try Self.proxy("socks5://127.0.0.1:9050")
        #expect((plain.host, plain.port) == ("127.0.0.1", 9050))
        #expect(plain.user == nil && plain.password == nil)
        #expect(plain.withoutPassword == "socks5://127.0.0.1:9050")
        let full = try Self.proxy("socks5h://a%3Ab:p%40:q@[::1]:1/")
        #expect((full.host, full.port) == ("::1", 1))
        #expect((full.user, full.password) == ("a:b", "p@:q"))
        #expect(full.withoutPassword == "socks5://a:b:…@[::1]:1")
        for bad in [
            "", "127.0.0.1:1", "http://h:1", "socks5://", "socks5://h", "socks5://h:", "socks5://h:65536",
            "socks5://h:x",
            "socks5://::1:1", "socks5://[h]:1", "socks5://u@h:1", "socks5://:p@h:1", "socks5://u:@h:1",
            "socks5://%zz:p@h:1",
            "socks5://%ff:p@h:1", "socks5://h/x:1", "socks5://h h:1",
            "socks5://\(String(repeating: "u", count: 256)):p@h:1",
        ] {
            #expect(SOCKSProxy(bad) == nil, "\(bad)")
        }
    }

    /// What is said and heard, in pieces of any size.
    private static func play(
        _ handshake: SOCKSHandshake, _ script: [(heard: [UInt8], said: SOCKSHandshake.Action)], step: Int
    ) {
        var handshake = handshake
        for (heard, said) in script {
            for start in stride(from: 0, to: heard.count, by: step) {
                let end = min(start + step, heard.count)
                let action = handshake.receive(heard[start..<end])
                #expect(action == (end < heard.count ? .wait : said))
            }
        }
    }

    @Test("a name goes to the proxy as it is", arguments: [1, 2, 100])
    func name(step: Int) throws {
        let handshake = SOCKSHandshake(to: .name("relay.invalid"), port: 5223, by: try Self.proxy("socks5://h:1"))
        #expect(handshake.greeting == [5, 1, 0])
        Self.play(
            handshake,
            [
                ([5, 0], .send([5, 1, 0, 3, 13] + Array("relay.invalid".utf8) + [0x14, 0x67])),
                ([5, 0, 0, 1, 1, 2, 3, 4, 0, 9], .established(rest: [])),
            ], step: step)
    }

    @Test("user and password, an address, an answer with a name", arguments: [1, 3, 100])
    func password(step: Int) throws {
        let handshake = SOCKSHandshake(to: .address([10, 0, 0, 1]), port: 1, by: try Self.proxy("socks5://us:pw@h:1"))
        #expect(handshake.greeting == [5, 1, 2])
        Self.play(
            handshake,
            [
                ([5, 2], .send([1, 2] + Array("us".utf8) + [2] + Array("pw".utf8))),
                ([1, 0], .send([5, 1, 0, 1, 10, 0, 0, 1, 0, 1])),
                ([5, 0, 0, 3, 2, 0x61, 0x62, 0, 9], .established(rest: [])),
            ], step: step)
    }

    @Test("what comes behind the answer belongs to the connection")
    func rest() throws {
        let six = [UInt8](repeating: 7, count: 16)
        var handshake = SOCKSHandshake(to: .address(six), port: 258, by: try Self.proxy("socks5://h:1"))
        #expect(handshake.receive([5, 0]) == .send([5, 1, 0, 4] + six + [1, 2]))
        #expect(handshake.receive([5, 0, 0, 4] + six + [0, 0, 0x16, 3]) == .established(rest: [0x16, 3]))
    }

    @Test("refusals are told in words")
    func refusals() throws {
        func heard(_ answers: [[UInt8]], by proxy: String = "socks5://h:1") throws -> String {
            var handshake = SOCKSHandshake(to: .name("a.onion"), port: 1, by: try Self.proxy(proxy))
            for answer in answers { if case .failed(let what) = handshake.receive(answer) { return what } }
            return ""
        }
        #expect(try heard([Array("HTTP/1.1 400".utf8)]) == "is no SOCKS5 proxy")
        #expect(try heard([[5, 0xFF]]).hasPrefix("wants a user"))
        #expect(try heard([[5, 0xFF]], by: "socks5://u:p@h:1") == "takes no user and password")
        // A proxy that would do without the password may not.
        #expect(try heard([[5, 0]], by: "socks5://u:p@h:1") == "takes no user and password")
        #expect(try heard([[5, 2], [1, 1]], by: "socks5://u:p@h:1") == "refuses the user or the password")
        #expect(try heard([[5, 0], [5, 2]]) == "does not allow this connection")
        #expect(try heard([[5, 0], [5, 4]]) == "cannot reach or find the relay's host")
        #expect(try heard([[5, 0], [5, 0xF0]]).contains("onion"))
        #expect(try heard([[5, 0], [5, 99]]) == "failed with 99")
        #expect(try heard([[5, 0], [5, 0, 0, 9, 0]]) == "answers what cannot be understood")
    }
}
