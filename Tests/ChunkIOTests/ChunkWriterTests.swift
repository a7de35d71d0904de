import Glibc
import Primitives
import SystemPackage
import Testing

@testable import ChunkIO

@Suite struct ChunkWriterTests {
    private func reservation(
        in directory: TemporaryDirectory, _ preference: IOService.Preference
    ) async throws -> Reservation {
        let destination = try Destination(output: directory.path.string, service: Services.of(preference))
        return try destination.reserve(FileName(sanitizing: "file"))
    }

    @Test func backends() {
        #expect(Services.posix.backend == .posix)
        #expect(Services.posix.backendDescription.contains("SXFILE_IO=posix"))
        #expect(!Services.automatic.backendDescription.isEmpty)
    }

    /// Any order, several at a time, sizes around those of the registered buffers.
    @Test(arguments: IOService.Preference.allCases, [16 << 10, (256 << 10) - 1, 256 << 10, (256 << 10) + 1])
    func writesInAnyOrder(preference: IOService.Preference, chunk: Int) async throws {
        let directory = TemporaryDirectory()
        let reservation = try await reservation(in: directory, preference)
        let writer = reservation.writer()
        let bytes = pattern(11 * chunk + 17)
        var generator = SeededGenerator(seed: 3)
        let offsets = stride(from: 0, to: bytes.count, by: chunk).shuffled(using: &generator)
        try await withThrowingTaskGroup(of: WriteOutcome.self) { group in
            for offset in offsets {
                let part = Array(bytes[offset..<min(offset + chunk, bytes.count)])
                group.addTask { try await writer.write(part, at: Int64(offset), expecting: SHA256.hash(part)) }
            }
            for try await outcome in group { #expect(outcome == .written) }
        }
        try await writer.sync()
        #expect(try reservation.partialSize() == Int64(bytes.count))
        for offset in offsets {
            let length = min(chunk, bytes.count - offset)
            let read = try await writer.read(at: Int64(offset), length: length)
            #expect(read.bytes == Array(bytes[offset..<offset + length]))
            #expect(read.sha256 == SHA256.hash(read.bytes))
        }
        try await reservation.discard()
        #expect(directory.names.isEmpty)
    }

    @Test(arguments: IOService.Preference.allCases)
    func wrongHashWritesNothing(preference: IOService.Preference) async throws {
        let directory = TemporaryDirectory()
        let reservation = try await reservation(in: directory, preference)
        let writer = reservation.writer()
        let outcome = try await writer.write([1, 2, 3], at: 0, expecting: SHA256.hash([1, 2, 4]))
        #expect(outcome == .hashMismatch(got: SHA256.hash([1, 2, 3])))
        #expect(try reservation.partialSize() == 0)
        #expect(try await writer.write([], at: 0, expecting: nil) == .written)
        #expect(try await writer.write([9], at: 1, expecting: nil) == .written)
        #expect(try await writer.read(at: 0, length: 2).bytes == [0, 9])
    }

    @Test(arguments: IOService.Preference.allCases)
    func readingBeyondTheEndIsTold(preference: IOService.Preference) async throws {
        let directory = TemporaryDirectory()
        let reservation = try await reservation(in: directory, preference)
        let writer = reservation.writer()
        _ = try await writer.write([1, 2, 3], at: 0, expecting: nil)
        let path = directory[try #require(directory.names.first { $0.hasSuffix(".part") })]
        await #expect(throws: ChunkIOError.partialWrongSize(path, expected: 5, got: 3)) {
            try await writer.read(at: 1, length: 4)
        }
    }

    /// Beyond the interval of the early write-back.
    @Test(arguments: IOService.Preference.allCases)
    func writesBackEarly(preference: IOService.Preference) async throws {
        let directory = TemporaryDirectory()
        let reservation = try await reservation(in: directory, preference)
        let writer = reservation.writer()
        let part = pattern(1 << 20)
        for index in 0..<18 {
            #expect(try await writer.write(part, at: Int64(index << 20), expecting: nil) == .written)
        }
        try await writer.sync()
        #expect(try await writer.read(at: 17 << 20, length: 1 << 20).bytes == part)
        #expect(try reservation.partialSize() == 18 << 20)
    }

    @Test(arguments: IOService.Preference.allCases)
    func aFileSizeLimitIsAnError(preference: IOService.Preference) async throws {
        let directory = TemporaryDirectory()
        let reservation = try await reservation(in: directory, preference)
        let writer = reservation.writer()
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(1), &limit)
        let previous = limit
        // No other test writes so far out.
        limit.rlim_cur = 1 << 30
        setrlimit(__rlimit_resource_t(1), &limit)
        defer {
            var previous = previous
            setrlimit(__rlimit_resource_t(1), &previous)
        }
        let path = directory[try #require(directory.names.first { $0.hasSuffix(".part") })]
        await #expect(throws: ChunkIOError.fileTooLarge(path)) {
            try await writer.write([1], at: 2 << 30, expecting: nil)
        }
        #expect(try await writer.write([1], at: 0, expecting: nil) == .written)
    }

