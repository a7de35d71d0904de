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
            read until their recipients fetch them. Runs until SIGINT or SIGTERM.
            """)
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
        for await _ in Signals.requests([SIGUSR1]) {
            relay.drain()
            logger.notice("draining: no new queues are made")
        }
        // A disk that does not answer is not waited for.
        alarm(Self.secondsToLeave)
        await relay.shutdown()
    }

    private static let secondsToLeave: UInt32 = 20

    /// What the flags say.
    private func readSettings() throws -> RelaySettings {
        var settings = RelaySettings()
        do throws(RelaySettings.Unfit) {
            for text in self.settings {
                let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2 else {
                    throw RelaySettings.Unfit(message: "'\(text)' is no NAME=VALUE")
                }
                try settings.set(named: String(parts[0]), to: String(parts[1]))
            }
            if let listen { try settings.set(.listen, to: listen) }
            if let data { try settings.set(.data, to: data) }
            if let host { try settings.set(.host, to: host) }
            if let passwordFile { try settings.set(.passwordFile, to: passwordFile) }
            if let metrics { try settings.set(.metrics, to: metrics) }
            if drain { try settings.set(.drain, to: "true") }
            if let count = quota?.messages { try settings.set(.queueMessages, to: "\(count)") }
            if let size = quota?.size { try settings.set(.totalSize, to: size) }
        } catch { throw CommandFailure.usage(error.message) }
        return settings
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
            throw CommandFailure(.destination, "the directory \(path) cannot be made")
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

/// `4096` messages a queue, `10G` bytes in all, or both: `4096,10G`.
struct RelayQuota: ExpressibleByArgument {
    var messages: Int?
    var size: String?

    init?(argument: String) {
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            if let count = Int(part), count > 0 {
                messages = count
            } else if RelaySettings.bytes(part) != nil {
                size = String(part)
            } else {
                return nil
            }
        }
    }
}
