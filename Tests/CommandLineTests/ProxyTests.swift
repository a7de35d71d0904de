import Glibc
import Testing

/// Relays through a SOCKS5 proxy, as with Tor.
@Suite(.serialized)
struct ProxyTests {
    /// A name that only the proxy knows: a look-up of our own would find nothing.
    private static let name = "relay.invalid"
    private static let onion = "sxfilesxfilesxfilesxfilesxfilesxfilesxfilesxfilesxfilesx.onion"

    @Test("everything goes by the proxy, which looks up the names, and nothing directly")
    func transfer() async throws {
        let stage = try await Stage()
        let proxy = try SOCKSServer(names: [Self.name], user: "al:ice", password: "p@ss w")
        let named = stage.address.replacing("127.0.0.1", with: Self.name)
        let (alice, bob) = (Person(name: "alice", stage: stage), Person(name: "bob", stage: stage))
        for person in [alice, bob] {
            mkdir(person.home, 0o700)
            let address = "socks5://al%3aice:p%40ss%20w@127.0.0.1:\(proxy.port)"
            try await person.succeed("config", "set", "proxy", "-", input: address)
            try await person.succeed("config", "set", "relay", named)
        }
        try await stage.introduce(alice, bob)
        let path = try stage.makeFile("large.bin", count: 3 << 20)
        let taker = try bob.start("daemon", "-v", "--accept-from", "alice")
        let sent = try await alice.succeed("send", "bob", path, "--json", "-v")
        taker.signal(SIGTERM)
        try await taker.wait()
        #expect(haveSameBytes(bob.downloads + "/large.bin", path))
        #expect(try sent.objects.allSatisfy { $0["lane"] != "direct" })
        #expect(!(sent.errors + taker.errors).contains("listening on"))
        #expect(proxy.complaints.isEmpty)
        let port = try #require(stage.address.split(separator: ":").last.flatMap { Int($0) })
        #expect(Set(proxy.requests.map(\.host)) == [Self.name])
        #expect(proxy.requests.allSatisfy { $0 == SOCKSServer.Request(kind: 3, host: Self.name, port: port) })
        #expect(proxy.bytes > 6 << 20)
        // Neither list nor doctor shows the password, and doctor comes through.
        let listed = try await alice.succeed("config", "list")
        #expect(!listed.output.contains("p@ss") && !listed.output.contains("p%40ss"))
        let doctor = try await alice.succeed("doctor")
        #expect(doctor.output.contains("proxy\tsocks5://al:ice:…@127.0.0.1:\(proxy.port)"))
        #expect(doctor.lines.contains { $0.hasPrefix("ok\trelay\t") && $0.contains("round trip") })
        // Wishing for a direct connection is refused at once.
        let direct = try await alice.run("send", "bob", path, "--lane", "direct")
        #expect(direct.status == 2)
        #expect(direct.errors.contains("proxy"))
    }

