/// A QR code (ISO/IEC 18004, model 2) of bytes: which of its squares are dark.
public struct QRCode: Equatable, Sendable {
    /// How much of a code may be unreadable.
    public enum Level: Sendable {
        /// About 7 %.
        case low
        /// About 15 %.
        case medium

        /// Its two bits in the format information.
        var bits: Int {
            switch self {
            case .low: 1
            case .medium: 0
            }
        }
    }

    /// From 1 to 40: `4 · version + 17` squares on a side.
    public let version: Int
    /// Squares on a side, without the quiet zone.
    public let size: Int
    /// Which of the eight patterns was laid over the data.
    public let mask: Int
    private var dark: [Bool]

    /// The smallest code that holds `bytes` (2953 at most at level low, 2331 at medium); nil if none does.
    public init?(_ bytes: [UInt8], level: Level = .low) {
        guard let version = (1...40).first(where: { Self.capacity(version: $0, level) >= bytes.count }) else {
            return nil
        }
        let data = Self.codewords(bytes, version: version, level)
        let drawings = (0..<8).map { QRCode(data: data, version: version, level: level, mask: $0) }
        guard let best = drawings.min(by: { $0.penalty < $1.penalty }) else { return nil }
        self = best
    }

    /// A code of whole data codewords, with the mask given.
    init(data: [UInt8], version: Int, level: Level, mask: Int) {
        var canvas = QRCanvas(version: version)
        canvas.drawData(QRBlocks(version: version, level).interleaved(data))
        canvas.lay(mask: mask)
        canvas.drawFormat(level: level, mask: mask)
        self.version = version
        self.mask = mask
        size = canvas.size
        dark = canvas.dark
    }

    /// Whether the square in this column and row is dark; those outside are light.
    public subscript(column: Int, row: Int) -> Bool {
        guard (0..<size).contains(column), (0..<size).contains(row) else { return false }
        return dark[row * size + column]
    }

    // MARK: - Data

    /// How many bytes a code holds.
    static func capacity(version: Int, _ level: Level) -> Int {
        let bits = QRBlocks(version: version, level).dataCount * 8 - 4 - countBits(version)
        return bits / 8
    }

    private static func countBits(_ version: Int) -> Int { version < 10 ? 8 : 16 }

    /// The data codewords: mode, count, bytes, end, padding.
    static func codewords(_ bytes: [UInt8], version: Int, _ level: Level) -> [UInt8] {
        let count = QRBlocks(version: version, level).dataCount
        // Byte mode is 0100; everything after it is half a byte off.
        var halves: [UInt8] = [4]
        for shift in stride(from: countBits(version) - 4, through: 0, by: -4) {
            halves.append(UInt8(bytes.count >> shift & 15))
        }
        for byte in bytes { halves += [byte >> 4, byte & 15] }
        // The end, 0000, where there is room for it.
        if halves.count < count * 2 { halves.append(0) }
        if !halves.count.isMultiple(of: 2) { halves.append(0) }
        var words = stride(from: 0, to: halves.count, by: 2).map { halves[$0] << 4 | halves[$0 + 1] }
        var padding: UInt8 = 0xEC
        while words.count < count {
            words.append(padding)
            padding ^= 0xEC ^ 0x11
        }
        return words
    }

    // MARK: - The choice of a mask

    /// How hard it is to read: long runs, blocks, what looks like a finder, and an uneven share of dark squares.
    var penalty: Int {
        var total = 0
        for index in 0..<size {
            total += Self.penalty(ofLine: (0..<size).map { self[$0, index] })
            total += Self.penalty(ofLine: (0..<size).map { self[index, $0] })
        }
        for row in 0..<(size - 1) {
            for column in 0..<(size - 1) {
                let color = self[column, row]
                if self[column + 1, row] == color, self[column, row + 1] == color, self[column + 1, row + 1] == color {
                    total += 3
                }
            }
        }
        let percent = dark.count { $0 } * 100 / dark.count
        return total + abs(percent - 50) / 5 * 10
    }

    private static func penalty(ofLine line: [Bool]) -> Int {
        var total = 0
        var run = 0
        for (index, color) in line.enumerated() {
            run = index > 0 && line[index - 1] == color ? run + 1 : 1
            if run == 5 { total += 3 } else if run > 5 { total += 1 }
        }
        // 1:1:3:1:1 with four light squares on a side; beyond the edge it is light.
        let finder = [true, false, true, true, true, false, true]
        let light = [Bool](repeating: false, count: 4)
        let padded = light + line + light
        for start in 4..<max(4, padded.count - 10) where padded[start..<(start + 7)].elementsEqual(finder) {
            let isBefore = padded[(start - 4)..<start].elementsEqual(light)
            let isAfter = padded[(start + 7)..<(start + 11)].elementsEqual(light)
            if isBefore || isAfter { total += 40 }
        }
        return total
    }
}
