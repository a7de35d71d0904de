import Glibc

/// A line of 100 Mbit/s with a round trip of 50 ms between the sender and everybody else, without and with loss.
struct NetworkSection {
    let workspace: Workspace
    let options: Options

    private static let megabits = 100
    private static let delayInMilliseconds = 25

    func run() throws {
        for (loss, size) in [(0, options.networkSize), (1, options.lossySize)] {
            try run(lossInPercent: loss, size: size)
            Console.line()
        }
    }

    private func run(lossInPercent loss: Int, size: ByteSize) throws {
        let namespaces = Namespaces(workspace)
        defer { namespaces.clear() }
        let line = [
            "line", "--megabits", "\(Self.megabits)", "--delay", "\(Self.delayInMilliseconds)", "--loss", "\(loss)",
        ]
        var forwarder: ChildProcess?
        // Not among the workspace's: it outlives the rounds.
        defer { forwarder?.end() }
        let route = try namespaces.makeRoute { near, far in
            let started = try ChildProcess(
                ["/proc/self/exe"] + line + [near, far], log: workspace.path("line"))
            forwarder = started
            try Interruption.wait(for: "the line", seconds: 10) {
                if try started.wait(milliseconds: 0) { _ = try started.succeeded() }
                return started.output.hasPrefix("ready")
            }
        }
        let contenders: [any Contender] = [
            SecureCopyContender(workspace, route: route),
            CurlContender(workspace, route: route),
            SxfileContender(workspace, program: options.program, route: route, lane: .direct),
            SxfileContender(workspace, program: options.program, route: route, lane: .relay),
        ].filter { options.includes($0.name) }
        let rounds = Rounds(workspace: workspace, secondsLimit: max(300, size.bytes / 100_000))
        let outcomes = try rounds.run(contenders, source: try workspace.source(size))
        Console.line(
            "\(size) over \(Self.megabits) Mbit/s, round trip \(2 * Self.delayInMilliseconds) ms, \(loss) % of packets "
                + "lost each way; runs of each, in turn: \(workspace.runs); the sender, or curl, is on the near side, relay, "
                + "servers and recipient on the far one")
        Console.line()
        Report(outcomes: outcomes, size: size).printOut(ratiosTo: ["scp", "curl from nginx, TLS 1.3"])
    }
}
