import Glibc

/// rsync to a daemon of its own, in the clear.
final class RsyncContender: Contender {
    let name = "rsync daemon, in the clear"
    let isSynced = false
    private let workspace: Workspace
    private var directory = ""
    private var server: ChildProcess?
    private var port = 0

    init(_ workspace: Workspace) { self.workspace = workspace }

    func prepare() throws {
        directory = workspace.makeDirectory("rsync")
        port = try Host.loopback.freePort()
        Files.write(
            """
            address = 127.0.0.1
            port = \(port)
            use chroot = no
            log file = \(directory)/log
            \(getuid() == 0 ? "uid = root\ngid = root" : "")
            [received]
            path = \(directory)
            read only = no

            """, to: directory + "/rsyncd.conf")
        server = try workspace.startServer(
            ["rsync", "--daemon", "--no-detach", "--config=\(directory)/rsyncd.conf"], on: .loopback, port: port)
    }

    func transfer(_ source: String, seconds: Int) throws -> (measurement: Measurement, received: String) {
        guard let server else { preconditionFailure("prepared before") }
        let measurement = try Measurement.take(servers: [server], seconds: seconds) {
            [try workspace.start(["rsync", "-q", source, "rsync://127.0.0.1:\(port)/received/received.bin"])]
        }
        return (measurement, directory + "/received.bin")
    }
}
