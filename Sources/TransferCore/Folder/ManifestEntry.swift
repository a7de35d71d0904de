import WireFormat

/// What stands in a folder, as one line of its manifest says it.
public struct ManifestEntry: Hashable, Sendable {
    /// What an entry is, by the letter that begins its line.
    public enum Kind: UInt8, Hashable, Sendable {
        /// A directory, empty or not.
        case directory = 0x64
        /// A regular file.
        case file = 0x66
        /// A symbolic link that stays inside the folder.
        case link = 0x6C
        /// A regular file with holes: what is zero in it need not be written.
        case sparse = 0x73
    }

    /// What it is.
    public var kind: Kind
    /// Bytes of a file; 0 for the others.
    public var size: UInt64
    /// Permission bits, at most 0o777.
    public var mode: UInt32
    /// Seconds since 1970, until the end of 2100; nil if unknown.
    public var modifiedAt: Int64?
    /// 0 to 999,999,999.
    public var nanoseconds: Int32
    /// Below the folder: components separated by slashes, as bytes.
    public var path: [UInt8]
    /// Where a link points to; empty for the others.
    public var target: [UInt8]

    /// The last second that a time may have: the end of 2100.
    public static let lastSecond: Int64 = 4_133_980_799
    /// The longest path, in bytes.
    public static let longestPath = 4000
    /// The longest component of a path, in bytes.
    public static let longestName = 255

    /// An entry of these parts; a time that no manifest can have becomes an unknown one.
    public init(
        _ kind: Kind, path: [UInt8], size: UInt64 = 0, mode: UInt32 = 0o777, modifiedAt: Int64? = nil,
        nanoseconds: Int32 = 0, target: [UInt8] = []
    ) {
        self.kind = kind
        self.size = size
        self.mode = mode & 0o777
        let isKnown = modifiedAt.map { (0...Self.lastSecond).contains($0) } ?? false
        self.modifiedAt = isKnown ? modifiedAt : nil
        self.nanoseconds = isKnown && (0...999_999_999).contains(nanoseconds) ? nanoseconds : 0
        self.path = path
        self.target = target
    }

    /// Whether it has bytes in the stream.
    public var isFile: Bool { kind == .file || kind == .sparse }
    /// Whether a component of its path begins with a dot.
    public var isHidden: Bool {
        path.first == dot || path.indices.contains { path[$0] == slash && $0 + 1 < path.count && path[$0 + 1] == dot }
    }
    /// Whether it is a file that may be run.
    public var isExecutable: Bool { isFile && mode & 0o111 != 0 }

    /// The path as text: percent-encoded where a byte is no printable ASCII.
    public var encodedPath: String { String(decoding: Self.encoded(path), as: UTF8.self) }

    /// The path without its last component; empty in the folder itself.
    public var parent: ArraySlice<UInt8> {
        path[..<(path.lastIndex(of: slash) ?? path.startIndex)]
    }

    /// The last component of the path.
    public var name: ArraySlice<UInt8> {
        path[(path.lastIndex(of: slash).map { $0 + 1 } ?? path.startIndex)...]
    }
}

let slash = UInt8(ascii: "/")
private let dot = UInt8(ascii: ".")

// MARK: - As a line

extension ManifestEntry {
    /// The line, with its newline.
    public var line: [UInt8] {
        var line: [UInt8] = [kind.rawValue, 0x20]
        line.append(contentsOf: String(size).utf8)
        line.append(0x20)
        line.append(contentsOf: String(mode, radix: 8).utf8)
        line.append(0x20)
        line.append(contentsOf: timeText.utf8)
        line.append(0x20)
        line.append(contentsOf: Self.encoded(path))
        if kind == .link {
            line.append(0x20)
            line.append(contentsOf: Self.encoded(target))
        }
        line.append(0x0A)
        return line
    }

    private var timeText: String {
        guard let modifiedAt else { return "-" }
        guard nanoseconds > 0 else { return String(modifiedAt) }
        let digits = String(nanoseconds)
        return "\(modifiedAt).\(String(repeating: "0", count: 9 - digits.utf8.count))\(digits)"
    }

    /// Reads a line without its newline. Only what `line` prints is read; whether the entry fits in its place is the
    /// business of `ManifestReader`.
    /// - Throws: `manifest`.
    public init(line: some Collection<UInt8>) throws(TransferError) {
        let fields = line.split(separator: 0x20, maxSplits: 6, omittingEmptySubsequences: false)
        guard fields.count >= 5, let letter = fields[0].first, fields[0].count == 1, let kind = Kind(rawValue: letter),
            fields.count == (kind == .link ? 6 : 5)
        else { throw .manifest("a line that is none") }
        guard let size = Self.number(fields[1], base: 10, limit: ChunkPlan.largestSize) else {
            throw .manifest("a size that is none")
        }
        guard let mode = Self.number(fields[2], base: 8, limit: 0o777) else { throw .manifest("a mode that is none") }
        guard let time = Self.time(fields[3]) else { throw .manifest("a time that is none") }
        guard let path = Self.decoded(fields[4]) else { throw .manifest("a path that is not encoded as it must be") }
        var target: [UInt8] = []
        if kind == .link {
            guard let decoded = Self.decoded(fields[5]) else {
                throw .manifest("a link that is not encoded as it must be")
            }
            target = decoded
        }
        self.init(
            kind, path: path, size: size, mode: UInt32(mode), modifiedAt: time.seconds, nanoseconds: time.nanoseconds,
            target: target)
    }

