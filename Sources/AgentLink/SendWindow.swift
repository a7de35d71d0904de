import DequeModule

/// The messages of one connection on their way to its relay: submitted in order, many unanswered at a time.
///
/// A full queue (QUOTA) stops the pipeline: all answers are awaited, then only what was refused is repeated, same bytes,
/// same order. A lost relay connection makes everything unanswered wait again.
struct SendWindow: Sendable {
    /// At most this many SENDs are unanswered; 16 KiB each.
    static let limit = 128
    /// After full queues still this many.
    static let leastAllowed = 8
    /// The bodies of stored messages beyond this many stay in the database until their turn.
    static let bodiesInMemory = 256

    /// One encrypted message.
    struct Item: Sendable {
        /// The agent message number.
        let id: Int64
        /// The SEND body; nil if it is only in its row of `outbox`.
        let body: [UInt8]?
        /// Whether it is a row of `outbox`.
        let isStored: Bool
        /// Whether the SEND is authorized (the queue is secured).
        let isAuthorized: Bool
    }

    private enum Progress { case waiting, submitted, refused }
    private struct Entry {
        let item: Item
        var progress: Progress
    }

    private var entries: Deque<Entry> = []
    /// Everything before it has been submitted.
    private var cursor = 0
    /// SENDs without an answer.
    private(set) var outstanding = 0
    /// The peer's queue refused a message and has not been tried again.
    private(set) var isFull = false
    /// A full queue is being tried again with one message; the others wait for its answer.
    private(set) var isProbing = false
    /// SENDs that may be unanswered now. What goes out behind a refused one does so in vain: half as many after a full
    /// queue, one more each time that so many were taken.
    private(set) var allowed = SendWindow.limit
    private var takenSinceGrowth = 0
    /// Where a rate is to be kept: so many may wait here and be unanswered.
    var bound = SendWindow.limit
    /// The highest number ever appended.
    private(set) var lastID: Int64 = 0
    private var lastDelivered: Int64 = 0

    /// Messages that the relay has not taken.
    var count: Int { entries.count }
    /// Whether a sender that can wait should.
    var hasRoom: Bool { !isFull && !isProbing && entries.count < min(Self.limit, bound) }
    /// Whether all answers to a refused run are in, so that it may be repeated.
    var canRetry: Bool { isFull && outstanding == 0 }

    mutating func append(_ item: Item) {
        lastID = max(lastID, item.id)
        entries.append(Entry(item: item, progress: .waiting))
    }

    /// Whether there is a message to submit now.
    var hasNext: Bool { !isFull && outstanding < (isProbing ? 1 : min(allowed, bound)) && cursor < entries.count }

    /// The next message to submit now; it counts as submitted.
    mutating func next() -> Item? {
        guard hasNext else { return nil }
        entries[cursor].progress = .submitted
        outstanding += 1
        defer { cursor += 1 }
        return entries[cursor].item
    }

    /// The relay took message `id`.
    /// - Returns: the number up to which everything is with the relay, if that has grown.
    mutating func accepted(_ id: Int64) -> Int64? {
        guard let index = index(id) else { return nil }
        isProbing = false
        outstanding -= 1
        cursor -= 1
        entries.remove(at: index)
        takenSinceGrowth += 1
        if takenSinceGrowth >= allowed, allowed < Self.limit {
            allowed += 1
            takenSinceGrowth = 0
        }
        let delivered = entries.first.map { $0.item.id - 1 } ?? lastID
        guard delivered > lastDelivered else { return nil }
        lastDelivered = delivered
        return delivered
    }

    /// The relay refused message `id` because the queue is full.
    mutating func refused(_ id: Int64) {
        guard let index = index(id) else { return }
        outstanding -= 1
        entries[index].progress = .refused
        if !isFull, !isProbing {
            allowed = max(Self.leastAllowed, allowed / 2)
            takenSinceGrowth = 0
        }
        isFull = true
        isProbing = false
    }

    /// The relay will never take message `id`: it is dropped.
    mutating func rejected(_ id: Int64) {
        guard let index = index(id) else { return }
        outstanding -= 1
        cursor -= 1
        entries.remove(at: index)
    }

    /// The refused ones are to be submitted again, the first of them alone.
    mutating func retry() {
        guard canRetry else { return }
        isFull = false
        isProbing = true
        rewind()
    }

    /// No answer will come any more: everything is to be submitted again.
    mutating func disconnected() {
        outstanding = 0
        rewind()
    }

    private mutating func rewind() {
        for index in 0..<cursor { entries[index].progress = .waiting }
        cursor = 0
    }

    /// What no relay has taken and no row holds, in order, given up to be stored; the numbers stay in the window.
    var unstored: [Item] { entries.lazy.map(\.item).filter { !$0.isStored } }

    private func index(_ id: Int64) -> Int? {
        entries.prefix(cursor).firstIndex { $0.item.id == id && $0.progress == .submitted }
    }
}
