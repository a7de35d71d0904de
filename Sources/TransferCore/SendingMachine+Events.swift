import ChatProtocol

/// The plan.
extension SendingMachine {
    /// Chunks that are not yet with the relay or peer.
    var undelivered: ChunkRanges {
        var chunks = toSend.union(reading)
        for chunk in underWay.keys { chunks.insert(chunk) }
        for chunk in direct.keys { chunks.insert(chunk) }
        return chunks
    }

    /// The chunk that the plan wants sent next: the lowest, or after a change of lane the lowest of the range that reaches
    /// the end.
    var nextWanted: UInt64? {
        if openRangeFirst, let last = toSend.ranges.last, last.upperBound >= plan.count ?? UInt64.max {
            return last.lowerBound
        }
        return toSend.first
    }

    mutating func issue(_ chunk: UInt64) -> Step {
        guard let place = plan.place(of: chunk) else { preconditionFailure("chunk \(chunk) is not in the plan") }
        issued = max(issued, chunk)
        return .read(place)
    }

    /// Whether everything that was owed is with the relay or peer.
    private var isDelivered: Bool {
        done == .delivered && toSend.isEmpty && reading.isEmpty && underWay.isEmpty && direct.isEmpty
    }

    private mutating func settle() -> [Action] {
        if state == .active, isDelivered {
            state = .sent
            bytesSinceStore = 0
            return [.store]
        }
        guard bytesSinceStore >= limits.storeInterval else { return [] }
        bytesSinceStore = 0
        return [.store]
    }
}

/// The events, one method each.
extension SendingMachine {
    mutating func accepted() -> [Action] {
        switch state {
        case .offered:
            state = .accepted
            return [.store]
        case .accepted, .active, .sent, .ended: return []
        }
    }

    mutating func connected() -> [Action] {
        switch state {
        case .accepted:
            state = .active
            return [.store]
        case .offered, .active, .sent, .ended: return []
        }
    }

    mutating func read(_ chunk: UInt64, hash: [UInt8]) -> [Action] {
        if case .ended = state { return [] }
        precondition(chunk <= chain.count + 1, "chunks are reported read in the order of next()")
        if chunk == chain.count + 1 { chain.append(hash) }
        return reading.contains(chunk) ? [.send(chunk)] : []
    }

    mutating func sent(_ item: Item, lastMessage: Int64) -> [Action] {
        if case .ended = state { return [] }
        switch item {
        case .chunk(let chunk):
            reading.remove(chunk)
            underWay[chunk] = lastMessage
            log.append(chunk: chunk, message: lastMessage)
        case .done:
            // A want may have come in between: then another one is owed.
            if done == .taken { done = .underWay(lastMessage: lastMessage) }
        }
        return []
    }

    mutating func sent(_ item: Item, frame: Int64) -> [Action] {
        if case .ended = state { return [] }
        switch item {
        case .chunk(let chunk):
            reading.remove(chunk)
            direct[chunk] = frame
        case .done:
            if done == .taken { done = .underWayDirectly(frame: frame) }
        }
        return []
    }

    mutating func directBroke() -> [Action] {
        if case .ended = state { return [] }
        for chunk in direct.keys { toSend.insert(chunk) }
        direct = [:]
        if case .underWayDirectly = done { done = .owed }
        return [.store]
    }

    mutating func returned(_ chunk: UInt64) -> [Action] {
        if case .ended = state { return [] }
        // What is not in the log is sent again when wanted: better twice than never.
        if let message = underWay.removeValue(forKey: chunk) { log.forget(from: message) }
        reading.remove(chunk)
        toSend.insert(chunk)
        return []
    }

    mutating func delivered(through message: Int64) -> [Action] {
        for (chunk, last) in underWay where last <= message {
            underWay[chunk] = nil
            count(chunk)
        }
        if case .underWay(let last) = done, last <= message { done = .delivered }
        return settle()
    }

    private mutating func count(_ chunk: UInt64) {
        bytesSinceStore += UInt64(plan.place(of: chunk)?.length ?? 0)
    }

