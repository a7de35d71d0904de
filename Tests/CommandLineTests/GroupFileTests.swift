import Glibc
import Testing

/// Files to a group, as people send and receive them.
@Suite(.serialized)
struct GroupFileTests {
    /// A group `team` of alice and these, each connected to her.
    private func group(_ names: [String], on stage: Stage) async throws -> (alice: Person, members: [Person]) {
        let alice = try await stage.person("alice")
        try await alice.succeed("config", "set", "name", "alice")
        try await alice.succeed("group", "create", "team")
        var members: [Person] = []
        for name in names {
            let person = try await stage.person(name)
            try await person.succeed("config", "set", "name", name)
            try await stage.introduce(alice, person)
            members.append(person)
        }
        let host = try alice.start("daemon")
        for person in members {
            try await alice.succeed("group", "invite", "team", person.name)
            try await eventually("the invitation of \(person.name)") {
                _ = try await person.run("resume")
                return try await person.succeed("group", "list").output.contains("#team")
            }
            try await person.succeed("group", "join", "team")
        }
        try await eventually("a connection with everybody") {
            try await alice.succeed("group", "members", "team", "--json").objects.allSatisfy { $0["connected"] == true }
        }
        host.signal(SIGTERM)
        try await host.wait()
        return (alice, members)
    }

    /// The states of the members, by name.
    private func states(_ alice: Person, _ id: String) async throws -> [String: String] {
        let object = try #require(try await alice.succeed("status", id, "--json").objects.first)
        let members = try #require(object.members["members"] as? [[String: Any]])
        var states: [String: String] = [:]
        for member in members { states[member["name"] as? String ?? ""] = member["state"] as? String }
        return states
    }

    @Test("one transfer for all: declined by one, cancelled for one, had by one")
    func eachForItself() async throws {
        let stage = try await Stage()
        let (alice, members) = try await group(["bob", "carol", "dave"], on: stage)
        let path = try stage.makeFile("report.pdf", count: 700_000)
        let id = try await alice.succeed(
            "send", "#team", path, "-m", "read this", "--no-wait", "--lane", "relay"
        ).text
        #expect(try await alice.succeed("status").lines.count == 1)
        // The text and the file, once each.
        #expect(try await alice.succeed("messages", "#team").lines.count == 2)
        #expect(try await states(alice, id) == ["bob": "offered", "carol": "offered", "dave": "offered"])
        let wrong = try await alice.run("cancel", id, "--member", "zoe")
        #expect(wrong.status == 3)
        let (bob, carol, dave) = (members[0], members[1], members[2])
        let offer = try await bob.newestOffer()
        let shown = try #require(try await bob.succeed("inbox", "--json").objects.first { $0.type == "transfer" })
        #expect(shown["group"] == "team")
        #expect(shown["peer"] == "alice")
        let inbox = try await bob.succeed("inbox").output
        #expect(inbox.contains("#team/alice\tfile") && inbox.contains("read this"))
        let refused = try await carol.newestOffer()
        try await carol.succeed("decline", refused)
        try await alice.succeed("cancel", id, "--member", "dave")
        let waiting = try alice.start("resume", "--wait", "2m")
        #expect(try await bob.succeed("accept", offer).text == bob.downloads + "/report.pdf")
        #expect(haveSameBytes(bob.downloads + "/report.pdf", path))
        let ended = try await waiting.wait()
        #expect(ended.status == 4, "\(ended.errors)")
        #expect(ended.errors.contains("#team/carol declined transfer \(id)"))
        #expect(try await states(alice, id) == ["bob": "complete", "carol": "declined", "dave": "cancelled"])
        let lines = try await alice.succeed("status", id).lines
        #expect(lines.count == 4)
        #expect(lines[0].contains("\t#team\t") && lines[0].contains("1 of 3 have it, 1 declined, 1 cancelled"))
        #expect(lines[1].hasPrefix("\(id)\tto\t#team/bob\tcomplete\t"))
        _ = try await dave.run("resume")
        #expect(try await dave.succeed("inbox").lines.allSatisfy { !$0.contains("file") })
        // Once more for those two.
        let again = try await alice.succeed("retry", id, "--no-wait").text
        #expect(try await states(alice, again) == ["carol": "offered", "dave": "offered"])
        let sending = try alice.start("resume", "--wait", "2m")
        for person in [carol, dave] {
            let offer = try await person.newestOffer()
            try await person.succeed("accept", offer)
        }
        #expect(try await sending.wait().status == 0)
        #expect(try await states(alice, again) == ["carol": "complete", "dave": "complete"])
    }

