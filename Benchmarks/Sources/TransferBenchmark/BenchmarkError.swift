import Glibc

/// Why a measurement, or the whole run, ended early.
enum BenchmarkError: Error, CustomStringConvertible {
    /// Something that is not here, or not yet: the row is left out with this reason.
    case unavailable(String)
    /// A command that ended otherwise than expected.
    case failed(command: String, status: Int32, message: String)
    /// A command that was ended after its time.
    case timedOut(command: String, seconds: Int)
    /// The bytes that arrived are not those that were sent.
    case differs(String)
    /// A call of the system that failed.
    case system(call: String, code: Int32)
    /// SIGINT, SIGTERM or SIGHUP.
    case interrupted

    var description: String {
        switch self {
        case .unavailable(let reason): reason
        case .failed(let command, let status, let message):
            "`\(command)` ended with \(status)\(message.isEmpty ? "" : ": \(message)")"
        case .timedOut(let command, let seconds): "`\(command)` did not end within \(seconds) s"
        case .differs(let name): "what \(name) brought differs from what was sent"
        case .system(let call, let code): "\(call): \(String(cString: strerror(code)))"
        case .interrupted: "interrupted"
        }
    }
}
