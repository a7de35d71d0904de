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
        /// When an event of each came last: rows are behind the events while something moves.
        var heard: [Int64: ContinuousClock.Instant] = [:]
        var shown: [Int64: ProgressEvent] = [:]
        /// The transfer that a member's part belongs to.
        var wholes: [Int64: Int64] = [:]
        var done: Set<Int64> = []
        var last: ContinuousClock.Instant?
        var isOver = false
    }

    private static let interval: Duration = .milliseconds(100)
    private let console: Console
    private let profile: Profile
    private let idle: String
    private let followsAll: Bool
    private let state = Guarded(State())
    private let line = Guarded<LiveLine?>(nil)

    /// - Parameters:
    ///   - idle: what a terminal is told while no transfer is there to be shown.
    ///   - followsAll: whether a terminal is shown everything unfinished, also what nothing happens to.
    init(console: Console, profile: Profile, idle: String = "asking the relays", followsAll: Bool = false) {
        self.console = console
        self.profile = profile
        self.idle = idle
        self.followsAll = followsAll
        line.withLock { line in
            line = LiveLine(console) { [weak self] width, seconds in self?.redrawn(width, seconds) }
        }
    }

    /// What the engine says.
    func take(_ event: ProgressEvent) {
        guard console.followsProgress else { return }
        state.withLock { state in
            guard !state.isOver else { return }
            let id = whole(of: event.transfer, &state)
            let row = state.transfers[id] ?? (try? profile.transfer(id: id)) ?? nil
            guard let row else { return }
            state.heard[id] = .now
            show(row.updated(by: event), &state)
        }
    }

    /// Of a member's part the transfer to the group, else the same.
    private func whole(of id: Int64, _ state: inout State) -> Int64 {
        if id > 0 { return id }
        if let known = state.wholes[id] { return known }
        let whole = ((try? profile.transfer(id: id)) ?? nil)?.parent ?? id
        state.wholes[id] = whole
        return whole
    }

    /// What the database says: tells of a change that no event came for.
    func look(_ transfer: Transfer) {
        guard console.followsProgress else { return }
        state.withLock { state in
            guard !state.isOver, !transfer.state.isEnded else { return }
            let shown = state.shown[transfer.id]
            // Rows are behind the events while something moves.
            let known = state.transfers[transfer.id]
            if let shown, shown.state == transfer.state, shown.waiting == transfer.waiting,
                known?.members.map(\.state) == transfer.members.map(\.state)
            {
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
            if followsAll { refresh(&state) }
            return Self.line(state, width, .now) ?? LiveLine.text(idle, seconds, width)
        }
    }

    /// What the rows say of transfers that no event tells of.
    private func refresh(_ state: inout State) {
        guard let rows = try? profile.transfers(.unfinished) else { return }
        let open = Set(rows.map(\.id))
        state.transfers = state.transfers.filter { open.contains($0.key) }
        for row in rows where !row.waitsForUser {
            if let heard = state.heard[row.id], .now - heard < .seconds(2) { continue }
            let known = state.transfers[row.id]
            if known?.state != row.state || known?.waiting != row.waiting { state.changed[row.id] = .now }
            state.transfers[row.id] = row
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
