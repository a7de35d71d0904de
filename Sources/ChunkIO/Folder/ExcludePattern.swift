/// What a user leaves out of a folder, as `--exclude` says it.
///
/// `*` and `?` stand for anything but a slash, `[a-z]` for one of these, `**` for anything. A pattern with a slash before
/// its end is about the path below the folder, any other about a name wherever it stands. With a slash at its end it is
/// about directories only.
public struct ExcludePattern: Sendable, Hashable {
    private let pattern: [UInt8]
    private let isAnchored: Bool
    private let isForDirectories: Bool

    /// Reads a pattern; nil for one that is empty.
    public init?(_ text: String) {
        var bytes = Array(text.utf8)
        isForDirectories = bytes.last == separator
        if isForDirectories { bytes.removeLast() }
        isAnchored = bytes.contains(separator)
        if bytes.first == separator { bytes.removeFirst() }
        guard !bytes.isEmpty else { return nil }
        pattern = bytes
    }

    /// Whether what stands at `path` is left out.
    public func matches(path: [UInt8], isDirectory: Bool) -> Bool {
        if isForDirectories, !isDirectory { return false }
        if isAnchored { return Self.matches(pattern[...], path[...]) }
        return Self.matches(pattern[...], path[(path.lastIndex(of: separator).map { $0 + 1 } ?? 0)...])
    }

    /// Whether `text` fits `pattern`; each star is tried again from the next place only, so that no pattern takes long.
    private static func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        var (p, t) = (pattern.startIndex, text.startIndex)
        var star: (pattern: Int, text: Int, crossesSlashes: Bool)?
        var wide: (pattern: Int, text: Int)?
        while t < text.endIndex || p < pattern.endIndex {
            if p < pattern.endIndex {
                if pattern[p] == UInt8(ascii: "*") {
                    var end = p
                    while end < pattern.endIndex, pattern[end] == UInt8(ascii: "*") { end += 1 }
                    if end - p > 1 {
                        wide = (end, t)
                        star = nil
                    } else {
                        star = (end, t, false)
                    }
                    p = end
                    continue
                }
                if t < text.endIndex, let next = one(pattern[p...], text[t]) {
                    p = next
                    t += 1
                    continue
                }
            }
            if let last = star, last.text < text.endIndex, text[last.text] != separator {
                star = (last.pattern, last.text + 1, false)
                (p, t) = (last.pattern, last.text + 1)
            } else if let last = wide, last.text < text.endIndex {
                star = nil
                wide = (last.pattern, last.text + 1)
                (p, t) = (last.pattern, last.text + 1)
            } else {
                return false
            }
        }
        return true
    }

    /// The place behind what stands for one byte, if it stands for `byte`.
    private static func one(_ pattern: ArraySlice<UInt8>, _ byte: UInt8) -> Int? {
        let start = pattern.startIndex
        switch pattern[start] {
        case UInt8(ascii: "?"): return byte == separator ? nil : start + 1
        case UInt8(ascii: "["):
            guard let end = pattern.dropFirst(2).firstIndex(of: UInt8(ascii: "]")) else { break }
            var members = pattern[(start + 1)..<end]
            let isNegated = members.first == UInt8(ascii: "!") || members.first == UInt8(ascii: "^")
            if isNegated { members.removeFirst() }
            var isMember = false
            while let first = members.popFirst() {
                if members.count >= 2, members.first == UInt8(ascii: "-"), let last = members.dropFirst().first {
                    members.removeFirst(2)
                    if first <= byte, byte <= last { isMember = true }
                } else if first == byte {
                    isMember = true
                }
            }
            return isMember != isNegated && byte != separator ? end + 1 : nil
        case UInt8(ascii: "\\") where pattern.count > 1: return pattern[start + 1] == byte ? start + 2 : nil
        default: break
        }
        return pattern[start] == byte ? start + 1 : nil
    }
}

private let separator = UInt8(ascii: "/")
