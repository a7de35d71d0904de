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
        let stop = stop(row, now: now)
        var fields = [Field(0, "[\(transfer.id)]")]
        if transfer.isToGroup { fields.append(Field(1, transfer.membersText)) }
        // What moves says how far it is, what does not says why.
        let rank = stop.isEmpty ? 1 : 3
        if let size = transfer.size {
            fields.append(Field(rank, "\(Quantity.percent(transfer.transferred, of: size))%"))
            fields.append(Field(6, "\(Quantity.size(transfer.transferred)) of \(Quantity.size(size))"))
        } else {
            fields.append(Field(rank, Quantity.size(transfer.transferred)))
        }
        fields += stop
        if stop.isEmpty, transfer.state == .active {
            if let rate = transfer.bytesPerSecond { fields.append(Field(4, "\(Quantity.size(rate))/s")) }
            if let left = left(transfer) { fields.append(Field(5, "\(left) left")) }
        }
        fields.append(Field(8, transfer.state.rawValue))
        if let lane = transfer.lane { fields.append(Field(7, lane)) }
        fields.append(Field(9, PlainText.brief(transfer.name)))
        return fit(fields, width)
    }

    /// What is said of several: all of them together, then the one that moved last.
    static func text(_ rows: [Row], done: Int, width: Int, now: Int64) -> String {
        guard rows.count + done > 1, let latest = rows.min(by: { $0.stillFor < $1.stillFor }) else {
            return rows.first.map { text($0, width: width, now: now) } ?? ""
        }
        let known = rows.compactMap(\.transfer.size).reduce(0, +)
        let moved = rows.reduce(0) { $0 + $1.transfer.transferred }
        let rate = rows.compactMap(\.transfer.bytesPerSecond).reduce(0, +)
        let count = Field(0, "\(done) of \(rows.count + done) done")
        var fields = [count, Field(1, "\(Quantity.percent(moved, of: known))%")]
        fields.append(Field(4, "\(Quantity.size(moved)) of \(Quantity.size(known))"))
        if rate > 0 {
            fields.append(Field(2, "\(Quantity.size(rate))/s"))
            if known > moved { fields.append(Field(3, "\(Quantity.clock((known - moved - 1) / rate + 1)) left")) }
        }
        let total = fit(fields, width)
        let room = width - PlainText.columns(of: total) - 3
        if room >= 40 { return total + " | " + text(latest, width: room, now: now) }
        let stop = stop(latest, now: now)
        return stop.isEmpty ? total : fit([count] + stop, width)
    }

    /// Why nothing moves, and for how long that has been so; empty while something does.
    private static func stop(_ row: Row, now: Int64) -> [Field] {
        let transfer = row.transfer
        let clock = Field(2, Quantity.clock(row.stillFor))
        if let text = transfer.waitingText(now: now) {
            return [Field(1, text, isElastic: true)] + (row.stillFor > 0 ? [clock] : [])
        }
        guard transfer.state == .active, row.stillFor >= patience else { return [] }
        let text =
            switch (transfer.direction, transfer.lane) {
            case (.receive, _): "nothing comes from \(transfer.peer)"
            case (.send, "direct"): "\(transfer.peer) takes nothing"
            case (.send, _): "the relay takes nothing"
            }
        return [Field(1, text, isElastic: true), clock]
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
        /// Whether it may be cut.
        let isElastic: Bool

        init(_ rank: Int, _ text: String, isElastic: Bool = false) {
            self.rank = rank
            self.text = text
            self.isElastic = isElastic
        }
    }

    /// Leaves out the least important fields until the rest fits, then cuts what may be cut.
    private static func fit(_ fields: [Field], _ width: Int) -> String {
        var kept = fields
        func line() -> String { kept.map(\.text).joined(separator: "  ") }
        while kept.count > 3, PlainText.columns(of: line()) > width,
            let least = kept.indices.max(by: { kept[$0].rank < kept[$1].rank })
        {
            kept.remove(at: least)
        }
        let excess = PlainText.columns(of: line()) - width
        if excess > 0, let index = kept.firstIndex(where: \.isElastic) {
            let text = kept[index].text
            kept[index] = Field(0, PlainText.cut(text, to: max(8, PlainText.columns(of: text) - excess)))
        }
        return PlainText.cut(line(), to: width)
    }
}
