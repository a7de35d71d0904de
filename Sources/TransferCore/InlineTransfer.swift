import WireFormat

/// One chunk of a file inside an x.msg.new: `ref,file.number` of x.msg.file.
public struct InlineChunk: Hashable, Sendable {
    /// The file's place among those the message announces, from 1.
    public let file: UInt64
    /// The chunk's place in the file.
    public let place: ChunkPlace
}

/// The order in which the chunks of the files of one x.msg.new are sent, 16 KiB each: 1.1, 1.2, …, 2.1, …
///
/// Nothing is kept but the number of chunks already handed over.
public struct InlineSending: Sendable, Sequence {
    private let plans: [ChunkPlan]

    /// A plan for files of these sizes in bytes.
    /// - Throws: `fileTooLarge`.
    public init(sizes: [UInt64]) throws(TransferError) {
        var plans: [ChunkPlan] = []
        for size in sizes { plans.append(try ChunkPlan(size: size, chunkSize: ChunkPlan.inlineChunkSize)) }
        self.plans = plans
    }

    /// The number of chunks of all files.
    public var count: UInt64 { plans.reduce(0) { $0 + ($1.count ?? 0) } }

    /// Chunk `index` of all, from 0; nil behind the last.
    public subscript(index: UInt64) -> InlineChunk? {
        var rest = index
        for (file, plan) in plans.enumerated() {
            let count = plan.count ?? 0
            if rest < count { return plan.place(of: rest + 1).map { InlineChunk(file: UInt64(file) + 1, place: $0) } }
            rest -= count
        }
        return nil
    }

    /// All chunks in order.
    public func makeIterator() -> AnyIterator<InlineChunk> {
        var index: UInt64 = 0
        return AnyIterator {
            defer { index += 1 }
            return self[index]
        }
    }
}

/// Gathers the files of one x.msg.new from its x.msg.file chunks.
///
/// A value without input or output: the engine keeps the bytes (it has checked each chunk's hash) in the transaction that
/// keeps `checkpoint` and acknowledges the message. There is no want on a contact's connection: what does not fit fails.
public struct InlineReceiving: Hashable, Sendable {
    /// What an x.msg.new announces.
    public struct File: Hashable, Sendable {
        /// Its size in bytes.
        public let size: UInt64
        /// Its root hash, 32 bytes, if announced.
        public let root: [UInt8]?
        /// A file of these.
        public init(size: UInt64, root: [UInt8]?) {
            self.size = size
            self.root = root
        }
    }

    /// Where it stands.
    public enum State: Hashable, Sendable {
        /// Chunks come in. → complete, ended
        case receiving
        /// All files are whole. Final.
        case complete
        /// Given up: later chunks are dropped. Final.
        case ended(TransferEnding)
    }

    /// What the engine does with a chunk.
    public enum Action: Hashable, Sendable {
        /// Keep the bytes at this place of file `file` (from 1).
        case keep(InlineChunk)
        /// Drop them: known already, or of a transfer that is over.
        case drop
        /// Drop them and everything kept; send x.file.cancel with this code and reason.
        case cancel(EndCode, reason: String)
    }

    /// Where it stands.
    public private(set) var state: State = .receiving
    private let files: [File]
    private let plans: [ChunkPlan]
    private var progress: [ChunkProgress]

    /// Takes an announcement. Over `limit` bytes in all (or without a size that can be), the state is `ended(declined)` from
    /// the start, and `refusal` is to be sent; also if `isRefused` says that it is part of an announcement over the limit.
    public init(files: [File], limit: UInt64, isRefused: Bool = false) {
        self.files = files
        var plans: [ChunkPlan] = []
        var total: UInt64 = 0
        for file in files {
            let (sum, overflow) = total.addingReportingOverflow(file.size)
            total = overflow ? UInt64.max : sum
            if let plan = try? ChunkPlan(size: file.size, chunkSize: ChunkPlan.inlineChunkSize) { plans.append(plan) }
        }
        self.plans = plans
        self.progress = plans.map { _ in ChunkProgress() }
        if isRefused || total > limit || plans.count < files.count {
            state = .ended(.declined(by: .me, reason: "larger than the \(limit) bytes that are taken inside a message"))
        } else {
            _ = settle()
        }
    }

    /// The x.file.cancel that declines an announcement over the limit; nil if it was taken.
    public var refusal: Action? {
        guard case .ended(.declined(by: .me, let reason)) = state else { return nil }
        return .cancel(.declined, reason: reason)
    }

    /// The bytes kept.
    public var bytesKept: UInt64 {
        zip(plans, progress).reduce(0) { $0 + $1.0.bytes(in: $1.1.chunks) }
    }

    /// Takes in x.msg.file `file.number` with a body of `length` bytes.
    /// - Parameter fits: whether the body's SHA-256 is `hash`, the one that the header names.
    public mutating func chunk(file: UInt64, number: UInt64, length: Int, hash: [UInt8], fits: Bool) -> Action {
        guard state == .receiving else { return .drop }
        guard file >= 1, file <= UInt64(plans.count), let place = plans[Int(file - 1)].place(of: number) else {
            return fail(.violation("chunk \(file).\(number) was not announced"))
        }
        let index = Int(file - 1)
        guard !progress[index].contains(number) else { return .drop }
        guard fits, length == place.length, hash.count == RootChain.hashLength else {
            return fail(.other("chunk \(file).\(number) came damaged"))
        }
        progress[index].insert(number, hash: hash)
        if let failed = settle() { return failed }
        return .keep(InlineChunk(file: file, place: place))
    }

    /// The user of this side, or the sender, gave it up.
    /// - Returns: whether this changed anything.
    public mutating func end(_ ending: TransferEnding) -> Bool {
        guard state == .receiving else { return false }
        state = .ended(ending)
        return true
    }

    /// Complete once every chunk of every file is there and every announced root fits.
    private mutating func settle() -> Action? {
        for (index, plan) in plans.enumerated() {
            guard progress[index].prefix == plan.count else { return nil }
            if let root = files[index].root, root != progress[index].chain.value { return fail(.wrongRoot) }
        }
        state = .complete
        return nil
    }

    private mutating func fail(_ failure: TransferFailure) -> Action {
        state = .ended(.failed(failure, by: .me))
        return .cancel(.failed, reason: failure.description)
    }
}

extension InlineReceiving {
    /// What survives a crash, for the message's row.
    public var checkpoint: [UInt8] {
        var writer = WireWriter()
        writer.u8(CheckpointCoding.version)
        switch state {
        case .receiving: writer.u8(0)
        case .complete: writer.u8(1)
        case .ended(let ending):
            writer.u8(2)
            writer.ending(ending)
        }
        for progress in progress { progress.write(to: &writer) }
        return writer.bytes
    }

    /// Goes on where `checkpoint` was taken.
    /// - Throws: `checkpointDamaged`, `checkpointNewer`.
    public init(files: [File], checkpoint: [UInt8]) throws(TransferError) {
        var restored = InlineReceiving(files: files, limit: UInt64.max)
        restored.state = try CheckpointCoding.decode(checkpoint) { reader throws(WireError) in
            let at = reader.offset
            let state: State
            switch try reader.u8() {
            case 0: state = .receiving
            case 1: state = .complete
            case 2: state = .ended(try reader.ending())
            default: throw .unexpected(offset: at)
            }
            for (index, plan) in restored.plans.enumerated() {
                restored.progress[index] = try ChunkProgress(from: &reader, last: plan.count ?? 0)
            }
            return state
        }
        self = restored
    }
}
