import ChatProtocol

/// Acceptance and ending.
extension ReceivingMachine {
    mutating func accepted() -> [Action] {
        switch state {
        case .offered:
            state = .accepted
            return [.store]
        case .accepted, .active, .finishing, .ended: return []
        }
    }

    mutating func connected() -> [Action] {
        switch state {
        case .accepted:
            state = .active
            return [.store] + evaluate()
        case .offered, .active, .finishing, .ended: return []
        }
    }

    mutating func finished() -> [Action] {
        switch state {
        case .active, .finishing:
            // It was stored before `finish`; a row without it cannot confirm anything.
            guard let done else { return fail(.other("x.file.done was not stored")) }
            end(.complete)
            return [.store, .ok(root: done.root), .ended(.complete)]
        case .offered, .accepted, .ended: return []
        }
    }

    mutating func finishPaused() -> [Action] {
        switch state {
        case .finishing:
            state = .active
            return []
        case .offered, .accepted, .active, .ended: return []
        }
    }

    /// Declining after acceptance acts as cancel.
    mutating func decline(reason: String) -> [Action] {
        switch state {
        case .offered:
            let ending = TransferEnding.declined(by: .me, reason: reason)
            end(ending)
            return [.store, .cancel(.declined, reason: reason), .ended(ending)]
        case .accepted, .active, .finishing, .ended: return cancel(reason: reason)
        }
    }

    mutating func cancel(reason: String) -> [Action] {
        switch state {
        case .offered, .accepted, .active:
            let ending = TransferEnding.cancelled(by: .me, reason: reason)
            end(ending)
            return [.store, .cancel(.cancelled, reason: reason), .ended(ending)]
        case .finishing, .ended: return []
        }
    }

    mutating func peerEnded(_ code: EndCode, reason: String) -> [Action] {
        switch state {
        case .offered, .accepted, .active:
            // Only a recipient declines: from the sender the word means cancelled.
            let ending = TransferEnding(peerCode: code, reason: reason, accepted: true)
            end(ending)
            return [.store, .ended(ending)]
        case .finishing: return []
        case .ended: return noticed()
        }
    }

    mutating func fail(_ failure: TransferFailure) -> [Action] {
        switch state {
        case .offered, .accepted, .active, .finishing:
            let ending = TransferEnding.failed(failure, by: failure == .queueGone ? .peer : .me)
            end(ending)
            if failure == .queueGone { return [.store, .ended(ending)] }
            return [.store, .cancel(.failed, reason: failure.told), .ended(ending)]
        case .ended: return []
        }
    }

    private mutating func end(_ ending: TransferEnding) {
        state = .ended(ending)
        writing = [:]
        damaged = [:]
        causes = []
        syncing = nil
        syncAgain = false
    }
}

/// Chunks.
extension ReceivingMachine {
    mutating func arrived(_ number: UInt64, length: Int, hash: [UInt8], _ lane: Lane, _ seen: Int64?) -> [Action] {
        if lane == .relay {
            drainedAt = nil
            passed = seen
        }
        var actions: [Action] = []
        switch state {
        case .offered, .finishing: return []
        case .ended: return noticed()
        case .accepted:
            state = .active
            actions = [.store]
        case .active: break
        }
        guard number >= 1, let place = plan.place(of: number) else {
            return fail(.violation("chunk \(number) is not in the file"))
        }
        guard needs(number) else { return actions }
        guard hash.count == RootChain.hashLength, length == place.length || isPossible(length, asLast: number) else {
            return actions + damaged(number)
        }
        guard hasRoom(for: number) else {
            causes.insert(.overflow)
            return actions
        }
        if plan.size == nil, length < plan.chunkSize { shortChunk = (number, length) }
        writing[number] = hash
        return actions + [.write(ChunkPlace(number: number, offset: place.offset, length: length), hash: hash)]
    }

