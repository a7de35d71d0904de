import Guarding

/// A line on a terminal that is drawn again twice a second, so that nobody wonders whether anything happens.
final class LiveLine: Sendable {
    private let task: Guarded<Task<Void, Never>?>
    private let console: Console

    /// - Parameter text: what to draw: the width in columns, and the seconds since the beginning; nil for nothing.
    init(_ console: Console, _ text: @escaping @Sendable (_ width: Int, _ seconds: UInt64) -> String?) {
        self.console = console
        guard console.drawsProgress else {
            task = Guarded(nil)
            return
        }
        task = Guarded(
            Task {
                let start = ContinuousClock.now
                while true {
                    // What is done within a moment needs no line.
                    do { try await Task.sleep(for: .milliseconds(400)) } catch { return }
                    let seconds = UInt64(max(0, (ContinuousClock.now - start).components.seconds))
                    if let line = text(console.columns - 1, seconds), !Task.isCancelled { console.draw(line) }
                }
            })
    }

    /// A line that says what is waited for, and for how long.
    convenience init(_ console: Console, waiting what: String) {
        self.init(console) { width, seconds in Self.text(what, seconds, width) }
    }

    /// What is waited for, and how long: on a narrow terminal the clock stays.
    static func text(_ what: String, _ seconds: UInt64, _ width: Int) -> String {
        guard seconds > 0 else { return what }
        let clock = Quantity.clock(seconds)
        return PlainText.cut(what, to: max(8, width - clock.count - 2)) + "  " + clock
    }

    /// Nothing more is drawn.
    func end() {
        task.withLock { task in
            task?.cancel()
            task = nil
        }
        console.clearLine()
    }
}
