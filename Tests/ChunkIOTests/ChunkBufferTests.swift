import CLinux
import ChunkIO
import Glibc
import Guarding
import Primitives
import SystemPackage
import Testing

/// Chunks in lent buffers: what the direct lane reads and writes.
@Suite struct ChunkBufferTests {
    static let chunk = 64 << 10

    private func buffer(_ bytes: [UInt8], in pool: ChunkBufferPool) throws -> ChunkBuffer {
        let buffer = try #require(pool.take { _ in })
        buffer.fill { memory in
            memory.copyBytes(from: bytes)
            return bytes.count
        }
        return buffer
    }

    @Test func aPoolLendsItsLimitAndGivesWhatComesBackToWhoAskedFirst() throws {
        let pool = ChunkBufferPool(capacity: 10, limit: 2)
        let order = Guarded<[Int]>([])
        do {
            let lent = [try #require(pool.take { _ in }), try #require(pool.take { _ in })]
            withExtendedLifetime(lent) {
                for number in 1...2 {
                    let none = pool.take { buffer in
                        #expect(buffer.count == 0 && buffer.capacity == 10)
                        order.withLock { $0.append(number) }
                    }
                    #expect(none == nil)
                }
            }
        }
        #expect(order.withLock { $0 } == [1, 2])
        #expect(pool.take { _ in } != nil)
    }

    @Test func aPoolsMemoryGoesBackToTheSystemWithIt() throws {
        // As the command does: from then on the heap of a thread keeps what it is given back.
        sx_keep_heap(8 << 20)
        var pool: ChunkBufferPool? = ChunkBufferPool(capacity: Self.chunk, limit: 1)
        let page = try #require(pool?.take { _ in }).withUnsafeBytes { Int(bitPattern: $0.baseAddress) }
        var isResident: UInt8 = 0
        #expect(mincore(UnsafeMutableRawPointer(bitPattern: page), 1, &isResident) == 0)
        pool = nil
        #expect(mincore(UnsafeMutableRawPointer(bitPattern: page), 1, &isResident) == -1 && errno == ENOMEM)
    }

    @Test func whatIsFilledIsKeptInOrderWithAPrefixInFront() throws {
        let pool = ChunkBufferPool(capacity: 8, limit: 1)
        let buffer = try buffer([1, 2, 3], in: pool)
        buffer.fill { memory in
            #expect(memory.count == 5)
            memory[0] = 4
            return 1
        }
        #expect(buffer.withUnsafeBytes { Array($0) } == [1, 2, 3, 4])
        #expect(buffer.withPrefixed([9, 8]) { Array($0) } == [9, 8, 1, 2, 3, 4])
        #expect(buffer.withUnsafeBytes { Array($0) } == [1, 2, 3, 4])
    }

    @Test(arguments: IOService.Preference.allCases, [0, 1, chunk - 1, chunk, chunk + 1, 9 * chunk + 5])
    func readsInOrderWithFewBuffers(preference: IOService.Preference, size: Int) async throws {
        let directory = TemporaryDirectory()
        let bytes = pattern(size)
        let reader = try ChunkReader(opening: write(bytes, to: directory["source"]), service: Services.of(preference))
        let pool = ChunkBufferPool(capacity: Self.chunk, limit: 3)
        var offset = 0
        while offset < size {
            let length = min(Self.chunk, size - offset)
            let chunk = try await reader.read(at: Int64(offset), length: length, into: pool)
            #expect(chunk.buffer.withUnsafeBytes { Array($0) } == Array(bytes[offset..<offset + length]))
            #expect(chunk.sha256 == SHA256.hash(bytes[offset..<offset + length]))
            offset += length
        }
    }

    @Test(arguments: IOService.Preference.allCases)
    func jumpsReuseBuffersOfWhatWasForeseen(preference: IOService.Preference) async throws {
        let directory = TemporaryDirectory()
        let bytes = pattern(40 * 4096)
        let reader = try ChunkReader(opening: write(bytes, to: directory["source"]), service: Services.of(preference))
        let pool = ChunkBufferPool(capacity: 4096, limit: 2)
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            let index = Int.random(in: 0..<40, using: &generator)
            let chunk = try await reader.read(at: Int64(index * 4096), length: 4096, into: pool)
            #expect(chunk.buffer.withUnsafeBytes { $0.elementsEqual(bytes[index * 4096..<(index + 1) * 4096]) })
        }
    }

    @Test(arguments: IOService.Preference.allCases)
    func aSourceThatShrankIsSaid(preference: IOService.Preference) async throws {
        let directory = TemporaryDirectory()
        let path = write(pattern(2 * Self.chunk), to: directory["source"])
        let reader = try ChunkReader(opening: path, service: Services.of(preference))
        let pool = ChunkBufferPool(capacity: Self.chunk, limit: 2)
        _ = try await reader.read(at: 0, length: Self.chunk, into: pool)
        _ = write(pattern(100), to: path)
        await #expect(throws: ChunkIOError.self) {
            _ = try await reader.read(at: Int64(Self.chunk), length: Self.chunk, into: pool)
        }
    }

    /// Also where blocks are allocated ahead, as for a file whose size is known.
    @Test(arguments: IOService.Preference.allCases, [false, true])
    func writesInAnyOrderAndOnlyWhatFitsItsHash(preference: IOService.Preference, isSizeKnown: Bool) async throws {
        let directory = TemporaryDirectory()
        let destination = try Destination(output: directory.path.string, service: Services.of(preference))
        let reservation = try destination.reserve(FileName(sanitizing: "file"))
        let pool = ChunkBufferPool(capacity: Self.chunk, limit: 40)
        let bytes = pattern(31 * Self.chunk + 17)
        let writer = reservation.writer(size: isSizeKnown ? Int64(bytes.count) : nil)
        var generator = SeededGenerator(seed: 4)
        let offsets = stride(from: 0, to: bytes.count, by: Self.chunk).shuffled(using: &generator)
        try await withThrowingTaskGroup(of: WriteOutcome.self) { group in
            for offset in offsets {
                let part = Array(bytes[offset..<min(offset + Self.chunk, bytes.count)])
                let buffer = try buffer(part, in: pool)
                group.addTask { try await outcome(writer, buffer, at: Int64(offset), SHA256.hash(part)) }
            }
            for try await outcome in group { #expect(outcome == .written) }
        }
        let wrong = try buffer([1, 2, 3], in: pool)
        let refused = try await outcome(writer, wrong, at: 0, SHA256.hash([4]))
        #expect(refused == .hashMismatch(got: SHA256.hash([1, 2, 3])))
        for offset in offsets {
            let length = min(Self.chunk, bytes.count - offset)
            #expect(
                try await writer.read(at: Int64(offset), length: length).bytes
                    == Array(bytes[offset..<offset + length]))
        }
        let finished = try await reservation.finish(FileAttributes(), size: Int64(bytes.count))
        #expect(contents(of: finished.path) == bytes)
    }

    private func outcome(
        _ writer: ChunkWriter, _ buffer: ChunkBuffer, at offset: Int64, _ hash: [UInt8]
    ) async throws -> WriteOutcome {
        try await withCheckedContinuation { continuation in
            writer.write(buffer, at: offset, expecting: hash) { continuation.resume(returning: $0) }
        }.get()
    }
}
