/// The setting `hook`: a program and its arguments, as they are given to the system. No shell reads it.
struct HookCommand: Equatable, Sendable {
    /// The program's absolute path, then its arguments.
    let words: [String]

    /// Reads words that are separated by white space. Double quotes hold a word together; behind a backslash stands the
    /// character itself.
    /// - Throws: `badSetting`.
    init(_ text: String) throws(EngineError) {
        var words: [String] = []
        var word: String?
        var isQuoted = false
        var isEscaped = false
        for character in text {
            if isEscaped {
                word = (word ?? "") + String(character)
                isEscaped = false
                continue
            }
            switch character {
            case "\\": isEscaped = true
            case "\"":
                isQuoted.toggle()
                word = word ?? ""
            case _ where character.isWhitespace && !isQuoted:
                if let word { words.append(word) }
                word = nil
            default: word = (word ?? "") + String(character)
            }
        }
        guard !isQuoted, !isEscaped else { throw .badSetting("hook ends inside quotes or behind a backslash") }
        if let word { words.append(word) }
        guard let program = words.first, program.hasPrefix("/") else {
            throw .badSetting("hook is the absolute path of a program, and its arguments")
        }
        guard !text.utf8.contains(0) else { throw .badSetting("hook contains a NUL") }
        self.words = words
    }
}
