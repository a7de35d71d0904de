/// A configuration file, with its comments: read, looked up, changed, written.
///
/// It is the part of TOML 1.0 that settings need: comments, `[section]`s, and `key = value` with strings, whole decimal
/// numbers, booleans and arrays of these. What is not known (fractions, dates, inline tables, arrays of tables, strings over
/// several lines, arrays in arrays, numbers in other bases) is an error with its place, never skipped. Every file that is
/// accepted is TOML, with the same meaning.
public struct TOMLDocument: Sendable {
    /// A key with its value, and where they stand.
    public struct Entry: Sendable {
        /// The key from the root on: `["direct", "offer-public"]` for `offer-public` in `[direct]`.
        public let path: [String]
        /// The value.
        public let value: TOMLValue
        /// Where the key stands.
        public let keyPosition: TOMLPosition
        /// Where the value stands.
        public let valuePosition: TOMLPosition

        /// The key with points: `direct.offer-public`.
        public var key: String { path.map(TOMLValue.key).joined(separator: ".") }

        /// Which section it stands in.
        let section: Int
        /// From the key's first character to the value's last.
        let range: Range<Int>
        let valueStart: Int
        /// The line after the last one of it.
        let next: Int
    }

    /// The part of a file before the first header, or after a header.
    struct Section: Sendable {
        let path: [String]
        let position: TOMLPosition
        /// The first character of the header's line.
        let start: Int
        /// The line after the header.
        let next: Int
    }

    /// All values, in the order of the file.
    public private(set) var entries: [Entry]
    private var sections: [Section]
    private var scalars: [Unicode.Scalar]

    /// An empty file.
    public init() {
        entries = []
        sections = [Section(path: [], position: TOMLPosition(line: 1, column: 1), start: 0, next: 0)]
        scalars = []
    }

    /// Reads a file's bytes.
    public init(_ bytes: [UInt8]) throws(TOMLError) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            let index = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0
            throw TOMLError(at: TOMLPosition(line: index + 1, column: 1), "this line is not UTF-8")
        }
        try self.init(text)
    }

    /// Reads a file's text.
    public init(_ text: String) throws(TOMLError) {
        var parser = TOMLParser(Array(text.unicodeScalars))
        try parser.parse()
        (entries, sections, scalars) = (parser.entries, parser.sections, parser.scalars)
    }

    /// The file's text.
    public var text: String { String(String.UnicodeScalarView(scalars)) }

    /// What a key has, with its place; nil if it is not there.
    public subscript(path: [String]) -> Entry? { entries.first { $0.path == path } }

    /// The sections that headers name, with their places: a section without values has none of the `entries`.
    public var headers: [(path: [String], position: TOMLPosition)] {
        sections.dropFirst().map { ($0.path, $0.position) }
    }

    // MARK: - Changing

    /// Gives a key a value, in its place if it is there, else at the end of its section; nil takes the key out. Comments stay.
    /// - Throws: if the key is a section's name, or goes through a value.
    public mutating func set(_ path: [String], to value: TOMLValue?) throws(TOMLError) {
        precondition(!path.isEmpty, "a key has a name")
        var changed = scalars
        if let entry = self[path] {
            if let value {
                changed.replaceSubrange(entry.valueStart..<entry.range.upperBound, with: value.text.unicodeScalars)
            } else {
                remove(entry, from: &changed)
            }
        } else if let value {
            insert(path, value, into: &changed)
        }
        self = try TOMLDocument(String(String.UnicodeScalarView(changed)))
    }

    private var newline: String {
        let end = scalars.firstIndex(of: "\n") ?? 0
        return end > 0 && scalars[end - 1] == "\r" ? "\r\n" : "\n"
    }

    /// The line goes; a comment behind the value stays, in a line of its own.
    private func remove(_ entry: Entry, from text: inout [Unicode.Scalar]) {
        let rest = text[entry.range.upperBound..<entry.next]
        let comment = rest.firstIndex(of: "#")
        let start = (text[..<entry.range.lowerBound].lastIndex(of: "\n") ?? -1) + 1
        text.removeSubrange(start..<(comment ?? entry.next))
    }

    private func insert(_ path: [String], _ value: TOMLValue, into text: inout [Unicode.Scalar]) {
        // Beside a key with points of the same group, in the section itself, or in a new section.
        let group = Array(path.dropLast())
        let neighbor = entries.last {
            !group.isEmpty && $0.path.count > sections[$0.section].path.count + 1
                && $0.path.starts(with: path.prefix(sections[$0.section].path.count + 1))
                && sections[$0.section].path.count < group.count
        }
        if let neighbor {
            let inner = path.dropFirst(sections[neighbor.section].path.count)
            return insert(line(inner, value), at: neighbor.next, into: &text)
        }
        guard let section = sections.firstIndex(where: { $0.path == group }) else {
            let gap = text.isEmpty ? "" : newline
            let header = "[" + group.map(TOMLValue.key).joined(separator: ".") + "]" + newline
            return insert(gap + header + line(path.suffix(1), value), at: text.count, into: &text)
        }
        let last = entries.last { $0.section == section }
        if let last { return insert(line(path.suffix(1), value), at: last.next, into: &text) }
        guard section == 0 else {
            return insert(line(path.suffix(1), value), at: sections[section].next, into: &text)
        }
        // The root has no value yet: before the first header and the comment that belongs to it.
        guard sections.count > 1 else { return insert(line(path.suffix(1), value), at: text.count, into: &text) }
        insert(line(path.suffix(1), value) + newline, at: commentedStart(of: sections[1].start), into: &text)
    }

    /// The start of the comment lines directly above the line that starts at `start`.
    private func commentedStart(of start: Int) -> Int {
        var start = start
        while start > 0 {
            let above = (scalars[..<(start - 1)].lastIndex(of: "\n") ?? -1) + 1
            guard scalars[above..<start].first(where: { $0 != " " && $0 != "\t" }) == "#" else { break }
            start = above
        }
        return start
    }

    private func line(_ path: ArraySlice<String>, _ value: TOMLValue) -> String {
        path.map(TOMLValue.key).joined(separator: ".") + " = " + value.text + newline
    }

    private func insert(_ line: String, at index: Int, into text: inout [Unicode.Scalar]) {
        let needsEnd = index > 0 && text[index - 1] != "\n"
        text.insert(contentsOf: ((needsEnd ? newline : "") + line).unicodeScalars, at: index)
    }
}