    /// While the size is unknown, one chunk may be shorter: the last.
    private func isPossible(_ length: Int, asLast number: UInt64) -> Bool {
        guard plan.size == nil, (1..<plan.chunkSize).contains(length) else { return false }
        return shortChunk == nil || shortChunk?.number == number
    }

    /// Hashes beyond a gap are bounded; what comes close behind the prefix is always taken.
    private func hasRoom(for number: UInt64) -> Bool {
        number - progress.prefix <= Self.closeChunks || progress.held.count + writing.count < limits.heldChunks
    }

    /// The chunks behind the prefix that are taken whatever is held.
    private static let closeChunks: UInt64 = 16

    mutating func written(_ number: UInt64) -> [Action] {
        guard let hash = writing.removeValue(forKey: number) else { return [] }
        progress.insert(number, hash: hash)
        damaged[number] = nil
        let length = UInt64(plan.place(of: number)?.length ?? 0)
        bytesSinceStore += length
        bytesSinceSync += length
        var actions: [Action] = []
        if bytesSinceSync >= limits.syncInterval, syncing == nil { actions.append(beginSync()) }
        if bytesSinceStore >= limits.storeInterval {
            bytesSinceStore = 0
            actions.append(.store)
        }
        return actions + evaluate()
    }

    mutating func damaged(_ number: UInt64) -> [Action] {
        writing[number] = nil
        switch state {
        case .active: break
        case .offered, .accepted, .finishing, .ended: return []
        }
        if shortChunk?.number == number { shortChunk = nil }
        damaged[number, default: 0] += 1
        if Int(damaged[number, default: 0]) >= TransferFailure.damagedChunkLimit { return fail(.damagedChunk(number)) }
        if damaged.count > limits.damagedChunks { return fail(.manyDamagedChunks(limits.damagedChunks)) }
        causes.insert(.damaged)
        return [.store] + evaluate()
    }

    mutating func dropped(_ number: UInt64) -> [Action] {
        guard writing.removeValue(forKey: number) != nil else { return [] }
        if shortChunk?.number == number { shortChunk = nil }
        causes.insert(.lostState)
        return evaluate()
    }

    mutating func missing(_ cause: Causes) -> [Action] {
        drainedAt = nil
        switch state {
        case .accepted, .active:
            causes.insert(cause)
            return []
        case .offered, .finishing: return []
        case .ended: return noticed()
        }
    }

    mutating func drained(seen: Int64) -> [Action] {
        drainedAt = seen
        switch state {
        case .active: return evaluate()
        case .offered, .accepted, .finishing: return []
        case .ended(.complete):
            guard okOwed, let done else { return [] }
            okOwed = false
            return [.ok(root: done.root)]
        case .ended(.declined), .ended(.cancelled), .ended(.failed): return []
        }
    }

    /// The relay's queue is what it was: if it is empty the want goes out now.
    mutating func directBroke() -> [Action] {
        switch state {
        case .accepted, .active:
            causes.insert(.directBroke)
            return evaluate()
        case .offered, .finishing, .ended: return []
        }
    }

    mutating func acknowledge(seen: Int64) -> [Action] {
        switch state {
        case .active:
            let want = Want(number: (lastWant?.number ?? 0) + 1, seen: seen, ranges: missingRanges)
            // A want that has a cause says more than this one, though it says the same.
            lastWant = Want(number: want.number, seen: 0, ranges: want.ranges)
            return [.store, .want(want)]
        case .offered, .accepted, .finishing, .ended: return []
        }
    }

    /// Something came for a transfer that is over. A complete one answers by x.file.ok, once the queue is drained.
    mutating func noticed() -> [Action] {
        drainedAt = nil
        okOwed = state == .ended(.complete)
        return []
    }

