/// The squares of a code while it is drawn.
struct QRCanvas {
    let version: Int
    let size: Int
    private(set) var dark: [Bool]
    /// Squares with a meaning of their own: neither data nor masked.
    private var isFixed: [Bool]

    /// With everything that does not depend on the data; room for the format information is kept.
    init(version: Int) {
        self.version = version
        size = version * 4 + 17
        dark = [Bool](repeating: false, count: size * size)
        isFixed = dark
        for index in 0..<size {
            set(6, index, index.isMultiple(of: 2))
            set(index, 6, index.isMultiple(of: 2))
        }
        for (column, row) in [(3, 3), (size - 4, 3), (3, size - 4)] { drawFinder(column, row) }
        let centers = Self.alignment(version: version)
        for column in centers {
            for row in centers where !isFinder(column, row) { drawAlignment(column, row) }
        }
        drawFormat(level: .low, mask: 0)
        drawVersion()
    }

    /// Bits for data and correction in a version.
    static func dataBits(version: Int) -> Int {
        let size = version * 4 + 17
        // Without finders with their borders and the format information, and the timing lines between them.
        var count = size * size - 3 * 64 - 31 - 2 * (size - 16)
        let centers = alignment(version: version).count
        if centers > 0 {
            // Alignment patterns; those on the timing lines share five squares with them.
            count -= (centers * centers - 3) * 25 - (centers - 2) * 2 * 5
        }
        return version >= 7 ? count - 36 : count
    }

    /// The rows, and columns, of the centers of the alignment patterns.
    static func alignment(version: Int) -> [Int] {
        guard version > 1 else { return [] }
        let count = version / 7 + 2
        let last = version * 4 + 10
        // Equal steps, even and rounded up, from the far edge back; what is left over is at the near one.
        let step = version == 32 ? 26 : (version * 4 + count * 2 + 1) / (count * 2 - 2) * 2
        return [6] + (0..<(count - 1)).map { last - step * $0 }.reversed()
    }

    private func isFinder(_ column: Int, _ row: Int) -> Bool {
        (column == 6 && (row == 6 || row == size - 7)) || (column == size - 7 && row == 6)
    }

    private mutating func set(_ column: Int, _ row: Int, _ isDark: Bool) {
        dark[row * size + column] = isDark
        isFixed[row * size + column] = true
    }

    private mutating func drawFinder(_ column: Int, _ row: Int) {
        for down in -4...4 {
            for right in -4...4 where (0..<size).contains(column + right) && (0..<size).contains(row + down) {
                let distance = max(abs(right), abs(down))
                set(column + right, row + down, distance != 2 && distance != 4)
            }
        }
    }

    private mutating func drawAlignment(_ column: Int, _ row: Int) {
        for down in -2...2 {
            for right in -2...2 { set(column + right, row + down, max(abs(right), abs(down)) != 1) }
        }
    }

    // MARK: - Format and version

    /// Level and mask, 15 bits with their correction.
    static func formatBits(level: QRCode.Level, mask: Int) -> Int {
        let data = level.bits << 3 | mask
        return (data << 10 | remainder(data << 10, by: 0x537, bits: 10)) ^ 0x5412
    }

    /// The version, 18 bits with their correction.
    static func versionBits(_ version: Int) -> Int { version << 12 | remainder(version << 12, by: 0x1F25, bits: 12) }

    private static func remainder(_ value: Int, by divisor: Int, bits: Int) -> Int {
        var rest = value
        for shift in stride(from: 5, through: 0, by: -1) where rest >> (bits + shift) & 1 == 1 {
            rest ^= divisor << shift
        }
        return rest
    }

    mutating func drawFormat(level: QRCode.Level, mask: Int) {
        let bits = Self.formatBits(level: level, mask: mask)
        func bit(_ index: Int) -> Bool { bits >> index & 1 == 1 }
        for index in 0...5 { set(8, index, bit(index)) }
        set(8, 7, bit(6))
        set(8, 8, bit(7))
        set(7, 8, bit(8))
        for index in 9...14 { set(14 - index, 8, bit(index)) }
        for index in 0...7 { set(size - 1 - index, 8, bit(index)) }
        for index in 8...14 { set(8, size - 15 + index, bit(index)) }
        set(8, size - 8, true)
    }

    private mutating func drawVersion() {
        guard version >= 7 else { return }
        let bits = Self.versionBits(version)
        for index in 0..<18 {
            let isDark = bits >> index & 1 == 1
            set(size - 11 + index % 3, index / 3, isDark)
            set(index / 3, size - 11 + index % 3, isDark)
        }
    }

    // MARK: - Data

    /// Draws codewords: two columns at a time, from the right, up and down by turns, around what is fixed.
    mutating func drawData(_ words: [UInt8]) {
        var index = 0
        var right = size - 1
        var isUpward = true
        while right > 0 {
            // The column of the vertical timing line is left out.
            if right == 6 { right -= 1 }
            for step in 0..<size {
                let row = isUpward ? size - 1 - step : step
                for column in [right, right - 1] where !isFixed[row * size + column] {
                    // What is left over at the end is light.
                    guard index < words.count * 8 else { continue }
                    dark[row * size + column] = words[index / 8] >> (7 - index % 8) & 1 == 1
                    index += 1
                }
            }
            isUpward.toggle()
            right -= 2
        }
    }

    /// Inverts the squares of the data that a mask chooses.
    mutating func lay(mask: Int) {
        for row in 0..<size {
            for column in 0..<size where !isFixed[row * size + column] && Self.chooses(mask, column, row) {
                dark[row * size + column].toggle()
            }
        }
    }

    private static func chooses(_ mask: Int, _ column: Int, _ row: Int) -> Bool {
        switch mask {
        case 0: (row + column) % 2 == 0
        case 1: row % 2 == 0
        case 2: column % 3 == 0
        case 3: (row + column) % 3 == 0
        case 4: (row / 2 + column / 3) % 2 == 0
        case 5: row * column % 2 + row * column % 3 == 0
        case 6: (row * column % 2 + row * column % 3) % 2 == 0
        default: ((row + column) % 2 + row * column % 3) % 2 == 0
        }
    }
}
