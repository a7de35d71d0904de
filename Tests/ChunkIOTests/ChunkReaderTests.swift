import ChunkIO
import Glibc
import Primitives
import SystemPackage
import Testing

@Suite struct ChunkReaderTests {
    static let chunk = 16 << 10
    static let sizes = [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 7 * chunk + 5]

    @Test(arguments: IOService.Preference.allCases, sizes)
    func readsInOrder(preference: IOService.Preference, size: Int) async throws {
        let directory = TemporaryDirectory()
        let bytes = pattern(size)
        let path = write(bytes, to: directory["source"])
        let reader = try ChunkReader(opening: path, service: Services.of(preference))
        #expect(reader.identity.size == Int64(size))
        #expect(reader.mode == 0o644)
        var offset = 0
        while offset < size {
            let length = min(Self.chunk, size - offset)
            let chunk = try await reader.read(at: Int64(offset), length: length)
            #expect(chunk.offset == Int64(offset))
            #expect(chunk.bytes == Array(bytes[offset..<offset + length]))
            #expect(chunk.sha256 == SHA256.hash(chunk.bytes))
            offset += length
        }
        try reader.verifyUnchanged()
    }

    @Test(arguments: IOService.Preference.allCases)
    func readsChunksLongerThanABuffer(preference: IOService.Preference) async throws {
        let directory = TemporaryDirectory()
        let bytes = pattern((5 << 19) + 3)
        let reader = try ChunkReader(
            opening: write(bytes, to: directory["source"]), service: Services.of(preference))
        for (offset, length) in [(0, 1 << 20), (1 << 20, 1 << 20), (2 << 20, (1 << 19) + 3)] {
            let chunk = try await reader.read(at: Int64(offset), length: length)
            #expect(chunk.bytes == Array(bytes[offset..<offset + length]))
            #expect(chunk.sha256 == SHA256.hash(bytes[offset..<offset + length]))
        }
    }

    @Test(arguments: IOService.Preference.allCases)
    func jumpsAndReadsConcurrently(preference: IOService.Preference) async throws {
        let directory = TemporaryDirectory()
        let size = 40 * 4096
        let bytes = pattern(size)
        let reader = try ChunkReader(
            opening: write(bytes, to: directory["source"]), service: Services.of(preference))
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<50 {
            let offset = Int.random(in: 0..<size, using: &generator)
            let length = min(4096, size - offset)
            let chunk = try await reader.read(at: Int64(offset), length: length)
            #expect(chunk.bytes == Array(bytes[offset..<offset + length]))
        }
        try await withThrowingTaskGroup(of: ReadChunk.self) { group in
            for index in 0..<40 {
                group.addTask { try await reader.read(at: Int64(index * 4096), length: 4096) }
            }
            for try await chunk in group {
                let start = Int(chunk.offset)
                #expect(chunk.bytes == Array(bytes[start..<start + 4096]))
            }
        }
    }

    /// More files than the ring's table has slots, open at once and one after the other.
    @Test(arguments: IOService.Preference.allCases)
    func manyFiles(preference: IOService.Preference) async throws {
        let directory = TemporaryDirectory()
        for _ in 0..<2 {
            var readers: [ChunkReader] = []
            for index in 0..<80 {
                let path = write([UInt8(index)], to: directory["source\(index)"])
                let reader = try ChunkReader(opening: path, service: Services.of(preference))
                #expect(try await reader.read(at: 0, length: 1).bytes == [UInt8(index)])
                readers.append(reader)
            }
            for (index, reader) in readers.enumerated() {
                #expect(try await reader.read(at: 0, length: 1).bytes == [UInt8(index)])
            }
        }
    }

