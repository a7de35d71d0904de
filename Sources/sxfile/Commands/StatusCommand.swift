import ArgumentParser
import Engine
import Glibc

/// `sxfile status`.
struct StatusCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show state and progress of transfers.",
        discussion: "Id, direction, contact, state, progress, what it waits for, name; separated by tabs.")
    @Argument(help: "Transfers.", completion: .transfers) var ids: [Int64] = []
    @Flag(help: "Look again until nothing is unfinished.") var watch = false
    @Flag(help: "The ended ones too, newest last.") var all = false
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        let profile = try session.openProfile()
        let filter: TransferFilter = ids.isEmpty ? (all ? .all : .unfinished) : .ids(ids)
        guard watch else {
            for transfer in try profile.transfers(filter) { show(transfer, session.console) }
            return
        }
        try await watch(filter, profile, session.console)
    }

    private func show(_ transfer: Transfer, _ console: Console) {
        console.result(Self.line(transfer))
        console.json("transfer", transfer.jsonMembers)
    }

    /// Prints a line at each change; those that end while watched are shown once more.
    private func watch(_ filter: TransferFilter, _ profile: Profile, _ console: Console) async throws {
        var shown: [Int64: Transfer] = [:]
        while true {
            var current = try profile.transfers(filter)
            let listed = Set(current.map(\.id))
            for id in shown.keys.sorted() where !listed.contains(id) {
                if let ended = try profile.transfer(id: id), ended.state != shown[id]?.state { current.append(ended) }
            }
            for transfer in current {
                var compared = transfer
                compared.updatedAt = shown[transfer.id]?.updatedAt ?? 0
                if shown[transfer.id] != compared { show(transfer, console) }
                shown[transfer.id] = transfer
            }
            if !current.contains(where: { !$0.isFinished }) { return }
            try await Task.sleep(for: .seconds(1))
        }
    }

    /// The name last, so that no name can pass for another field.
    static func line(_ transfer: Transfer) -> String {
        var fields = [
            "\(transfer.id)", transfer.direction == .send ? "to" : "from", transfer.peer, transfer.state.rawValue,
        ]
        var progress: [String] = []
        if let size = transfer.size {
            progress.append("\(Quantity.percent(transfer.transferred, of: size))% of \(Quantity.size(size))")
        } else {
            progress.append(Quantity.size(transfer.transferred))
        }
        if transfer.state == .active, let rate = transfer.bytesPerSecond { progress.append("\(Quantity.size(rate))/s") }
        if let lane = transfer.lane, !transfer.state.isEnded { progress.append(lane) }
        fields.append(progress.joined(separator: " "))
        if transfer.state.isEnded {
            let who = transfer.endedBy.map { $0 == .me ? "by you" : "by \(transfer.peer)" }
            fields.append([who, transfer.reason.map(PlainText.escaped)].compactMap { $0 }.joined(separator: ": "))
        } else {
            fields.append(transfer.waitingText ?? "")
        }
        fields.append(PlainText.escaped(transfer.name))
        return fields.joined(separator: "\t")
    }
}
