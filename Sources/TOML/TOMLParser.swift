/// Reads a file once, from the first character to the last.
struct TOMLParser {
    /// How a path came about: what may be said of it again depends on that.
    private enum Kind {
        /// A value.
        case value
        /// A header of its own.
        case section
        /// A part of a longer header.
        case implied
        /// A part of a key with points.
        case dotted
    }

    let scalars: [Unicode.Scalar]
    private(set) var entries: [TOMLDocument.Entry] = []
    private(set) var sections: [TOMLDocument.Section]
    private var kinds: [[String]: Kind] = [:]
    private var index = 0
    private var line = 1
    private var lineStart = 0

    init(_ scalars: [Unicode.Scalar]) {
        self.scalars = scalars
        sections = [TOMLDocument.Section(path: [], position: TOMLPosition(line: 1, column: 1), start: 0, next: 0)]
    }

    mutating func parse() throws(TOMLError) {
        while true {
            skipBlanks()
            guard let next else { return }
            switch next {
            case "[": try parseHeader()
            case "#", "\n", "\r": try endLine(after: "here")
            case "=": throw error("a key is missing before '='")
            default: try parseEntry()
            }
        }
    }

    // MARK: - Lines

    private mutating func parseHeader() throws(TOMLError) {
        let start = lineStart
        let position = position
        index += 1
        if next == "[" { throw TOMLError(at: position, "arrays of tables ('[[…]]') are not known here") }
        skipBlanks()
        let path = try parseKey()
        guard next == "]" else { throw error("']' is missing at the end of the section's name") }
        index += 1
        switch kinds[path] {
        case nil, .implied: break
        case .section: throw TOMLError(at: position, "the section [\(Self.shown(path))] is there already")
        case .value, .dotted: throw TOMLError(at: position, "'\(Self.shown(path))' is there already as a key")
        }
        for count in 1..<path.count {
            let part = Array(path.prefix(count))
            if kinds[part] == .value {
                throw TOMLError(at: position, "'\(Self.shown(part))' is a value, not a section")
            }
            if kinds[part] == nil { kinds[part] = .implied }
        }
        kinds[path] = .section
        try endLine(after: "after the section's name")
        sections.append(TOMLDocument.Section(path: path, position: position, start: start, next: index))
    }

    private mutating func parseEntry() throws(TOMLError) {
        let start = index
        let keyPosition = position
        let section = sections.count - 1
        let key = try parseKey()
        let path = sections[section].path + key
        guard next == "=" else { throw error("'=' is missing after the key '\(Self.shown(key))'") }
        index += 1
        skipBlanks()
        let (valueStart, valuePosition) = (index, position)
        for count in 1..<key.count {
            let part = sections[section].path + key.prefix(count)
            switch kinds[part] {
            case nil, .dotted: kinds[part] = .dotted
            case .value: throw TOMLError(at: keyPosition, "'\(Self.shown(part))' is a value, not a section")
            case .section, .implied:
                throw TOMLError(at: keyPosition, "[\(Self.shown(part))] is a section: write the key there")
            }
        }
        guard kinds[path] == nil else { throw TOMLError(at: keyPosition, "'\(Self.shown(path))' is there already") }
        kinds[path] = .value
        let value = try parseValue()
        let end = index
        try endLine(after: "after the value")
        entries.append(
            TOMLDocument.Entry(
                path: path, value: value, keyPosition: keyPosition, valuePosition: valuePosition, section: section,
                range: start..<end, valueStart: valueStart, next: index))
    }

    /// Blanks, a comment if there is one, and the end of the line.
    private mutating func endLine(after what: String) throws(TOMLError) {
        skipBlanks()
        if next == "#" {
            while let scalar = next, scalar != "\n" {
                if scalar == "\r", peek(1) == "\n" || peek(1) == nil { break }
                guard !scalar.isControl else { throw error("a comment cannot have a control character") }
                index += 1
            }
        }
        if next == "\r", peek(1) == "\n" { index += 1 }
        guard let next else { return }
        guard next == "\n" else { throw error("\(Self.shown(next)) is not expected \(what)") }
        takeNewline()
    }

    // MARK: - Keys

    private mutating func parseKey() throws(TOMLError) -> [String] {
        var path: [String] = []
        while true {
            guard let next else { throw error("a key is missing") }
            switch next {
            case "\"": path.append(try parseString())
            case "'": path.append(try parseLiteral())
            default:
                let start = index
                while let scalar = self.next, scalar.isBareKey { index += 1 }
                guard index > start else { throw error("\(Self.shown(next)) cannot begin a key") }
                path.append(text(start..<index))
            }
            skipBlanks()
            guard self.next == "." else { return path }
            index += 1
            skipBlanks()
        }
    }

    // MARK: - Values

    private mutating func parseValue() throws(TOMLError) -> TOMLValue {
        guard let next else { throw error("a value is missing") }
        switch next {
        case "\"": return .string(try parseString())
        case "'": return .string(try parseLiteral())
        case "[": return .array(try parseArray())
        case "{": throw error("inline tables ('{…}') are not known here: use a [section]")
        case "#", "\n", "\r": throw error("a value is missing")
        default: return try parseWord()
        }
    }

    private mutating func parseArray() throws(TOMLError) -> [TOMLValue] {
        let start = position
        index += 1
        var values: [TOMLValue] = []
        while true {
            try skipLines()
            guard let next else { throw TOMLError(at: start, "']' is missing: the array has no end") }
            if next == "]" { break }
            if next == "[" { throw error("an array in an array is not known here") }
            if next == "," { throw error("a value is missing before ','") }
            values.append(try parseValue())
            try skipLines()
            if self.next == "]" { break }
            guard self.next != nil else { throw TOMLError(at: start, "']' is missing: the array has no end") }
            guard self.next == "," else { throw error("',' or ']' is missing after a value of the array") }
            index += 1
        }
        index += 1
        return values
    }

