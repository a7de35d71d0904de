import ChatProtocol

/// The sender's side of one transfer by x.file to one recipient: what is sent next, what is lost, when it is over.
///
/// A value without input, output or clock. The engine tells it what happened (`handle`), carries out the actions in their
/// order (`store`, `cancel` and the acknowledgement of what was handled in one database transaction), and asks for work
/// (`next`) while the lane has room. `checkpoint` is what survives a crash.
///
/// Every chunk is read, hashed and chained once, in order; it goes to the lane unless the recipient has it already. Chunks
/// read again to be repeated are not chained again.
public struct SendingMachine: Sendable {
    /// Where the transfer stands.
    public enum State: Hashable, Sendable {
        /// The offer is made. → accepted, ended
        case offered
        /// The recipient joined the file connection, which is not duplex yet. → active, ended
        case accepted
        /// Chunks go out. → sent, ended
        case active
        /// All chunks and x.file.done are with the relay or peer. → active (something is wanted again), ended
        case sent
        /// Over. → ended(complete) from what this side ended, if the recipient's x.file.ok crossed it
        case ended(TransferEnding)
    }

    /// What goes to the lane as one message.
    public enum Item: Hashable, Sendable {
        /// Chunk `number`, from 1.
        case chunk(UInt64)
        /// x.file.done.
        case done
    }

    /// What happened.
    public enum Event: Hashable, Sendable {
        /// x.file.acpt with the offered name: the recipient is let in.
        case accepted
        /// The file connection is duplex.
        case connected
        /// First event after `init(plan:checkpoint:)`.
        case resumed
        /// A chunk asked for by `next` was read; `hash` is the SHA-256 of its bytes. Reported in the order of `next`.
        case read(UInt64, hash: [UInt8])
        /// The item was handed to the relay lane; `lastMessage` is the sndMsgId of its last segment.
        case sent(Item, lastMessage: Int64)
        /// The item was handed to the direct lane as this frame, counted from 1 on each direct connection.
        case sentDirectly(Item, frame: Int64)
        /// The direct connection is gone: what the recipient has not acknowledged there is to be sent again.
        case directBroke
        /// The lane gave the chunk back unsent.
        case returned(UInt64)
        /// The relay has every message up to this sndMsgId.
        case deliveredThrough(Int64)
        /// A stream ended after so many bytes.
        case sourceEnded(size: UInt64)
        /// x.file.want. `openRangeFirst`: the lane changed, and what is missing in between may still come on the other.
        case want(Want, openRangeFirst: Bool)
        /// Nothing has come from the recipient for long: asks it by one more x.file.done whether something is missing. Before
        /// that, the lane could not take x.file.done: it is handed out again.
        case probe
        /// x.file.ok with the root hash that the recipient found.
        case ok(root: [UInt8])
        /// The user of this side ends it.
        case cancel(reason: String)
        /// x.file.cancel.
        case peerEnded(EndCode, reason: String)
        /// This side cannot go on.
        case failed(TransferFailure)
    }

    /// What the engine does.
    public enum Action: Hashable, Sendable {
        /// Hand this chunk, which was just read, to the lane.
        case send(UInt64)
        /// Keep `checkpoint` before what was handled is acknowledged.
        case store
        /// Send x.file.cancel.
        case cancel(EndCode, reason: String)
        /// The state is `ended`: the source is needed no more.
        case ended(TransferEnding)
    }

    /// Work for the lane.
    public enum Step: Hashable, Sendable {
        /// Read and hash this chunk, then report `read`, which says whether it is to be sent.
        case read(ChunkPlace)
        /// Send x.file.done, then report `sent(.done, …)`.
        case done(DoneMark)
    }

    /// Where x.file.done stands.
    enum Done: Hashable, Sendable {
        /// To be sent when the plan is empty. → taken
        case owed
        /// Asked for by `next`. → underWay, owed
        case taken
        /// With the relay lane. → delivered, owed
        case underWay(lastMessage: Int64)
        /// With the direct lane. → owed
        case underWayDirectly(frame: Int64)
        /// With the relay or peer. → owed
        case delivered
    }

