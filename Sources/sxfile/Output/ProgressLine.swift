import Engine

/// One line that says how far transfers are and why nothing moves. A value: the clock and the width are arguments.
struct ProgressLine {
    /// A transfer, and for how many seconds nothing of it has changed.
    struct Row {
        var transfer: Transfer
        var stillFor: UInt64
    }

    /// After so many seconds without a byte an active transfer is said to wait.
    static let patience: UInt64 = 3

    /// What is said of one transfer: the fields that fit, the more important ones first to stay.
    static func text(_ row: Row, width: Int, now: Int64) -> String {
        let transfer = row.transfer
        var fields = [Field(0, "[\(transfer.id)]")]
        if let size = transfer.size {
            fields.append(Field(1, "\(Quantity.percent(transfer.transferred, of: size))%"))
            fields.append(Field(5, "\(Quantity.size(transfer.transferred)) of \(Quantity.size(size))"))
        } else {
            fields.append(Field(1, Quantity.size(transfer.transferred)))
        }
        if let why = why(row, now: now) {
            fields.append(Field(2, why))
        } else if transfer.state == .active {
            if let rate = transfer.bytesPerSecond { fields.append(Field(3, "\(Quantity.size(rate))/s")) }
            if let left = left(transfer) { fields.append(Field(4, "\(left) left")) }
        }
        fields.append(Field(7, transfer.state.rawValue))
        if let lane = transfer.lane { fields.append(Field(6, lane)) }
        fields.append(Field(8, PlainText.escaped(transfer.name)))
        return fit(fields, width)
    }

    /// What is said of several: all of them together, then the one that moved last.
    static func text(_ rows: [Row], done: Int, width: Int, now: Int64) -> String {
        guard rows.count + done > 1 else {
            return rows.first.map { text($0, width: width, now: now) } ?? ""
        }
        let known = rows.compactMap(\.transfer.size).reduce(0, +)
        let moved = rows.reduce(0) { $0 + $1.transfer.transferred }
        let rate = rows.compactMap(\.transfer.bytesPerSecond).reduce(0, +)
        var fields = [Field(0, "\(done) of \(rows.count + done) done")]
        fields.append(Field(1, "\(Quantity.percent(moved, of: known))%"))
        fields.append(Field(4, "\(Quantity.size(moved)) of \(Quantity.size(known))"))
        if rate > 0 {
            fields.append(Field(2, "\(Quantity.size(rate))/s"))
            if known > moved { fields.append(Field(3, "\(Quantity.clock((known - moved - 1) / rate + 1)) left")) }
        }
        guard let latest = rows.min(by: { $0.stillFor < $1.stillFor }) else { return fit(fields, width) }
        let total = fit(fields, width)
        let room = width - PlainText.columns(of: total) - 3
        return room < 24 ? total : total + " | " + text(latest, width: room, now: now)
    }

    /// Why nothing moves, with how long that has been so; nil while something does.
    static func why(_ row: Row, now: Int64) -> String? {
        let transfer = row.transfer
        if let text = transfer.waitingText(now: now) {
            return row.stillFor > 0 && transfer.waiting != .relayDown
                ? "\(text), \(Quantity.clock(row.stillFor))" : text
        }
        guard transfer.state == .active, row.stillFor >= patience else { return nil }
        let time = Quantity.clock(row.stillFor)
        switch (transfer.direction, transfer.lane) {
        case (.receive, _): return "nothing comes from \(transfer.peer) for \(time)"
        case (.send, "direct"): return "\(transfer.peer) takes nothing for \(time)"
        case (.send, _): return "the relay takes nothing for \(time)"
        }
    }

    private static func left(_ transfer: Transfer) -> String? {
        guard let rate = transfer.bytesPerSecond, rate > 0, let size = transfer.size, size > transfer.transferred else {
            return nil
        }
        return Quantity.clock((size - transfer.transferred - 1) / rate + 1)
    }

    private struct Field {
        let rank: Int
        let text: String

        init(_ rank: Int, _ text: String) {
            self.rank = rank
            self.text = text
        }
    }

    /// Leaves out the least important fields until the rest fits; what is left alone is cut.
    private static func fit(_ fields: [Field], _ width: Int) -> String {
        var kept = fields
        func line() -> String { kept.map(\.text).joined(separator: "  ") }
        while kept.count > 3, PlainText.columns(of: line()) > width,
            let least = kept.indices.max(by: { kept[$0].rank < kept[$1].rank })
        {
            kept.remove(at: least)
        }
        return PlainText.cut(line(), to: width)
    }
}
