import Glibc

/// The undelivered messages of one queue: a file of slots that is filled again from its start once there is room.
///
/// Messages are numbered; `head..<tail` are the ones there are. A message is in the file before `append` returns and a
/// head has moved before `drop` returns, so that a killed process loses and repeats nothing. There is no sync: a power
/// cut may cost the last seconds. What it tears is found by the slots' checks and left out.
///
/// Slots used again cost a copy; fresh ones cost the file system several times that.
final class Spool {
    /// A file of so many slots is filled again from its start as soon as half of it is free.
    static let slotsInLap: UInt64 = 256
    /// Slots of longer files that are given back together.
    static let slotsInBatch: UInt64 = 64

    /// The number of the oldest message.
    var head: UInt64 { header.head }
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
    private var header = SpoolLayout.Header()
    /// Slots before this one have been given back.
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
        header = SpoolLayout.Header(base: tail, head: tail)
        (punched, endsWithMarker) = (0, false)
    }

    /// Writes `message` behind the last one; its number. On an error nothing has changed.
    @discardableResult
    func append(_ message: StoredMessage) throws(RelayError) -> UInt64 {
        precondition(message.body.count <= SpoolLayout.bodyLimit && message.id.count == QueueID.count)
        try open(creating: true)
        try makeRoom()
        let offset = SpoolLayout.offset(ofSlot: slot(of: tail))
        var failure: RelayError?
        withUnsafeTemporaryAllocation(byteCount: SpoolLayout.slotHeaderCount, alignment: 8) { bytes in
            SpoolLayout.write(message, sequence: tail, to: bytes)
            message.body.withUnsafeBytes { body in
                do throws(RelayError) {
                    try descriptor?.write(UnsafeRawBufferPointer(bytes), body, at: offset)
                } catch { failure = error }
            }
        }
        if let failure { throw failure }
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
        let (length, base) = (slotsInUse, header.base)
        var next = header
        next.head = sequence + 1
        if next.head >= header.turn { (next.base, next.turn) = (header.turn, .max) }
        // An emptied file starts again at its first slot once it has some length.
        if next.head == tail, next.head - next.base >= Self.slotsInBatch { next.base = next.head }
        try write(next)
        if isEmpty { endsWithMarker = false }
        // Short files keep their slots to use them again.
        guard length > Self.slotsInLap * 2 else { return }
        if header.base != base {
            descriptor?.truncate(to: SpoolLayout.offset(ofSlot: slotsInUse))
            punched = 0
        } else if header.turn == .max, head - header.base - punched >= Self.slotsInBatch {
            let free = head - header.base
            descriptor?.punch(SpoolLayout.offset(ofSlot: punched)..<SpoolLayout.offset(ofSlot: free))
            punched = free
        }
    }

    // MARK: Places

    private func slot(of sequence: UInt64) -> UInt64 {
        sequence >= header.turn ? sequence - header.turn : sequence - header.base
    }

    /// Slots from the first one to the last that holds a message, or held one before the turn.
    private var slotsInUse: UInt64 { min(tail, header.turn) - header.base }

    /// Sees to it that the next message's slot is free: goes back to the first one, or, where the messages after the turn
    /// would run into those before it, puts them behind those.
    private func makeRoom() throws(RelayError) {
        let free = head - header.base
        if header.turn == .max {
            guard tail - header.base >= Self.slotsInLap, free >= max(Self.slotsInBatch, tail - head) else { return }
            var next = header
            next.turn = tail
            try write(next)
            punched = 0
        } else if tail - header.turn >= free {
            var slot = [UInt8](repeating: 0, count: SpoolLayout.slotCount)
            for sequence in header.turn..<tail {
                var failure: RelayError?
                slot.withUnsafeMutableBytes { buffer in
                    do throws(RelayError) {
                        let count = try readSlot(sequence, into: buffer)
                        try descriptor?.write(
                            UnsafeRawBufferPointer(rebasing: buffer[..<count]),
                            UnsafeRawBufferPointer(start: nil, count: 0),
                            at: SpoolLayout.offset(ofSlot: sequence - header.base))
                    } catch { failure = error }
                }
                if let failure { throw failure }
            }
            var next = header
            next.turn = .max
            try write(next)
            // The first slot's message stands elsewhere now: one that is found there later on means a turn.
            try overwriteFirstSlot()
        }
    }

    private func overwriteFirstSlot() throws(RelayError) {
        let nothing = [UInt8](repeating: 0, count: SpoolLayout.slotHeaderCount)
        var failure: RelayError?
        nothing.withUnsafeBytes { bytes in
            do throws(RelayError) {
                try descriptor?.write(
                    bytes, UnsafeRawBufferPointer(start: nil, count: 0), at: SpoolLayout.offset(ofSlot: 0))
            } catch { failure = error }
        }
        if let failure { throw failure }
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

    /// The header counts once it is in the file.
    private func write(_ next: SpoolLayout.Header) throws(RelayError) {
        var failure: RelayError?
        withUnsafeTemporaryAllocation(byteCount: SpoolLayout.fileHeaderCount, alignment: 8) { bytes in
            SpoolLayout.write(next, to: bytes)
            do throws(RelayError) {
                try descriptor?.write(
                    UnsafeRawBufferPointer(bytes), UnsafeRawBufferPointer(start: nil, count: 0), at: 0)
            } catch { failure = error }
        }
        if let failure { throw failure }
        header = next
    }

    private func readSlot(_ sequence: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(RelayError) -> Int {
        try descriptor?.read(into: buffer, at: SpoolLayout.offset(ofSlot: slot(of: sequence))) ?? 0
    }
}

// MARK: - Finding what a file holds

extension Spool {
    private func load() throws(RelayError) {
        try open(creating: false)
        guard descriptor != nil else { return }
        let bytesInSlots = max(0, (try descriptor?.size() ?? 0) - SpoolLayout.firstSlotOffset)
        let slots = UInt64((bytesInSlots + SpoolLayout.slotCount - 1) / SpoolLayout.slotCount)
        try loadHeader(slots)
        let hasTurned = header.turn != .max
        // Before a turn everything was written; after it there are no more than there were free slots.
        let start = hasTurned ? header.turn : head
        let end = hasTurned ? header.turn + head - header.base : header.base + slots
        tail = start
        guard end > start else { return }
        tail = try endOfSlots(from: start, below: end)
        // The last slot may be torn: then that message was never confirmed to its sender.
        while tail > start {
            if let last = try read(tail - 1) {
                endsWithMarker = last.kind == .quotaMarker
                break
            }
            tail -= 1
        }
        // Nothing stale may stand behind the end, where a later message could make it look like its successor.
        if hasTurned {
            for stale in tail..<end {
                guard try sequence(inSlot: stale) == stale else { continue }
                let slot = stale - header.turn
                descriptor?.punch(SpoolLayout.offset(ofSlot: slot)..<SpoolLayout.offset(ofSlot: slot + 1))
            }
        } else {
            descriptor?.truncate(to: SpoolLayout.offset(ofSlot: tail - header.base))
        }
    }

    private func loadHeader(_ slots: UInt64) throws(RelayError) {
        var bytes: [UInt8] = Array(repeating: 0, count: SpoolLayout.fileHeaderCount)
        var failure: RelayError?
        bytes.withUnsafeMutableBytes { buffer in
            do throws(RelayError) {
                _ = try descriptor?.read(into: buffer, at: 0)
            } catch { failure = error }
        }
        if let failure { throw failure }
        // Without a header nothing has been dropped yet.
        header = bytes.withUnsafeBytes { SpoolLayout.header(from: $0) } ?? SpoolLayout.Header()
        // A power cut may have kept an older header than the slots: the first slot knows better.
        let known = header
        header.turn = .max
        guard let first = try sequence(inSlot: header.base), first > header.base, first != known.turn else {
            header = known
            return
        }
        if first - header.base <= slots, try sequence(inSlot: first - 1) == first - 1 {
            // It has turned since: what stands before the turn is there from the first slot on that was not used again.
            header.turn = first
            header.head = max(header.head, header.base)
            while header.head < first, try sequence(inSlot: header.head) != header.head { header.head += 1 }
        } else {
            header = SpoolLayout.Header(base: first, head: max(known.head, first))
        }
    }

    /// The number behind the last slot that belongs to this run: slots in order have numbers in order, older ones left
    /// from an earlier run have lower numbers.
    private func endOfSlots(from start: UInt64, below end: UInt64) throws(RelayError) -> UInt64 {
        var (low, high) = (start, end)
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
