import AgentLink
import ChatProtocol
import ChunkIO
import Database
import DirectLane
import GRDB
import Logging
import Synchronization
import TransferCore

/// What a runner works with.
struct RunContext: Sendable {
    let profile: Profile
    let link: AgentLink
    let logger: Logger
    let bootID: String
    /// Tells progress to whoever watches.
    let report: @Sendable (ProgressEvent) -> Void
    /// Says that a row changed, so that the engine looks at what it needs next.
    let changed: @Sendable (Int64) -> Void
    /// Says that something moved without the link.
    let moved: @Sendable () -> Void
    let direct: DirectPolicy
    let sources: SharedSources

    /// Whether the last message on this connection is young enough for an answer that names addresses.
    func isFresh(_ connection: ConnectionID) async -> Bool {
        DirectPlan.isFresh(await link.heard(on: connection), at: unixNow())
    }
}

/// Counts what moves on direct connections.
final class MoveCount: Sendable {
    private let count = Atomic<UInt64>(0)
    var value: UInt64 { count.load(ordering: .relaxed) }
    func add() { count.add(1, ordering: .relaxed) }
}

/// What a runner is told, in the order in which it happened.
enum RunnerEvent: Sendable {
    /// A stored message on the file connection; its row is deleted in the transaction that handles it.
    case message(inbound: Int64, Integrity, Incoming)
    /// A stored message that is a chunk: its row is deleted once the bytes are written.
    case storedChunk(inbound: Int64, Integrity, [UInt8])
    /// A chunk, in memory only: acknowledged once its bytes are safe. `last` is the number of its last segment.
    case bulk(Integrity, [UInt8], BulkToken, last: Int64)
    /// The relay has everything up to this number.
    case delivered(Int64)
    /// The peer's queue is full, or takes messages again.
    case quota(full: Bool)
    /// A relay of the connection does not answer, or does again.
    case relay(isDown: Bool)
    /// The queue is empty at this moment.
    case drained
    /// The connection ended.
    case connectionFailed(AgentLinkError)
    /// Messages are missing, before one of them is whole.
    case gap(Integrity)
    /// Nothing new is to be begun: the engine is leaving.
    case pause
    /// Store where it stands and end; `seal` follows once the link has stopped.
    case leave
    /// The user holds the transfer, or lets it go on.
    case hold(Bool)
    /// The row was ended by a wish: end without a word.
    case ended
    /// Look whether there is room again.
    case retry
    /// Something on the direct lane, of this attempt.
    case direct(Int, DirectRendezvous.Event)
    /// A chunk that came by the direct lane as this frame is written, or not.
    case wrote(DirectWrite)
    /// What was written is on the disk, or why not.
    case synced(ChunkIOError?)
}

/// The end of a direct chunk's write.
struct DirectWrite: Sendable {
    var attempt: Int
    var frame: Int64
    var chunk: UInt64
    var result: Result<WriteOutcome, ChunkIOError>
}

/// Carries one transfer while its chunks flow.
protocol TransferRunner: Sendable {
    /// Tells it what happened; never waits.
    func tell(_ event: RunnerEvent)
    /// Works until the transfer ends or the engine leaves.
    func run() async
    /// The link has stopped in good order, and holds what it was handed: stores that nothing is lost.
    func seal() async
    /// Whether it works on the disk at this moment, without a message being under way.
    var isBusy: Bool { get async }
    /// Whether it holds a message unacknowledged because the destination is full: the link counts that as under way.
    var isHeldUp: Bool { get async }
}

/// How an ending of TransferCore stands in the row.
extension Transfer {
    mutating func end(_ ending: TransferEnding) {
        let side: Side? = ending.by.map { $0 == .me ? .me : .peer }
        switch ending {
        case .complete: end(.complete, by: nil)
        case .declined(_, let reason): end(.declined, by: side, reason: reason, failure: .cancelled)
        case .cancelled(_, let reason): end(.cancelled, by: side, reason: reason, failure: .cancelled)
        case .failed(let failure, _):
            end(.failed, by: side, reason: failure.description, failure: FailureKind(failure))
        }
    }
}

extension TransferFailure {
    /// What a write that failed means for its transfer.
    init(_ error: ChunkIOError) {
        if case .listRefused(let why) = error { self = .violation(why) } else { self = .destination("\(error)") }
    }
}

extension FailureKind {
    init(_ failure: TransferFailure) {
        if failure.isIntegrity {
            self = .integrity
            return
        }
        switch failure {
        case .destination: self = .destination
        case .damagedChunk, .manyDamagedChunks, .wrongRoot, .messageIntegrity, .violation, .source, .queueGone, .other:
            self = .failed
        }
    }
}

/// What a runner writes into its row in one transaction.
struct RunnerNote: Sendable {
    var transfer: Int64
    /// The machine, to be continued from.
    var checkpoint: [UInt8]
    var bootID: String
    var transferred: UInt64
    var bytesPerSecond: UInt64?
    /// Bytes in all, once that is known.
    var size: UInt64?
    /// Where it stands while it runs; nil leaves the row's state.
    var state: TransferState?
    var waiting: Waiting?
    var lane = Lane.relay
    /// How it ended, if it did.
    var ending: TransferEnding?
    /// Receive: where the complete file is.
    var path: String?
    /// The stored message that this handles.
    var inbound: Int64?
    /// Whether the other side's last word is on its way, if it ended; if not, the engine says it.
    var isTold = true

    /// - Parameter farewell: the number of the last word on the file connection, when this is stored together with it.
    func write(_ db: GRDB.Database, farewell: Int64? = nil) throws {
        if let inbound { try AgentStore.deleteInbound(db, inbound) }
        guard var row = try Transfer.fetch(db, id: transfer) else { return }
        let before = row
        if row.size == nil { row.size = size }
        try Transfer.updateCheckpoint(db, id: transfer, checkpoint, bootID: bootID, transferred: transferred)
        if let ending {
            // What the user ended stays ended, but a file that is there is there.
            guard !row.state.isEnded || ending == .complete else { return }
            row.end(ending)
            row.isUntold = !isTold && ending != .complete
            if ending == .complete, let size = row.size {
                try Transfer.updateProgress(
                    db, id: transfer, transferred: size, bytesPerSecond: nil, now: unixNow())
            }
        } else if let state, !row.state.isEnded {
            row.state = state
            row.waiting = waiting
            row.lane = lane.rawValue
            row.bytesPerSecond = bytesPerSecond
        } else if farewell == nil {
            return
        }
        if let path { row.path = path }
        if let farewell { row.farewell = farewell }
        // A run that moves nothing leaves the time alone: the last word is waited for from the last thing that moved.
        let isNews = row.state != before.state || row.farewell != before.farewell || transferred != before.transferred
        try row.update(db, now: isNews ? unixNow() : before.updatedAt)
    }
}

extension Integrity {
    /// Why a file connection's sequence cannot be trusted; nil for what is only missing or late.
    var failure: TransferFailure? {
        switch self {
        case .ok, .skipped, .late: nil
        case .badID(let expected, let got): .messageIntegrity("message \(got) instead of \(expected)")
        case .badHash: .messageIntegrity("a hash differs")
        }
    }
}
