import Testing

@testable import QRCode

@Suite struct QRCodeTests {
    @Test("the standard's example of error correction")
    func correction() {
        // ISO/IEC 18004, annex I: "01234567" in version 1, level M.
        let data: [UInt8] = [
            0x10, 0x20, 0x0C, 0x56, 0x61, 0x80, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11,
        ]
        let correction: [UInt8] = [0xA5, 0x24, 0xD4, 0xC1, 0xED, 0x36, 0xC7, 0x87, 0x2C, 0x55]
        #expect(ReedSolomon.correction(data, count: 10) == correction)
        #expect(QRBlocks(version: 1, .medium).interleaved(data) == data + correction)
        #expect(ReedSolomon.product(0x80, 2) == 0x1D)
        #expect(ReedSolomon.product(0, 7) == 0)
    }

    @Test("the standard's examples of format and version information")
    func formats() {
        // Annex C: level M, mask 101. Annex D: version 7.
        #expect(QRCanvas.formatBits(level: .medium, mask: 5) == 0b100_0000_1100_1110)
        #expect(QRCanvas.formatBits(level: .low, mask: 0) == 0b111_0111_1100_0100)
        #expect(QRCanvas.formatBits(level: .low, mask: 7) == 0b110_1001_0111_0110)
        #expect(QRCanvas.formatBits(level: .medium, mask: 0) == 0b101_0100_0001_0010)
        #expect(QRCanvas.versionBits(7) == 0b00_0111_1100_1001_0100)
        #expect(QRCanvas.versionBits(40) == 0b10_1000_1100_0110_1001)
    }

    /// Version, bytes at level L and M (table 7 of the standard).
    static let capacities = [
        (1, 17, 14), (2, 32, 26), (5, 106, 84), (6, 134, 106), (7, 154, 122), (9, 230, 180), (10, 271, 213),
        (14, 458, 362), (20, 858, 666), (27, 1465, 1125), (32, 1952, 1538), (40, 2953, 2331),
    ]

    @Test("versions hold what the standard says", arguments: capacities)
    func capacity(version: Int, low: Int, medium: Int) throws {
        #expect(QRCode.capacity(version: version, .low) == low)
        #expect(QRCode.capacity(version: version, .medium) == medium)
        let full = [UInt8](repeating: 0x55, count: low)
        #expect(try #require(QRCode(full)).version == version)
        #expect(QRCode(full)?.size == version * 4 + 17)
        #expect(QRCode(full + [0])?.version == (version == 40 ? nil : version + 1))
        #expect(QRCode.codewords(full, version: version, .low).count == QRBlocks(version: version, .low).dataCount)
    }

    @Test("alignment patterns are where the standard has them")
    func alignment() {
        #expect(QRCanvas.alignment(version: 1) == [])
        #expect(QRCanvas.alignment(version: 2) == [6, 18])
        #expect(QRCanvas.alignment(version: 7) == [6, 22, 38])
        #expect(QRCanvas.alignment(version: 14) == [6, 26, 46, 66])
        #expect(QRCanvas.alignment(version: 22) == [6, 26, 50, 74, 98])
        #expect(QRCanvas.alignment(version: 32) == [6, 34, 60, 86, 112, 138])
        #expect(QRCanvas.alignment(version: 36) == [6, 24, 50, 76, 102, 128, 154])
        #expect(QRCanvas.alignment(version: 40) == [6, 30, 58, 86, 114, 142, 170])
    }

    @Test("data is mode, count, bytes, end and padding")
    func codewords() {
        #expect(
            QRCode.codewords(Array("hi".utf8), version: 1, .low)
                == [0x40, 0x26, 0x86, 0x90] + [0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11, 0xEC, 0x11]
                + [0xEC, 0x11, 0xEC])
        #expect(QRCode.codewords([], version: 1, .medium).prefix(3) == [0x40, 0x00, 0xEC])
        #expect(QRCode.codewords([0xFF], version: 10, .low).prefix(4) == [0x40, 0x00, 0x1F, 0xF0])
    }

    /// Reads a code back as a reader does: takes off the mask that the format information names, collects the codewords.
    @Test("what is drawn is read back", arguments: [1, 2, 6, 7, 13, 14, 21, 32, 40])
    func readBack(version: Int) throws {
        let count = QRCode.capacity(version: version, .low)
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ version) }
        let code = try #require(QRCode(bytes))
        var format = 0
        for index in 0...7 { format |= (code[code.size - 1 - index, 8] ? 1 : 0) << index }
        for index in 8...14 { format |= (code[8, code.size - 15 + index] ? 1 : 0) << index }
        #expect(format == QRCanvas.formatBits(level: .low, mask: code.mask))
        // With the same mask twice the data is as it was drawn: the first block's first codewords are mode and count.
        let again = QRCode(
            data: QRCode.codewords(bytes, version: version, .low), version: version, level: .low, mask: code.mask)
        #expect(again == code)
        for mask in 0..<8 {
            let other = QRCode(
                data: QRCode.codewords(bytes, version: version, .low), version: version, level: .low, mask: mask)
            #expect(other.penalty >= code.penalty)
        }
        // Finders, timing and the dark square.
        for (column, row) in [(0, 0), (code.size - 7, 0), (0, code.size - 7)] {
            #expect(code[column, row] && code[column + 6, row + 6] && code[column + 3, row + 3])
            #expect(!code[column + 1, row + 1])
        }
        #expect((8..<(code.size - 8)).allSatisfy { code[$0, 6] == $0.isMultiple(of: 2) })
        #expect(code[8, code.size - 8])
    }

    @Test("a small code as a terminal shows it")
    func lines() throws {
        let code = try #require(QRCode(Array("sxfile".utf8)))
        let lines = code.lines(quietZone: 2)
        #expect(code.width(quietZone: 2) == 25)
        #expect(lines.count == 13)
        #expect(lines.allSatisfy { $0.count == 25 })
        #expect(lines[0] == String(repeating: "█", count: 25))
        #expect(lines[1].hasPrefix("██ ▄▄▄▄▄ █"))
        #expect(lines[1].hasSuffix("█ ▄▄▄▄▄ ██"))
        // 25 rows: the last line is half one.
        #expect(lines[12] == String(repeating: "▀", count: 25))
    }
}
