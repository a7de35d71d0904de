import Glibc
import Testing

/// Standard input and standard output in place of files.
@Suite(.serialized)
struct PipeTests {
    /// Runs a line of shell in somebody's home; `sxfile` is the program.
    private func shell(_ person: Person, _ line: String) throws -> ChildProcess {
        let stage = person.stage
        return try ChildProcess(
            "/bin/sh", ["-c", "sxfile() { \"\(stage.program)\" \"$@\"; }; \(line)"],
            environment: ["SXFILE_HOME=\(person.profile)", "HOME=\(person.home)", "PATH=/usr/bin:/bin"], input: nil,
            scratch: stage.directory + "/scratch")
    }

    @Test("a pipe at both ends", arguments: ["relay", "direct"], [0, 1, 262_144, 3_000_001])
    func bothEnds(lane: String, count: Int) async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("source", count: count)
        let sending = try shell(alice, "cat '\(path)' | sxfile send bob - --name x.tar --lane \(lane)")
        _ = try await sending.firstLine()
        let id = try await bob.newestOffer()
        let offers = try await bob.succeed("inbox").output
        #expect(offers.contains("size unknown") && offers.contains("x.tar"))
        let copy = stage.directory + "/copy"
        let receiving = try shell(bob, "sxfile accept \(id) -o - --json | cat > '\(copy)'")
        let received = try await receiving.wait()
        #expect(received.status == 0, "\(received.errors)")
        #expect(received.output.isEmpty)
        #expect(received.errors.contains("\"type\":\"transfer\""))
        let sent = try await sending.wait()
        #expect(sent.status == 0, "\(sent.errors)")
        #expect(haveSameBytes(copy, path))
        #expect(Stage.list(bob.profile + "/output") == [])
        #expect(Stage.list(alice.profile + "/spool") == [])
        let row = try await bob.succeed("status", id, "--json").objects.first
        #expect(row?["size"] == count)
        #expect(row?["state"] == "complete")
    }

    @Test("what goes out of a pipe may arrive in a file, and the sender may leave after its end")
    func intoFile() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("source", count: 1_000_000)
        let sending = try shell(alice, "cat '\(path)' | sxfile send bob - --name x.tar --no-wait")
        #expect(try await sending.wait().status == 0)
        let id = try await bob.newestOffer()
        let host = try alice.start("daemon")
        let accepted = try await bob.succeed("accept", id)
        #expect(accepted.text == bob.downloads + "/x.tar")
        #expect(haveSameBytes(accepted.text, path))
        host.signal(SIGTERM)
        try await host.wait()
        #expect(Stage.list(alice.profile + "/spool") == [])
    }

    @Test("a pipe that is cut off fails on both sides")
    func cutOff() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let number = stage.directory + "/number"
        let sending = try shell(
            alice,
            """
            { head -c 600000 /dev/zero; sleep 20; } \\
                | sh -c 'echo $$ > "\(number)"; exec "\(stage.program)" send bob -'
            """)
        _ = try await sending.firstLine()
        let id = try await bob.newestOffer()
        let process = try #require(pid_t(String(file: number).split(separator: "\n").joined()))
        kill(process, SIGKILL)
        try await bob.succeed("accept", id, "--no-wait")
        let host = try alice.start("daemon")
        let failed = try await bob.run("accept", id)
        #expect(failed.status == 1)
        #expect(failed.errors.contains("standard input was cut off before its end"))
        host.signal(SIGTERM)
        try await host.wait()
        #expect(try await alice.state("1") == "failed")
        #expect(Stage.list(bob.downloads) == [])
        try await sending.wait()
    }

    @Test("killed in the middle, both go on", arguments: ["relay", "auto"])
    func killed(lane: String) async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("source", count: 40_000_000)
        let sending = try shell(
            alice, "cat '\(path)' | sxfile send bob - --name x --no-wait --lane \(lane)")
        #expect(try await sending.wait().status == 0)
        let id = try await bob.newestOffer()
        let copy = stage.directory + "/copy"
        var generator = SeededGenerator(seed: UInt64(lane.utf8.count))
        var isWhole = false
        for _ in 0..<4 where !isWhole {
            let sender = try alice.start("daemon")
            let recipient = try shell(bob, "exec \"\(stage.program)\" accept \(id) -o - > '\(copy)'")
            try await Task.sleep(for: .milliseconds(Int.random(in: 100...500, using: &generator)))
            sender.signal(SIGKILL)
            recipient.signal(SIGKILL)
            try await sender.wait()
            // Fast enough, it was done before; killed then, it has nothing left to write.
            let isDone = try await recipient.wait().status == 0
            let row = try await bob.succeed("status", id, "--json").output
            isWhole = isDone || row.contains("\"path\":\"-\"")
        }
        if !isWhole {
            let sender = try alice.start("daemon")
            let received = try await shell(bob, "sxfile accept \(id) -o - > '\(copy)'").wait()
            #expect(received.status == 0, "\(received.errors)")
            sender.signal(SIGTERM)
            try await sender.wait()
        }
        #expect(try await bob.state(id) == "complete")
        #expect(haveSameBytes(copy, path))
    }

    @Test("a reader that leaves ends it, and it can be written again")
    func closedReader() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("source", count: 3_000_000)
        _ = try await alice.offer(path, to: bob)
        let id = try await bob.newestOffer()
        let host = try alice.start("daemon")
        let status = stage.directory + "/status"
        let first = try await shell(bob, "{ sxfile accept \(id) -o -; echo $? > '\(status)'; } | head -c 10").wait()
        #expect(first.output.utf8.count <= 40)
        #expect(String(file: status) == "73\n")
        #expect(first.errors.contains("standard output was closed"))
        let copy = stage.directory + "/copy"
        #expect(try await shell(bob, "sxfile accept \(id) -o - > '\(copy)'").wait().status == 0)
        #expect(haveSameBytes(copy, path))
        host.signal(SIGTERM)
        try await host.wait()
        let again = try await bob.run("accept", id, "-o", "-")
        #expect(again.status == 1 && again.output.isEmpty)
    }

    @Test("what does not go together")
    func misuse() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("file", count: 10)
        #expect(try await alice.run("send", "bob", path, "-").status == 2)
        #expect(try await alice.run("send", "bob", "-", "--dry-run").status == 2)
        #expect(try await alice.run("send", "bob", "-", "--inline").status == 2)
        mkdir(stage.directory + "/folder", 0o755)
        _ = try await alice.offer(stage.directory + "/folder", to: bob)
        let id = try await bob.newestOffer()
        #expect(try await bob.run("accept", id, "-o", "-").status == 2)
        #expect(try await bob.run("accept", id, "-o", "-", "--no-wait").status == 2)
    }
}