    /// Digits without superfluous zeros; nil for anything else, and above `limit`.
    private static func number(_ digits: some Collection<UInt8>, base: UInt64, limit: UInt64) -> UInt64? {
        guard let first = digits.first, digits.count == 1 || first != UInt8(ascii: "0") else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard digit >= UInt8(ascii: "0"), digit < UInt8(ascii: "0") + UInt8(base) else { return nil }
            let (shifted, overflow) = value.multipliedReportingOverflow(by: base)
            guard !overflow else { return nil }
            let (sum, carry) = shifted.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
            guard !carry, sum <= limit else { return nil }
            value = sum
        }
        return value
    }

    private static func time(_ text: some Collection<UInt8>) -> (seconds: Int64?, nanoseconds: Int32)? {
        if text.elementsEqual("-".utf8) { return (nil, 0) }
        let halves = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard halves.count <= 2, let seconds = number(halves[0], base: 10, limit: UInt64(lastSecond)) else {
            return nil
        }
        guard halves.count == 2 else { return (Int64(seconds), 0) }
        guard halves[1].count == 9, halves[1].allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        let nanoseconds = halves[1].reduce(0) { $0 * 10 + Int32($1 - 0x30) }
        return nanoseconds > 0 ? (Int64(seconds), nanoseconds) : nil
    }

    /// Everything but printable ASCII without space and `%` becomes `%XX`.
    public static func encoded(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count)
        for byte in bytes {
            if isPlain(byte) {
                text.append(byte)
            } else {
                text.append(UInt8(ascii: "%"))
                text.append(hexDigits[Int(byte >> 4)])
                text.append(hexDigits[Int(byte & 15)])
            }
        }
        return text
    }

    /// The bytes that `encoded` made this text of; nil if it makes none so.
    public static func decoded(_ text: some Collection<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text.makeIterator()
        while let byte = rest.next() {
            if isPlain(byte) {
                bytes.append(byte)
                continue
            }
            guard byte == UInt8(ascii: "%"), let high = rest.next().flatMap(hexDigits.firstIndex(of:)),
                let low = rest.next().flatMap(hexDigits.firstIndex(of:))
            else { return nil }
            let value = UInt8(high << 4 | low)
            guard !isPlain(value) else { return nil }
            bytes.append(value)
        }
        return bytes
    }

    private static func isPlain(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "%") }
}

private let hexDigits = Array("0123456789ABCDEF".utf8)

// MARK: - Places

extension ManifestEntry {
    /// Why the path cannot stand below a folder; nil if it can.
    public static func objection(toPath path: [UInt8]) -> String? {
        if path.isEmpty { return "an empty path" }
        if path.count > longestPath { return "a path of more than \(longestPath) bytes" }
        if path.contains(0) { return "a path with a NUL" }
        for component in path.split(separator: slash, omittingEmptySubsequences: false) {
            if component.isEmpty { return "a path that is absolute or has an empty component" }
            if component.elementsEqual(".".utf8) || component.elementsEqual("..".utf8) {
                return "a path with . or .. in it"
            }
            if component.count > longestName { return "a name of more than \(longestName) bytes" }
        }
        return nil
    }

    /// Why a link at `path` may not point to `target`; nil if it stays inside whatever else is in the folder.
    ///
    /// `..` may only stand at the beginning, where it leaves directories that are really there, and no more of them than
    /// there are: behind the name of another link it could lead anywhere.
    public static func objection(toTarget target: [UInt8], at path: [UInt8]) -> String? {
        if target.isEmpty { return "a link to nothing" }
        if target.count > longestPath || target.contains(0) { return "a link that no system has" }
        if target.first == slash { return "a link out of the folder" }
        var depth = path.count { $0 == slash }
        var isDescending = false
        for component in target.split(separator: slash) {
            if component.elementsEqual(".".utf8) { continue }
            guard component.elementsEqual("..".utf8) else {
                isDescending = true
                continue
            }
            depth -= 1
            if isDescending || depth < 0 { return "a link out of the folder" }
        }
        return nil
    }

    /// Whether `left` stands before `right`: names are compared byte by byte, directory by directory.
    public static func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        for (a, b) in zip(left, right) where a != b {
            if a == slash { return true }
            if b == slash { return false }
            return a < b
        }
        return left.count < right.count
    }
}
