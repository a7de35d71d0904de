import Primitives
import Testing

@testable import Engine

@Suite struct ArchiveTests {
    private static let content: [UInt8] =
        [1, 0x61] + ProfileArchive.number(3) + [7, 8, 9] + [2, 0x62, 0x63] + ProfileArchive.number(0)
        + [1, 0x64] + ProfileArchive.number(5) + [1, 2, 3, 4, 5]

    @Test("files come out as they went in, whatever the pieces", arguments: [1, 2, 3, 7, 100])
    func reading(step: Int) {
        var reader = ProfileArchive.Reader()
        var files: [(name: String, size: UInt64, bytes: [UInt8], isWhole: Bool)] = []
        for start in stride(from: 0, to: Self.content.count, by: step) {
            for event in reader.take(Array(Self.content[start..<min(start + step, Self.content.count)])) {
                switch event {
                case .file(let name, let size): files.append((name, size, [], false))
                case .bytes(let bytes): files[files.count - 1].bytes += bytes
                case .end: files[files.count - 1].isWhole = true
                }
            }
        }
        #expect(files.map(\.name) == ["a", "bc", "d"])
        #expect(files.map(\.bytes) == [[7, 8, 9], [], [1, 2, 3, 4, 5]])
        #expect(files.allSatisfy { $0.isWhole && $0.size == $0.bytes.count })
        #expect(reader.isBetweenFiles)
    }

    @Test("content that is cut off does not end between files")
    func cut() {
        for count in 1..<Self.content.count where ![13, 24].contains(count) {
            var reader = ProfileArchive.Reader()
            _ = reader.take(Array(Self.content.prefix(count)))
            #expect(!reader.isBetweenFiles, "\(count)")
        }
    }

    @Test("the beginning says how the key is made, within bounds")
    func prefix() throws {
        let salt = [UInt8](0..<16)
        let cost = try #require(PassphraseKey.Cost(passes: 2, memory: 64 << 20))
        let prefix = ProfileArchive.prefix(cost, salt: salt)
        #expect(prefix.count == ProfileArchive.prefixCount)
        let read = try #require(ProfileArchive.cost(prefix))
        #expect(read.cost == cost && read.salt == salt)
        #expect(ProfileArchive.cost(Array(prefix.dropLast())) == nil)
        var other = prefix
        other[14] = 0x32
        #expect(ProfileArchive.cost(other) == nil)
        other = prefix
        // A cost that would take the machine down.
        other[16] = 1
        #expect(ProfileArchive.cost(other) == nil)
    }

    @Test("sizes are whole numbers with a unit of 1024")
    func sizes() {
        #expect(ByteCount("0")?.bytes == 0)
        #expect(ByteCount("65536")?.bytes == 65_536)
        #expect(ByteCount("500K")?.bytes == 512_000)
        #expect(ByteCount("2m")?.bytes == 2 << 20)
        #expect(ByteCount("1023T")?.bytes == 1023 << 40)
        for bad in ["", "K", "-1", "+1", "1.5M", "1 M", "1024T", "99999999999999999999", "1KB", "\u{0661}"] {
            #expect(ByteCount(bad) == nil, "\(bad)")
        }
    }

    @Test("names of variables")
    func variables() {
        #expect(Setting.relay.variable == "SXFILE_RELAY")
        #expect(Setting.limitRate.variable == "SXFILE_LIMIT_RATE")
        #expect(Setting.dialPublic.variable == "SXFILE_DIRECT_DIAL_PUBLIC")
    }
}