    private mutating func skipLines() throws(TOMLError) {
        while true {
            skipBlanks()
            guard let next, next == "#" || next == "\n" || next == "\r" else { return }
            try endLine(after: "in the array")
        }
    }

    /// `true`, `false` or a whole number.
    private mutating func parseWord() throws(TOMLError) -> TOMLValue {
        let (start, place) = (index, position)
        while let scalar = next, !" \t\r\n,]#=".unicodeScalars.contains(scalar) { index += 1 }
        let word = text(start..<index)
        switch word {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        case "inf", "+inf", "-inf", "nan", "+nan", "-nan": throw TOMLError(at: place, "'\(word)' is no whole number")
        default: break
        }
        guard let first = word.unicodeScalars.first, first.isDigit || first == "+" || first == "-" else {
            throw TOMLError(at: place, "'\(word)' is no value: strings stand in quotation marks")
        }
        var digits = Substring(word)
        if first == "+" || first == "-" { digits.removeFirst() }
        let groups = digits.split(separator: "_", omittingEmptySubsequences: false)
        let isPlain = groups.allSatisfy { !$0.isEmpty && $0.unicodeScalars.allSatisfy(\.isDigit) }
        guard isPlain else {
            throw TOMLError(at: place, "'\(word)' is no whole decimal number; other things stand in quotation marks")
        }
        let plain = groups.joined()
        if plain.count > 1, plain.hasPrefix("0") { throw TOMLError(at: place, "'\(word)' begins with a zero") }
        guard let number = Int64((first == "-" ? "-" : "") + plain) else {
            throw TOMLError(at: place, "\(word) is too large")
        }
        return .integer(number)
    }

    private mutating func parseLiteral() throws(TOMLError) -> String {
        let start = position
        try refuseLongString("'")
        index += 1
        let from = index
        while let scalar = next, scalar != "'" {
            try checkInString(scalar, from: start)
            index += 1
        }
        guard next == "'" else { throw TOMLError(at: start, "the string has no end") }
        index += 1
        return text(from..<(index - 1))
    }

    private mutating func parseString() throws(TOMLError) -> String {
        let start = position
        try refuseLongString("\"")
        index += 1
        var string = String.UnicodeScalarView()
        while let scalar = next, scalar != "\"" {
            try checkInString(scalar, from: start)
            if scalar == "\\" {
                string.append(try parseEscape())
            } else {
                string.append(scalar)
                index += 1
            }
        }
        guard next == "\"" else { throw TOMLError(at: start, "the string has no end") }
        index += 1
        return String(string)
    }

    private func refuseLongString(_ mark: Unicode.Scalar) throws(TOMLError) {
        if peek(1) == mark, peek(2) == mark { throw error("strings over several lines are not known here") }
    }

    private func checkInString(_ scalar: Unicode.Scalar, from start: TOMLPosition) throws(TOMLError) {
        if scalar == "\n" || scalar == "\r" { throw TOMLError(at: start, "the string has no end in this line") }
        if scalar.isControl { throw error("a string cannot have a control character as it is") }
    }

    private mutating func parseEscape() throws(TOMLError) -> Unicode.Scalar {
        let place = position
        index += 1
        guard let letter = next else { throw TOMLError(at: place, "'\\' at the end") }
        index += 1
        switch letter {
        case "b": return "\u{8}"
        case "t": return "\t"
        case "n": return "\n"
        case "f": return "\u{C}"
        case "r": return "\r"
        case "\"": return "\""
        case "\\": return "\\"
        case "u", "U":
            let count = letter == "u" ? 4 : 8
            let digits = scalars[index..<min(index + count, scalars.count)]
            let number =
                digits.allSatisfy { $0.properties.isASCIIHexDigit }
                ? UInt32(String(String.UnicodeScalarView(digits)), radix: 16) : nil
            guard digits.count == count, let number, let scalar = Unicode.Scalar(number) else {
                throw TOMLError(at: place, "'\\\(letter)' needs \(count) hexadecimal digits of a character")
            }
            index += count
            return scalar
        default:
            throw TOMLError(at: place, "'\\\(letter)' means nothing: a '\\' itself is '\\\\', or use '…'")
        }
    }

    // MARK: - Characters

    private var next: Unicode.Scalar? { peek(0) }

    private func peek(_ offset: Int) -> Unicode.Scalar? {
        index + offset < scalars.count ? scalars[index + offset] : nil
    }

    private var position: TOMLPosition { TOMLPosition(line: line, column: index - lineStart + 1) }

    private func error(_ message: String) -> TOMLError { TOMLError(at: position, message) }

    private mutating func skipBlanks() { while next == " " || next == "\t" { index += 1 } }

    private mutating func takeNewline() {
        index += 1
        line += 1
        lineStart = index
    }

    private func text(_ range: Range<Int>) -> String { String(String.UnicodeScalarView(scalars[range])) }

    private static func shown(_ path: [String]) -> String { path.map(TOMLValue.key).joined(separator: ".") }

    private static func shown(_ scalar: Unicode.Scalar) -> String {
        scalar.isControl || scalar.value > 0x7F
            ? "U+" + String(scalar.value, radix: 16, uppercase: true) : "'\(scalar)'"
    }
}
