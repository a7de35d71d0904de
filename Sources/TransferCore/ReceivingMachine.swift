import ChatProtocol

/// The recipient's side of one transfer by x.file: what is written, what is missing, when it is whole.
///
/// A value without input, output or clock; it sees whole chunks only. The engine tells it what happened (`handle`) and
/// carries out the actions in their order: `store` and the messages (`want`, `ok`, `cancel`) of one result in one database
/// transaction, which also acknowledges what was handled. `checkpoint` is what survives a crash.
public struct ReceivingMachine: Sendable {
    /// Where the transfer stands.
    public enum State: Hashable, Sendable {
        /// The offer came. → accepted, ended
        case offered
        /// The final name is reserved and the file connection joined, which is not duplex yet. → active, ended
        case accepted
        /// Chunks come in. → finishing, ended
        case active
        /// Every byte is written and the root hash fits: the engine syncs and renames. Nothing but a failure stops this
        /// any more. → active (to be tried again later), ended
        case finishing
        /// Over.
        case ended(TransferEnding)
    }

    /// What happened.
    public enum Event: Hashable, Sendable {
        /// The user accepted, and the destination is reserved.
        case accepted
        /// The file connection is duplex.
        case connected
        /// First event after `init(plan:checkpoint:sameBoot:)`, and again when a paused finish is to be tried again.
        case resumed
        /// A whole x.msg.file came: chunk number from 1, the length of its body in bytes, and the hash its header names.
        /// `seen`: the sndMsgId of its last segment, if the relay lane gave it out as one message; with all before it handled.
        case chunk(UInt64, length: Int, hash: [UInt8], lane: Lane = .relay, seen: Int64? = nil)
        /// A chunk given out by `write` fits its hash and is written (not synced).
        case written(UInt64)
        /// A chunk given out by `write` does not fit its hash.
        case damaged(UInt64)
        /// A chunk given out by `write` could not be written and its bytes are gone (the destination is full, say).
        case dropped(UInt64)
        /// Messages are missing in the sequence of the file connection.
        case gap
        /// The direct connection is gone, with what was under way on it.
        case directBroke
        /// The queue is empty; `seen` is the highest sndMsgId handled.
        case drained(seen: Int64)
        /// The sender on the direct lane is to be told what has come: x.file.want acknowledges there.
        case acknowledge(seen: Int64)
        /// x.file.done.
        case done(DoneMark, lane: Lane = .relay)
        /// What `sync` asked for is done.
        case synced
        /// The engine is leaving and writes no more: asks for a last `sync`. Store `checkpoint(orderly: true)` after it.
        case leaving
        /// The file is synced and under its final name; also told after a start that finds it there.
        case finished
        /// The file cannot be finished now (no space, say); `resumed` tries again.
        case finishPaused
        /// The user does not want it.
        case decline(reason: String)
        /// The user ends it.
        case cancel(reason: String)
        /// x.file.cancel.
        case peerEnded(EndCode, reason: String)
        /// This side cannot go on.
        case failed(TransferFailure)
    }

    /// What the engine does.
    public enum Action: Hashable, Sendable {
        /// Check the chunk's bytes against `hash` and write them at their place; then report `written` or `damaged`.
        case write(ChunkPlace, hash: [UInt8])
        /// Keep `checkpoint` before what was handled is acknowledged; together with `finish`, durably before that begins.
        case store
        /// Sync the partial, then report `synced`.
        case sync
        /// Send x.file.want.
        case want(Want)
        /// Set mode and time, sync, give the final name; then report `finished`.
        case finish(DoneMark)
        /// Send x.file.ok.
        case ok(root: [UInt8])
        /// Send x.file.cancel.
        case cancel(EndCode, reason: String)
        /// The state is `ended`: unless it is complete, partial and reservation are removed.
        case ended(TransferEnding)
    }

    /// Why a want is due once the queue is drained.
    public struct Causes: OptionSet, Hashable, Sendable {
        /// One bit a cause.
        public let rawValue: UInt8
        /// From bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// A crash may have lost chunks that were acknowledged.
        public static let lostState = Causes(rawValue: 1)
        /// Messages are missing.
        public static let gap = Causes(rawValue: 2)
        /// A chunk did not fit its hash.
        public static let damaged = Causes(rawValue: 4)
        /// The direct connection broke.
        public static let directBroke = Causes(rawValue: 8)
        /// Too many chunks beyond a gap: the rest was dropped.
        public static let overflow = Causes(rawValue: 16)
        /// x.file.done came and chunks are missing.
        public static let done = Causes(rawValue: 32)
        /// It came by the direct lane.
        public static let directDone = Causes(rawValue: 64)
    }

