import Glibc
import Testing

/// As cron and systemd start it: hardly any environment, no terminal, perhaps no HOME.
@Suite(.serialized)
struct BareEnvironmentTests {
    @Test("resume says nothing without anything to do, and 75 without a word while something waits")
    func bareResume() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        #expect(try await bare(["resume"], of: bob) == CommandResult(status: 0, output: "", errors: ""))
        let path = try stage.makeFile("by cron", count: 100_000)
        try await alice.succeed("send", "bob", path, "--no-wait", "--lane", "relay")
        #expect(try await bare(["resume"], of: alice) == CommandResult(status: 75, output: "", errors: ""))
        #expect(try await bare(["resume"], of: bob) == CommandResult(status: 0, output: "", errors: ""))
        // The line of the manual: silent, and nothing that cron would report.
        let line = try ChildProcess(
            "/usr/bin/env",
            [
                "-i", "PATH=/usr/bin:/bin", "SXFILE_HOME=\(alice.profile)", "/bin/sh", "-c",
                "\(stage.program) resume || [ $? -eq 75 ]",
            ], environment: [], input: nil, scratch: stage.directory + "/scratch")
        #expect(try await line.wait() == CommandResult(status: 0, output: "", errors: ""))
    }

    @Test("without HOME the home is that of passwd", .enabled(if: Namespaces.areAvailable))
    func withoutHome() async throws {
        let stage = try await Stage()
        let home = stage.directory + "/elsewhere"
        mkdir(home, 0o700)
        let set = try await inHome(home, ["config", "set", "relay", stage.address], stage)
        #expect(set.status == 0, "\(set.errors)")
        #expect(access(home + "/.local/share/sxfile/default/sxfile.db", F_OK) == 0)
        #expect(try await inHome(home, ["resume"], stage) == CommandResult(status: 0, output: "", errors: ""))
        let doctor = try await inHome(home, ["doctor"], stage)
        #expect(doctor.status == 0 && doctor.output.contains(home + "/Downloads"), "\(doctor.output)\(doctor.errors)")
    }

    @Test("a user without a home is told what to set", .enabled(if: Namespaces.areAvailable))
    func nobody() async throws {
        let stage = try await Stage(withRelay: false)
        chmod(stage.directory, 0o755)
        let result = try await ChildProcess(
            "/usr/bin/setpriv",
            [
                "--reuid", "54321", "--regid", "54321", "--clear-groups", "/usr/bin/env", "-i", "PATH=/usr/bin:/bin",
                stage.program, "resume",
            ], environment: [], input: nil, scratch: stage.directory + "/scratch"
        ).wait()
        #expect(result.status == 77 && result.output.isEmpty)
        #expect(result.errors.contains("HOME"), "\(result.errors)")
    }

    private func bare(_ words: [String], of person: Person) async throws -> CommandResult {
        try await ChildProcess(
            "/usr/bin/env",
            ["-i", "PATH=/usr/bin:/bin", "SXFILE_HOME=\(person.profile)", person.stage.program] + words,
            environment: [], input: nil, scratch: person.stage.directory + "/scratch"
        ).wait()
    }

    /// Runs a command without HOME where passwd says that root lives in `home`.
    private func inHome(_ home: String, _ words: [String], _ stage: Stage) async throws -> CommandResult {
        let passwd = stage.directory + "/passwd"
        try "root:x:0:0:root:\(home):/bin/sh\n".write(to: passwd)
        let script = "mount --bind \(passwd) /etc/passwd && exec env -i PATH=/usr/bin:/bin \"$0\" \"$@\""
        return try await ChildProcess(
            "/usr/bin/unshare", ["--mount", "/bin/sh", "-c", script, stage.program] + words,
            environment: ["PATH=/usr/bin:/bin"], input: nil, scratch: stage.directory + "/scratch"
        ).wait()
    }
}
