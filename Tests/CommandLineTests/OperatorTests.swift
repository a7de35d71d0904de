import Glibc
import Testing

/// A relay as its operator meets it: status pages, draining, settings, the end.
@Suite(.serialized)
struct OperatorTests {
    @Test("metrics and health are served where told, and say what happened")
    func statusPages() async throws {
        let stage = try await Stage(options: ["--metrics", "127.0.0.1:0"])
        let port = try statusPort(stage)
        #expect(try page(port, "/healthz") == "ok\n")
        let (alice, bob) = try await stage.pair()
        let path = try stage.makeFile("counted", count: 300_000)
        _ = try await alice.offer(path, to: bob)
        let id = try await bob.newestOffer()
        let receiving = try bob.start("accept", id)
        try await eventually("sent") {
            _ = try await alice.run("resume"); return receiving.hasEnded
        }
        #expect(try await receiving.wait().status == 0)
        let metrics = try page(port, "/metrics")
        // Blocks of 16 KiB, and what surrounds them.
        #expect(try value("sxfile_relay_messages_received_total", in: metrics) > 300_000 / 16_384)
        #expect(try value("sxfile_relay_received_bytes_total", in: metrics) > 300_000)
        #expect(try value("sxfile_relay_queues", in: metrics) >= 2)
        #expect(try value("sxfile_relay_healthy", in: metrics) == 1)
        #expect(try value("sxfile_relay_refusals_total{reason=\"draining\"}", in: metrics) == 0)
        #expect(try value("process_resident_memory_bytes", in: metrics) > 1_048_576)
        #expect(try ask(port: port, "GET /else HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.1 404 "))
        #expect(try ask(port: port, "POST /metrics HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.1 405 "))
        #expect(try ask(port: port, "HEAD /metrics HTTP/1.1\r\n\r\n").hasSuffix("\r\n\r\n"))
        #expect(try ask(port: port, "nonsense\r\n\r\n").hasPrefix("HTTP/1.1 400 "))
        // The port is taken: nothing is left of a relay that cannot start.
        let second = try stage.start(
            [
                "relay", "--listen", "127.0.0.1:0", "--data", stage.directory + "/second", "--metrics",
                "127.0.0.1:\(port)",
            ],
            home: "operator")
        let result = try await second.wait()
        #expect(result.status == 1 && result.output.isEmpty)
        #expect(result.errors.contains("cannot listen on 127.0.0.1:\(port)"))
    }

