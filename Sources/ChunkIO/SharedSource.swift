import Guarding

/// A source that several senders read, each at its own place: a chunk that they want at about the same time is read and hashed
/// once.
///
/// A chunk is kept for those who come to it soon, up to a bound. Who lags behind them reads by himself, as do several who lag together once for
/// all of them; nobody waits for anybody else. With one reader nothing is kept, and nothing costs more than without this.
public final class SharedSource: Sendable {
    /// What is read.
    public let source: any ChunkSource
    private let limitInBytes: Int
    private let state: Guarded<State>

    /// So many readers go through the source in order, each with its own reading ahead.
    static let cursorLimit = 4

    private struct Place: Hashable {
        let offset: Int64
        let length: Int
    }

    private struct State {
        /// Where each reader goes on.
        var readers: [Int: Int64] = [:]
        var lastReader = 0
        var cursors: [Cursor]
        var chunks: [Place: Entry] = [:]
        var bytesKept = 0
        /// Counts uses: who was used last.
        var clock: UInt64 = 0
    }

    /// A place in the source from which somebody goes on in order.
    private struct Cursor {
        let source: any ChunkSource
        var next: Int64
        var usedAt: UInt64
    }

    private struct Entry {
        var usedAt: UInt64
        var contents: Contents
    }

    private enum Contents {
        /// One reads it, these wait. → there, or gone if it could not be read
        case coming([CheckedContinuation<Step, Never>])
        case there(ReadChunk)
    }

    private enum Step {
        case taken(ReadChunk)
        case failed(ChunkIOError)
        /// The caller is the one who reads it, by this.
        case read(any ChunkSource)
    }

    /// Shares `source`.
    /// - Parameter limitInBytes: how much is kept of what was read.
    public init(_ source: any ChunkSource, keeping limitInBytes: Int = 16 << 20) {
        self.source = source
        self.limitInBytes = limitInBytes
        state = Guarded(State(cursors: [Cursor(source: source, next: 0, usedAt: 0)]))
    }

    /// One more reader, for as long as the result lives.
    public func reader() -> SharedReader {
        let (number, isSecond) = state.withLock { state in
            state.lastReader += 1
            state.readers[state.lastReader] = 0
            return (state.lastReader, state.readers.count == 2)
        }
        // The first one's buffers, which it will not be given any more: from now on it is given copies.
        if isSecond { source.forgetAhead() }
        return SharedReader(number, of: self)
    }

    fileprivate func leave(_ reader: Int) {
        state.withLock { state in
            state.readers[reader] = nil
            trim(&state)
        }
    }

    /// Whether there is only one reader.
    fileprivate var isAlone: Bool { state.withLock { $0.readers.count < 2 } }

    fileprivate func chunk(
        at offset: Int64, length: Int, for reader: Int
    ) async throws(ChunkIOError) -> ReadChunk {
        let place = Place(offset: offset, length: length)
        let step = await withCheckedContinuation { continuation in
            let step: Step? = state.withLock { state in
                state.clock += 1
                state.readers[reader] = offset + Int64(length)
                defer { trim(&state) }
                guard var entry = state.chunks[place] else {
                    state.chunks[place] = Entry(usedAt: state.clock, contents: .coming([]))
                    return .read(Self.cursor(&state, at: place))
                }
                entry.usedAt = state.clock
                defer { state.chunks[place] = entry }
                switch entry.contents {
                case .there(let chunk): return .taken(chunk)
                case .coming(let waiting):
                    entry.contents = .coming(waiting + [continuation])
                    return nil
                }
            }
            if let step { continuation.resume(returning: step) }
        }
        switch step {
        case .taken(let chunk): return chunk
        case .failed(let error): throw error
        case .read(let source):
            do throws(ChunkIOError) {
                let chunk = try await source.read(at: offset, length: length)
                arrived(chunk, at: place)
                return chunk
            } catch {
                failed(error, at: place)
                throw error
            }
        }
    }

