/// `sxfile send`, from its start until it exits with 0: Bob has the file, synced, and said so.
final class SxfileContender: Contender {
    /// How the file travels.
    enum Lane: String, CaseIterable {
        case direct
        case relay
    }

    let name: String
    let isSynced = true
    let stage: SxfileStage
    private let lane: Lane
    private let isSenderOnline: Bool

    /// Without `isSenderOnline` the sender's engine starts with the command, and goes with it.
    init(_ workspace: Workspace, program: String, route: Route = .loopback, lane: Lane, isSenderOnline: Bool = true) {
        self.lane = lane
        self.isSenderOnline = isSenderOnline
        name = "sxfile, \(lane)" + (isSenderOnline ? "" : ", sender off line before")
        stage = SxfileStage(
            workspace, program: program, route: route, name: "sxfile-\(lane)" + (isSenderOnline ? "" : "-cold"))
    }

    func prepare() throws { try stage.start(isSenderOnline: isSenderOnline) }

    func transfer(_ source: String, seconds: Int) throws -> (measurement: Measurement, received: String) {
        var sending: ChildProcess?
        do {
            let measurement = try Measurement.take(servers: stage.servers, seconds: seconds) {
                let child = try stage.startSending(source, lane: lane.rawValue)
                sending = child
                return [child]
            }
            if lane == .direct, sending?.output.contains("\"lane\":\"relay\"") == true {
                throw BenchmarkError.unavailable("the direct lane was not made: a part went by the relay")
            }
            let name = source.split(separator: "/").last.map(String.init) ?? ""
            return (measurement, stage.received + "/" + name)
        } catch BenchmarkError.failed(_, 2, _) where lane == .direct {
            throw BenchmarkError.unavailable("this version does not have `--lane direct` yet")
        }
    }
}