    /// A file system that takes no write past the cache in this place: the cache does. A file of the kernel stands for it, which refuses what is no
    /// number with the same errno.
    @Test func refusedPastTheCache() async throws {
        let directory = TemporaryDirectory()
        let service = Services.automatic
        let path = directory["file"]
        let file = OpenFile(
            descriptor: open(path.string, O_RDWR | O_CREAT, 0o600), path: path, service: service)
        let refusing = OpenFile(
            descriptor: open("/proc/self/coredump_filter", O_WRONLY), path: path, service: service)
        let opened = try Directory(opening: directory.path, service: service)
        let writer = ChunkWriter(file, uncached: refusing, in: opened.file, size: 2 << 20)
        let bytes = pattern(512 << 10)
        for offset in stride(from: 0, to: 2 << 20, by: bytes.count) {
            #expect(try await writer.write(bytes, at: Int64(offset), expecting: SHA256.hash(bytes)) == .written)
        }
        try await writer.sync()
        #expect(contents(of: path) == Array(repeatElement(bytes, count: 4).joined()))
    }

    /// A service that goes away finishes what it was given.
    @Test(arguments: IOService.Preference.allCases)
    func aServiceOfItsOwnEnds(preference: IOService.Preference) async throws {
        let directory = TemporaryDirectory()
        for index in 0..<5 {
            let service = IOService(preference: preference)
            let destination = try Destination(output: directory.path.string, service: service)
            let reservation = try destination.reserve(FileName(sanitizing: "file\(index)"))
            _ = try await reservation.writer().write([1], at: 0, expecting: nil)
            _ = try await reservation.finish(FileAttributes(), size: 1)
        }
        #expect(directory.names == (0..<5).map { "file\($0)" })
    }
}

/// File systems at their limits, each a tmpfs of its own.
@Suite(.enabled(if: TemporaryDirectory.canMount, "needs the right to mount"))
struct LimitedFileSystemTests {
    @Test(arguments: IOService.Preference.allCases)
    func fullAndThenNot(preference: IOService.Preference) async throws {
        let directory = try #require(TemporaryDirectory(tmpfs: "size=256k"))
        let ballast = write(pattern(128 << 10), to: directory["ballast"])
        let destination = try Destination(output: directory.path.string, service: Services.of(preference))
        let available = try destination.availableBytes()
        #expect(available <= 128 << 10)
        try destination.requireSpace(for: available)
        let refusal = ChunkIOError.notEnoughSpace(directory.path, needed: available + 1, available: available)
        #expect(throws: refusal) { try destination.requireSpace(for: available + 1) }
        #expect(refusal.category == .space)
        #expect(throws: ChunkIOError.self) { try destination.requireSpace(for: Int64.max) }
        try destination.requireEntries(1)
        #expect(throws: ChunkIOError.self) { try destination.requireEntries(UInt64.max) }

        let reservation = try destination.reserve(FileName(sanitizing: "file"))
        let writer = reservation.writer()
        let path = directory[try #require(directory.names.first { $0.hasSuffix(".part") })]
        let bytes = pattern(200 << 10)
        let full = ChunkIOError.noSpace(path)
        await #expect(throws: full) { try await writer.write(bytes, at: 0, expecting: SHA256.hash(bytes)) }
        #expect(full.category == .space)
        unlink(ballast.string)
        #expect(try await writer.write(bytes, at: 0, expecting: SHA256.hash(bytes)) == .written)
        let finished = try await reservation.finish(FileAttributes(), size: Int64(bytes.count))
        #expect(contents(of: finished.path) == bytes)
    }

    /// Allocating ahead takes no room from the writes: those that fit succeed, the others can be repeated.
    @Test func fullAheadOfTheWrites() async throws {
        let directory = try #require(TemporaryDirectory(tmpfs: "size=3m"))
        let ballast = write(pattern(2 << 20), to: directory["ballast"])
        let reservation = try Destination(output: directory.path.string, service: Services.automatic)
            .reserve(FileName(sanitizing: "file"))
        let bytes = pattern(2 << 20)
        let chunk = 256 << 10
        let writer = reservation.writer(size: Int64(bytes.count))
        var refused: [Int] = []
        for offset in stride(from: 0, to: bytes.count, by: chunk) {
            let part = Array(bytes[offset..<offset + chunk])
            do {
                _ = try await writer.write(part, at: Int64(offset), expecting: SHA256.hash(part))
            } catch {
                #expect(error.category == .space)
                refused.append(offset)
            }
        }
        #expect(!refused.isEmpty && refused.count < 8)
        unlink(ballast.string)
        for offset in refused {
            let part = Array(bytes[offset..<offset + chunk])
            #expect(try await writer.write(part, at: Int64(offset), expecting: nil) == .written)
        }
        let finished = try await reservation.finish(FileAttributes(), size: Int64(bytes.count))
        #expect(contents(of: finished.path) == bytes)
    }

    @Test func noRoomForANewFile() async throws {
        let directory = try #require(TemporaryDirectory(tmpfs: "size=64k,nr_inodes=3"))
        write([], to: directory["first"])
        let destination = try Destination(output: directory.path.string)
        // The name still finds room, the partial does not: nothing is left.
        #expect(throws: ChunkIOError.self) { try destination.reserve(FileName(sanitizing: "file")) }
        #expect(directory.names == ["first"])
    }

    @Test func readOnly() async throws {
        let directory = try #require(TemporaryDirectory(tmpfs: "size=64k"))
        let destination = try Destination(output: directory.path.string)
        #expect(directory.remount("size=64k", readOnly: true))
        let refusal = ChunkIOError.readOnly(directory["file"])
        #expect(throws: refusal) { try destination.reserve(FileName(sanitizing: "file")) }
        #expect(refusal.category == .destination)
    }
}
