import Glibc

/// The undelivered messages of one queue: a file of slots that grows at its end and is given back at its start.
///
/// Messages are numbered; `head..<tail` are the ones there are. A message is in the file before `append` returns and a
/// head has moved before `drop` returns, so that a killed process loses and repeats nothing. There is no sync: a power
/// cut may cost the last seconds. What it tears is found by the slots' checks and left out.
final class Spool {
    /// Slots that are freed together, and that an empty file may keep for use again.
    static let slotsInBatch: UInt64 = 64

    /// The number of the oldest message.
    private(set) var head: UInt64 = 0
    /// The number that the next message gets.
    private(set) var tail: UInt64 = 0
    /// Whether the last message is a quota marker: nothing more is taken until all is drained.
    private(set) var endsWithMarker = false
    /// Whether the file has been looked at since the pool last had it closed.
    var wasUsed = false

    /// The number of messages.
    var count: Int { Int(tail - head) }
    var isEmpty: Bool { head == tail }

    private let path: String
    /// Owned by the store, which outlives its spools.
    private unowned let pool: DescriptorPool
    private var descriptor: Descriptor?
    /// The number of the first slot's message.
    private var base: UInt64 = 0
    /// Slots below this number have been given back.
    private var punched: UInt64 = 0

    /// Opens the file at `path` if there is one, and finds its messages.
    init(path: String, pool: DescriptorPool) throws(RelayError) {
        self.path = path
        self.pool = pool
        try load()
    }

    /// Closes the file; the next use opens it again. An empty one is removed.
    func close() {
        if isEmpty { return remove() }
        descriptor = nil
    }

    /// Removes the file with all that is in it. The numbers go on: a later first slot says where they begin.
    func remove() {
        descriptor = nil
        unlink(path)
        (base, head, punched, endsWithMarker) = (tail, tail, tail, false)
    }

    /// Writes `message` behind the last one; its number. On an error nothing has changed.
    @discardableResult
    func append(_ message: StoredMessage) throws(RelayError) -> UInt64 {
        precondition(message.body.count <= SpoolLayout.bodyLimit && message.id.count == QueueID.count)
        try open(creating: true)
        var header: [UInt8] = Array(repeating: 0, count: SpoolLayout.slotHeaderCount)
        header.withUnsafeMutableBytes { SpoolLayout.write(message, sequence: tail, to: $0) }
        let offset = SpoolLayout.offset(ofSlot: tail - base)
        do {
            try header.withUnsafeBytes { header in
                try message.body.withUnsafeBytes { try descriptor?.write(header, $0, at: offset) }
            }
        } catch let error as RelayError { throw error } catch { throw .spool(errno: EIO) }
        tail += 1
        endsWithMarker = message.kind == .quotaMarker
        return tail - 1
    }

    /// The message with this number; nil if the file has lost it.
    func read(_ sequence: UInt64) throws(RelayError) -> StoredMessage? {
        precondition(sequence >= head && sequence < tail)
        try open(creating: false)
        guard descriptor != nil else { return nil }
        var failure: RelayError?
        let slot = [UInt8](unsafeUninitializedCapacity: SpoolLayout.slotCount) { buffer, count in
            do throws(RelayError) {
                count = try readSlot(sequence, into: UnsafeMutableRawBufferPointer(buffer))
            } catch { failure = error }
        }
        if let failure { throw failure }
        return SpoolLayout.message(in: slot, sequence: sequence)
    }

    /// The limit tag of the message with this number; nil if the file has lost it.
    func tag(of sequence: UInt64) throws(RelayError) -> UInt64? {
        try open(creating: false)
        let header = try slotHeader(sequence)
        return header.withUnsafeBytes { bytes in
            SpoolLayout.sequence(ofSlot: bytes) == sequence ? SpoolLayout.tag(ofSlot: bytes) : nil
        }
    }

    /// Forgets the messages up to and with this number.
    func drop(through sequence: UInt64) throws(RelayError) {
        precondition(sequence >= head && sequence < tail)
        try open(creating: false)
        let newHead = sequence + 1
        let drained = newHead == tail
        // An emptied file starts again at its first slot once it has some length.
        let newBase = drained && newHead - base >= Self.slotsInBatch ? newHead : base
        try writeHeader(base: newBase, head: newHead)
        head = newHead
        if drained { endsWithMarker = false }
        if newBase != base {
            if newHead - base > Self.slotsInBatch * 4 { descriptor?.truncate(to: SpoolLayout.firstSlotOffset) }
            (base, punched) = (newBase, newBase)
        } else if head - punched >= Self.slotsInBatch {
            descriptor?.punch(SpoolLayout.offset(ofSlot: punched - base)..<SpoolLayout.offset(ofSlot: head - base))
            punched = head
        }
    }

