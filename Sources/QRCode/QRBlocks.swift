/// How the codewords of a version and level are split into blocks, each with its own error correction.
struct QRBlocks {
    /// Error correction codewords of each block.
    let correctionCount: Int
    let blockCount: Int
    /// Codewords of all blocks together, of both kinds.
    let totalCount: Int

    /// Data codewords of all blocks together.
    var dataCount: Int { totalCount - correctionCount * blockCount }

    /// Codewords for error correction in a block, for versions 1 to 40 (table 9 of the standard).
    private static let corrections: [QRCode.Level: [Int]] = [
        .low: [
            7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26, 28, 30,
            30,
            30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30,
        ],
        .medium: [
            10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28,
            28,
            28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28,
        ],
    ]
    /// Blocks, for versions 1 to 40 (table 9).
    private static let blocks: [QRCode.Level: [Int]] = [
        .low: [
            1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18,
            19,
            19, 20, 21, 22, 24, 25,
        ],
        .medium: [
            1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29,
            31,
            33, 35, 37, 38, 40, 43, 45, 47, 49,
        ],
    ]

    init(version: Int, _ level: QRCode.Level) {
        correctionCount = Self.corrections[level]?[version - 1] ?? 0
        blockCount = Self.blocks[level]?[version - 1] ?? 1
        totalCount = QRCanvas.dataBits(version: version) / 8
    }

    /// Data and correction of all blocks, in the order in which they are drawn.
    func interleaved(_ data: [UInt8]) -> [UInt8] {
        precondition(data.count == dataCount, "a code is filled to the last codeword")
        let short = dataCount / blockCount
        let longCount = dataCount % blockCount
        var blocks: [(data: ArraySlice<UInt8>, correction: [UInt8])] = []
        var rest = data[...]
        for index in 0..<blockCount {
            // The longer blocks come last.
            let block = rest.prefix(index >= blockCount - longCount ? short + 1 : short)
            rest = rest.dropFirst(block.count)
            blocks.append((block, ReedSolomon.correction(Array(block), count: correctionCount)))
        }
        var result: [UInt8] = []
        for index in 0...short {
            for block in blocks where index < block.data.count {
                result.append(block.data[block.data.startIndex + index])
            }
        }
        for index in 0..<correctionCount { result += blocks.map { $0.correction[index] } }
        return result
    }
}

/// Reed-Solomon codes over GF(2⁸) with the polynomial x⁸ + x⁴ + x³ + x² + 1.
enum ReedSolomon {
    /// The codewords for error correction: what is left of the data, shifted, by (x − 1)(x − 2)(x − 4)….
    static func correction(_ data: [UInt8], count: Int) -> [UInt8] {
        let divisor = generator(count)
        var rest = [UInt8](repeating: 0, count: count)
        for byte in data {
            let factor = byte ^ rest[0]
            rest.removeFirst()
            rest.append(0)
            for index in 0..<count { rest[index] ^= product(divisor[index], factor) }
        }
        return rest
    }

    /// The coefficients after the highest, which is 1.
    private static func generator(_ degree: Int) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: degree - 1) + [1]
        var root: UInt8 = 1
        for _ in 0..<degree {
            for index in 0..<degree {
                result[index] = product(result[index], root) ^ (index + 1 < degree ? result[index + 1] : 0)
            }
            root = product(root, 2)
        }
        return result
    }

    static func product(_ left: UInt8, _ right: UInt8) -> UInt8 {
        var (sum, factor) = (0, Int(left))
        for bit in 0..<8 {
            if right >> bit & 1 == 1 { sum ^= factor }
            factor <<= 1
            if factor & 0x100 != 0 { factor ^= 0x11D }
        }
        return UInt8(sum)
    }
}
