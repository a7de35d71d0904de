import GRDB
import Glibc
import Testing

/// What is accepted without asking, and what is started when a transfer is complete.
@Suite(.serialized)
struct HookTests {
    /// A program that appends what it was given to a file.
    private func makeHook(_ stage: Stage, _ name: String, then: String = "") throws -> (path: String, log: String) {
        let (path, log) = (stage.directory + "/" + name, stage.directory + "/" + name + ".log")
        try """
        #!/bin/sh
        printf '%s|%s|%s|%s|%s|%s|%s|%s\\n' "$*" "$SXFILE_ID" "$SXFILE_STATE" "$SXFILE_DIRECTION" "$SXFILE_PEER" \
          "$SXFILE_FILE_NAME" "$SXFILE_SIZE" "$SXFILE_PATH" >> '\(log)'
        \(then)
        """.write(to: path)
        chmod(path, 0o755)
        return (path, log)
    }

    @Test("a policy accepts within its limit, into its directory, in an ordinary run")
    func policy() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let place = stage.directory + "/place"
        mkdir(place, 0o755)
        try await bob.succeed("contacts", "set", "alice", "accept=always", "max=100K", "dir=" + place)
        #expect(
            try await bob.succeed("contacts").lines == [
                "alice\tconnected\taccepts by itself up to 100.0 KiB into \(place)"
            ])
        let row = try #require(try await bob.succeed("contacts", "--json").objects.first)
        #expect(row["accept"] == "always" && row["max"] == 102_400 && row["dir"] == place)
        let small = try stage.makeFile("small", count: 102_400)
        let large = try stage.makeFile("large", count: 102_401)
        let sent = try await alice.offer(small, to: bob)
        _ = try await alice.offer(large, to: bob)
        let sending = try alice.start("daemon")
        _ = try await bob.run("resume")
        try await eventually("complete") {
            _ = try await bob.run("resume")
            return try await alice.state(sent) == "complete"
        }
        sending.signal(SIGTERM)
        try await sending.wait()
        #expect(Stage.list(place) == ["small"])
        #expect(haveSameBytes(place + "/small", small))
        #expect(try await bob.succeed("inbox").lines.map { $0.hasSuffix("large") } == [true])
        try await bob.succeed("contacts", "set", "alice", "accept=ask", "max=", "dir=")
        #expect(try await bob.succeed("contacts").lines == ["alice\tconnected"])
        for wrong in ["accept=sometimes", "max=much", "size=3", "accept"] {
            #expect(try await bob.run("contacts", "set", "alice", wrong).status == 2, "\(wrong)")
        }
        #expect(try await bob.run("contacts", "set", "alice", "dir=" + place + "/nowhere").status == 73)
        #expect(try await bob.run("contacts", "set", "carol", "accept=always").status == 3)
    }

    @Test("the hook is told of each complete transfer once, without a shell")
    func hook() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let (program, log) = try makeHook(stage, "hook")
        for person in [alice, bob] { try await person.succeed("config", "set", "hook", "\(program) \"a  b\" $HOME;id") }
        let path = try stage.makeFile("$(touch evil)`id`\n\u{202e}.txt", count: 300_000)
        let sending = try alice.start("send", "bob", path)
        let id = try await sending.firstLine()
        let offer = try await bob.newestOffer()
        let received = try await bob.succeed("accept", offer)
        #expect(try await sending.wait().status == 0)
        let name = "$(touch evil)`id`\n\u{202e}.txt"
        let ours = "a  b $HOME;id|\(id)|complete|send|bob|\(name)|300000|\(path)\n"
        try await eventually("both hooks") {
            String(file: log).contains("|receive|") && String(file: log).contains("|send|")
        }
        #expect(String(file: log).contains(ours))
        #expect(!received.output.isEmpty)
        for person in [alice, bob] { try await person.succeed("resume") }
        #expect(String(file: log).split(separator: "|complete|").count == 3)
        #expect(access(alice.home + "/evil", F_OK) != 0)
    }

    @Test("what a crash kept from the hook is told by the next run")
    func crash() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("a", count: 300_000)
        let sending = try alice.start("send", "bob", path)
        let offer = try await bob.newestOffer()
        try await bob.succeed("accept", offer)
        try await sending.wait()
        let (program, log) = try makeHook(stage, "hook")
        try await bob.succeed("config", "set", "hook", program)
        // As a kill between the last byte and the hook leaves it.
        let database = try DatabaseQueue(path: bob.profile + "/sxfile.db")
        try await database.write { try $0.execute(sql: "UPDATE transfers SET hookDue = 1") }
        try database.close()
        try await bob.succeed("resume")
        try await eventually("the hook") { !String(file: log).isEmpty }
        try await bob.succeed("resume")
        #expect(String(file: log).split(separator: "\n").count == 1)
    }

    @Test("a hook that hangs, fails or is not there holds nobody up", arguments: ["sleep 1000", "exit 3", ""])
    func harmless(_ then: String) async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let (program, log) = try makeHook(stage, "hook", then: "echo $$ >> '\(stage.directory)/pids'\n\(then)")
        if then.isEmpty { unlink(program) }
        try await bob.succeed("config", "set", "hook", program)
        for count in [1000, 2000] {
            let path = try stage.makeFile("a\(count)", count: count)
            let sending = try alice.start("send", "bob", path)
            let received = try await bob.succeed("accept", try await bob.newestOffer())
            #expect(haveSameBytes(received.text, path))
            #expect(received.errors.isEmpty)
            #expect(try await sending.wait().status == 0)
        }
        #expect(try await bob.run("resume").status == 0)
        let expected = then.isEmpty ? 0 : 2
        try await eventually("hooks") { String(file: log).split(separator: "\n").count == expected }
        for line in String(file: stage.directory + "/pids").split(separator: "\n") {
            if let process = pid_t(line) { kill(process, SIGKILL) }
        }
    }

    @Test("an inline file is complete for its user when it is taken out of the inbox")
    func inline() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let (program, log) = try makeHook(stage, "hook")
        try await bob.succeed("config", "set", "hook", program)
        let sending = try alice.start("send", "bob", try stage.makeFile("note", count: 1000), "-m", "look")
        _ = try await bob.run("resume")
        #expect(try await sending.wait().status == 0)
        #expect(String(file: log).isEmpty)
        let file = try #require(try await bob.succeed("inbox").lines.first { $0.hasSuffix("note") })
        try await bob.succeed("accept", String(file.prefix { $0 != "\t" }))
        try await eventually("the hook") {
            String(file: log).contains("|receive|alice|note|1000|\(bob.downloads)/note")
        }
    }

    @Test("the desktop is told where there is one, and only if that is wanted")
    func desktop() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let tools = stage.directory + "/tools"
        mkdir(tools, 0o755)
        let log = stage.directory + "/shown"
        try "#!/bin/sh\nprintf '%s|' \"$@\" >> '\(log)'\n".write(to: tools + "/notify-send")
        chmod(tools + "/notify-send", 0o755)
        let desktop = ["PATH=\(tools):/usr/bin:/bin", "DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere"]
        for isWanted in [false, true] {
            if isWanted { try await bob.succeed("config", "set", "notify", "yes") }
            let path = try stage.makeFile("<b>\(isWanted)", count: 1000)
            let sending = try alice.start("send", "bob", path)
            let offer = try await bob.newestOffer()
            #expect(try await bob.run("accept", offer, environment: desktop).status == 0)
            #expect(try await sending.wait().status == 0)
        }
        try await eventually("a notification") { !String(file: log).isEmpty }
        #expect(
            String(file: log)
                == "--app-name=sxfile|--|sxfile|&lt;b&gt;true from alice is complete|")
    }

    @Test("what cannot be a hook is refused")
    func settings() async throws {
        let stage = try await Stage(withRelay: false)
        let alice = Person(name: "alice", stage: stage)
        mkdir(alice.home, 0o700)
        for wrong in ["notify-me", "/bin/echo \"a", "./hook"] {
            #expect(try await alice.run("config", "set", "hook", wrong).status == 2, "\(wrong)")
        }
        #expect(try await alice.run("config", "set", "notify", "maybe").status == 2)
        try await alice.succeed("config", "set", "hook", "/bin/true \"a b\"")
        #expect(try await alice.succeed("config", "get", "hook").text == "/bin/true \"a b\"")
        try await alice.succeed("config", "set", "hook", "")
        #expect(try await alice.run("config", "get", "hook").status == 1)
    }
}