    private func open(creating: Bool) throws(RelayError) {
        wasUsed = true
        if descriptor != nil { return }
        switch Descriptor.open(path, O_RDWR | (creating ? O_CREAT : 0)) {
        case .success(let raw):
            descriptor = Descriptor(owning: raw)
            pool.opened(self)
        case .failure(let failure):
            if failure.errno == ENOENT && !creating { return }
            throw .spool(errno: failure.errno)
        }
    }

    private func writeHeader(base: UInt64, head: UInt64) throws(RelayError) {
        var header: [UInt8] = Array(repeating: 0, count: SpoolLayout.fileHeaderCount)
        header.withUnsafeMutableBytes { SpoolLayout.write(base: base, head: head, to: $0) }
        do {
            try header.withUnsafeBytes {
                try descriptor?.write($0, UnsafeRawBufferPointer(start: nil, count: 0), at: 0)
            }
        } catch let error as RelayError { throw error } catch { throw .spool(errno: EIO) }
    }

    private func readSlot(_ sequence: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(RelayError) -> Int {
        try descriptor?.read(into: buffer, at: SpoolLayout.offset(ofSlot: sequence - base)) ?? 0
    }
}

// MARK: - Finding what a file holds

extension Spool {
    private func load() throws(RelayError) {
        try open(creating: false)
        guard descriptor != nil else { return }
        let size = try descriptor?.size() ?? 0
        try loadHeader()
        let bytesInSlots = max(0, size - SpoolLayout.firstSlotOffset)
        let end = base + UInt64((bytesInSlots + SpoolLayout.slotCount - 1) / SpoolLayout.slotCount)
        punched = base
        tail = head
        guard end > head else { return }
        tail = try endOfSlots(below: end)
        // The last slot may be torn: then that message was never confirmed to its sender.
        while tail > head {
            if let last = try read(tail - 1) {
                endsWithMarker = last.kind == .quotaMarker
                break
            }
            tail -= 1
        }
        // Nothing stale may stand behind the end, where a later message could make it look like its successor.
        descriptor?.truncate(to: SpoolLayout.offset(ofSlot: tail - base))
    }

    private func loadHeader() throws(RelayError) {
        var header: [UInt8] = Array(repeating: 0, count: SpoolLayout.fileHeaderCount)
        var failure: RelayError?
        header.withUnsafeMutableBytes { buffer in
            do throws(RelayError) {
                _ = try descriptor?.read(into: buffer, at: 0)
            } catch { failure = error }
        }
        if let failure { throw failure }
        // Without a header nothing has been dropped yet.
        (base, head) = header.withUnsafeBytes { SpoolLayout.header(from: $0) } ?? (0, 0)
        // A power cut may have kept an older header than the slots: the first slot knows better.
        if let first = try sequence(inSlot: base), first > base {
            base = first
            head = max(head, first)
        }
    }

    /// The number behind the last slot that belongs to this run: slots in order have numbers in order, older ones left
    /// from an earlier run have lower numbers.
    private func endOfSlots(below end: UInt64) throws(RelayError) -> UInt64 {
        var (low, high) = (head, end)
        while low < high {
            let middle = low + (high - low) / 2
            if try sequence(inSlot: middle) == middle { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func sequence(inSlot sequence: UInt64) throws(RelayError) -> UInt64? {
        try slotHeader(sequence).withUnsafeBytes { SpoolLayout.sequence(ofSlot: $0) }
    }

    private func slotHeader(_ sequence: UInt64) throws(RelayError) -> [UInt8] {
        var bytes: [UInt8] = Array(repeating: 0, count: SpoolLayout.slotHeaderCount)
        var failure: RelayError?
        bytes.withUnsafeMutableBytes { buffer in
            do throws(RelayError) { _ = try readSlot(sequence, into: buffer) } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }
}

/// Keeps the number of open spool files within bounds: the one that has not been used since the last look is closed.
final class DescriptorPool {
    private let limit: Int
    private var open: [ObjectIdentifier: Spool] = [:]
    private var order: [Spool] = []
    private var hand = 0

    /// At most `limit` files stay open.
    init(limit: Int) { self.limit = max(1, limit) }

    /// How many spools hold a place; some of them may be closed by themselves.
    var count: Int { order.count }

    /// Takes note that `spool` has opened its file.
    func opened(_ spool: Spool) {
        guard open.updateValue(spool, forKey: ObjectIdentifier(spool)) == nil else { return }
        guard order.count >= limit else { return order.append(spool) }
        // Second chance: pass by what was used, at most once around.
        while order[hand].wasUsed {
            order[hand].wasUsed = false
            hand = (hand + 1) % order.count
        }
        let victim = order[hand]
        open[ObjectIdentifier(victim)] = nil
        victim.close()
        order[hand] = spool
        hand = (hand + 1) % order.count
    }

    /// Forgets `spool`, whose queue is gone from memory.
    func forget(_ spool: Spool) {
        guard open.removeValue(forKey: ObjectIdentifier(spool)) != nil else { return }
        order.removeAll { $0 === spool }
        hand = order.isEmpty ? 0 : hand % order.count
    }
}
