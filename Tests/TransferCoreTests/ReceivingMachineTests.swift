import ChatProtocol
import Testing
import TransferCore

@Suite struct ReceivingMachineTests {
    private typealias Machine = ReceivingMachine

    private func offered(_ chunks: UInt64, limits: TransferLimits = TransferLimits()) throws -> ReceivingMachine {
        ReceivingMachine(plan: try ChunkPlan(size: chunks * 16_384, chunkSize: 16_384), limits: limits)
    }

    private func active(_ chunks: UInt64, limits: TransferLimits = TransferLimits()) throws -> ReceivingMachine {
        var machine = try offered(chunks, limits: limits)
        #expect(machine.handle(.accepted) == [.store])
        #expect(machine.handle(.connected) == [.store])
        return machine
    }

    private func mark(_ chunks: UInt64) -> DoneMark {
        DoneMark(count: chunks, size: chunks * 16_384, root: root(chunks))
    }

    /// Chunk `number` comes and is written; the actions of both.
    @discardableResult
    private func take(_ number: UInt64, _ machine: inout ReceivingMachine) -> [ReceivingMachine.Action] {
        let arrival = machine.handle(.chunk(number, length: 16_384, hash: hash(number)))
        guard case .write? = arrival.last else { return arrival }
        return machine.handle(.written(number))
    }

    private func wants(_ actions: [ReceivingMachine.Action]) -> [Want] {
        actions.compactMap { if case .want(let want) = $0 { want } else { nil } }
    }

    @Test func theWholeWay() throws {
        var machine = try active(3)
        let place = try #require(machine.plan.place(of: 1))
        #expect(machine.handle(.chunk(1, length: 16_384, hash: hash(1))) == [.write(place, hash: hash(1))])
        #expect(machine.chunksBeingWritten == 1)
        #expect(!machine.needs(1) && machine.needs(2))
        #expect(machine.handle(.chunk(1, length: 16_384, hash: hash(1))) == [], "being written already")
        #expect(machine.handle(.written(1)) == [])
        #expect(machine.handle(.chunk(1, length: 16_384, hash: hash(1))) == [], "written already")
        take(3, &machine)
        take(2, &machine)
        #expect(machine.bytesWritten == 3 * 16_384)
        #expect(machine.handle(.drained(seen: 30)) == [], "no want without a cause")
        #expect(machine.handle(.done(mark(3))) == [.store, .finish(mark(3))])
        #expect(machine.state == .finishing)
        #expect(machine.handle(.cancel(reason: "late")) == [])
        #expect(machine.handle(.peerEnded(.cancelled, reason: "late")) == [])
        #expect(machine.handle(.finished) == [.store, .ok(root: root(3)), .ended(.complete)])
        // A complete recipient answers any later message, once the queue is empty.
        #expect(machine.handle(.drained(seen: 41)) == [])
        #expect(machine.handle(.chunk(2, length: 16_384, hash: hash(2))) == [])
        #expect(machine.handle(.peerEnded(.cancelled, reason: "late")) == [])
        #expect(machine.handle(.drained(seen: 50)) == [.ok(root: root(3))])
        #expect(machine.handle(.drained(seen: 50)) == [])
    }

    @Test func doneMayOvertakeChunks() throws {
        var machine = try active(2)
        take(1, &machine)
        #expect(machine.handle(.done(mark(2))) == [.store])
        #expect(take(2, &machine) == [.store, .finish(mark(2))])
    }

    @Test func anEmptyFile() throws {
        var machine = try active(0)
        #expect(machine.handle(.done(mark(0))) == [.store, .finish(mark(0))])
    }

