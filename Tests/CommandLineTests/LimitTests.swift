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
