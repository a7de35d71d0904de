import Glibc

/// curl from an nginx of its own, over TLS 1.3 with AES-256.
final class CurlContender: Contender {
    let name = "curl from nginx, TLS 1.3"
    let isSynced = false
    private let workspace: Workspace
    private let route: Route
    private var directory = ""
    private var server: ChildProcess?
    private var port = 0

    init(_ workspace: Workspace, route: Route = .loopback) {
        self.workspace = workspace
        self.route = route
    }

    func prepare() throws {
        guard access("/usr/sbin/nginx", X_OK) == 0 else { throw BenchmarkError.unavailable("nginx is not installed") }
        directory = workspace.makeDirectory("nginx")
        port = try route.far.freePort()
        try workspace.run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=benchmark", "-addext", "subjectAltName=IP:\(route.far.address)",
            "-keyout", directory + "/key.pem", "-out", directory + "/certificate.pem",
        ])
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "  \($0)_temp_path \(directory)/\($0);" }.joined(separator: "\n")
        Files.write(
            """
            daemon off;
            \(getuid() == 0 ? "user root;" : "")
            worker_processes 1;
            pid \(directory)/pid;
            error_log \(directory)/error.log;
            events {}
            http {
              access_log off;
              sendfile on;
              tcp_nopush on;
            \(temporary)
              server {
                listen \(route.far.address):\(port) ssl;
                ssl_certificate \(directory)/certificate.pem;
                ssl_certificate_key \(directory)/key.pem;
                ssl_protocols TLSv1.3;
                ssl_conf_command Ciphersuites TLS_AES_256_GCM_SHA384;
                root \(workspace.directory);
              }
            }

            """, to: directory + "/nginx.conf")
        server = try workspace.startServer(
            ["/usr/sbin/nginx", "-e", directory + "/error.log", "-c", directory + "/nginx.conf"], on: route.far,
            port: port)
    }

    func transfer(_ source: String, seconds: Int) throws -> (measurement: Measurement, received: String) {
        guard let server, let file = source.split(separator: "/").last else { preconditionFailure("prepared before") }
        let received = directory + "/received.bin"
        let measurement = try Measurement.take(servers: [server], seconds: seconds) {
            let words = ["curl", "-sSf", "--noproxy", "*", "--cacert", directory + "/certificate.pem", "-o", received]
            return [try workspace.start(words + ["https://\(route.far.address):\(port)/\(file)"], on: route.near)]
        }
        return (measurement, received)
    }
}
