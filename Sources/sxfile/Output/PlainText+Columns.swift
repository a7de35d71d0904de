/// How much room text takes on a terminal.
extension PlainText {
    /// The longest text of somebody else's that is shown in a list; `inbox ID` and `--json` have all of it.
    static let longest = 300

    /// `text` made safe, and cut where it is over-long.
    static func brief(_ text: String) -> String {
        cut(escaped(String(text.unicodeScalars.prefix(longest * 4))), to: longest)
    }

    /// Columns that `text` takes, which is safe to show.
    static func columns(of text: String) -> Int { text.unicodeScalars.reduce(0) { $0 + columns(of: $1) } }

    /// `text`, or as much of it as fits with an ellipsis into `width` columns.
    static func cut(_ text: String, to width: Int) -> String {
        guard columns(of: text) > width else { return text }
        guard width > 0 else { return "" }
        var used = 1
        var kept = ""
        for character in text {
            let more = character.unicodeScalars.reduce(0) { $0 + columns(of: $1) }
            if used + more > width { break }
            used += more
            kept.append(character)
        }
        return kept + "…"
    }

    /// 0 for what joins the character before, 2 for what East Asian scripts and emoji take.
    private static func columns(of scalar: Unicode.Scalar) -> Int {
        if scalar.value < 0x300 { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: return scalar.properties.isEmojiPresentation || isWide(scalar.value) ? 2 : 1
        }
    }

    private static func isWide(_ value: UInt32) -> Bool {
        switch value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
            0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF,
            0x20000...0x3FFFD:
            true
        default: false
        }
    }
}
