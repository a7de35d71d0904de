import Glibc

/// The recipient's engine is killed at about half of a file and started again: how much travels twice.
///
/// The sender is in a network namespace of its own, so that its device counts every byte that it sends; a transfer
/// without a crash is the measure.
struct ResendSection {
    let workspace: Workspace
    let options: Options

    func run() throws {
        Console.line("kill -9 of the recipient at half of \(options.size), same boot, restarted at once")
        for lane in SxfileLane.allCases where options.includes("sxfile, \(lane)") {
            do { try run(lane) } catch BenchmarkError.interrupted { throw BenchmarkError.interrupted } catch {
                Console.line("sxfile, \(lane): not measured: \(error)")
            }
            workspace.endAll()
        }
    }

    private func run(_ lane: SxfileLane) throws {
        let namespaces = Namespaces(workspace)
        defer {
            workspace.endAll()
            namespaces.clear()
        }
        let route = try namespaces.makeRoute { near, far in
            try workspace.run(["ip", "link", "add", near, "type", "veth", "peer", "name", far])
        }
        let stage = SxfileStage(workspace, program: options.program, route: route, name: "resend-\(lane)")
        try stage.start()
        let source = try workspace.source(options.size)
        let whole = try transfer(source, lane, stage, isKilled: false)
        let again = try (0..<workspace.runs).map { _ in
            max(0, try transfer(source, lane, stage, isKilled: true) - whole)
        }
        Console.line(
            "sxfile, \(lane): the sender sent \(again.map(mebibytes).joined(separator: ", ")) again "
                + "(a run without a crash sends \(mebibytes(whole)), headers included)")
    }

    private func mebibytes(_ count: Int) -> String {
        Number.text(Double(count) / Double(1 << 20), decimals: 1) + " MiB"
    }

    /// Sends the file, and gives the bytes that went over the sender's device.
    private func transfer(
        _ source: String, _ lane: SxfileLane, _ stage: SxfileStage, isKilled: Bool
    ) throws -> Int {
        Progress.show("sxfile, \(lane), \(isKilled ? "with" : "without") a crash")
        defer { Progress.clear() }
        let before = sentBytes(stage)
        let sending = try stage.startSending(source, lane: lane)
        if isKilled { try crash(stage, while: sending) }
        let limit = options.secondsLimit(for: options.size)
        _ = try lane.explainingRefusal { try sending.finish(seconds: limit) }
        try lane.requireUse(in: sending.output)
        let after = sentBytes(stage)
        let received = stage.received + "/" + (source.split(separator: "/").last ?? "")
        guard try Files.areEqual(source, received) else { throw BenchmarkError.differs("sxfile, \(lane)") }
        Files.remove(received)
        return after - before
    }

    /// Kills Bob's engine once half of the file is in its partial, and starts it again.
    private func crash(_ stage: SxfileStage, while sending: ChildProcess) throws {
        let half = options.size.bytes / 2
        try Interruption.wait(for: "sxfile send", seconds: options.secondsLimit(for: options.size)) {
            if try sending.wait(milliseconds: 0) {
                _ = try sending.succeeded()
                throw BenchmarkError.unavailable("the file arrived before half of it was seen: take a larger one")
            }
            let partials = Files.names(in: stage.received).filter { $0.hasSuffix(".part") }
            return partials.contains { Files.size(stage.received + "/" + $0) ?? 0 >= half }
        }
        guard let bob = stage.bob else { preconditionFailure("he was started") }
        bob.signal(SIGKILL)
        bob.waitUninterrupted()
        try stage.startBob()
    }

    /// What Alice's engine and commands have sent since the namespace was made.
    private func sentBytes(_ stage: SxfileStage) -> Int {
        stage.alice?.tree.deviceBytes(Namespaces.devices.near) ?? 0
    }
}
