import ChunkIO
import Glibc
import Guarding
import Primitives
import SystemPackage
import Testing
import TransferCore

/// Counts what is read of a file.
private final class CountingSource: ChunkSource {
    let reader: ChunkReader
    let reads: Guarded<[Int64: Int]>
    /// Reads wait for it.
    let gate: Gate?

    init(_ reader: ChunkReader, reads: Guarded<[Int64: Int]> = Guarded([:]), gate: Gate? = nil) {
        self.reader = reader
        self.reads = reads
        self.gate = gate
    }

    func read(at offset: Int64, length: Int) async throws(ChunkIOError) -> ReadChunk {
        reads.withLock { $0[offset, default: 0] += 1 }
        await gate?.pass()
        return try await reader.read(at: offset, length: length)
    }

    func read(at offset: Int64, length: Int, into pool: ChunkBufferPool) async throws(ChunkIOError) -> FilledChunk {
        reads.withLock { $0[offset, default: 0] += 1 }
        return try await reader.read(at: offset, length: length, into: pool)
    }

    func verifyUnchanged() throws(ChunkIOError) { try reader.verifyUnchanged() }

    func another() -> any ChunkSource {
        guard let other = reader.another() as? ChunkReader else { return self }
        return CountingSource(other, reads: reads, gate: gate)
    }
}

