import Glibc

/// One file over loopback by all tools, and 1 KiB by those that people would use for it.
struct ToolsSection {
    let workspace: Workspace
    let options: Options

    /// The large table.
    func runAll() throws {
        try run(options.size, times: workspace.runs, ratios: ["scp", "curl from nginx, TLS 1.3"]) { isolated in
            [
                CopyContender(workspace),
                SecureCopyContender(workspace),
                SecureCopyContender(workspace, cipher: "aes128-gcm@openssh.com"),
                RsyncContender(workspace),
                CurlContender(workspace),
                WormholeContender(workspace, isolated: isolated, isDirect: true),
                WormholeContender(workspace, isolated: isolated, isDirect: false),
                SxfileContender(workspace, program: options.program, lane: .direct),
                SxfileContender(workspace, program: options.program, lane: .relay),
            ]
        }
    }

    /// 1 KiB.
    func runLatency() throws {
        try run(ByteSize(1 << 10), times: max(5, workspace.runs), ratios: ["scp"]) { isolated in
            [
                SecureCopyContender(workspace),
                WormholeContender(workspace, isolated: isolated, isDirect: true),
                SxfileContender(workspace, program: options.program, lane: .direct),
                SxfileContender(workspace, program: options.program, lane: .relay),
                SxfileContender(workspace, program: options.program, lane: .relay, isSenderOnline: false),
            ]
        }
    }

    private func run(
        _ size: ByteSize, times: Int, ratios: [String], _ makeContenders: (Host?) -> [any Contender]
    ) throws {
        try options.requireSpace(for: size, in: workspace)
        let namespaces = Namespaces(workspace)
        defer { namespaces.clear() }
        let name = try? namespaces.make("alone")
        let isolated = name.map { Host(address: "127.0.0.1", namespace: $0) }
        let rounds = Rounds(workspace: workspace, secondsLimit: options.secondsLimit(for: size))
        let contenders = makeContenders(isolated).filter { options.includes($0.name) }
        let outcomes = try rounds.run(contenders, source: try workspace.source(size), times: times)
        Console.line("\(size) of random bytes over loopback; runs of each, in turn: \(times); seconds are the median")
        Console.line()
        Report(outcomes: outcomes, size: size).printOut(ratiosTo: ratios)
    }
}
