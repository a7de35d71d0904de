import CConfinement
import Glibc
import Testing

/// A kernel or a shell that refuses something.
@Suite(.serialized)
struct LimitTests {
    @Test(
        "without io_uring files travel by pread and pwrite, and -v and doctor say so",
        arguments: [
            RingRefusal(code: EPERM), RingRefusal(code: ENOSYS), RingRefusal(code: EPERM, onlyEnter: true),
        ])
    func withoutRing(refusal: RingRefusal) async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("plain", count: 700_001)
        let said = "pread and pwrite, as the kernel refuses io_uring: "
        let doctor = try await bob.start("doctor", refusal: refusal).wait()
        #expect(doctor.status == 0)
        #expect(doctor.lines.first?.hasPrefix("ok\tio_uring\t\(said)") == true, "\(doctor.output)\(doctor.errors)")
        _ = try await alice.offer(path, to: bob)
        let id = try await bob.newestOffer()
        let sending = try alice.start("daemon", "-v", refusal: refusal)
        let accepted = try await bob.start("accept", id, "-v", refusal: refusal).wait()
        #expect(accepted.status == 0)
        #expect(accepted.errors.contains(said))
        #expect(haveSameBytes(accepted.text, path))
        sending.signal(SIGTERM)
        #expect(try await sending.wait().errors.contains(said))
    }

    @Test("few descriptors are enough")
    func descriptors() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("thin", count: 700_001)
        _ = try await alice.offer(path, to: bob)
        let id = try await bob.newestOffer()
        let sending = try alice.start("daemon", limit: "-n 32")
        let accepted = try await bob.start("accept", id, limit: "-n 32").wait()
        #expect(accepted.status == 0, "\(accepted.errors)")
        #expect(haveSameBytes(accepted.text, path))
        sending.signal(SIGTERM)
        #expect(try await sending.wait().status == 0)
    }

    @Test("a sender whose database has no room goes on when there is some, and says so once")
    func fullDatabase() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("thick", count: 48_000_000)
        let sent = try await alice.offer(path, to: bob)
        let id = try await bob.newestOffer()
        // In blocks of 512 bytes: the write-ahead log ends at 256 KiB.
        let sending = try alice.start("daemon", limit: "-S -f 512")
        let receiving = try bob.start("accept", id)
        try await eventually("the log is full") { sending.errors.contains("disk") }
        #expect(confined_lift_file_size(sending.id) == 0)
        let result = try await receiving.wait()
        #expect(result.status == 0, "\(result.errors)")
        #expect(haveSameBytes(result.text, path))
        sending.signal(SIGTERM)
        let told = try await sending.wait()
        #expect(told.status == 0)
        #expect(told.errors.split(separator: "\n").count < 20, "\(told.errors)")
        _ = try await alice.run("resume")
        #expect(try await alice.state(sent) == "complete")
    }

    @Test("a relay that cannot store more says so once, and goes on when there is room")
    func fullRelay() async throws {
        let stage = try await Stage(withRelay: false)
        // In blocks of 512 bytes: 4 MiB a file.
        try await stage.startRelay(limit: "-f 8192")
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("thick", count: 9_000_000)
        _ = try await alice.offer(path, to: bob)
        let id = try await bob.newestOffer()
        try await bob.succeed("accept", id, "--no-wait")
        #expect(try await alice.run("resume").status == 75)
        for _ in 0..<10 where try await bob.state(id) != "complete" {
            _ = try await bob.run("resume")
            _ = try await alice.run("resume")
        }
        #expect(haveSameBytes(bob.downloads + "/thick", path))
        let errors = stage.relay?.errors ?? ""
        #expect(errors.contains("cannot store messages"))
        #expect(errors.split(separator: "\n").count < 10, "\(errors)")
        stage.relay?.signal(SIGTERM)
        #expect(try await stage.relay?.wait().status == 0)
    }

    @Test("a limit on file sizes is a reason, not an end")
    func fileSize() async throws {
        let stage = try await Stage()
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("thick", count: 9_000_000)
        let sent = try await alice.offer(path, to: bob)
        let id = try await bob.newestOffer()
        let sending = try alice.start("daemon")
        // In blocks of 512 bytes: 4 MiB.
        let accepted = try await bob.start("accept", id, limit: "-f 8192").wait()
        #expect(accepted.status == 73)
        #expect(accepted.errors.contains("would exceed the largest file size allowed here"))
        #expect(Stage.list(bob.downloads).isEmpty)
        _ = try await bob.run("resume")
        sending.signal(SIGTERM)
        try await sending.wait()
        #expect(try await alice.state(sent) == "failed")
        // Where bob keeps files is his business.
        let told = try await alice.succeed("status", sent).output
        #expect(told.contains("by bob: ") && !told.contains("/"), "\(told)")
    }
}