    @Test("killed in the middle, on both sides: each member goes on where it was")
    func killed() async throws {
        let stage = try await Stage()
        let (alice, members) = try await group(["bob", "carol", "dave"], on: stage)
        let path = try stage.makeFile("big", count: 40_000_000)
        let id = try await alice.succeed("send", "#team", path, "--no-wait", "--lane", "relay").text
        for person in members {
            let offer = try await person.newestOffer()
            try await person.succeed("accept", offer, "--no-wait")
        }
        var receiving: [ChildProcess] = []
        for person in members { receiving.append(try person.start("daemon")) }
        for count in [3_000_000, 12_000_000] {
            let host = try alice.start("daemon")
            try await eventually("\(count) bytes at a member's") {
                let object = try #require(try await alice.succeed("status", id, "--json").objects.first)
                let moved: Int = try #require(object["transferred"])
                return moved >= count || object["state"] == "complete"
            }
            host.signal(SIGKILL)
            try await host.wait()
            receiving[0].signal(SIGKILL)
            try await receiving[0].wait()
            receiving[0] = try members[0].start("daemon")
        }
        let last = try await alice.run("resume", "--wait", "2m")
        #expect(last.status == 0, "\(last.output)\(last.errors)")
        #expect(try await states(alice, id).values.allSatisfy { $0 == "complete" })
        for (person, host) in zip(members, receiving) {
            try await eventually("the file of \(person.name)") { haveSameBytes(person.downloads + "/big", path) }
            host.signal(SIGTERM)
            try await host.wait()
        }
    }

    /// Without io_uring every byte that is read counts in `rchar`, of the database and the sockets too.
    @Test("what several fetch at the same time is read once")
    func readOnce() async throws {
        let stage = try await Stage()
        let (alice, members) = try await group(["bob", "carol", "dave"], on: stage)
        let count = 60_000_000
        let path = try stage.makeFile("big", count: count)
        let id = try await alice.succeed("send", "#team", path, "--no-wait", "--lane", "relay").text
        var receiving: [ChildProcess] = []
        for person in members {
            let offer = try await person.newestOffer()
            try await person.succeed("accept", offer, "--no-wait")
            receiving.append(try person.start("daemon"))
        }
        let host = try alice.start("daemon", refusal: RingRefusal(code: EPERM))
        try await eventually("the end for all") {
            try await states(alice, id).values.allSatisfy { $0 == "complete" }
        }
        let read = try readBytes(of: host)
        #expect(read < 2 * count)
        for process in receiving + [host] {
            process.signal(SIGTERM)
            try await process.wait()
        }
        for person in members { #expect(haveSameBytes(person.downloads + "/big", path)) }
    }

    private func readBytes(of process: ChildProcess) throws -> Int {
        let descriptor = open("/proc/\(process.id)/io", O_RDONLY)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("rchar: ") })
        return try #require(Int(line.dropFirst(7)))
    }

    @Test("a folder, and what comes through a pipe, go to a group the same way")
    func folderAndPipe() async throws {
        let stage = try await Stage()
        let (alice, members) = try await group(["bob", "carol"], on: stage)
        let folder = stage.directory + "/tree"
        mkdir(folder, 0o755)
        for index in 0..<4 {
            try "file \(index)".write(to: folder + "/\(index)")
        }
        _ = try stage.makeFile("tree/large", count: 600_000)
        let id = try await alice.succeed("send", "#team", folder, "--no-wait").text
        let input = stage.directory + "/input"
        try String(repeating: "line of input\n", count: 50_000).write(to: input)
        let piping = try ChildProcess(
            "/bin/sh", ["-c", "'\(stage.program)' send '#team' - --name log.txt --no-wait < '\(input)'"],
            environment: ["SXFILE_HOME=\(alice.profile)", "HOME=\(alice.home)", "PATH=/usr/bin:/bin"], input: nil,
            scratch: stage.directory + "/scratch")
        let piped = try await piping.wait()
        #expect(piped.status == 0, "\(piped.errors)")
        let host = try alice.start("daemon")
        for person in members {
            _ = try await person.run("resume")
            #expect(try await person.succeed("inbox").lines.count == 2)
            try await person.succeed("accept", "--all")
            #expect(haveSameBytes(person.downloads + "/log.txt", input))
            #expect(haveSameBytes(person.downloads + "/tree/large", folder + "/large"))
            #expect(Stage.list(person.downloads + "/tree") == ["0", "1", "2", "3", "large"])
        }
        for transfer in [id, piped.text] {
            try await eventually("the end of \(transfer)") { try await alice.state(transfer) == "complete" }
        }
        host.signal(SIGTERM)
        try await host.wait()
        #expect(Stage.list(alice.profile + "/spool") == [])
    }

    @Test("nobody there, no such group, nothing that a group cannot take")
    func refusals() async throws {
        let stage = try await Stage()
        let alice = try await stage.person("alice")
        let path = try stage.makeFile("report.pdf", count: 1000)
        let missing = try await alice.run("send", "#team", path)
        #expect(missing.status == 3)
        try await alice.succeed("group", "create", "team")
        let empty = try await alice.run("send", "#team", path)
        #expect(empty.status == 1)
        #expect(empty.errors.contains("no other member of '#team' can be reached yet"))
        #expect(try await alice.run("send", "#team", path, "--inline").status == 2)
        #expect(try await alice.succeed("status", "--all").output.isEmpty)
    }
}