    @Test("a draining relay makes no queues, and delivers")
    func draining() async throws {
        let stage = try await Stage(options: ["--metrics", "127.0.0.1:0"])
        let port = try statusPort(stage)
        let (alice, bob) = try await stage.pair()
        stage.relay?.signal(SIGUSR1)
        try await eventually("draining") { try page(port, "/healthz") == "draining\n" }
        let refused = try await alice.run("invite", "--as", "carol")
        #expect(refused.status == 1)
        #expect(refused.errors.contains("makes no more queues now"))
        #expect(refused.errors.contains("try again later, or with another relay"))
        #expect(try await alice.succeed("contacts").lines == ["bob\tconnected"])
        try await alice.succeed("send", "bob", "-m", "still here")
        _ = try await bob.run("resume")
        #expect(try await bob.succeed("inbox").output.contains("still here"))
        let metrics = try page(port, "/metrics")
        #expect(try value("sxfile_relay_draining", in: metrics) == 1)
        #expect(try value("sxfile_relay_refusals_total{reason=\"draining\"}", in: metrics) >= 1)
        // A file's offer needs a queue: it waits, and says for what.
        let path = try stage.makeFile("patient", count: 100_000)
        let sending = try alice.start("send", "bob", path, "--lane", "relay")
        let id = try await sending.firstLine()
        try await eventually("it waits") {
            let row = try #require(try await alice.succeed("status", id, "--json").objects.first)
            return row["waiting"] == "relay-busy" && !row.isNull("retryAt")
        }
        #expect(
            try await alice.succeed("status", id).output.contains(
                "\toffered\t0% of 97.7 KiB\trelay takes no new queues, "))
        // What a signal said ends with the process.
        stage.relay?.signal(SIGTERM)
        #expect(try await stage.relay?.wait().status == 0)
        try await stage.startRelay()
        try await eventually("the engine at work is there too") {
            try await alice.run("invite", "--as", "dora").status == 0
        }
        let offer = try await bob.newestOffer()
        #expect(haveSameBytes(try await bob.succeed("accept", offer).text, path))
        #expect(try await sending.wait().status == 0)
    }

    @Test("the settings file is read again, and a bad one changes nothing")
    func reload() async throws {
        let stage = try await Stage(withRelay: false)
        let file = stage.directory + "/relay.toml"
        try "# new\nmetrics = \"127.0.0.1:0\"\ntotal-size = \"1G\"\n".write(to: file)
        try await stage.startRelay(options: ["--config", file])
        let relay = try #require(stage.relay)
        let port = try statusPort(stage)
        #expect(try value("sxfile_relay_stored_bytes_limit", in: page(port, "/metrics")) == 1_073_741_824)
        try "total-size = \"2G\"\ndrain = true\n".write(to: file)
        relay.signal(SIGHUP)
        try await eventually("read again") { relay.errors.contains("the settings were read again") }
        #expect(relay.errors.contains("'metrics' changes with the next start"))
        #expect(try value("sxfile_relay_stored_bytes_limit", in: page(port, "/metrics")) == 2_147_483_648)
        #expect(try page(port, "/healthz") == "draining\n")
        try "total-size = \"3G\"\nqueue-messages = \"some\"\n".write(to: file)
        relay.signal(SIGHUP)
        try await eventually("refused") { relay.errors.contains("goes on with the settings that it had") }
        #expect(relay.errors.contains(file + ":2:1: queue-messages cannot be 'some'"))
        #expect(try value("sxfile_relay_stored_bytes_limit", in: page(port, "/metrics")) == 2_147_483_648)
        relay.signal(SIGTERM)
        #expect(try await relay.wait().status == 0)
    }

    @Test("the service manager hears when the relay works and when it leaves")
    func serviceManager() async throws {
        let stage = try await Stage(withRelay: false)
        let path = stage.directory + "/notify"
        let socket = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        let relay = try stage.start(
            ["relay", "--listen", "127.0.0.1:0", "--data", stage.directory + "/relay"], home: "operator",
            environment: ["NOTIFY_SOCKET=\(path)"])
        _ = try await relay.firstLine()
        try await eventually("ready") { received(socket) == "READY=1" }
        relay.signal(SIGTERM)
        #expect(try await relay.wait().status == 0)
        #expect(received(socket) == "STOPPING=1")
    }

    private func received(_ socket: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
    }

    @Test("a settings file that cannot be meant keeps the relay from starting")
    func badFile() async throws {
        let stage = try await Stage(withRelay: false)
        let file = stage.directory + "/relay.toml"
        let words = ["relay", "--listen", "127.0.0.1:0", "--data", stage.directory + "/relay", "--config", file]
        let missing = try await stage.start(words, home: "operator").wait()
        #expect(missing.status == 3 && missing.errors.contains(file))
        for (text, complaint) in [
            ("listen = ", ":1:"), ("[limits]\nconnections = 5\n", "no setting 'limits.connections'"),
            ("listen = [\"a:1\"]\n", "has one value"), ("connections = 0", "connections cannot be '0'"),
        ] {
            try text.write(to: file)
            let result = try await stage.start(words, home: "operator").wait()
            #expect(result.status == 2 && result.errors.contains(complaint), "\(result.errors)")
        }
    }

    @Test(
        "what cannot be meant is named",
        arguments: [
            (["--set", "colour=red"], "no setting 'colour'"), (["--set", "drain"], "no NAME=VALUE"),
            (["--set", "total-size=10"], "total-size cannot be '10'"),
            (["--listen", "5223"], "listen cannot be '5223'"),
            (["--metrics", "9223"], "metrics cannot be '9223'"),
        ])
    func wrongSettings(words: [String], complaint: String) async throws {
        let stage = try await Stage(withRelay: false)
        let result = try await stage.start(
            ["relay", "--data", stage.directory + "/relay"] + words, home: "operator"
        ).wait()
        #expect(result.status == 2)
        #expect(result.errors.contains(complaint), "\(result.errors)")
    }

    private func statusPort(_ stage: Stage) throws -> Int {
        let words = (stage.relay?.errors ?? "").split { $0 == " " || $0 == "\n" }
        return try #require(words.last.flatMap { Int($0) }, "no port in '\(stage.relay?.errors ?? "")'")
    }

    /// The body of a page.
    private func page(_ port: Int, _ path: String) throws -> String {
        let answer = try ask(port: port, "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
        let head = try #require(answer.firstRange(of: "\r\n\r\n"), "'\(answer)'")
        return String(answer[head.upperBound...])
    }

    private func value(_ name: String, in metrics: String) throws -> Double {
        let line = try #require(metrics.split(separator: "\n").first { $0.hasPrefix(name + " ") }, "no \(name)")
        return try #require(Double(line.dropFirst(name.utf8.count + 1)))
    }
}