    @Test("every state takes every event: state afterwards, actions")
    func table() throws {
        let cancelled = TransferEnding.cancelled(by: .me, reason: "no")
        let byPeer = TransferEnding.cancelled(by: .peer, reason: "no")
        let full = TransferEnding.failed(.destination("full"), by: .me)
        typealias Outcome = (Machine.State?, [Machine.Action])
        let same: Outcome = (nil, [])
        let stop: Outcome = (.ended(cancelled), [.store, .cancel(.cancelled, reason: "no"), .ended(cancelled)])
        let peer: Outcome = (.ended(byPeer), [.store, .ended(byPeer)])
        let fail: Outcome = (
            .ended(full), [.store, .cancel(.failed, reason: TransferFailure.destination("").told), .ended(full)]
        )
        let declined = TransferEnding.declined(by: .me, reason: "no")
        let decline: Outcome = (.ended(declined), [.store, .cancel(.declined, reason: "no"), .ended(declined)])
        let complete: Outcome = (.ended(.complete), [.store, .ok(root: root(2)), .ended(.complete)])
        let first = Machine.Action.write(try #require(try offered(2).plan.place(of: 1)), hash: hash(1))
        // Columns: offered, accepted, active, finishing, ended complete, ended cancelled. nil: unchanged.
        let rows: [(event: Machine.Event, outcomes: [Outcome])] = [
            (.accepted, [(.accepted, [.store]), same, same, same, same, same]),
            (.connected, [same, (.active, [.store]), same, same, same, same]),
            (.resumed, Array(repeating: (nil, [.store]), count: 6)),
            (
                .chunk(1, length: 16_384, hash: hash(1)),
                [same, (.active, [.store, first]), (nil, [first]), same, same, same]
            ),
            (.written(1), [same, same, same, same, same, same]),
            (.dropped(1), [same, same, same, same, same, same]),
            (.gap, [same, same, same, same, same, same]),
            (.directBroke, [same, same, same, same, same, same]),
            (
                .acknowledge(seen: 9),
                [
                    same, same,
                    (nil, [.store, .want(Want(number: 1, seen: 9, ranges: ranges(1...UInt64.max)))]), same, same, same,
                ]
            ),
            (.drained(seen: 9), [same, same, same, same, same, same]),
            (.synced, [same, same, same, same, same, same]),
            (.leaving, [same, same, same, same, same, same]),
            (.done(mark(2)), [same, (.active, [.store]), (nil, [.store]), same, same, same]),
            (.finished, [same, same, same, complete, same, same]),
            (.finishPaused, [same, same, same, (.active, []), same, same]),
            (.decline(reason: "no"), [decline, stop, stop, same, same, same]),
            (.cancel(reason: "no"), [stop, stop, stop, same, same, same]),
            (.peerEnded(.cancelled, reason: "no"), [peer, peer, peer, same, same, same]),
            (.peerEnded(.declined, reason: "no"), [peer, peer, peer, same, same, same]),
            (.failed(.destination("full")), [fail, fail, fail, fail, same, same]),
        ]
        let columns = try columns()
        for row in rows {
            for (index, outcome) in row.outcomes.enumerated() {
                // `finished` while active is the start that finds the final name; it needs x.file.done.
                if index == 2, row.event == .finished { continue }
                var machine = columns[index]
                let before = machine.state
                let actions = machine.handle(row.event)
                #expect(actions == outcome.1, "\(row.event) in \(before)")
                #expect(machine.state == outcome.0 ?? before, "\(row.event) in \(before)")
            }
        }
    }

    private func columns() throws -> [ReceivingMachine] {
        var accepted = try offered(2)
        _ = accepted.handle(.accepted)
        var finishing = try active(2)
        take(1, &finishing)
        take(2, &finishing)
        _ = finishing.handle(.done(mark(2)))
        var complete = finishing
        _ = complete.handle(.finished)
        var cancelled = try active(2)
        _ = cancelled.handle(.cancel(reason: "no"))
        return [try offered(2), accepted, try active(2), finishing, complete, cancelled]
    }

    @Test("want: only with a cause, drained, nothing being written, and different from the last")
    func want() throws {
        var machine = try active(90)
        for chunk in 1...79 as ClosedRange<UInt64> where chunk != 17 && !(40...63).contains(chunk) {
            take(chunk, &machine)
        }
        #expect(machine.handle(.drained(seen: 100)) == [])
        #expect(machine.handle(.gap) == [])
        #expect(machine.causes == .gap)
        _ = machine.handle(.chunk(80, length: 16_384, hash: hash(80)))
        #expect(machine.handle(.drained(seen: 101)) == [], "chunk 80 is being written")
        let first = Want(number: 1, seen: 101, ranges: ranges(17...17, 40...63, 81...UInt64.max))
        #expect(machine.handle(.written(80)) == [.store, .want(first)])
        #expect(machine.handle(.drained(seen: 101)) == [])
        // The same again is not sent; with another `seen` it is.
        _ = machine.handle(.gap)
        #expect(machine.handle(.drained(seen: 101)) == [.store])
        _ = machine.handle(.gap)
        let second = Want(number: 2, seen: 110, ranges: first.ranges)
        #expect(machine.handle(.drained(seen: 110)) == [.store, .want(second)])
    }

    @Test func aGapBehindWhichMuchCameIsWantedThoughTheQueueIsNeverEmpty() throws {
        var limits = TransferLimits()
        limits.lossProof = 3
        var machine = try active(90, limits: limits)
        func arrives(_ number: UInt64) -> [ReceivingMachine.Action] {
            _ = machine.handle(.chunk(number, length: 16_384, hash: hash(number), seen: Int64(100 + number)))
            return machine.handle(.written(number))
        }
        for number in 3...6 as ClosedRange<UInt64> { #expect(arrives(number) == [], "no want without a cause") }
        _ = machine.handle(.gap)
        let want = Want(number: 1, seen: 107, ranges: ranges(1...2, 8...UInt64.max))
        #expect(arrives(7) == [.store, .want(want)])
        #expect(arrives(8) == [], "once for one cause")
        // What found no room beyond the gap would be wanted with each chunk: that waits for an empty queue.
        limits.heldChunks = 4
        machine = try active(90, limits: limits)
        for number in 3...30 as ClosedRange<UInt64> { #expect(wants(arrives(number)) == []) }
        #expect(machine.causes == .overflow)
    }

    @Test func nothingMissingIsWantedBehindTheEnd() throws {
        var machine = try active(2)
        _ = machine.handle(.gap)
        take(1, &machine)
        take(2, &machine)
        #expect(wants(machine.handle(.drained(seen: 7))).first?.ranges == ranges(3...UInt64.max))
    }

    @Test func theProbeMakesWhatIsMissingLost() throws {
        var machine = try active(4)
        take(1, &machine)
        take(3, &machine)
        #expect(machine.handle(.done(mark(4))) == [.store])
        #expect(
            wants(machine.handle(.drained(seen: 20))) == [
                Want(number: 1, seen: 20, ranges: ranges(2...2, 4...UInt64.max))
            ])
        #expect(machine.handle(.done(mark(4))) == [.store])
        #expect(wants(machine.handle(.drained(seen: 21))).map(\.number) == [2])
    }

    @Test func atMost64Ranges() throws {
        var machine = try active(1000)
        for chunk in 1...400 as ClosedRange<UInt64> where chunk % 3 == 0 { take(chunk, &machine) }
        _ = machine.handle(.gap)
        let want = try #require(wants(machine.handle(.drained(seen: 9))).first)
        #expect(want.ranges.ranges.count == Want.mostRanges)
        for chunk in 1...1000 as ClosedRange<UInt64> where chunk > 400 || chunk % 3 != 0 {
            #expect(want.ranges.contains(chunk))
        }
    }

    @Test("damaged: wanted again, the third time the transfer fails by chunk number")
    func damaged() throws {
        var machine = try active(2)
        for time in 1...2 {
            _ = machine.handle(.chunk(1, length: 16_384, hash: hash(9)))
            #expect(machine.handle(.damaged(1)) == [.store])
            #expect(wants(machine.handle(.drained(seen: Int64(time)))).map(\.number) == [UInt64(time)])
            // The count survives a crash.
            machine = try ReceivingMachine(
                plan: machine.plan, checkpoint: machine.checkpoint(orderly: true), sameBoot: true)
        }
        let failure = TransferFailure.damagedChunk(1)
        let ending = TransferEnding.failed(failure, by: .me)
        // A length that does not fit is damage too.
        #expect(
            machine.handle(.chunk(1, length: 16_000, hash: hash(1)))
                == [.store, .cancel(.failed, reason: failure.description), .ended(ending)])
        #expect(failure.isIntegrity)
    }

    @Test func onTheDirectLaneADamagedChunkIsWantedAgainThoughNothingElseChanged() throws {
        var machine = try active(1)
        _ = machine.handle(.drained(seen: 5))
        for number in 1...2 as ClosedRange<UInt64> {
            _ = machine.handle(.chunk(1, length: 16_384, hash: hash(9), lane: .direct))
            #expect(wants(machine.handle(.damaged(1))).map(\.number) == [number])
        }
    }

    @Test("an acknowledgement that says the same does not keep the want that follows x.file.done")
    func wantAfterAcknowledgement() throws {
        var machine = try active(3)
        _ = machine.handle(.drained(seen: 5))
        take(1, &machine)
        take(3, &machine)
        let ranges = ranges(2...2)
        let acknowledged = machine.handle(.acknowledge(seen: 5))
        #expect(wants(acknowledged) == [Want(number: 1, seen: 5, ranges: ranges)])
        _ = machine.handle(.drained(seen: 5))
        let missing = machine.handle(.done(mark(3), lane: .direct))
        #expect(wants(missing) == [Want(number: 2, seen: 5, ranges: ranges)])
        // The connection that took it may be gone.
        #expect(wants(machine.handle(.directBroke)) == [Want(number: 3, seen: 5, ranges: ranges)])
    }

    @Test func whatIsBeingWrittenIsNotAcknowledged() throws {
        var machine = try active(3)
        _ = machine.handle(.chunk(1, length: 16_384, hash: hash(1), lane: .direct))
        #expect(wants(machine.handle(.acknowledge(seen: 5))).first?.ranges == ranges(1...UInt64.max))
    }

    @Test("a chunk behind the largest file is a violation, whatever the size")
    func chunkBeyondEveryFile() throws {
        for size in [nil, 100_000] as [UInt64?] {
            let plan = try ChunkPlan(size: size, chunkSize: 16_384)
            for number in [(1 << 49) + 1, UInt64.max] as [UInt64] {
                var machine = ReceivingMachine(plan: plan)
                _ = machine.handle(.accepted)
                _ = machine.handle(.connected)
                _ = machine.handle(.chunk(number, length: 16_384, hash: hash(1)))
                #expect(machine.state == .ended(.failed(.violation("chunk \(number) is not in the file"), by: .me)))
            }
        }
    }

    @Test func theLastChunkOfTheLongestStreamEndsWhereAFileMustEnd() throws {
        var machine = ReceivingMachine(plan: try ChunkPlan(size: nil, chunkSize: 16_384))
        _ = machine.handle(.accepted)
        _ = machine.handle(.connected)
        #expect(machine.handle(.chunk(1 << 49, length: 16_384, hash: hash(1))) == [.store], "a byte too long: damaged")
        let actions = machine.handle(.chunk(1 << 49, length: 16_383, hash: hash(1)))
        guard case .write(let place, _)? = actions.last else {
            Issue.record("it is to be written")
            return
        }
        #expect(place.offset + UInt64(place.length) == UInt64(Int64.max))
    }

    @Test func tooManyDamagedChunks() throws {
        var limits = TransferLimits()
        limits.damagedChunks = 3
        var machine = try active(9, limits: limits)
        for chunk in 1...3 as ClosedRange<UInt64> {
            #expect(machine.handle(.chunk(chunk, length: 1, hash: [])) == [.store])
        }
        _ = machine.handle(.chunk(4, length: 1, hash: []))
        #expect(machine.state == .ended(.failed(.manyDamagedChunks(3), by: .me)))
    }

    @Test func wrongRootAndForeignMarks() throws {
        let wrong = DoneMark(count: 2, size: 32_768, root: root(1))
        var machine = try active(2)
        take(1, &machine)
        take(2, &machine)
        _ = machine.handle(.done(wrong))
        #expect(machine.state == .ended(.failed(.wrongRoot, by: .me)))
        for mark in [
            DoneMark(count: 3, size: 32_768, root: root(2)), DoneMark(count: 2, size: 32_767, root: root(2)),
            DoneMark(count: 2, size: 32_768, root: []), DoneMark(count: 0, size: UInt64.max, root: root(2)),
        ] {
            var machine = try active(2)
            _ = machine.handle(.done(mark))
            #expect(machine.state == .ended(.failed(.violation("x.file.done does not fit the offer"), by: .me)))
        }
        var twice = try active(2)
        _ = twice.handle(.done(mark(2)))
        _ = twice.handle(.done(wrong))
        #expect(twice.state == .ended(.failed(.violation("x.file.done came twice and differs"), by: .me)))
        for number in [0, 3, UInt64.max] {
            var machine = try active(2)
            _ = machine.handle(.chunk(number, length: 16_384, hash: hash(1)))
            #expect(machine.state == .ended(.failed(.violation("chunk \(number) is not in the file"), by: .me)))
        }
    }

    @Test("what exceeds the bound beyond a gap is dropped and wanted again")
    func overflow() throws {
        var limits = TransferLimits()
        limits.heldChunks = 4
        var machine = try active(100, limits: limits)
        for chunk in 50...60 as ClosedRange<UInt64> { take(chunk, &machine) }
        #expect(machine.causes == .overflow)
        #expect(machine.bytesWritten == 4 * 16_384)
        #expect(wants(machine.handle(.drained(seen: 3))).first?.ranges == ranges(1...49, 54...UInt64.max))
        take(1, &machine)
        take(2, &machine)
        #expect(machine.bytesWritten == 6 * 16_384, "what comes close behind the prefix is always taken")
    }

    @Test("a crash: the same boot goes on from what was written, another from what was synced")
    func crash() throws {
        var limits = TransferLimits()
        limits.syncInterval = 4 * 16_384
        limits.storeInterval = 2 * 16_384
        var machine = try active(20, limits: limits)
        #expect(take(1, &machine) == [])
        #expect(take(2, &machine) == [.store])
        #expect(take(3, &machine) == [])
        #expect(take(4, &machine) == [.sync, .store])
        #expect(take(5, &machine) == [])
        #expect(machine.handle(.synced) == [.store])
        take(6, &machine)
        take(8, &machine)
        let row = machine.checkpoint()
        var same = try ReceivingMachine(plan: machine.plan, checkpoint: row, sameBoot: true)
        #expect(same.causes == .lostState)
        #expect(same.handle(.resumed) == [.store])
        #expect(wants(same.handle(.drained(seen: 70))).first?.ranges == ranges(7...7, 9...UInt64.max))
        var other = try ReceivingMachine(plan: machine.plan, checkpoint: row, sameBoot: false)
        #expect(other.handle(.resumed) == [.store])
        #expect(wants(other.handle(.drained(seen: 70))).first?.ranges == ranges(5...UInt64.max))
    }

    @Test("an orderly exit loses nothing, in another boot too if the last sync is done")
    func orderlyExit() throws {
        var machine = try active(20)
        for chunk in [1, 2, 4] as [UInt64] { take(chunk, &machine) }
        let early = machine.checkpoint(orderly: true)
        #expect(machine.handle(.leaving) == [.sync])
        #expect(machine.handle(.synced) == [.store])
        #expect(machine.handle(.leaving) == [])
        let row = machine.checkpoint(orderly: true)
        for (row, sameBoot, causes) in [
            (row, true, []), (row, false, []), (early, true, []), (early, false, .lostState),
        ] as [([UInt8], Bool, ReceivingMachine.Causes)] {
            let restored = try ReceivingMachine(plan: machine.plan, checkpoint: row, sameBoot: sameBoot)
            #expect(restored.causes == causes)
        }
        // A sync that began before the last write does not count for it.
        var busy = try active(20)
        take(1, &busy)
        #expect(busy.handle(.leaving) == [.sync])
        take(2, &busy)
        #expect(busy.handle(.leaving) == [])
        #expect(busy.handle(.synced) == [.sync, .store])
        #expect(busy.handle(.synced) == [.store])
        let last = try ReceivingMachine(plan: busy.plan, checkpoint: busy.checkpoint(orderly: true), sameBoot: false)
        #expect(last.causes.isEmpty)
        // With a chunk being written nothing is orderly.
        _ = busy.handle(.chunk(3, length: 16_384, hash: hash(3)))
        let torn = try ReceivingMachine(plan: busy.plan, checkpoint: busy.checkpoint(orderly: true), sameBoot: true)
        #expect(torn.causes == .lostState)
    }

    @Test("a crash while finishing: finishes again, or is complete if the final name is there")
    func crashWhileFinishing() throws {
        let machine = try columns()[3]
        let row = machine.checkpoint()
        var again = try ReceivingMachine(plan: machine.plan, checkpoint: row, sameBoot: true)
        #expect(again.handle(.resumed) == [.store, .finish(mark(2))])
        #expect(again.handle(.finishPaused) == [])
        #expect(again.handle(.resumed) == [.store, .finish(mark(2))])
        var found = try ReceivingMachine(plan: machine.plan, checkpoint: row, sameBoot: false)
        #expect(found.handle(.finished) == [.store, .ok(root: root(2)), .ended(.complete)])
        var complete = try ReceivingMachine(plan: machine.plan, checkpoint: found.checkpoint(), sameBoot: false)
        _ = complete.handle(.gap)
        #expect(complete.handle(.drained(seen: 3)) == [.ok(root: root(2))])
    }

    @Test func aChunkThatCouldNotBeWrittenIsWantedAgain() throws {
        var machine = try active(3)
        _ = machine.handle(.chunk(1, length: 16_384, hash: hash(1)))
        #expect(machine.handle(.dropped(1)) == [])
        #expect(wants(machine.handle(.drained(seen: 4))).first?.ranges == ranges(1...UInt64.max))
    }

    @Test("an unknown size: one short chunk, the last, and x.file.done that fits it")
    func stream() throws {
        let plan = try ChunkPlan(size: nil, chunkSize: 16_384)
        func fresh() -> ReceivingMachine {
            var machine = ReceivingMachine(plan: plan)
            _ = machine.handle(.accepted)
            _ = machine.handle(.connected)
            return machine
        }
        var machine = fresh()
        _ = machine.handle(.chunk(2, length: 100, hash: hash(2)))
        _ = machine.handle(.written(2))
        take(1, &machine)
        #expect(machine.bytesWritten == 16_484)
        machine = try ReceivingMachine(plan: plan, checkpoint: machine.checkpoint(orderly: true), sameBoot: true)
        let end = DoneMark(count: 2, size: 16_484, root: root(2))
        #expect(machine.handle(.done(end)) == [.store, .finish(end)])
        for mark in [mark(2), mark(1), DoneMark(count: 2, size: 16_485, root: root(2))] {
            var machine = fresh()
            _ = machine.handle(.chunk(2, length: 100, hash: hash(2)))
            _ = machine.handle(.done(mark))
            #expect(machine.state == .ended(.failed(.violation("x.file.done does not fit the chunks"), by: .me)))
        }
        var two = fresh()
        _ = two.handle(.chunk(2, length: 100, hash: hash(2)))
        #expect(two.handle(.chunk(3, length: 100, hash: hash(3))) == [.store], "a second short one is damaged")
        #expect(two.causes == .damaged)
    }
}
