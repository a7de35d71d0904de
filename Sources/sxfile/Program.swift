import ArgumentParser
import CLinux
import Glibc

/// The command `sxfile`.
@main
enum Program {
    static func main() async {
        // Chunks come and go: give the heap's end back late, it is wanted again at once.
        sx_keep_heap(8 << 20)
        // A limit on file sizes is to be an errno, not the end of the process: the relay and the database write too.
        signal(SIGXFSZ, SIG_IGN)
        claimStandardDescriptors()
        let status = await status(of: Array(CommandLine.arguments.dropFirst()))
        // Without the exit handlers: OpenSSL's takes apart what threads of event loops may still use.
        fflush(nil)
        _exit(status)
    }

    /// A file that takes the number of a standard stream which is closed would be given what is meant for that stream.
    private static func claimStandardDescriptors() {
        // Output stays one that cannot be written: the command says so.
        for mode in [O_RDONLY, O_RDONLY, O_WRONLY] {
            let descriptor = open("/dev/null", mode)
            if descriptor > STDERR_FILENO { return _ = close(descriptor) }
        }
    }

    private static func status(of arguments: [String]) async -> Int32 {
        let command: any ParsableCommand
        do {
            command = try RootCommand.parseAsRoot(GlobalOptions.normalized(arguments))
        } catch {
            return tell(error, arguments)
        }
        guard let command = command as? any SessionCommand else {
            // The bare name, and `help`.
            do {
                var other = command
                try other.run()
                return 0
            } catch { return tell(error, arguments) }
        }
        return await run(command, arguments)
    }

    private static func run(_ command: any SessionCommand, _ arguments: [String]) async -> Int32 {
        let session = Session(command.global, isJSONOnStandardError: command.isJSONOnStandardError)
        let task = Task { try await command.run(session) }
        Signals.listen { number in
            session.console.clearLine()
            let word = number == SIGINT ? "interrupted" : "terminated"
            if !command.endsWithSignal { session.console.note("\(word): saving") }
            task.cancel()
        }
        let result = await task.result
        session.console.clearLine()
        switch result {
        case .success:
            guard !session.console.outputFailed else {
                session.console.report(CommandFailure(.failed, "standard output cannot be written"))
                return ExitStatus.failed.rawValue
            }
            return 0
        case .failure(let error):
            if let number = Signals.received { return command.endsWithSignal ? 0 : 128 + number }
            if let code = error as? ExitCode { return code.rawValue }
            let failure = CommandFailure(error)
            session.console.report(failure)
            return failure.status.rawValue
        }
    }

    /// Help and version are results; anything else the parser says is wrong use.
    private static func tell(_ error: any Error, _ arguments: [String]) -> Int32 {
        let session = Session(.guessed(arguments))
        guard RootCommand.exitCode(for: error) != .success else {
            print(RootCommand.fullMessage(for: error))
            return 0
        }
        var message = RootCommand.message(for: error)
        if message.hasPrefix("Error: ") { message.removeFirst("Error: ".count) }
        session.console.report(UsageAdvice.failure(message, arguments))
        return ExitStatus.usage.rawValue
    }
}

/// A command with the options that all have.
protocol SessionCommand: AsyncParsableCommand, Sendable {
    var global: GlobalOptions { get }
    /// Whether SIGINT and SIGTERM are the ordinary way to end it.
    var endsWithSignal: Bool { get }
    /// Whether standard output is taken by the bytes of a file.
    var isJSONOnStandardError: Bool { get }
    func run(_ session: Session) async throws
}

extension SessionCommand {
    var endsWithSignal: Bool { false }
    var isJSONOnStandardError: Bool { false }

    func run() async throws { try await run(Session(global)) }
}
