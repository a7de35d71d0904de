/// The lines that commands and the running engine exchange over `engine.sock`.
///
/// Words are separated by single spaces, `-` stands for nothing; the last word of `down` is the rest of the line.
enum EngineLine: Equatable, Sendable {
    /// Command → engine: the database has changed, look at once.
    case wake
    /// Command → engine: tell progress from now on.
    case watch
    /// Engine → command: how far a transfer is.
    case progress(ProgressEvent)
    /// Engine → command: something else has changed, look at the database.
    case changed
    /// Engine → command: a relay does not answer; its address, the kind of failure, a sentence.
    case down(server: String, FailureKind, String)
    /// Engine → command: a relay answers (again).
    case up(server: String)
    /// Engine → command: the engine is leaving; the lock is free in a moment.
    case leaving

    /// The longest line that is read, in bytes.
    static let longest = 4096

    /// The line without its end.
    var text: String {
        switch self {
        case .wake: return "wake"
        case .watch: return "watch"
        case .changed: return "changed"
        case .leaving: return "leaving"
        case .up(let server): return "up \(server)"
        case .down(let server, let kind, let what):
            let plain = what.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) }
            return "down \(server) \(kind.rawValue) \(String(plain))"
        case .progress(let event):
            return [
                "progress", "\(event.transfer)", event.state.rawValue, "\(event.transferred)",
                event.size.map { "\($0)" } ?? "-", event.bytesPerSecond.map { "\($0)" } ?? "-", event.lane ?? "-",
                event.waiting?.rawValue ?? "-",
            ].joined(separator: " ")
        }
    }

    /// Reads a line; nil for one that this version does not know: it is skipped.
    init?(_ text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        switch (words.first ?? "", words.count) {
        case ("wake", 1): self = .wake
        case ("watch", 1): self = .watch
        case ("changed", 1): self = .changed
        case ("leaving", 1): self = .leaving
        case ("up", 2): self = .up(server: String(words[1]))
        case ("down", 4...):
            guard let kind = FailureKind(rawValue: String(words[2])) else { return nil }
            self = .down(server: String(words[1]), kind, words[3...].joined(separator: " "))
        case ("progress", 8):
            guard let id = Int64(words[1]), let state = TransferState(rawValue: String(words[2])),
                let transferred = UInt64(words[3])
            else { return nil }
            self = .progress(
                ProgressEvent(
                    transfer: id, state: state, transferred: transferred, size: UInt64(words[4]),
                    bytesPerSecond: UInt64(words[5]), lane: words[6] == "-" ? nil : String(words[6]),
                    waiting: Waiting(rawValue: String(words[7]))))
        default: return nil
        }
    }
}
