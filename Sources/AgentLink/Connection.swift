import DoubleRatchet
import NIOCore
import Primitives
import SMPProtocol

/// One connection in memory: its row, keys, ratchet, and what is under way.
///
/// Confined to the link's actor.
final class Connection {
    enum Subscription {
        /// To subscribing, when the relay is connected.
        case none
        /// To draining, or to none.
        case subscribing
        /// Messages come; to idle when the queue is empty.
        case draining
        /// To draining with the next message.
        case idle
        /// Another connection has it, until this one ends.
        case taken
    }

    var row: ConnectionRow
    var ratchet: Ratchet?
    var receive: ReceiveQueue?
    var send: SendQueue?
    var window = SendWindow()
    var subscription = Subscription.none

    /// A message has started a new receiving and sending chain that is not stored yet: the next transaction is synced.
    var isChainNew = false
    /// Messages received since the receiving chain was last stored.
    var receivedSinceStored = 0
    /// When the relay took the last message that came, in Unix seconds.
    var heardAt: Int64?
    /// Messages under assembly, by the number of their first segment.
    var assemblies: [Int64: Assembly] = [:]
    /// The relay's id of the message that was delivered last, until the next one may come.
    var unacknowledged: [UInt8]?
    /// What is delivered and not acknowledged since the engine holds the first of it: an acknowledgement counts for
    /// everything before it too.
    var behind: [Delivered] = []
    /// ACKs without an answer.
    var acknowledging = 0
    /// Tells the subscriptions apart.
    var subscriptionSerial = 0
    /// The bulk messages that the engine has not acknowledged: a few, and those told again after a start.
    var held: [HeldBulk] = []
    /// A step of making or deleting is under way; another look is due after it.
    var isAdvancing = false
    var advanceAgain = false
    /// Every number up to this one is with the relay; the engine knows it up to `toldDelivered`.
    var delivered: Int64 = 0
    var toldDelivered: Int64 = 0
    /// A look whether the queue is empty is scheduled.
    var isDrainLookedFor = false
    /// The relay knows the peer's queue no more; what waits in ours is read before the connection ends.
    var isSendQueueGone = false
    /// The engine was told that the peer's queue is full.
    var isToldFull = false
    /// A full queue's next try.
    var fullRetry: Scheduled<Void>?
    /// The peer said that it has room while answers of the refused run were still missing.
    var mayRetryNow = false
    /// A full queue is tried again after this many seconds, then twice that.
    var fullRetryDelay: Int64 = 1
    /// No relay made a queue for it so far, and after how many seconds the next try comes; then twice that.
    var isQueueRefused = false
    /// A timer will ask the relay again.
    var isQueueRetryDue = false
    var queueRetryDelay: Int64 = 1
    private var roomWaiters: [CheckedContinuation<AgentLinkError?, Never>] = []

    init(_ row: ConnectionRow, receive: QueueRow?, send: QueueRow?) throws(AgentLinkError) {
        self.row = row
        do {
            ratchet = try row.ratchet.map { try Ratchet(decoding: $0) }
            self.receive = try receive.map { try ReceiveQueue($0) }
            self.send = try send.map { try SendQueue($0) }
        } catch {
            throw .storage("the keys of connection \(row.id) cannot be read: \(error)")
        }
    }

    /// The relays that this connection uses.
    var servers: [SMPServer] { [receive?.server, send?.server].compactMap { $0 } }

    /// New keys are being agreed: the old ratchet sends no more.
    var isRekeying: Bool { row.state == .connected && row.agreementKeys != nil }

    /// The subscription and everything delivered on it are gone; what is unacknowledged comes again.
    func unsubscribed() {
        subscription = .none
        unacknowledged = nil
        behind = []
    }

    /// So many bytes of bulk messages are handed to the engine before it has acknowledged the first, or one message.
    static let heldAhead = 1 << 20

    /// Whether the engine has enough to do.
    var holdsEnough: Bool { held.reduce(0) { $0 + $1.body.count } >= Self.heldAhead }

    /// Waits until the window may have room, or the relay may be back.
    func waitForRoom(isolation: isolated (any Actor)? = #isolation) async throws(AgentLinkError) {
        if let error = await withCheckedContinuation({ roomWaiters.append($0) }) { throw error }
    }

    func resumeRoomWaiters(throwing error: AgentLinkError? = nil) {
        guard error != nil || window.hasRoom else { return }
        let waiting = roomWaiters
        roomWaiters = []
        for waiter in waiting { waiter.resume(returning: error) }
    }

    /// Puts a stored segment back into its assembly.
    /// - Returns: a bulk message that is whole, and was not acknowledged when the link stopped; the link gives it a token.
    func restore(_ segment: SegmentRow) -> (first: Int64, ids: ClosedRange<Int64>, total: Int, body: [UInt8])? {
        guard segment.wire.first == UInt8(ascii: "#") else {
            return (segment.messageID, segment.messageID...segment.messageID, 1, segment.wire)
        }
        guard let parsed = Segment(segment.wire[...]) else { return nil }
        var assembly = assemblies[parsed.first] ?? Assembly(parsed)
        assemblies[parsed.first] = nil
        assembly.isStored = true
        assembly.insert(parsed, id: segment.messageID)
        guard row.kind == .file, assembly.isComplete else {
            assemblies[parsed.first] = assembly
            return nil
        }
        let ids = (assembly.numbers.min() ?? 0)...(assembly.numbers.max() ?? 0)
        return (parsed.first, ids, assembly.total, assembly.message())
    }

    /// Copies the ratchet into the row, ready to be stored.
    func syncRow() { row.ratchet = ratchet?.encoded() }

    /// Moves numbers and sending chain behind the reserved block: which of them were used is not known.
    ///
    /// One number more is left out, so that the peer sees a gap even if the whole block arrived: our hash chain is lost.
    static func skipReserved(_ row: inout ConnectionRow) throws {
        guard row.reservedID > row.sentID, let stored = row.ratchet else {
            row.unstored = false
            return
        }
        var ratchet = try Ratchet(decoding: stored)
        ratchet.skipSending(by: Int(row.reservedID - row.sentID))
        row.ratchet = ratchet.encoded()
        row.sentID = row.reservedID + 1
        row.sentHash = [UInt8](repeating: 0, count: 32)
        row.reservedID = row.sentID
        row.unstored = false
    }
}

/// A message that the relay has delivered, in the line of those to be acknowledged.
struct Delivered: Sendable {
    let relayID: [UInt8]
    /// The bulk message that is the engine's to acknowledge; nil for one that is handled.
    var token: BulkToken?
    /// Run after the relay's OK.
    var then: [@Sendable (isolated AgentLink) -> Void] = []
}

/// A whole bulk message that the engine has and has not acknowledged.
struct HeldBulk: Sendable {
    let token: BulkToken
    /// The relay's id of its last segment; nil after a start.
    let relayID: [UInt8]?
    /// The number in its segments' headers.
    let first: Int64
    let total: Int
    let ids: ClosedRange<Int64>
    let integrity: Integrity
    let body: [UInt8]
    /// Whether rows of `segments` hold some of it.
    var isStored: Bool
}