    mutating func sourceEnded(size: UInt64) -> [Action] {
        if case .ended = state { return [] }
        guard plan.size == nil else { return [] }
        guard let fixed = try? ChunkPlan(size: size, chunkSize: plan.chunkSize), let count = fixed.count else {
            return handle(.failed(.source("the source is too large")))
        }
        guard count >= chain.count else { return handle(.failed(.source("the source has become shorter"))) }
        plan = fixed
        toSend = toSend.clipped(to: count)
        reading = reading.clipped(to: count)
        issued = min(issued, count)
        return [.store]
    }

    mutating func wanted(_ want: Want, openRangeFirst: Bool) -> [Action] {
        switch state {
        case .offered, .ended: return []
        case .accepted, .active, .sent: break
        }
        guard want.number > wantNumber else { return [] }
        wantNumber = want.number
        let wanted = want.ranges.clipped(to: plan.count ?? UInt64.max)
        let frames = want.frames ?? 0
        // Once x.file.done has come by the direct connection, nobody waits for what a relay may have lost.
        let isAtEnd = if case .underWayDirectly(let frame) = done { frame <= frames } else { false }
        var onItsWay = isAtEnd ? ChunkRanges() : log.chunks(above: want.seen)
        log.forget(upTo: want.seen)
        underWay = underWay.filter { onItsWay.contains($0.key) && wanted.contains($0.key) }
        // What the recipient does not want it has; what it had not taken when it wrote this still comes.
        direct = direct.filter { $0.value > frames && wanted.contains($0.key) }
        for chunk in direct.keys { onItsWay.insert(chunk) }
        reading = reading.intersection(wanted)
        toSend = wanted.subtracting(onItsWay).subtracting(reading)
        self.openRangeFirst = openRangeFirst
        // The probe: what is missing after it has come is lost. It also replaces one that was lost itself.
        if case .underWayDirectly(let frame) = done, frame > frames {} else { done = .owed }
        if state == .sent { state = .active }
        return [.store]
    }

    mutating func probe() -> [Action] {
        switch state {
        case .sent:
            done = .owed
            return [.store]
        case .active:
            // Handed out, and the lane could not take it.
            if done == .taken { done = .owed }
            return []
        case .offered, .accepted, .ended: return []
        }
    }

    mutating func ok(root: [UInt8]) -> [Action] {
        let differs = self.root.map { $0 != root } ?? false
        switch state {
        case .offered: return []
        case .accepted, .active, .sent:
            if differs { return handle(.failed(.wrongRoot)) }
        case .ended(.cancelled(by: .me, _)), .ended(.failed(_, by: .me)):
            // Our cancel crossed its x.file.ok: the file is there, and complete wins.
            if differs { return [] }
        case .ended(.complete), .ended(.declined), .ended(.cancelled(by: .peer, _)), .ended(.failed(_, by: .peer)):
            return []
        }
        leave(for: .complete)
        return [.store, .ended(.complete)]
    }

    mutating func peerEnded(_ code: EndCode, reason: String) -> [Action] {
        let ending: TransferEnding
        switch state {
        case .offered: ending = TransferEnding(peerCode: code, reason: reason, accepted: false)
        case .accepted, .active, .sent: ending = TransferEnding(peerCode: code, reason: reason, accepted: true)
        case .ended: return []
        }
        return end(ending, telling: nil, reason: reason)
    }

    mutating func end(_ ending: TransferEnding, telling code: EndCode?, reason: String) -> [Action] {
        if case .ended = state { return [] }
        leave(for: ending)
        guard let code else { return [.store, .ended(ending)] }
        return [.store, .cancel(code, reason: reason), .ended(ending)]
    }

    private mutating func leave(for ending: TransferEnding) {
        state = .ended(ending)
        toSend = ending == .complete ? ChunkRanges() : undelivered
        reading = ChunkRanges()
        underWay = [:]
        direct = [:]
        log = SentLog()
    }
}
