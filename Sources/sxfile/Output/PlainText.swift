/// Makes text of other people safe to show: what could move the cursor, reorder the line or end it is spelled out.
enum PlainText {
    /// `text` on one line without control characters (C0, DEL, C1), line separators and invisible formatting such as the
    /// bidirectional controls: each becomes `\n`, `\t`, `\x1b` or `\u{202e}`.
    static func escaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isUnsafe) else { return text }
        var plain = ""
        for scalar in text.unicodeScalars {
            if isUnsafe(scalar) { plain += escape(scalar) } else { plain.unicodeScalars.append(scalar) }
        }
        return plain
    }

    /// Whether a character is never written as it is.
    static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        if (0x20..<0x7F).contains(scalar.value) { return false }
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned: return true
        // Joiners belong to scripts and emoji, and move nothing.
        case .format: return scalar.value != 0x200C && scalar.value != 0x200D
        default: return false
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar.value {
        case 0x0A: return "\\n"
        case 0x0D: return "\\r"
        case 0x09: return "\\t"
        case ..<0x100:
            let digits = String(scalar.value, radix: 16)
            return "\\x" + (digits.count < 2 ? "0" : "") + digits
        default: return "\\u{" + String(scalar.value, radix: 16) + "}"
        }
    }
}
