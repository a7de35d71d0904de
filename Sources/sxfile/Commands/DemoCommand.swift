import ArgumentParser
import Glibc

/// `sxfile demo`.
struct DemoCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Send a real file between two profiles in a temporary directory.",
        discussion: "Starts a relay of its own, shows each command, and removes everything at the end.")
    @Argument(help: "The file to send; without one, one is made.", completion: .file()) var path: String?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        let stage = try DemoStage(session)
        defer { stage.clear() }
        try await Demo(session: session, stage: stage).run(path: path)
    }
}

/// The play: a relay, Alice and Bob.
private struct Demo {
    let session: Session
    let stage: DemoStage

    func run(path: String?) async throws {
        let started = ContinuousClock.now
        let source = try path.map(stage.existing) ?? stage.makeFile()
        say("A relay, and two people with a profile each, in \(stage.directory)")
        let relay = try stage.start(
            "relay", ["relay", "--listen", "127.0.0.1:0", "--data", stage.directory + "/relay"])
        let address = try stage.firstLine(of: relay)
        say("→ \(address)")
        _ = try stage.run("alice", ["config", "set", "relay", address])
        _ = try stage.run("bob", ["config", "set", "relay", address])

        say("\nAlice makes a one-time link, Bob joins it")
        let link = try stage.run("alice", ["invite", "--as", "bob"])
        say("→ \(link.prefix(64))…")
        let online = try stage.start("alice", ["daemon"])
        let contact = try stage.run("bob", ["connect", "--as", "alice"], input: link)
        say("→ \(contact) is connected")
        stage.stop(online)

        say("\nAlice offers a file and leaves; nobody else needs to be on line")
        let sent = try stage.run("alice", ["send", "bob", source, "--no-wait"])
        say("→ transfer \(sent)")
        say("\nBob looks, and accepts; Alice's next run sends")
        _ = try stage.run("bob", ["resume"], accepting: [0, 75])
        let offers = try stage.run("bob", ["inbox"])
        say("→ \(offers)")
        let id = String(offers.prefix { $0 != "\t" })
        let sending = try stage.start("alice", ["resume", "--wait", "10m"])
        let transfer = ContinuousClock.now
        let received = try stage.run("bob", ["accept", id, "-o", stage.directory + "/received/"])
        let time = ContinuousClock.now - transfer
        say("→ \(received)")
        stage.wait(sending)
        say("\nAlice hears that he has it")
        say("→ " + (try stage.run("alice", ["status", sent])))
        try stage.compare(source, received)
        stage.stop(relay)
        summarize(source, time, ContinuousClock.now - started)
    }

    private func summarize(_ source: String, _ time: Duration, _ total: Duration) {
        let size = DemoStage.size(of: source)
        let seconds = max(time / .seconds(1), 0.001)
        let rate = UInt64(Double(size) / seconds)
        say("")
        session.console.result(
            "The same \(Quantity.size(size)) arrived in \(Self.tenths(seconds)) s (\(Quantity.size(rate))/s); "
                + "everything took \(Self.tenths(total / .seconds(1))) s.")
        session.console.json(
            "demo", [("size", .bytes(size)), ("bytesPerSecond", .bytes(rate)), ("ok", .bool(true))])
    }

    private static func tenths(_ seconds: Double) -> String {
        let tenths = Int((seconds * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    private func say(_ text: String) {
        session.console.result(
            text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
                .map(PlainText.demo).joined(separator: "\n"))
    }
}

extension PlainText {
    /// Output of our own commands: its tabs are meant.
    fileprivate static func demo(_ line: String) -> String {
        line.split(separator: "\t", omittingEmptySubsequences: false).map { escaped(String($0)) }.joined(
            separator: "\t")
    }
}
