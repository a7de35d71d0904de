import Glibc
import TransferCore

/// A manifest on the disk, read line by line; in memory is a buffer and an index of every so manieth file.
///
/// Not for several threads at a time.
final class ManifestFile {
    /// A file and its place in the contents of all files.
    struct Span {
        let entry: ManifestEntry
        /// The how manieth file it is, from 0.
        let ordinal: UInt64
        let start: UInt64
        var end: UInt64 { start + entry.size }
    }

    private struct Mark {
        var line: UInt64
        var ordinal: UInt64
        var content: UInt64
    }

    /// So many files from one mark of the index to the next.
    private static let stride: UInt64 = 64
    let file: Handle
    let length: UInt64
    private(set) var totals = ManifestTotals()
    private var marks: [Mark] = []
    private var lines: ManifestLines
    private var next: Mark
    private var current: Span?

    /// Reads the manifest in the first `length` bytes of `file` once and checks every entry of it.
    /// - Throws: `listRefused`.
    init(_ file: Handle, length: UInt64) throws(ChunkIOError) {
        self.file = file
        self.length = length
        lines = ManifestLines(file, from: 0, to: length)
        next = Mark(line: 0, ordinal: 0, content: 0)
        var reader = ManifestReader()
        try forEach { entry, line throws(ChunkIOError) in
            if entry.isFile, reader.totals.files % ManifestFile.stride == 0 {
                marks.append(Mark(line: line, ordinal: reader.totals.files, content: reader.totals.bytes))
            }
            do throws(TransferError) { try reader.take(entry) } catch { throw .listRefused("\(error)") }
        }
        totals = reader.totals
        rewind(to: Mark(line: UInt64(ManifestReader.heading.count), ordinal: 0, content: 0))
    }

    /// All entries in their order, each with the place of its line.
    func forEach(_ body: (ManifestEntry, UInt64) throws(ChunkIOError) -> Void) throws(ChunkIOError) {
        var lines = ManifestLines(file, from: 0, to: length)
        guard let first = try lines.next(), first.line.elementsEqual(ManifestReader.heading.dropLast()) else {
            throw .listRefused("the list of the folder is of a version that this program does not know")
        }
        while let (line, offset) = try lines.next() {
            try body(try ManifestFile.entry(line), offset)
        }
    }

    /// The file that has the byte `content` of all contents.
    func span(at content: UInt64) throws(ChunkIOError) -> Span {
        if let current, content >= current.start, content < current.end { return current }
        if let mark = mark(for: content), content < next.content || mark.ordinal > next.ordinal { rewind(to: mark) }
        while let (line, _) = try lines.next() {
            let entry = try ManifestFile.entry(line)
            guard entry.isFile else { continue }
            let span = Span(entry: entry, ordinal: next.ordinal, start: next.content)
            next.ordinal += 1
            next.content = span.end
            if content >= span.start, content < span.end {
                current = span
                return span
            }
        }
        throw .listRefused("the list of the folder ends too early")
    }

    /// How many files end at or before the byte `content` of all contents.
    func filesDone(before content: UInt64) throws(ChunkIOError) -> UInt64 {
        guard content < totals.bytes else { return totals.files }
        return try span(at: content).ordinal
    }

    /// The last mark that is not behind `content`.
    private func mark(for content: UInt64) -> Mark? {
        var (low, high) = (0, marks.count)
        while low < high {
            let middle = (low + high) / 2
            if marks[middle].content <= content { low = middle + 1 } else { high = middle }
        }
        // Files before a mark end there, so that none of them has the byte.
        return low > 0 ? marks[low - 1] : nil
    }

    private func rewind(to mark: Mark) {
        lines = ManifestLines(file, from: mark.line, to: length)
        next = mark
        current = nil
    }

    private static func entry(_ line: ArraySlice<UInt8>) throws(ChunkIOError) -> ManifestEntry {
        do throws(TransferError) { return try ManifestEntry(line: line) } catch { throw .listRefused("\(error)") }
    }
}

/// The lines of a range of a file.
struct ManifestLines {
    private let file: Handle
    private let end: UInt64
    private var offset: UInt64
    private var buffer: [UInt8] = []
    private var position = 0
    private static let pieceSize = 32 << 10

    init(_ file: Handle, from start: UInt64, to end: UInt64) {
        self.file = file
        self.end = end
        offset = start
    }

    /// The next line without its newline, and where it begins; nil at the end.
    mutating func next() throws(ChunkIOError) -> (line: ArraySlice<UInt8>, offset: UInt64)? {
        while true {
            if let newline = buffer[position...].firstIndex(of: 0x0A) {
                let line = buffer[position..<newline]
                let start = offset
                offset += UInt64(line.count) + 1
                position = newline + 1
                return (line, start)
            }
            let rest = buffer.count - position
            guard rest <= ManifestReader.longestLine else { throw .listRefused("the list has a line that is too long") }
            let from = offset + UInt64(rest)
            guard from < end else {
                if rest > 0 { throw .listRefused("the list of the folder ends in the middle of a line") }
                return nil
            }
            buffer.removeFirst(position)
            position = 0
            let count = Int(min(UInt64(ManifestLines.pieceSize), end - from))
            let more = try file.read(count, at: Int64(from))
            guard !more.isEmpty else { throw .listRefused("the list of the folder is shorter than it was") }
            buffer.append(contentsOf: more)
        }
    }
}
