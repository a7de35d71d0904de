import Glibc
import Guarding
import Synchronization

/// Standard output and standard error: results on the one, everything else on the other, and a line that is drawn over on a
/// terminal.
final class Console: Sendable {
    /// How much is said, and how.
    struct Style: Sendable {
        var isJSON = false
        var isQuiet = false
        var isVerbose = false
        var isColored = true
        /// With `-o -` the bytes of a file are the result: JSON goes to standard error.
        var isJSONOnStandardError = false
    }

    private struct Line {
        var isDrawn = false
        var width = 0
        var logged = ""
        var loggedAt: ContinuousClock.Instant?
    }

    let style: Style
    /// Whether standard error is a terminal.
    let isTerminal: Bool
    private let isDumb: Bool
    private let line = Guarded(Line())
    private let hasFailed = Atomic<Bool>(false)

    init(_ style: Style, environment: [String: String]) {
        var style = style
        isTerminal = isatty(STDERR_FILENO) == 1
        isDumb = environment["TERM"] == "dumb"
        if !(environment["NO_COLOR"] ?? "").isEmpty || isDumb || !isTerminal { style.isColored = false }
        self.style = style
    }

    /// Whether standard output could not be written (other than by a reader that left).
    var outputFailed: Bool { hasFailed.load(ordering: .relaxed) }

    /// Whether a progress line is drawn.
    var drawsProgress: Bool { isTerminal && !style.isQuiet && !style.isJSON }

    /// Whether anything watches progress.
    var followsProgress: Bool { drawsProgress || style.isJSON }

    /// How wide the terminal is at this moment.
    var columns: Int {
        var size = winsize()
        return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 10 ? Int(size.ws_col) : 80
    }

    /// A line of the result, as it is: escape peer text before. Nothing with `--json`.
    func result(_ text: String) {
        guard !style.isJSON else { return }
        put(text + "\n", to: STDOUT_FILENO)
    }

    /// A `--json` object of this type; nothing without `--json`.
    func json(_ type: String, _ members: [(String, JSONText)]) {
        guard style.isJSON else { return }
        let object = JSONText.object([("v", .number(1)), ("type", .string(type))] + members)
        put(object.text + "\n", to: style.isJSONOnStandardError ? STDERR_FILENO : STDOUT_FILENO)
    }

    /// A remark for a person; not with `-q`.
    func note(_ text: String) {
        guard !style.isQuiet else { return }
        put(PlainText.escaped(text) + "\n", to: STDERR_FILENO)
    }

    /// A question: the answer is typed behind it.
    func ask(_ text: String) { put(PlainText.escaped(text) + " ", to: STDERR_FILENO) }

    /// Ends the line of an answer that was not shown.
    func endAnswer() { put("\n", to: STDERR_FILENO) }

    /// Lines drawn for a person, with their own control sequences; also with `-q`, for they were asked for.
    func show(_ lines: [String]) { put(lines.map { $0 + "\n" }.joined(), to: STDERR_FILENO) }

    /// A remark that only `-v` or a terminal gets: cron stays silent.
    func detail(_ text: String) {
        guard style.isVerbose || isTerminal else { return }
        note(text)
    }

    /// An `error:` or `warning:` line.
    func complain(_ label: String, _ text: String, color: Int = 31) {
        let mark = style.isColored ? "\u{1b}[1;\(color)m\(label):\u{1b}[0m" : "\(label):"
        put(mark + " " + PlainText.escaped(text) + "\n", to: STDERR_FILENO)
    }

    /// A line of the log. What says the same as the line before is left out for a while: a full disk is told once, not at
    /// every message.
    func log(_ text: String) {
        let now = ContinuousClock.now
        let isNews = line.withLock { line in
            if line.logged == text, let time = line.loggedAt, now - time < .seconds(60) { return false }
            line.logged = text
            line.loggedAt = now
            return true
        }
        if isNews { put(PlainText.escaped(text) + "\n", to: STDERR_FILENO) }
    }

    /// Draws `text` over the line drawn before; only on a terminal.
    func draw(_ text: String) {
        guard drawsProgress else { return }
        let cut = PlainText.cut(PlainText.escaped(text), to: columns - 1)
        let width = PlainText.columns(of: cut)
        line.withLock { line in
            let padding = isDumb ? String(repeating: " ", count: max(0, line.width - width)) : "\u{1b}[K"
            write("\r" + cut + padding, to: STDERR_FILENO)
            line.isDrawn = true
            line.width = width
        }
    }

    /// Removes the drawn line.
    func clearLine() { line.withLock { erase(&$0) } }

    private func put(_ text: String, to descriptor: Int32) {
        line.withLock { line in
            erase(&line)
            write(text, to: descriptor)
        }
    }

    private func erase(_ line: inout Line) {
        guard line.isDrawn else { return }
        write(isDumb ? "\r" + String(repeating: " ", count: line.width) + "\r" : "\r\u{1b}[K", to: STDERR_FILENO)
        line.isDrawn = false
        line.width = 0
    }

    private func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                bytes = bytes.dropFirst(count)
            } else if errno == EAGAIN {
                var descriptors = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&descriptors, 1, 1000)
            } else if errno != EINTR {
                // A reader that left has had enough; anything else is a failure of the command.
                if errno != EPIPE, descriptor == STDOUT_FILENO { hasFailed.store(true, ordering: .relaxed) }
                return
            }
        }
    }
}
