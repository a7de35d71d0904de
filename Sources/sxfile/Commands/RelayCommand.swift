import ArgumentParser
import Glibc
import Logging
import NIOPosix
import SMPRelay

/// `sxfile relay`.
struct RelayCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay", abstract: "Run a relay in the foreground.",
        discussion: """
            Its address is the first line of standard output, once it accepts connections. It keeps messages that it cannot \
            read until their recipients fetch them. Runs until SIGINT or SIGTERM. SIGUSR1 lets it make no more queues; SIGHUP \
            reads the settings file again. Flags go before what the file says.
            """)
    @Option(
        help: ArgumentHelp("A file with settings, as sxfile-relay(8) lists them.", valueName: "file"),
        completion: .file(extensions: ["toml"]))
    var config: String?
    @Option(
        help: ArgumentHelp(
            "Where to listen (127.0.0.1:5223); port 0 picks one, 0.0.0.0 means everywhere.", valueName: "host:port"))
    var listen: String?
    @Option(help: ArgumentHelp("Where queues and keys are kept.", valueName: "directory"), completion: .directory)
    var data: String?
    @Option(help: ArgumentHelp("The name in its address, if it is another than that listened on.", valueName: "name"))
    var host: String?
    @Option(
        help: ArgumentHelp(
            "Messages a queue holds (4096), or with a unit as in 10G the bytes of all; both with a comma.",
            valueName: "n"))
    var quota: RelayQuota?
    @Option(
        help: ArgumentHelp("A file with the password for making queues.", valueName: "file"), completion: .file())
    var passwordFile: String?
    @Option(help: ArgumentHelp("Where to serve /metrics and /healthz; not at all without it.", valueName: "host:port"))
    var metrics: String?
    @Flag(help: "Make no new queues; those there are go on.") var drain = false
    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("Any setting by its name, as sxfile-relay(8) lists them.", valueName: "name=value"))
    var settings: [String] = []
    @OptionGroup(title: "Global options") var global: GlobalOptions

    var endsWithSignal: Bool { true }

    func run(_ session: Session) async throws {
        let settings = try readSettings()
        let directory = settings.data ?? Self.standardDirectory(session)
        try Self.makeDirectory(directory)
        var configuration = try configuration(settings, directory)
        configuration.advertisedHost = settings.host ?? Self.advertised(settings.listen.host, session.console)
        // Without a file there is nothing to read again: SIGHUP ends it, as the end of a terminal ends other programs.
        let requests = Signals.requests(config == nil ? [SIGUSR1] : [SIGUSR1, SIGHUP])
        let logger = session.logger("relay", level: .notice)
        let relay = try await Relay.start(configuration, group: MultiThreadedEventLoopGroup.singleton, logger: logger)
        session.console.result(relay.address)
        session.console.json(
            "relay",
            [
                ("address", .string(relay.address)), ("port", .number(Int64(relay.port))),
                ("metricsPort", relay.statusPort.map { .number(Int64($0)) } ?? .null),
            ])
        if let port = relay.statusPort, settings.metrics?.port == 0 {
            session.console.note("metrics are on port \(port)")
        }
        if settings.passwordFile != nil {
            session.console.detail(
                "clients put the password behind the fingerprint: smp://FINGERPRINT:PASSWORD@HOST:PORT")
        }
        ServiceManager.ready(session.environment)
        for await number in requests {
            if number == SIGHUP {
                reload(relay, after: settings, directory, session.console)
            } else {
                relay.drain()
                session.console.note("draining: no new queues are made")
            }
        }
        ServiceManager.stopping(session.environment)
        // A disk that does not answer is not waited for.
        alarm(Self.secondsToLeave)
        if await !relay.shutdown() {
            session.console.complain("warning", "the disk is slow: do not cut the power now", color: 33)
        }
    }

    private static let secondsToLeave: UInt32 = 20

    /// Goes on with what the file says now; if anything is wrong with it, with what it said before.
    private func reload(
        _ relay: Relay, after settings: RelaySettings, _ directory: String, _ console: Console
    ) {
        do {
            let fresh = try readSettings()
            try relay.apply(try configuration(fresh, directory))
            for setting in fresh.restartsWanted(after: settings) {
                console.note("'\(setting.rawValue)' changes with the next start")
            }
            console.note("the settings were read again")
        } catch {
            let failure = CommandFailure(error)
            console.complain("error", failure.message)
            console.complain("hint", "the relay goes on with the settings that it had", color: 36)
        }
    }

    private func configuration(_ settings: RelaySettings, _ directory: String) throws -> RelayConfiguration {
        var configuration = RelayConfiguration(
            directory: directory, host: settings.listen.host, port: settings.listen.port)
        settings.apply(to: &configuration)
        configuration.createPassword = try settings.passwordFile.map(Self.password)
        configuration.version = RootCommand.configuration.version
        return configuration
    }

    private static func standardDirectory(_ session: Session) -> String {
        let environment = session.environment
        if let home = environment["SXFILE_HOME"], !home.isEmpty { return home + "/relay" }
        if let state = environment["XDG_DATA_HOME"], state.hasPrefix("/") { return state + "/sxfile/relay" }
        return session.home + "/.local/share/sxfile/relay"
    }

    private static func makeDirectory(_ path: String) throws {
        var made = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false) {
            made += made.isEmpty && !path.hasPrefix("/") ? String(part) : "/" + part
            mkdir(made, 0o700)
        }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw CommandFailure(
                .destination, "the directory \(path) cannot be made: \(String(cString: strerror(errno)))")
        }
    }

    /// Nobody can connect to a wildcard: the address names this machine instead.
    private static func advertised(_ host: String, _ console: Console) -> String? {
        guard host == "0.0.0.0" || host == "::" else { return nil }
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return nil }
        let text = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        console.note("the address names this machine '\(text)'; --host gives it the name that clients know")
        return text
    }

    private static func password(_ path: String) throws -> String {
        guard let file = fopen(path, "re") else {
            throw CommandFailure(.notFound, "the password file \(path) cannot be read")
        }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = fread(&bytes, 1, bytes.count, file)
        let line = bytes.prefix(count).prefix { $0 != 0x0A && $0 != 0x0D }
        guard !line.isEmpty else { throw CommandFailure.usage("the password file \(path) is empty") }
        return String(decoding: line, as: UTF8.self)
    }
}