    /// The one that goes on from here; else a new one, or the one that was not used for the longest time.
    private static func cursor(_ state: inout State, at place: Place) -> any ChunkSource {
        let end = place.offset + Int64(place.length)
        var index = state.cursors.firstIndex { $0.next == place.offset }
        if index == nil, state.cursors.count < cursorLimit {
            state.cursors.append(Cursor(source: state.cursors[0].source.another(), next: 0, usedAt: 0))
            index = state.cursors.count - 1
        }
        let chosen = index ?? state.cursors.indices.min { state.cursors[$0].usedAt < state.cursors[$1].usedAt } ?? 0
        state.cursors[chosen].next = end
        state.cursors[chosen].usedAt = state.clock
        return state.cursors[chosen].source
    }

    private func arrived(_ chunk: ReadChunk, at place: Place) {
        let waiting: [CheckedContinuation<Step, Never>] = state.withLock { state in
            guard case .coming(let waiting)? = state.chunks[place]?.contents else { return [] }
            state.chunks[place]?.contents = .there(chunk)
            state.bytesKept += place.length
            trim(&state)
            return waiting
        }
        for continuation in waiting { continuation.resume(returning: .taken(chunk)) }
    }

    private func failed(_ error: ChunkIOError, at place: Place) {
        let waiting: [CheckedContinuation<Step, Never>] = state.withLock { state in
            guard case .coming(let waiting)? = state.chunks.removeValue(forKey: place)?.contents else { return [] }
            return waiting
        }
        for continuation in waiting { continuation.resume(returning: .failed(error)) }
    }

    /// Lets go of what nobody comes to soon, then of what nobody has used for the longest time.
    private func trim(_ state: inout State) {
        for (place, entry) in state.chunks {
            guard case .there = entry.contents else { continue }
            let isWanted = state.readers.values.contains { next in
                next <= place.offset && place.offset - next < Int64(limitInBytes)
            }
            if isWanted { continue }
            state.chunks[place] = nil
            state.bytesKept -= place.length
        }
        while state.bytesKept > limitInBytes {
            var oldest: (place: Place, usedAt: UInt64)?
            for (place, entry) in state.chunks {
                guard case .there = entry.contents, oldest.map({ entry.usedAt < $0.usedAt }) ?? true else { continue }
                oldest = (place, entry.usedAt)
            }
            guard let oldest else { return }
            state.chunks[oldest.place] = nil
            state.bytesKept -= oldest.place.length
        }
    }
}

/// One of the readers of a shared source.
public final class SharedReader: ChunkSource {
    private let number: Int
    private let shared: SharedSource

    fileprivate init(_ number: Int, of shared: SharedSource) {
        self.number = number
        self.shared = shared
    }

    deinit { shared.leave(number) }

    /// What is read.
    public var source: any ChunkSource { shared.source }

    /// Waits for the source.
    public func wait(for end: Int64) async throws(ChunkIOError) -> SourceReadiness {
        try await shared.source.wait(for: end)
    }

    private func isByItself(_ offset: Int64, _ length: Int) -> Bool {
        shared.isAlone || offset + Int64(length) > shared.source.settledEnd
    }

    /// The bytes from `offset` on; of others who read the same, if they have just read it.
    public func read(at offset: Int64, length: Int) async throws(ChunkIOError) -> ReadChunk {
        if isByItself(offset, length) { return try await shared.source.read(at: offset, length: length) }
        return try await shared.chunk(at: offset, length: length, for: number)
    }

    /// The same in a buffer lent by `pool`: a copy, since what a lane puts in front of it is its own.
    public func read(
        at offset: Int64, length: Int, into pool: ChunkBufferPool
    ) async throws(ChunkIOError) -> FilledChunk {
        if isByItself(offset, length) {
            return try await shared.source.read(at: offset, length: length, into: pool)
        }
        let chunk = try await shared.chunk(at: offset, length: length, for: number)
        let buffer = await pool.take()
        buffer.fill { memory in
            memory.copyBytes(from: chunk.bytes)
            return chunk.bytes.count
        }
        return FilledChunk(buffer: buffer, sha256: chunk.sha256)
    }

    /// Asks the source.
    public func verifyUnchanged() throws(ChunkIOError) { try shared.source.verifyUnchanged() }

    /// One more reader.
    public func another() -> any ChunkSource { shared.reader() }
}
