import DoubleRatchet
import Primitives
import SMPProtocol

/// One connection in memory: its row, keys, ratchet, and what is under way.
///
/// Confined to the link's actor.
final class Connection {
    enum Subscription { case none, subscribing, draining, idle }

    var row: ConnectionRow
    var ratchet: Ratchet?
    var receive: ReceiveQueue?
    var send: SendQueue?
    var window = SendWindow()
    var subscription = Subscription.none

    /// Messages received since the receiving chain was last stored.
    var receivedSinceStored = 0
    /// Messages under assembly, by the number of their first segment.
    var assemblies: [Int64: Assembly] = [:]
    /// The relay's id of the message that it has delivered and that is not acknowledged.
    var unacknowledged: [UInt8]?
    /// The bulk message whose acknowledgement waits for the engine.
    var heldBulk: BulkToken?
    /// A step of making or deleting is under way; another look is due after it.
    var isAdvancing = false
    var advanceAgain = false
    /// The relay knows the peer's queue no more; what waits in ours is read before the connection ends.
    var isSendQueueGone = false
    /// A full queue's next try is scheduled.
    var isRetryScheduled = false
    /// A full queue is tried again after this many seconds, then twice that.
    var fullRetryDelay: Int64 = 1
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

    /// The subscription and everything delivered on it are gone; what is unacknowledged comes again.
    func unsubscribed() {
        subscription = .none
        unacknowledged = nil
        heldBulk = nil
    }

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
    func restore(_ segment: SegmentRow) {
        guard let parsed = Segment(segment.wire[...]) else { return }
        var assembly = assemblies[parsed.first] ?? Assembly(parsed)
        assembly.insert(parsed, id: segment.messageID)
        assemblies[parsed.first] = assembly
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
