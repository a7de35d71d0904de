import ArgumentParser
import Engine
import Glibc
import Guarding
import TransferCore

/// `sxfile status`.
struct StatusCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show state and progress of transfers.",
        discussion: """
            Id, direction, contact, state, progress, what it waits for, name; separated by tabs. Of a transfer to a group that \
            is named by its id, a line for each member follows.
            """)
    @Argument(help: "Transfers.", completion: .transfers) var ids: [Int64] = []
    @Flag(help: "Look again until nothing is unfinished.") var watch = false
    @Flag(help: "The ended ones too, newest last.") var all = false
    @Option(help: ArgumentHelp("Those of this last time, ended ones too (30m, 12h, 7d).", valueName: "duration"))
    var since: DurationArgument?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        let profile = try session.openProfile(isOnlyLooking: true)
        if since != nil, !ids.isEmpty { throw CommandFailure.usage("--since and ids do not go together") }
        let filter: TransferFilter =
            if let since { .since(since.duration) } else if ids.isEmpty { all ? .all : .unfinished } else { .ids(ids) }
        let isRunning = session.host(profile).isEngineRunning
        guard watch else {
            for var transfer in try profile.transfers(filter) {
                if !ids.isEmpty { transfer.sha256 = try digest(of: transfer, profile, session.console) }
                show(transfer, isRunning, session.console)
                guard !ids.isEmpty else { continue }
                for part in transfer.members { session.console.result(Self.line(part, isRunning: isRunning)) }
            }
            return
        }
        try await watch(filter, profile, session)
    }

    private func show(_ transfer: Transfer, _ isRunning: Bool, _ console: Console) {
        console.result(Self.line(transfer, isRunning: isRunning))
        console.json("transfer", transfer.jsonMembers)
    }

    /// What is complete is hashed when its id is asked for: the hash of what lies there.
    private func digest(of transfer: Transfer, _ profile: Profile, _ console: Console) throws -> String? {
        defer { console.clearLine() }
        return try profile.digest(of: transfer) { count in
            try Task.checkCancellation()
            guard count.isMultiple(of: 64 << 20) else { return }
            console.draw("[\(transfer.id)]  \(Quantity.percent(count, of: transfer.size ?? 0))%  hashing")
        }
    }

    /// Prints a line at each change, and on a terminal draws how far all of it is; those that end while watched are shown once
    /// more.
    private func watch(_ filter: TransferFilter, _ profile: Profile, _ session: Session) async throws {
        var shown: [Int64: Transfer] = [:]
        let seen = Guarded<[Int64: (row: Transfer, since: ContinuousClock.Instant)]>([:])
        let line = LiveLine(session.console) { width, _ in
            let now = ContinuousClock.now
            let rows = seen.withLock { $0.values.filter { !$0.row.isFinished } }.sorted { $0.row.id < $1.row.id }
                .map { ProgressLine.Row(transfer: $0.row, stillFor: UInt64((now - $0.since).components.seconds)) }
            return ProgressLine.text(rows, done: 0, width: width, now: Int64(time(nil)))
        }
        defer { line.end() }
        while true {
            let isRunning = session.host(profile).isEngineRunning
            var current = try profile.transfers(filter)
            let listed = Set(current.map(\.id))
            for id in shown.keys.sorted() where !listed.contains(id) {
                if let ended = try profile.transfer(id: id), ended.state != shown[id]?.state { current.append(ended) }
            }
            for transfer in current {
                if shown[transfer.id]?.withoutClocks != transfer.withoutClocks {
                    show(transfer, isRunning, session.console)
                    seen.withLock { $0[transfer.id] = (transfer, .now) }
                } else {
                    seen.withLock { $0[transfer.id]?.row.retryAt = transfer.retryAt }
                }
                shown[transfer.id] = transfer
            }
            if !current.contains(where: { !$0.isFinished }) { return }
            try await Task.sleep(for: .seconds(1))
        }
    }

    /// The name last, so that no name can pass for another field.
    static func line(_ transfer: Transfer, isRunning: Bool) -> String {
        var fields = [
            "\(transfer.parent ?? transfer.id)", transfer.direction == .send ? "to" : "from", transfer.peer,
            transfer.state.rawValue,
        ]
        var progress: [String] = []
        if let size = transfer.size {
            // Of a folder what is in it, as the inbox says it: its list travels too, and is nobody's concern.
            let shown = transfer.folder?.totals.bytes ?? size
            progress.append("\(Quantity.percent(transfer.transferred, of: size))% of \(Quantity.size(shown))")
        } else {
            progress.append(Quantity.size(transfer.transferred))
        }
        if transfer.state == .active, let rate = transfer.bytesPerSecond { progress.append("\(Quantity.size(rate))/s") }
        if let lane = transfer.lane, !transfer.state.isEnded { progress.append(lane) }
        fields.append(progress.joined(separator: " "))
        if transfer.isToGroup, transfer.isFinished {
            fields.append(transfer.membersText)
        } else if transfer.state.isEnded {
            let who = transfer.endedBy.map { $0 == .me ? "by you" : "by \(transfer.peer)" }
            let hash = transfer.sha256.map { "sha256:\($0)" }
            fields.append(
                [who, transfer.reason.map(PlainText.brief), hash].compactMap { $0 }.joined(separator: ": "))
        } else {
            fields.append(Self.why(transfer, isRunning: isRunning))
        }
        fields.append(PlainText.brief(transfer.name))
        return fields.joined(separator: "\t")
    }

    /// Why nothing moves; where no sxfile is at work, that.
    private static func why(_ transfer: Transfer, isRunning: Bool) -> String {
        let text = [transfer.isToGroup ? transfer.membersText : nil, transfer.waitingText].compactMap { $0 }
            .joined(separator: ": ")
        guard !isRunning, !transfer.isFinished, !transfer.waitsForUser else { return text }
        switch (transfer.state, transfer.waiting) {
        case (_, .relayDown): return "relay was unreachable: `sxfile resume` tries again"
        case (_, .relayBusy): return "relay took no new queues: `sxfile resume` tries again"
        case (_, .relayFull), (_, .space): return text
        case (.active, _): return "stopped: `sxfile resume` goes on with it"
        default: return text
        }
    }
}
