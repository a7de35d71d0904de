import Engine
import Glibc
import Guarding

/// Shows how far transfers are while a command waits: a line on a terminal, objects with `--json`, nothing elsewhere. At most
/// ten a second, on a terminal at least two.
final class ProgressReporter: Sendable {
    private struct State {
        var transfers: [Int64: Transfer] = [:]
        /// When the row of each last changed in what is shown.
        var changed: [Int64: ContinuousClock.Instant] = [:]
        var shown: [Int64: ProgressEvent] = [:]
        var done: Set<Int64> = []
        var last: ContinuousClock.Instant?
        var isOver = false
    }

    private static let interval: Duration = .milliseconds(100)
    private let console: Console
    private let profile: Profile
    private let idle: String
    private let state = Guarded(State())
    private let line = Guarded<LiveLine?>(nil)

    /// - Parameter idle: what a terminal is told while no transfer is there to be shown.
    init(console: Console, profile: Profile, idle: String = "asking the relays") {
        self.console = console
        self.profile = profile
        self.idle = idle
        line.withLock { line in
            line = LiveLine(console) { [weak self] width, seconds in self?.redrawn(width, seconds) }
        }
    }

    /// What the engine says.
    func take(_ event: ProgressEvent) {
        guard console.followsProgress else { return }
        state.withLock { state in
            guard !state.isOver else { return }
            let row = state.transfers[event.transfer] ?? (try? profile.transfer(id: event.transfer)) ?? nil
            guard let row else { return }
            show(row.updated(by: event), &state)
        }
    }

    /// What the database says: tells of a change that no event came for.
    func look(_ transfer: Transfer) {
        guard console.followsProgress else { return }
        state.withLock { state in
            guard !state.isOver, !transfer.state.isEnded else { return }
            let shown = state.shown[transfer.id]
            // Rows are behind the events while something moves.
            if let shown, shown.state == transfer.state, shown.waiting == transfer.waiting {
                state.transfers[transfer.id]?.retryAt = transfer.retryAt
                return
            }
            show(transfer, &state)
        }
    }

    /// Nothing more is shown.
    func end() {
        state.withLock { $0.isOver = true }
        line.withLock { line in
            line?.end()
            line = nil
        }
        console.clearLine()
    }

    private func show(_ transfer: Transfer, _ state: inout State) {
        let now = ContinuousClock.now
        let before = state.transfers[transfer.id]
        if before?.transferred != transfer.transferred || before?.state != transfer.state
            || before?.waiting != transfer.waiting
        {
            state.changed[transfer.id] = now
        }
        if transfer.isFinished {
            state.transfers[transfer.id] = nil
            if transfer.state == .complete { state.done.insert(transfer.id) }
        } else {
            state.transfers[transfer.id] = transfer
        }
        if let last = state.last, now - last < Self.interval { return }
        state.last = now
        state.shown[transfer.id] = ProgressEvent(transfer)
        if console.style.isJSON {
            console.json("progress", transfer.jsonMembers)
        } else if let line = Self.line(state, console.columns - 1, now) {
            console.draw(line)
        }
    }

    /// What a tick draws: the clocks in it go on by themselves.
    private func redrawn(_ width: Int, _ seconds: UInt64) -> String? {
        state.withLock { state in
            guard !state.isOver else { return nil }
            return Self.line(state, width, .now)
                ?? (seconds == 0 ? idle : "\(idle), \(Quantity.clock(seconds))")
        }
    }

    private static func line(_ state: State, _ width: Int, _ now: ContinuousClock.Instant) -> String? {
        let rows = state.transfers.values.filter { !($0.direction == .receive && $0.state == .offered) }
            .sorted { $0.id < $1.id }
            .map { transfer in
                let still = state.changed[transfer.id].map { (now - $0).components.seconds } ?? 0
                return ProgressLine.Row(transfer: transfer, stillFor: UInt64(max(0, still)))
            }
        guard !rows.isEmpty else { return nil }
        return ProgressLine.text(rows, done: state.done.count, width: width, now: Int64(time(nil)))
    }
}
