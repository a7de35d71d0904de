/// `cp`, then `sync` of the copy: what the disk allows.
final class CopyContender: Contender {
    let name = "cp and sync"
    let isSynced = true
    private let workspace: Workspace

    init(_ workspace: Workspace) { self.workspace = workspace }

    func prepare() {}

    func transfer(_ source: String, seconds: Int) throws -> (measurement: Measurement, received: String) {
        let received = workspace.path("copy.bin")
        let measurement = try Measurement.take(servers: [], seconds: seconds) {
            [try workspace.start(["sh", "-c", "cp \"$0\" \"$1\" && sync \"$1\"", source, received])]
        }
        return (measurement, received)
    }
}
