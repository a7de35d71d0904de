import Glibc

/// A relay, Alice who sends, and Bob who accepts everything from her, all on line.
final class SxfileStage {
    private let workspace: Workspace
    private let program: String
    let route: Route
    let directory: String
    private(set) var relay: ChildProcess?
    private(set) var alice: ChildProcess?
    private(set) var bob: ChildProcess?

    var servers: [ChildProcess] { [relay, alice, bob].compactMap { $0 } }
    /// Where Bob's files go.
    var received: String { directory + "/received" }

    init(_ workspace: Workspace, program: String, route: Route, name: String) {
        self.workspace = workspace
        self.program = program
        self.route = route
        directory = workspace.makeDirectory(name)
    }

    /// The relay runs, Alice and Bob are contacts, and both engines are on line.
    ///
    /// Without `isSenderOnline` Alice's engine starts with each command of hers.
    func start(isSenderOnline: Bool = true) throws {
        for name in ["alice", "bob", "received"] { mkdir(directory + "/" + name, 0o700) }
        try startRelay()
        let invitation = directory + "/link"
        Files.write(try run("alice", ["invite", "--as", "bob"]), to: invitation)
        try startAlice()
        try run("bob", ["connect", "--as", "alice", "--timeout", "60s"], input: invitation)
        try Interruption.wait(for: "sxfile invite", seconds: 60) {
            try run("alice", ["contacts", "--json"]).contains("\"connected\"")
        }
        try startBob()
        if !isSenderOnline {
            alice?.end()
            alice = nil
        }
        // Engines subscribe once they are there.
        try Interruption.pause(milliseconds: 1_000)
    }

    private func startRelay() throws {
        let listen = ["--listen", "\(route.far.address):0", "--data", directory + "/relay"]
        let relay = try workspace.start([program, "relay"] + listen, on: route.far, environment: home("relay"))
        self.relay = relay
        try Interruption.wait(for: relay.command, seconds: 20) {
            if try relay.wait(milliseconds: 0) { _ = try relay.succeeded() }
            return relay.output.contains("\n")
        }
        let address = String(relay.output.prefix { $0 != "\n" })
        for name in ["alice", "bob"] { try run(name, ["config", "set", "relay", address]) }
    }

    private func startAlice() throws { alice = try startDaemon("alice", [], on: route.near) }

    /// Bob's engine, which accepts everything from Alice.
    func startBob() throws {
        bob = try startDaemon("bob", ["--accept-from", "alice", "-o", received], on: route.far)
    }

    private func startDaemon(_ name: String, _ words: [String], on host: Host) throws -> ChildProcess {
        let socket = directory + "/" + name + "/engine.sock"
        Files.remove(socket)
        let daemon = try workspace.start([program, "daemon"] + words, on: host, environment: home(name))
        try Interruption.wait(for: daemon.command, seconds: 20) {
            if try daemon.wait(milliseconds: 0) { _ = try daemon.succeeded() }
            return Files.exists(socket)
        }
        return daemon
    }

    /// Runs a command of Alice's or Bob's.
    @discardableResult
    func run(_ name: String, _ words: [String], input: String? = nil) throws -> String {
        let host = name == "alice" ? route.near : route.far
        return try workspace.run([program] + words, on: host, environment: home(name), input: input, seconds: 90)
    }

    /// Starts `sxfile send` of Alice's.
    func startSending(_ source: String, lane: SxfileLane) throws -> ChildProcess {
        let words = [program, "send", "bob", source, "--lane", lane.rawValue, "--json"]
        return try workspace.start(words, on: route.near, environment: home("alice"))
    }

    private func home(_ name: String) -> [String: String] {
        ["SXFILE_HOME": directory + "/" + name, "HOME": directory + "/" + name]
    }
}