/// Holds whoever comes until it is opened.
private final class Gate: Sendable {
    private let state = Guarded<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func pass() async {
        await withCheckedContinuation { continuation in
            let mayPass = state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if mayPass { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            defer { state = (true, []) }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    var count: Int { state.withLock { $0.waiting.count } }
}

@Suite struct SharedSourceTests {
    static let chunk = 16 << 10

    private static func all(_ reader: SharedReader, size: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < size {
            let length = min(chunk, size - bytes.count)
            let piece = try await reader.read(at: Int64(bytes.count), length: length)
            #expect(piece.sha256 == SHA256.hash(piece.bytes))
            bytes += piece.bytes
        }
        return bytes
    }

    private static func source(_ bytes: [UInt8], in directory: TemporaryDirectory, gate: Gate? = nil) throws
        -> CountingSource
    {
        CountingSource(
            try ChunkReader(opening: write(bytes, to: directory["source"]), service: Services.automatic), gate: gate)
    }

    @Test func oneReadForAllOnTheSameChunk() async throws {
        let directory = TemporaryDirectory()
        let bytes = pattern(40 * Self.chunk + 7)
        let source = try Self.source(bytes, in: directory)
        let shared = SharedSource(source)
        let readers = (0..<7).map { _ in shared.reader() }
        var offset = 0
        while offset < bytes.count {
            let length = min(Self.chunk, bytes.count - offset)
            try await withThrowingTaskGroup(of: ReadChunk.self) { [offset] group in
                for reader in readers { group.addTask { try await reader.read(at: Int64(offset), length: length) } }
                for try await chunk in group { #expect(chunk.bytes == Array(bytes[offset..<offset + length])) }
            }
            offset += length
        }
        try readers[0].verifyUnchanged()
        let reads = source.reads.withLock { $0 }
        #expect(reads.count == 41)
        #expect(reads.values.allSatisfy { $0 == 1 })
    }

    @Test func waitersOfOneRead() async throws {
        let directory = TemporaryDirectory()
        let bytes = pattern(Self.chunk)
        let gate = Gate()
        let source = try Self.source(bytes, in: directory, gate: gate)
        let shared = SharedSource(source)
        let readers = (0..<3).map { _ in shared.reader() }
        try await withThrowingTaskGroup(of: ReadChunk.self) { group in
            for reader in readers { group.addTask { try await reader.read(at: 0, length: Self.chunk) } }
            while gate.count < 1 { await Task.yield() }
            gate.open()
            for try await chunk in group { #expect(chunk.bytes == bytes) }
        }
        #expect(source.reads.withLock { $0[0] } == 1)
    }

    /// Two that lag behind what is kept are read for once, too, and hold up nobody.
    @Test func thoseWhoLagReadByThemselves() async throws {
        let directory = TemporaryDirectory()
        let bytes = pattern(60 * Self.chunk)
        let source = try Self.source(bytes, in: directory)
        let shared = SharedSource(source, keeping: 4 * Self.chunk)
        let readers = (0..<4).map { _ in shared.reader() }
        for step in 0..<60 {
            // The first two are thirty chunks ahead.
            let first = (step + 30) % 60 * Self.chunk
            for (index, reader) in readers.enumerated() {
                let offset = index < 2 ? first : step * Self.chunk
                let chunk = try await reader.read(at: Int64(offset), length: Self.chunk)
                #expect(chunk.bytes == Array(bytes[offset..<offset + Self.chunk]))
            }
        }
        #expect(source.reads.withLock { $0.values.allSatisfy { $0 == 2 } })
    }

    /// Any places and lengths, at once: the bytes are right, whatever is kept.
    @Test func anyOrder() async throws {
        let directory = TemporaryDirectory()
        let bytes = pattern(64 * Self.chunk)
        let shared = SharedSource(try Self.source(bytes, in: directory), keeping: 3 * Self.chunk)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for seed in 0..<9 {
                let reader = shared.reader()
                group.addTask {
                    var generator = SeededGenerator(seed: UInt64(seed))
                    for _ in 0..<60 {
                        let offset = Int.random(in: 0..<63, using: &generator) * Self.chunk
                        let length = Bool.random(using: &generator) ? Self.chunk : 2 * Self.chunk
                        let chunk = try await reader.read(at: Int64(offset), length: length)
                        #expect(chunk.bytes == Array(bytes[offset..<offset + length]))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// What is written in front of a lent buffer is that of its reader alone.
    @Test func lentBuffersAreCopies() async throws {
        let directory = TemporaryDirectory()
        let bytes = pattern(2 * Self.chunk)
        let source = try Self.source(bytes, in: directory)
        let shared = SharedSource(source)
        let (one, other) = (shared.reader(), shared.reader())
        let pool = ChunkBufferPool(capacity: Self.chunk, limit: 2)
        let first = try await one.read(at: 0, length: Self.chunk, into: pool)
        let second = try await other.read(at: 0, length: Self.chunk, into: pool)
        first.buffer.withPrefixed([1, 2, 3]) { #expect($0[0] == 1) }
        second.buffer.withPrefixed([9, 9, 9]) { #expect($0[0] == 9) }
        first.buffer.withPrefixed([]) { #expect(Array($0) == Array(bytes[..<Self.chunk])) }
        #expect(first.sha256 == second.sha256)
        #expect(source.reads.withLock { $0[0] } == 1)
    }

    /// With one reader left nothing is kept.
    @Test func alone() async throws {
        let directory = TemporaryDirectory()
        let bytes = pattern(8 * Self.chunk)
        let source = try Self.source(bytes, in: directory)
        let shared = SharedSource(source)
        let reader = shared.reader()
        do {
            let other = shared.reader()
            #expect(try await Self.all(other, size: bytes.count) == bytes)
        }
        #expect(try await Self.all(reader, size: bytes.count) == bytes)
        #expect(source.reads.withLock { $0.values.allSatisfy { $0 == 2 } })
    }

    /// A failure is told to all who wait for the chunk, and is no memory: the next one tries again.
    @Test func failures() async throws {
        let directory = TemporaryDirectory()
        let bytes = pattern(4 * Self.chunk)
        let gate = Gate()
        let source = try Self.source(bytes, in: directory, gate: gate)
        let shared = SharedSource(source)
        let readers = (0..<3).map { _ in shared.reader() }
        let path = directory["source"]
        await withTaskGroup(of: ChunkIOError?.self) { group in
            for reader in readers {
                group.addTask {
                    do throws(ChunkIOError) {
                        _ = try await reader.read(at: 0, length: Self.chunk)
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            while gate.count < 1 { await Task.yield() }
            write(Array(bytes.prefix(10)), to: path)
            gate.open()
            for await error in group { #expect(error == .sourceShrank(path, expected: Int64(bytes.count), got: 10)) }
        }
        write(bytes, to: path)
        setModificationTime(path, seconds: 1)
        await #expect(throws: ChunkIOError.sourceChanged(path)) {
            try await readers[0].read(at: 0, length: Self.chunk)
        }
    }

    @Test func folder() async throws {
        let directory = TemporaryDirectory()
        let tree = directory["tree"]
        _ = tree.withPlatformString { mkdir($0, 0o700) }
        for index in 0..<5 { write(pattern(30_000, seed: UInt64(index)), to: tree.appending("f\(index)")) }
        let sources = [FolderSource(name: nil, path: tree)]
        let scan = try FolderScan(sources, excluding: [], to: directory["list"], firstEntries: 10) { _ in }
        let layout = try FolderLayout(manifest: scan.length, content: scan.totals.bytes, files: scan.totals.files)
        let reader = try FolderReader(
            manifest: directory["list"], verdicts: directory["verdicts"], layout: layout, sources: sources)
        let alone = try await Self.all(SharedSource(reader).reader(), size: Int(layout.size))
        let shared = SharedSource(reader)
        let (one, other) = (shared.reader(), shared.reader())
        async let first = Self.all(one, size: Int(layout.size))
        async let second = Self.all(other, size: Int(layout.size))
        #expect(try await first == alone)
        #expect(try await second == alone)
    }
}
