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
    @Option(help: ArgumentHelp("Where to listen; port 0 picks one, 0.0.0.0 means everywhere.", valueName: "host:port"))
    var listen = "127.0.0.1:5223"
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
    @Option(help: ArgumentHelp("Where to serve metrics (not yet in this version).", valueName: "host:port"))
    var metrics: String?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    var endsWithSignal: Bool { true }

    func run(_ session: Session) async throws {
        if metrics != nil { throw CommandFailure.notYet("--metrics") }
        let address = try Self.address(listen)
        let directory = data ?? Self.standardDirectory(session)
        try Self.makeDirectory(directory)
        var configuration = RelayConfiguration(directory: directory, host: address.host, port: address.port)
        configuration.advertisedHost = host ?? Self.advertised(address.host, session.console)
        configuration.createPassword = try passwordFile.map(Self.password)
        if let count = quota?.messages { configuration.messagesPerQueue = count }
        if let bytes = quota?.bytes { configuration.totalBytes = bytes }
        let relay = try await Relay.start(
            configuration, group: MultiThreadedEventLoopGroup.singleton, logger: session.logger("relay", level: .notice)
        )
        session.console.result(relay.address)
        session.console.json("relay", [("address", .string(relay.address)), ("port", .number(Int64(relay.port)))])
        if passwordFile != nil {
            session.console.detail(
                "clients put the password behind the fingerprint: smp://FINGERPRINT:PASSWORD@HOST:PORT")
        }
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
        await relay.shutdown()
    }

    private static func address(_ text: String) throws -> (host: String, port: Int) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { throw CommandFailure.usage("'\(text)' is no HOST:PORT", hint: "for example --listen 0.0.0.0:5223") }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host.isEmpty { host = "0.0.0.0" }
        return (host, port)
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
    var bytes: Int?

    init?(argument: String) {
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            if let count = Int(part), count > 0 {
                messages = count
            } else if let size = Self.size(part) {
                bytes = size
            } else {
                return nil
            }
        }
    }

    private static func size(_ text: Substring) -> Int? {
        let units: [Character: Int] = ["K": 10, "M": 20, "G": 30, "T": 40]
        guard let shift = units[text.last?.uppercased().first ?? " "], let count = Int(text.dropLast()), count > 0,
            count < 1 << 20
        else { return nil }
        return count << shift
    }
}