    @Test func refusesWhatIsNoFile() throws {
        let directory = TemporaryDirectory()
        let missing = directory["missing"]
        #expect(throws: ChunkIOError.sourceMissing(missing)) { try ChunkReader(opening: missing) }
        #expect(throws: ChunkIOError.sourceNotRegular(directory.path, kind: "a directory")) {
            try ChunkReader(opening: directory.path)
        }
        let pipe = directory["pipe"]
        mkfifo(pipe.string, 0o600)
        #expect(throws: ChunkIOError.sourceNotRegular(pipe, kind: "a pipe")) { try ChunkReader(opening: pipe) }
        #expect(throws: ChunkIOError.sourceNotRegular("/dev/full", kind: "a device")) {
            try ChunkReader(opening: "/dev/full")
        }
        let below = write([1], to: directory["file"]).appending("below")
        #expect(throws: ChunkIOError.sourceMissing(below)) { try ChunkReader(opening: below) }
    }

    @Test func followsTheUsersSymlink() async throws {
        let directory = TemporaryDirectory()
        write([1, 2, 3], to: directory["file"])
        symlink("file", directory["link"].string)
        let reader = try ChunkReader(opening: directory["link"])
        #expect(try await reader.read(at: 0, length: 3).bytes == [1, 2, 3])
        try reader.verifyUnchanged()
    }

    enum Change: CaseIterable {
        case grown, rewritten, shrunk, emptied, deleted, replaced
    }

    @Test(arguments: IOService.Preference.allCases, Change.allCases)
    func noticesChanges(preference: IOService.Preference, change: Change) async throws {
        let directory = TemporaryDirectory()
        let path = write(pattern(10 * 4096), to: directory["source"])
        setModificationTime(path, seconds: 1_000_000)
        let service = Services.of(preference)
        let reader = try ChunkReader(opening: path, service: service)
        _ = try await reader.read(at: 0, length: 4096)
        let expected: ChunkIOError
        switch change {
        case .grown:
            write(pattern(10 * 4096 + 1), to: path)
            expected = .sourceChanged(path)
        case .rewritten:
            write(pattern(10 * 4096, seed: 2), to: path)
            expected = .sourceChanged(path)
        case .shrunk:
            truncate(path.string, 5000)
            expected = .sourceShrank(path, expected: 10 * 4096, got: 5000)
        case .emptied:
            truncate(path.string, 0)
            expected = .sourceShrank(path, expected: 10 * 4096, got: 0)
        case .deleted:
            unlink(path.string)
            expected = .sourceVanished(path)
        case .replaced:
            write(pattern(10 * 4096), to: directory["other"])
            rename(directory["other"].string, path.string)
            expected = .sourceChanged(path)
        }
        await #expect(throws: expected) { try await reader.read(at: 4096, length: 4096) }
        await #expect(throws: expected) { try await reader.read(at: 9 * 4096, length: 4096) }
        #expect(throws: expected) { try reader.verifyUnchanged() }
        #expect(expected.category == .source)
        if change != .deleted {
            #expect(throws: ChunkIOError.self) {
                try ChunkReader(opening: path, expecting: reader.identity, service: service)
            }
        }
    }

    /// A hard link keeps the old file alive while another one stands at the path.
    @Test func noticesAReplacementOfALinkedFile() throws {
        let directory = TemporaryDirectory()
        let path = write([1], to: directory["source"])
        link(path.string, directory["second"].string)
        let reader = try ChunkReader(opening: path)
        unlink(path.string)
        #expect(throws: ChunkIOError.sourceVanished(path)) { try reader.verifyUnchanged() }
        write([1], to: path)
        #expect(throws: ChunkIOError.sourceChanged(path)) { try reader.verifyUnchanged() }
    }

    @Test func identityAsText() throws {
        let directory = TemporaryDirectory()
        let path = write([1, 2], to: directory["source"])
        setModificationTime(path, seconds: -5)
        let reader = try ChunkReader(opening: path)
        let identity = reader.identity
        #expect(identity.modificationTimeInNanoseconds == -5_000_000_000)
        #expect(try SourceIdentity(text: identity.text) == identity)
        _ = try ChunkReader(opening: path, expecting: try SourceIdentity(text: identity.text))
        var elsewhere = identity
        elsewhere.device += 1
        #expect(identity.isSame(as: elsewhere))
        for text in ["", "1:2:3", "1:2:3:4:5", "1:2:-3:4", "1:2:x:4", "-1:2:3:4", ":::", "1:2:3:99999999999999999999"] {
            #expect(throws: ChunkIOError.damagedRecord) { try SourceIdentity(text: text) }
        }
    }
}