    /// Where the transfer stands.
    public internal(set) var state: State = .offered
    /// How the file is cut.
    public internal(set) var plan: ChunkPlan
    /// Why a want is due; empty when none is.
    public internal(set) var causes: Causes = []
    /// The last want that was sent.
    public internal(set) var lastWant: Want?
    /// x.file.done, once it came.
    public internal(set) var done: DoneMark?

    let limits: TransferLimits
    /// Written, as the page cache has it.
    var progress = ChunkProgress()
    /// Written and synced.
    var synced = ChunkProgress()
    /// Being synced: as it was when the sync began.
    var syncing: ChunkProgress?
    /// Whether another sync is due as soon as the one under way is done.
    var syncAgain = false
    /// Given out for writing: their hashes.
    var writing: [UInt64: [UInt8]] = [:]
    /// How often a missing chunk came damaged.
    var damaged: [UInt64: UInt8] = [:]
    /// With an unknown size: the one chunk that came shorter than the others, and so must be the last.
    var shortChunk: (number: UInt64, length: Int)?
    /// The queue is empty: the number to name as `seen`.
    var drainedAt: Int64?
    /// The last chunk of the relay lane was this message, and all before it are handled.
    var passed: Int64?
    /// A complete recipient was sent something: it answers with x.file.ok.
    var okOwed = false
    var bytesSinceStore: UInt64 = 0
    var bytesSinceSync: UInt64 = 0

    /// A new offer.
    public init(plan: ChunkPlan, limits: TransferLimits = TransferLimits()) {
        self.plan = plan
        self.limits = limits
    }

    /// The bytes written.
    public var bytesWritten: UInt64 {
        let whole = (progress.prefix + UInt64(progress.held.count)) * plan.step
        let last = plan.count ?? shortChunk?.number ?? 0
        guard last > 0, progress.contains(last) else { return whole }
        let length = shortChunk?.length ?? plan.place(of: last)?.length ?? plan.chunkSize
        return whole - (plan.step - UInt64(length))
    }

    /// The bytes written without a gap from the start; all of them are checked.
    public var bytesInOrder: UInt64 {
        let prefix = progress.prefix
        guard prefix > 0 else { return 0 }
        let length = shortChunk.flatMap { $0.number == prefix ? $0.length : nil } ?? plan.place(of: prefix)?.length
        return (prefix - 1) * plan.step + UInt64(length ?? plan.chunkSize)
    }

    /// How many chunks are given out for writing.
    public var chunksBeingWritten: Int { writing.count }

    /// Whether the bytes of chunk `number` would be of use; the segments of others need not be kept.
    public func needs(_ number: UInt64) -> Bool {
        switch state {
        case .accepted, .active: !progress.contains(number) && writing[number] == nil
        case .offered, .finishing, .ended: false
        }
    }

    /// Takes in one event.
    public mutating func handle(_ event: Event) -> [Action] {
        let actions = carryOut(event)
        guard let first = actions.firstIndex(of: .store) else { return actions }
        return actions[...first] + actions[(first + 1)...].filter { $0 != .store }
    }

    private mutating func carryOut(_ event: Event) -> [Action] {
        switch event {
        case .accepted: accepted()
        case .connected: connected()
        case .resumed: [.store] + evaluate()
        case .chunk(let number, let length, let hash, let lane, let seen):
            arrived(number, length: length, hash: hash, lane, seen)
        case .written(let number): written(number)
        case .damaged(let number): damaged(number)
        case .dropped(let number): dropped(number)
        case .gap: missing(.gap)
        case .directBroke: directBroke()
        case .drained(let seen): drained(seen: seen)
        case .acknowledge(let seen): acknowledge(seen: seen)
        case .done(let mark, let lane): done(mark, lane)
        case .synced: syncEnded()
        case .leaving: leaving()
        case .finished: finished()
        case .finishPaused: finishPaused()
        case .decline(let reason): decline(reason: reason)
        case .cancel(let reason): cancel(reason: reason)
        case .peerEnded(let code, let reason): peerEnded(code, reason: reason)
        case .failed(let failure): fail(failure)
        }
    }
}
