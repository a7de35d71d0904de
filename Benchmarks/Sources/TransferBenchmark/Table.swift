/// Columns of text, the first to the left, the others to the right.
struct Table {
    private var rows: [[String]]

    init(_ head: [String]) { rows = [head] }

    mutating func add(_ row: [String]) { rows.append(row) }

    /// The lines, as GitHub's Markdown has tables.
    var lines: [String] {
        let count = rows[0].count
        let widths = (0..<count).map { column in rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0 }
        var lines = rows.map { row in
            let cells = widths.enumerated().map { column, width in
                let cell = column < row.count ? row[column] : ""
                let space = String(repeating: " ", count: width - cell.count)
                return column == 0 ? cell + space : space + cell
            }
            return "| " + cells.joined(separator: " | ") + " |"
        }
        let rule = widths.enumerated().map { column, width in
            String(repeating: "-", count: column == 0 ? width : width - 1) + (column == 0 ? "" : ":")
        }
        lines.insert("| " + rule.joined(separator: " | ") + " |", at: 1)
        return lines
    }

    func printOut() { lines.forEach { Console.line($0) } }
}
