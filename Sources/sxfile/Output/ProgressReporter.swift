import Engine
import Guarding

/// Shows how far transfers are while a command waits: a line on a terminal, objects with `--json`, nothing elsewhere. At most
/// ten a second.
final class ProgressReporter: Sendable {
    private struct State {
        var transfers: [Int64: Transfer] = [:]
        var shown: [Int64: ProgressEvent] = [:]
        var last: ContinuousClock.Instant?
        var isOver = false
    }

    private static let interval: Duration = .milliseconds(100)
    private let console: Console
    private let profile: Profile
    private let state = Guarded(State())

    init(console: Console, profile: Profile) {
        self.console = console
        self.profile = profile
    }

    /// What the engine says.
    func take(_ event: ProgressEvent) {
        guard console.followsProgress else { return }
        state.withLock { state in
            guard !state.isOver else { return }
            let row = state.transfers[event.transfer] ?? (try? profile.transfer(id: event.transfer)) ?? nil
            guard let row else { return }
            state.transfers[event.transfer] = row
            show(row.updated(by: event), &state)
        }
    }

    /// What the database says: tells of a change that no event came for.
    func look(_ transfer: Transfer) {
        guard console.followsProgress else { return }
        state.withLock { state in
            guard !state.isOver, !transfer.state.isEnded else { return }
            let shown = state.shown[transfer.id]
            state.transfers[transfer.id] = transfer
            // Rows are behind the events while something moves.
            if let shown, shown.state == transfer.state, shown.waiting == transfer.waiting { return }
            show(transfer, &state)
        }
    }

    /// Nothing more is shown.
    func end() {
        state.withLock { $0.isOver = true }
        console.clearLine()
    }

    private func show(_ transfer: Transfer, _ state: inout State) {
        let now = ContinuousClock.now
        if let last = state.last, now - last < Self.interval { return }
        state.last = now
        state.shown[transfer.id] = ProgressEvent(transfer)
        if console.style.isJSON {
            console.json("progress", transfer.jsonMembers)
        } else {
            console.draw(Self.line(transfer))
        }
    }

    /// Percent, bytes, rate, time left, state, lane, and what it waits for.
    static func line(_ transfer: Transfer) -> String {
        var fields = ["[\(transfer.id)]"]
        if let size = transfer.size {
            fields.append("\(Quantity.percent(transfer.transferred, of: size))%")
            fields.append("\(Quantity.size(transfer.transferred)) of \(Quantity.size(size))")
        } else {
            fields.append(Quantity.size(transfer.transferred))
        }
        if let rate = transfer.bytesPerSecond, transfer.state == .active {
            fields.append("\(Quantity.size(rate))/s")
            if rate > 0, let size = transfer.size, size > transfer.transferred {
                fields.append("\(Quantity.clock((size - transfer.transferred - 1) / rate + 1)) left")
            }
        }
        fields.append(transfer.state.rawValue)
        if let lane = transfer.lane { fields.append(lane) }
        if let waiting = transfer.waitingText { fields.append(waiting) }
        return fields.joined(separator: "  ")
    }
}