    @Test("what the other side offers directly is not dialled")
    func oneSide() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let proxy = try SOCKSServer(names: [])
        try await alice.succeed("config", "set", "proxy", "socks5://127.0.0.1:\(proxy.port)")
        let path = try stage.makeFile("large.bin", count: 3 << 20)
        for (sender, recipient) in [(alice, bob), (bob, alice)] {
            let taker = try recipient.start("daemon", "-v", "--accept-from", sender.name)
            let sent = try await sender.succeed("send", recipient.name, path, "--json", "-v")
            taker.signal(SIGTERM)
            try await taker.wait()
            #expect(haveSameBytes(recipient.downloads + "/large.bin", path))
            #expect(try sent.objects.allSatisfy { $0["lane"] != "direct" })
            #expect(!(sender.name == "alice" ? sent.errors : taker.errors).contains("listening on"))
        }
        // An address is handed on as one.
        #expect(proxy.requests.allSatisfy { $0.kind == 1 && $0.host == "127.0.0.1" })
        #expect(!proxy.requests.isEmpty)
    }

    @Test("an engine that runs takes a new proxy at once, and leaves the straight connection")
    func change() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let proxy = try SOCKSServer(names: [])
        let daemon = try alice.start("daemon", "-v")
        try await eventually("the daemon is connected") { daemon.errors.contains("connected to a relay") }
        try await alice.succeed("config", "set", "proxy", "socks5://127.0.0.1:\(proxy.port)")
        try await eventually("it comes by the proxy") { !proxy.requests.isEmpty }
        let path = try stage.makeFile("small", count: 100_000)
        let id = try await bob.offer(path, to: alice)
        try await eventually("the offer is there") {
            try await alice.succeed("inbox").output.contains("small")
        }
        daemon.signal(SIGTERM)
        #expect(try await daemon.wait().status == 0)
        #expect(try await bob.state(id) == "offered")
    }

    @Test("a command with a proxy leaves nothing to an engine that goes straight")
    func otherEngine() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let proxy = try SOCKSServer(names: [], user: "u", password: "p")
        let address = "socks5://u:p@127.0.0.1:\(proxy.port)"
        let path = try stage.makeFile("secret", count: 1000)
        let daemon = try alice.start("daemon", "-v")
        try await eventually("the daemon is connected") { daemon.errors.contains("connected to a relay") }
        for words in [["send", "bob", path], ["invite"], ["resume"], ["send", "bob", "-m", "hello"]] {
            let child = try stage.start(words, home: "alice", environment: ["SXFILE_PROXY=\(address)"])
            let result = try await child.wait()
            #expect(result.status == 1, "\(words)")
            #expect(result.errors.contains("does not go by the proxy of SXFILE_PROXY: nothing was done"))
        }
        #expect(try await alice.succeed("status", "--all").output.isEmpty)
        #expect(try await alice.succeed("contacts").lines.count == 1)
        #expect(proxy.requests.isEmpty)
        // Looking gives nothing away.
        #expect(try await alice.run("status", environment: ["SXFILE_PROXY=\(address)"]).status == 0)
        daemon.signal(SIGTERM)
        try await daemon.wait()
        // One that uses the same proxy does the work.
        let same = try alice.start("daemon", "-v", environment: ["SXFILE_PROXY=\(address)"])
        try await eventually("it is connected") { same.errors.contains("connected to a relay") }
        let sent = try await alice.run(
            "send", "bob", path, "--no-wait", environment: ["SXFILE_PROXY=\(address)"])
        #expect(sent.status == 0, "\(sent.errors)")
        #expect(!proxy.requests.isEmpty)
        same.signal(SIGTERM)
        try await same.wait()
        _ = bob
    }

    @Test("what is wrong with a proxy is said, and nothing goes round it")
    func failures() async throws {
        let stage = try await Stage()
        let alice = try await stage.person("alice")
        for bad in ["127.0.0.1:9050", "socks4://h:1", "socks5://h", "socks5://u@h:1", "socks5://h:0", "socks5://:1"] {
            #expect(try await alice.run("config", "set", "proxy", bad).status == 2, "\(bad)")
        }
        // Nobody there.
        try await alice.succeed("config", "set", "proxy", "socks5://127.0.0.1:1")
        let refused = try await alice.run("invite")
        #expect(refused.status == 69)
        #expect(refused.errors.contains("the proxy at 127.0.0.1:1 cannot be reached"), "\(refused.errors)")
        // It wants a password, it is given a wrong one, it does not find the relay.
        let proxy = try SOCKSServer(names: [], user: "u", password: "p")
        for (credentials, word) in [("", "wants a user"), ("u:q@", "refuses the user"), ("u:p@", "")] {
            try await alice.succeed("config", "set", "proxy", "socks5://\(credentials)127.0.0.1:\(proxy.port)")
            let result = try await alice.run("invite")
            #expect(result.status == (word.isEmpty ? 0 : 69))
            #expect(word.isEmpty || result.errors.contains(word), "\(result.errors)")
        }
        let unknown = stage.address.replacing("127.0.0.1", with: "unknown.invalid")
        try await alice.succeed("config", "set", "relay", unknown)
        let lost = try await alice.run("invite")
        #expect(lost.status == 69)
        #expect(lost.errors.contains("cannot reach or find"), "\(lost.errors)")
    }

    @Test("an onion service is reached by a proxy only")
    func onionService() async throws {
        let stage = try await Stage()
        let alice = try await stage.person(
            "alice", relay: stage.address.replacing("127.0.0.1", with: Self.onion))
        let without = try await alice.run("invite")
        #expect(without.status == 69)
        #expect(without.errors.contains("onion service; set a proxy"), "\(without.errors)")
        let proxy = try SOCKSServer(names: [Self.onion])
        try await alice.succeed("config", "set", "proxy", "socks5://127.0.0.1:\(proxy.port)")
        let link = try await alice.succeed("invite", "--as", "bob").text
        #expect(Set(proxy.requests.map(\.host)) == [Self.onion])
        let bob = try await stage.person("bob")
        let bobs = try SOCKSServer(names: [Self.onion])
        let joined = try await bob.run(
            "connect", "--no-wait", input: link, environment: ["SXFILE_PROXY=socks5h://127.0.0.1:\(bobs.port)"])
        #expect(joined.status == 0, "\(joined.errors)")
        #expect(bobs.requests.contains { $0.host == Self.onion })
    }
}
