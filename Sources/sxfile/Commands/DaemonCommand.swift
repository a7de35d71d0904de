import ArgumentParser
import Engine
import Glibc
import Logging

/// `sxfile daemon`.
struct DaemonCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "daemon", abstract: "Stay on line, and optionally accept by itself.",
        discussion: "Runs until SIGINT or SIGTERM. Other commands of the profile use it while it runs.")
    @Option(help: ArgumentHelp("Accept offers of these contacts, comma-separated.", valueName: "contacts"))
    var acceptFrom: String?
    @Option(
        name: .shortAndLong, help: ArgumentHelp("The directory for accepted files.", valueName: "directory"),
        completion: .directory)
    var output: String?
    @Option(help: ArgumentHelp("Bytes a second at most, each way, as 500K or 2M.", valueName: "rate"))
    var limitRate: String?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    var endsWithSignal: Bool { true }

    func run(_ session: Session) async throws {
        let profile = try session.openProfile(limitRate: limitRate, isOnlyLooking: true)
        let names = (acceptFrom ?? "").split(separator: ",").map(String.init)
        for name in names { _ = try profile.contact(named: name) }
        if output != nil, names.isEmpty { throw CommandFailure.usage("-o goes with --accept-from") }
        if let output {
            var status = stat()
            guard stat(output, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
                throw CommandFailure(.destination, "\(output) is no directory")
            }
        }
        let accept =
            names.isEmpty ? nil : AutoAccept(contacts: Set(names), output: output.map(ProfileDirectory.absolute))
        let reporter = ProgressReporter(console: session.console, profile: profile, idle: "on line", followsAll: true)
        let host = session.host(profile, level: .warning)
        session.console.detail("on line until interrupted")
        if host.isEngineRunning {
            session.console.note("another sxfile is at work for this profile: this one follows it")
        }
        _ = try await host.run(.daemon(accept), progress: { reporter.take($0) })
        reporter.end()
    }
}
