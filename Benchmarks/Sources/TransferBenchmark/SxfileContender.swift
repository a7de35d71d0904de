/// `sxfile send`, from its start until it exits with 0: Bob has the file, synced, and said so.
final class SxfileContender: Contender {
    let name: String
    let isSynced = true
    let stage: SxfileStage
    private let lane: SxfileLane
    private let isSenderOnline: Bool

    /// Without `isSenderOnline` the sender's engine starts with the command, and goes with it.
    init(
        _ workspace: Workspace, program: String, route: Route = .loopback, lane: SxfileLane, isSenderOnline: Bool = true
    ) {
        self.lane = lane
        self.isSenderOnline = isSenderOnline
        name = "sxfile, \(lane)" + (isSenderOnline ? "" : ", sender off line before")
        stage = SxfileStage(
            workspace, program: program, route: route, name: "sxfile-\(lane)" + (isSenderOnline ? "" : "-cold"))
    }

    func prepare() throws { try stage.start(isSenderOnline: isSenderOnline) }

    func transfer(_ source: String, seconds: Int) throws -> (measurement: Measurement, received: String) {
        var sending: [ChildProcess] = []
        let measurement = try lane.explainingRefusal {
            try Measurement.take(servers: stage.servers, seconds: seconds) {
                sending = [try stage.startSending(source, lane: lane)]
                return sending
            }
        }
        for child in sending { try lane.requireUse(in: child.output) }
        let name = source.split(separator: "/").last.map(String.init) ?? ""
        return (measurement, stage.received + "/" + name)
    }
}
