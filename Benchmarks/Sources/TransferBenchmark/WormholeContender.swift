import Glibc

/// magic-wormhole with a mailbox server and a transit relay of its own; sender and recipient start with the clock.
///
/// It offers all addresses of its machine, so it runs where there is only loopback.
final class WormholeContender: Contender {
    let name: String
    let isSynced = false
    private let workspace: Workspace
    private let host: Host
    private let isDirect: Bool
    private var directory = ""
    private var servers: [ChildProcess] = []
    private var options: [String] = []
    private var count = 0

    /// `isolated` is a host with nothing but loopback, nil if there is none: then only the relay can be measured.
    init(_ workspace: Workspace, isolated: Host?, isDirect: Bool) {
        self.workspace = workspace
        host = isolated ?? .loopback
        self.isDirect = isDirect
        name = isDirect ? "magic-wormhole, direct" : "magic-wormhole, transit relay"
        canIsolate = isolated != nil
    }

    private let canIsolate: Bool

    func prepare() throws {
        if isDirect, !canIsolate {
            throw BenchmarkError.unavailable("it listens on all addresses, and a namespace to keep it in wants root")
        }
        directory = workspace.makeDirectory(isDirect ? "wormhole-direct" : "wormhole-relay")
        guard try workspace.run(["twist3", "--help"]).contains("wormhole-mailbox") else {
            throw BenchmarkError.unavailable("there is no mailbox server: python3-magic-wormhole-mailbox-server")
        }
        let (mailbox, transit) = (try host.freePort(), try host.freePort())
        let database = ["--channel-db", directory + "/mailbox.sqlite"]
        servers = [
            try startServer(["wormhole-mailbox"] + database, port: mailbox),
            try startServer(["transitrelay"], port: transit),
        ]
        options = [
            "--relay-url", "ws://127.0.0.1:\(mailbox)/v1", "--transit-helper", "tcp:127.0.0.1:\(transit)",
        ]
    }

    private func startServer(_ words: [String], port: Int) throws -> ChildProcess {
        let endpoint = ["--port", "tcp:\(port):interface=127.0.0.1"]
        return try workspace.startServer(["twist3"] + words + endpoint, on: host, port: port)
    }

    func transfer(_ source: String, seconds: Int) throws -> (measurement: Measurement, received: String) {
        count += 1
        let code = "\(count)-measured-transfer"
        let received = directory + "/received.bin"
        let listening = isDirect ? [] : ["--no-listen"]
        let sending = ["wormhole"] + options + ["send", "--hide-progress", "--code", code] + listening + [source]
        let receiving =
            ["wormhole"] + options + ["receive", "--hide-progress", "--accept-file", "-o", received] + listening + [
                code
            ]
        let measurement = try Measurement.take(servers: servers, seconds: seconds) {
            [try workspace.start(sending, on: host), try workspace.start(receiving, on: host)]
        }
        return (measurement, received)
    }
}