    mutating func done(_ mark: DoneMark, _ lane: Lane) -> [Action] {
        if lane == .relay { drainedAt = nil }
        var actions: [Action] = [.store]
        switch state {
        case .offered, .finishing: return []
        case .ended: return noticed()
        case .accepted: state = .active
        case .active: break
        }
        if let done, done != mark { return fail(.violation("x.file.done came twice and differs")) }
        guard let fixed = try? ChunkPlan(size: mark.size, chunkSize: plan.chunkSize), fixed.count == mark.count,
            plan.size == nil || plan.size == mark.size, mark.root.count == RootChain.hashLength
        else { return fail(.violation("x.file.done does not fit the offer")) }
        if plan.size == nil {
            guard fits(fixed) else { return fail(.violation("x.file.done does not fit the chunks")) }
            plan = fixed
            shortChunk = nil
        }
        done = mark
        if !isWhole { causes.insert(lane == .direct ? .directDone : .done) }
        actions += evaluate()
        return actions
    }

    /// Whether the chunks that came belong to a file of this plan.
    private func fits(_ fixed: ChunkPlan) -> Bool {
        let count = fixed.count ?? 0
        let highest = max(progress.highest, writing.keys.max() ?? 0)
        guard highest <= count else { return false }
        if let shortChunk { return fixed.place(of: shortChunk.number)?.length == shortChunk.length }
        return highest < count || count == 0 || fixed.place(of: count)?.length == plan.chunkSize
    }

    /// Whether every chunk is in place or being written.
    private var isWhole: Bool {
        guard let count = plan.count else { return false }
        return UInt64(progress.held.count + writing.count) + progress.prefix >= count
    }
}

/// Syncing.
extension ReceivingMachine {
    private mutating func beginSync() -> Action {
        syncing = progress
        bytesSinceSync = 0
        return .sync
    }

    mutating func syncEnded() -> [Action] {
        guard let snapshot = syncing else { return [] }
        synced = snapshot
        syncing = nil
        guard syncAgain else { return [.store] }
        syncAgain = false
        return [beginSync(), .store]
    }

    mutating func leaving() -> [Action] {
        switch state {
        case .active: break
        case .offered, .accepted, .finishing, .ended: return []
        }
        if syncing != nil {
            // What was written since that one began is not in it.
            syncAgain = syncing != progress
            return []
        }
        return synced == progress ? [] : [beginSync()]
    }
}

/// What is missing.
extension ReceivingMachine {
    /// Finishes, fails or wants, if it is time for that.
    mutating func evaluate() -> [Action] {
        guard state == .active, writing.isEmpty else { return [] }
        if let done, progress.prefix == done.count {
            guard progress.chain.value == done.root else { return fail(.wrongRoot) }
            state = .finishing
            return [.store, .finish(done)]
        }
        guard !causes.isEmpty, let seen = drainedAt ?? seenBeyondGap else { return [] }
        let ranges = missingRanges
        // Causes that make the same words say more: what came damaged twice by the direct lane is wanted twice, x.file.done
        // there ends the waiting for a relay, and the last want may have gone with a direct connection.
        let repeats = !causes.isDisjoint(with: [.damaged, .directDone, .directBroke])
        causes = []
        if !repeats, let lastWant, lastWant.seen == seen, lastWant.ranges == ranges { return [.store] }
        let want = Want(number: (lastWant?.number ?? 0) + 1, seen: seen, ranges: ranges)
        lastWant = want
        return [.store, .want(want)]
    }

    /// A sender as fast as its recipient never lets the queue run empty, and what is kept beyond a gap is bounded: so many
    /// chunks behind it are proof enough. What the sender has sent above this number it does not send again.
    private var seenBeyondGap: Int64? {
        guard progress.held.count >= limits.lossProof, !causes.isDisjoint(with: [.lostState, .gap]) else { return nil }
        return passed
    }

    /// The chunks that are missing, as x.file.want names them: everything behind the highest one as one open range.
    var missingRanges: ChunkRanges {
        let highest = progress.highest
        var missing = ChunkRanges()
        if highest > 0 { missing.insert(1...highest) }
        missing = missing.subtracting(progress.chunks)
        if missing.isEmpty || highest < plan.count ?? UInt64.max { missing.insert((highest + 1)...UInt64.max) }
        return missing.coalesced(to: Want.mostRanges)
    }
}
