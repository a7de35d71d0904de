import Glibc

/// `scp` to an sshd of its own, with keys that live as long as the run.
final class SecureCopyContender: Contender {
    let name: String
    let isSynced = false
    private let workspace: Workspace
    private let route: Route
    private let cipher: String?
    private var directory = ""
    private var server: ChildProcess?
    private var port = 0

    /// `cipher`: nil for the default one.
    init(_ workspace: Workspace, route: Route = .loopback, cipher: String? = nil) {
        self.workspace = workspace
        self.route = route
        self.cipher = cipher
        name = cipher.map { "scp, \($0.prefix { $0 != "@" })" } ?? "scp"
    }

    func prepare() throws {
        guard access("/usr/sbin/sshd", X_OK) == 0 else { throw BenchmarkError.unavailable("sshd is not installed") }
        directory = workspace.makeDirectory(cipher == nil ? "ssh" : "ssh-cipher")
        for key in ["host", "user"] {
            try workspace.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "\(directory)/\(key)"])
        }
        port = try route.far.freePort()
        let host = route.far.address
        Files.write(Files.text(directory + "/user.pub"), to: directory + "/authorized")
        Files.write("[\(host)]:\(port) " + Files.text(directory + "/host.pub"), to: directory + "/known")
        Files.write(
            """
            ListenAddress \(host):\(port)
            HostKey \(directory)/host
            AuthorizedKeysFile \(directory)/authorized
            PidFile none
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            PermitRootLogin prohibit-password
            Subsystem sftp internal-sftp

            """, to: directory + "/sshd_config")
        // As root sshd wants this directory, which the system's own service makes.
        if getuid() == 0, mkdir("/run/sshd", 0o755) == 0 { workspace.removeAtEnd("/run/sshd") }
        server = try workspace.startServer(
            ["/usr/sbin/sshd", "-D", "-e", "-f", directory + "/sshd_config"], on: route.far, port: port)
    }

    func transfer(_ source: String, seconds: Int) throws -> (measurement: Measurement, received: String) {
        guard let server else { preconditionFailure("prepared before") }
        let received = directory + "/received.bin"
        let options = [
            "-B", "-o", "LogLevel=ERROR", "-F", "none", "-P", "\(port)", "-i", directory + "/user", "-o",
            "IdentitiesOnly=yes",
            "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=\(directory)/known",
        ]
        let words = ["scp"] + options + (cipher.map { ["-c", $0] } ?? []) + [source]
        let measurement = try Measurement.take(servers: [server], seconds: seconds) {
            [try workspace.start(words + ["\(route.far.address):\(received)"], on: route.near)]
        }
        return (measurement, received)
    }
}