    /// Where the transfer stands.
    public internal(set) var state: State = .offered
    /// How the file is cut.
    public internal(set) var plan: ChunkPlan
    /// The chunks chained so far and their value.
    public internal(set) var chain = RootChain()
    /// The number of the last want that was carried out; 0 before the first.
    public internal(set) var wantNumber: UInt64 = 0

    let limits: TransferLimits
    /// Chunks to be sent that nobody is at work on.
    var toSend: ChunkRanges
    /// Chunks to be sent that are being read.
    var reading = ChunkRanges()
    /// The highest chunk that `next` gave out for chaining.
    var issued: UInt64 = 0
    /// Chunks with the relay lane, not yet with the relay; with the number of the last segment.
    var underWay: [UInt64: Int64] = [:]
    /// What was sent on the relay lane.
    var log = SentLog()
    /// Chunks on the direct connection that the recipient has not acknowledged, with their frames.
    var direct: [UInt64: Int64] = [:]
    var done = Done.owed
    var openRangeFirst = false
    var bytesSinceStore: UInt64 = 0

    /// A new offer.
    public init(plan: ChunkPlan, limits: TransferLimits = TransferLimits()) {
        self.plan = plan
        self.limits = limits
        self.toSend = plan.allChunks
    }

    /// The bytes with the relay or peer. Falls when chunks are wanted again.
    public var bytesDelivered: UInt64 {
        let highest = plan.count ?? issued
        guard highest > 0 else { return 0 }
        var all = ChunkRanges()
        all.insert(1...highest)
        return plan.bytes(in: all, highest: highest) - plan.bytes(in: undelivered, highest: highest)
    }

    /// The root hash, once every chunk is chained.
    public var root: [UInt8]? { chain.count == plan.count ? chain.value : nil }

    /// How many chunks are with the lane and not yet with the relay or peer.
    public var chunksUnderWay: Int { underWay.count + direct.count }

    /// Whether the direct lane has room for another chunk.
    public var hasDirectRoom: Bool { UInt64(direct.count) * plan.step < limits.directWindow }

    /// The next piece of work, taken out of the plan; nil when there is none now.
    public mutating func next() -> Step? {
        guard state == .active || state == .sent else { return nil }
        if let wanted = nextWanted {
            // Chunks that the recipient has from a run that a crash cut off are still to be chained.
            let chunk = min(wanted, issued + 1)
            // A stream can be wanted beyond what a file can hold.
            guard plan.place(of: chunk) != nil else { return nil }
            if chunk == wanted {
                toSend.remove(chunk)
                reading.insert(chunk)
            }
            return issue(chunk)
        }
        guard let count = plan.count, let size = plan.size else { return nil }
        if issued < count { return issue(issued + 1) }
        guard done == .owed, chain.count == count, reading.isEmpty else { return nil }
        done = .taken
        return .done(DoneMark(count: count, size: size, root: chain.value))
    }

    /// Takes in one event.
    public mutating func handle(_ event: Event) -> [Action] {
        switch event {
        case .accepted: accepted()
        case .connected: connected()
        case .resumed: [.store]
        case .read(let chunk, let hash): read(chunk, hash: hash)
        case .sent(let item, let lastMessage): sent(item, lastMessage: lastMessage)
        case .sentDirectly(let item, let frame): sent(item, frame: frame)
        case .directBroke: directBroke()
        case .returned(let chunk): returned(chunk)
        case .deliveredThrough(let message): delivered(through: message)
        case .sourceEnded(let size): sourceEnded(size: size)
        case .want(let want, let openRangeFirst): wanted(want, openRangeFirst: openRangeFirst)
        case .probe: probe()
        case .ok(let root): ok(root: root)
        case .cancel(let reason): end(.cancelled(by: .me, reason: reason), telling: .cancelled, reason: reason)
        case .peerEnded(let code, let reason): peerEnded(code, reason: reason)
        case .failed(.queueGone): end(.failed(.queueGone, by: .peer), telling: nil, reason: "")
        case .failed(let failure): end(.failed(failure, by: .me), telling: .failed, reason: failure.told)
        }
    }
}
