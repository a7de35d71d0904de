import ChatProtocol
import Primitives
import Testing
import TransferCore

func ranges(_ list: ClosedRange<UInt64>...) -> ChunkRanges {
    var ranges = ChunkRanges()
    for range in list { ranges.insert(range) }
    return ranges
}

func hash(_ chunk: UInt64) -> [UInt8] { SHA256.hash([UInt8(truncatingIfNeeded: chunk)]) }

func root(_ chunks: UInt64) -> [UInt8] {
    var chain = RootChain()
    for chunk in 0..<chunks { chain.append(hash(chunk + 1)) }
    return chain.value
}

@Suite struct SendingMachineTests {
    private typealias Machine = SendingMachine

    private func offered(_ chunks: UInt64) throws -> SendingMachine {
        SendingMachine(plan: try ChunkPlan(size: chunks * 16_384, chunkSize: 16_384))
    }

    private func active(_ chunks: UInt64) throws -> SendingMachine {
        var machine = try offered(chunks)
        #expect(machine.handle(.accepted) == [.store])
        #expect(machine.handle(.connected) == [.store])
        return machine
    }

    /// Carries out `next` until it has nothing, and says which chunks went out (0 for x.file.done). Message numbers are
    /// ten times as many as items sent so far.
    @discardableResult
    private func sendAll(_ machine: inout SendingMachine, from message: inout Int64, limit: Int = .max) -> [UInt64] {
        var sent: [UInt64] = []
        while sent.count < limit, let step = machine.next() {
            switch step {
            case .read(let place):
                let actions = machine.handle(.read(place.number, hash: hash(place.number)))
                guard actions == [.send(place.number)] else { continue }
                message += 10
                _ = machine.handle(.sent(.chunk(place.number), lastMessage: message))
                sent.append(place.number)
            case .done:
                message += 10
                _ = machine.handle(.sent(.done, lastMessage: message))
                sent.append(0)
            }
        }
        return sent
    }

    @Test func theWholeWay() throws {
        var machine = try offered(3)
        var message: Int64 = 0
        #expect(machine.next() == nil)
        _ = machine.handle(.accepted)
        #expect(machine.state == .accepted)
        #expect(machine.next() == nil, "no chunk before the connection is duplex")
        _ = machine.handle(.connected)
        #expect(sendAll(&machine, from: &message) == [1, 2, 3, 0])
        #expect(machine.state == .active)
        #expect(machine.handle(.deliveredThrough(20)) == [])
        #expect(machine.bytesDelivered == 2 * 16_384)
        #expect(machine.handle(.deliveredThrough(30)) == [])
        #expect(machine.handle(.deliveredThrough(40)) == [.store])
        #expect(machine.state == .sent)
        #expect(machine.handle(.ok(root: root(3))) == [.store, .ended(.complete)])
        #expect(machine.bytesDelivered == 3 * 16_384)
        #expect(machine.next() == nil)
    }

    @Test func anEmptyFileIsDoneAtOnce() throws {
        var machine = try active(0)
        #expect(machine.next() == .done(DoneMark(count: 0, size: 0, root: root(0))))
        #expect(machine.next() == nil)
        _ = machine.handle(.sent(.done, lastMessage: 2))
        #expect(machine.handle(.deliveredThrough(2)) == [.store])
        #expect(machine.state == .sent)
    }

    @Test("every state takes every event: state afterwards, actions")
    func table() throws {
        let cancelled = TransferEnding.cancelled(by: .me, reason: "no")
        let byPeer = TransferEnding.cancelled(by: .peer, reason: "no")
        let changed = TransferEnding.failed(.source("changed"), by: .me)
        let gone = TransferEnding.failed(.queueGone, by: .peer)
        let want = Want(number: 1, seen: 5, ranges: ranges(1...UInt64.max))
        typealias Row = (event: Machine.Event, outcomes: [(Machine.State?, [Machine.Action])])
        // Columns: offered, accepted, active, sent, ended complete, cancelled by me, cancelled by the peer. nil: unchanged.
        let same: (Machine.State?, [Machine.Action]) = (nil, [])
        let complete: (Machine.State?, [Machine.Action]) = (.ended(.complete), [.store, .ended(.complete)])
        func ends(_ ending: TransferEnding, _ code: EndCode?, _ reason: String) -> (Machine.State?, [Machine.Action]) {
            (.ended(ending), [.store] + (code.map { [.cancel($0, reason: reason)] } ?? []) + [.ended(ending)])
        }
        let stop = ends(cancelled, .cancelled, "no")
        let fail = ends(changed, .failed, TransferFailure.source("").told)
        let peer = ends(byPeer, nil, "")
        let rows: [Row] = [
            (.accepted, [(.accepted, [.store]), same, same, same, same, same, same]),
            (.connected, [same, (.active, [.store]), same, same, same, same, same]),
            (
                .want(want, openRangeFirst: false),
                [same, (nil, [.store]), (nil, [.store]), (.active, [.store]), same, same, same]
            ),
            (.probe, [same, same, same, (nil, [.store]), same, same, same]),
            (.ok(root: root(2)), [same, complete, complete, complete, same, complete, same]),
            (.cancel(reason: "no"), [stop, stop, stop, stop, same, same, same]),
            (.failed(.source("changed")), [fail, fail, fail, fail, same, same, same]),
            (
                .failed(.queueGone),
                [ends(gone, nil, ""), ends(gone, nil, ""), ends(gone, nil, ""), ends(gone, nil, ""), same, same, same]
            ),
            (.peerEnded(.cancelled, reason: "no"), [peer, peer, peer, peer, same, same, same]),
            (
                .peerEnded(.declined, reason: "no"),
                [ends(.declined(by: .peer, reason: "no"), nil, ""), peer, peer, peer, same, same, same]
            ),
            (
                .peerEnded(.failed, reason: "full"),
                [
                    ends(.failed(.other("full"), by: .peer), nil, ""),
                    ends(.failed(.other("full"), by: .peer), nil, ""),
                    ends(.failed(.other("full"), by: .peer), nil, ""),
                    ends(.failed(.other("full"), by: .peer), nil, ""),
                    same, same, same,
                ]
            ),
            (.returned(1), [same, same, same, same, same, same, same]),
            (.sent(.chunk(1), lastMessage: 3), [same, same, same, same, same, same, same]),
            (.sentDirectly(.chunk(1), frame: 2), [same, same, same, same, same, same, same]),
            (.directBroke, [(nil, [.store]), (nil, [.store]), (nil, [.store]), (nil, [.store]), same, same, same]),
            (.deliveredThrough(1), [same, same, same, same, same, same, same]),
            (.sourceEnded(size: 5), [same, same, same, same, same, same, same]),
            (.resumed, Array(repeating: (nil, [.store]), count: 7)),
        ]
        let columns = try columns()
        for row in rows {
            for (index, outcome) in row.outcomes.enumerated() {
                var machine = columns[index]
                let before = machine.state
                let actions = machine.handle(row.event)
                #expect(actions == outcome.1, "\(row.event) in \(before)")
                #expect(machine.state == outcome.0 ?? before, "\(row.event) in \(before)")
            }
        }
    }

    private func columns() throws -> [SendingMachine] {
        var accepted = try offered(2)
        _ = accepted.handle(.accepted)
        var sent = try active(2)
        var message: Int64 = 0
        sendAll(&sent, from: &message)
        _ = sent.handle(.deliveredThrough(message))
        #expect(sent.state == .sent)
        var complete = sent
        _ = complete.handle(.ok(root: root(2)))
        var mine = sent
        _ = mine.handle(.cancel(reason: "no"))
        var peers = sent
        _ = peers.handle(.peerEnded(.cancelled, reason: "no"))
        return [try offered(2), accepted, try active(2), sent, complete, mine, peers]
    }

    @Test("x.file.done that the lane could not take is handed out again")
    func doneIsHandedOutAgain() throws {
        var machine = try active(1)
        _ = machine.next()
        _ = machine.handle(.read(1, hash: hash(1)))
        _ = machine.handle(.sent(.chunk(1), lastMessage: 1))
        let steps = [machine.next(), machine.next()]
        #expect(steps[0] != nil && steps[1] == nil)
        #expect(machine.handle(.probe) == [])
        #expect([machine.next(), machine.next()] == steps)
    }

    @Test("what is told to the other side names no path; integrity keeps its words")
    func toldReasons() {
        for failure in [
            TransferFailure.source("'/home/a/b' changed"), .destination("no space left for '/home/a/b'"),
            .other("the database refused: /home/a/sxfile.db"),
        ] {
            #expect(!failure.told.contains("/"))
        }
        for failure in [TransferFailure.damagedChunk(7), .wrongRoot] {
            #expect(TransferFailure(peerReason: failure.told) == failure)
        }
    }

    @Test func aWrongRootInOkFails() throws {
        var machine = try columns()[3]
        let failed = TransferEnding.failed(.wrongRoot, by: .me)
        #expect(
            machine.handle(.ok(root: root(1)))
                == [.store, .cancel(.failed, reason: TransferFailure.wrongRoot.description), .ended(failed)])
        #expect(machine.handle(.ok(root: root(1))) == [])
    }

    @Test("want: what was sent above `seen` is not sent again; x.file.done follows as a probe")
    func wantLeavesOutWhatIsUnderWay() throws {
        var machine = try active(10)
        var message: Int64 = 0
        #expect(sendAll(&machine, from: &message) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0])
        _ = machine.handle(.deliveredThrough(message))
        #expect(machine.state == .sent)
        // Chunk 6 ends at 60: handled. Chunk 7 ends at 70: still under way.
        _ = machine.handle(
            .want(Want(number: 1, seen: 69, ranges: ranges(2...2, 6...UInt64.max)), openRangeFirst: false))
        #expect(machine.state == .active)
        #expect(sendAll(&machine, from: &message) == [2, 6, 0])
        // Again with what is under way handled: now 7 is lost. 2 was sent again above 125.
        _ = machine.handle(.want(Want(number: 2, seen: 119, ranges: ranges(2...2, 7...7)), openRangeFirst: false))
        #expect(sendAll(&machine, from: &message) == [7, 0])
        // An older want, and a repeated one, change nothing.
        #expect(machine.handle(.want(Want(number: 2, seen: 0, ranges: ranges(1...9)), openRangeFirst: false)) == [])
        #expect(machine.handle(.want(Want(number: 1, seen: 0, ranges: ranges(1...9)), openRangeFirst: false)) == [])
        #expect(machine.next() == nil)
        // Nothing missing: x.file.done alone.
        let none = Want(number: 3, seen: message, ranges: ranges(11...UInt64.max))
        _ = machine.handle(.want(none, openRangeFirst: false))
        #expect(sendAll(&machine, from: &message) == [0])
    }

    @Test func aNewWantReplacesThePlan() throws {
        var machine = try active(10)
        var message: Int64 = 0
        #expect(sendAll(&machine, from: &message, limit: 4) == [1, 2, 3, 4])
        _ = machine.handle(.want(Want(number: 1, seen: message, ranges: ranges(1...2, 5...6)), openRangeFirst: false))
        #expect(sendAll(&machine, from: &message, limit: 1) == [1])
        _ = machine.handle(
            .want(Want(number: 2, seen: message, ranges: ranges(3...3, 8...UInt64.max)), openRangeFirst: false))
        // 5 to 7 are not wanted, yet hashed; the root still comes out right.
        #expect(sendAll(&machine, from: &message) == [3, 8, 9, 10, 0])
        #expect(machine.root == root(10))
    }

    @Test func afterAChangeOfLaneTheOpenRangeGoesFirst() throws {
        var machine = try active(10)
        var message: Int64 = 0
        #expect(sendAll(&machine, from: &message, limit: 7) == [1, 2, 3, 4, 5, 6, 7])
        let want = Want(number: 1, seen: message, frames: 1, ranges: ranges(2...2, 5...6, 8...UInt64.max))
        _ = machine.handle(.want(want, openRangeFirst: true))
        #expect(sendAll(&machine, from: &message) == [8, 9, 10, 2, 5, 6, 0])
    }

    @Test("a crash: what is not known to be delivered is sent again, nothing before it is read")
    func crash() throws {
        var machine = try active(10)
        var message: Int64 = 0
        sendAll(&machine, from: &message, limit: 6)
        _ = machine.handle(.deliveredThrough(40))
        let row = machine.checkpoint()
        machine = try SendingMachine(plan: machine.plan, checkpoint: row)
        #expect(machine.handle(.resumed) == [.store])
        #expect(machine.bytesDelivered == 4 * 16_384)
        message = 1000
        #expect(sendAll(&machine, from: &message, limit: 1) == [5])
        #expect(machine.chain.count == 6, "chained before the crash, not chained again")
        // The recipient knows more than the row: it has up to 8.
        _ = machine.handle(.want(Want(number: 1, seen: message, ranges: ranges(9...UInt64.max)), openRangeFirst: false))
        #expect(sendAll(&machine, from: &message) == [9, 10, 0])
        #expect(machine.root == root(10))
    }

    @Test func afterACrashWhatMayNeverHaveLeftIsNotTakenForUnderWay() throws {
        var machine = try active(6)
        var message: Int64 = 0
        sendAll(&machine, from: &message, limit: 6)
        _ = machine.handle(.deliveredThrough(40))
        machine = try SendingMachine(plan: machine.plan, checkpoint: machine.checkpoint())
        // 4 ends at 40 and is with the relay; 5 and 6 were on their way to it.
        _ = machine.handle(
            .want(Want(number: 1, seen: 30, ranges: ranges(4...UInt64.max)), openRangeFirst: false))
        message = 1000
        #expect(sendAll(&machine, from: &message) == [5, 6, 0])
    }

    @Test("an orderly exit whose lane keeps what it has: nothing is sent again")
    func orderlyExit() throws {
        var machine = try active(10)
        var message: Int64 = 0
        sendAll(&machine, from: &message, limit: 6)
        _ = machine.handle(.deliveredThrough(40))
        machine = try SendingMachine(plan: machine.plan, checkpoint: machine.checkpoint(keepingUnderWay: true))
        #expect(machine.chunksUnderWay == 2)
        #expect(sendAll(&machine, from: &message) == [7, 8, 9, 10, 0])
        machine = try SendingMachine(plan: machine.plan, checkpoint: machine.checkpoint(keepingUnderWay: true))
        #expect(machine.next() == nil)
        #expect(machine.handle(.deliveredThrough(message)) == [.store])
        #expect(machine.state == .sent)
        machine = try SendingMachine(plan: machine.plan, checkpoint: machine.checkpoint())
        #expect(machine.state == .sent)
        #expect(machine.next() == nil)
    }

    @Test func aReturnedChunkIsSentAgain() throws {
        var machine = try active(3)
        var message: Int64 = 0
        #expect(sendAll(&machine, from: &message) == [1, 2, 3, 0])
        _ = machine.handle(.returned(2))
        #expect(sendAll(&machine, from: &message) == [2])
        // A want before that does not take it for one under way.
        _ = machine.handle(.returned(2))
        _ = machine.handle(.want(Want(number: 1, seen: 15, ranges: ranges(2...2)), openRangeFirst: false))
        #expect(sendAll(&machine, from: &message) == [2, 0])
    }

    @Test func aStreamEndsWhereItsSourceDoes() throws {
        var machine = SendingMachine(plan: try ChunkPlan(size: nil, chunkSize: 16_384))
        _ = machine.handle(.accepted)
        _ = machine.handle(.connected)
        for chunk in 1...2 as ClosedRange<UInt64> {
            guard case .read(let place)? = machine.next() else { return }
            #expect(place.number == chunk)
            #expect(machine.handle(.read(chunk, hash: hash(chunk))) == [.send(chunk)])
            _ = machine.handle(.sentDirectly(.chunk(chunk), frame: Int64(chunk)))
        }
        guard case .read? = machine.next() else { return }
        #expect(machine.handle(.sourceEnded(size: 20_000)) == [.store])
        #expect(machine.next() == .done(DoneMark(count: 2, size: 20_000, root: root(2))))
        let restored = try SendingMachine(
            plan: try ChunkPlan(size: nil, chunkSize: 16_384), checkpoint: machine.checkpoint())
        #expect(restored.plan.size == 20_000)
        #expect(restored.root == root(2))
    }

    @Test func theStoreIntervalIsKept() throws {
        var limits = TransferLimits()
        limits.storeInterval = 4 * 16_384
        var machine = SendingMachine(plan: try ChunkPlan(size: 64 * 16_384, chunkSize: 16_384), limits: limits)
        _ = machine.handle(.accepted)
        _ = machine.handle(.connected)
        var message: Int64 = 0
        var stores: [UInt64] = []
        for chunk in 1...9 as ClosedRange<UInt64> {
            sendAll(&machine, from: &message, limit: 1)
            if machine.handle(.deliveredThrough(message)) == [.store] { stores.append(chunk) }
        }
        #expect(stores == [4, 8])
    }

    @Test("the row stays small, whatever the file's size")
    func rowSize() throws {
        var machine = SendingMachine(plan: try ChunkPlan(size: ChunkPlan.largestSize))
        _ = machine.handle(.accepted)
        _ = machine.handle(.connected)
        var message: Int64 = 0
        sendAll(&machine, from: &message, limit: 2000)
        #expect(machine.checkpoint().count < 256)
        var many = ChunkRanges()
        for chunk in 1...900 as ClosedRange<UInt64> where chunk % 2 == 0 { many.insert(chunk...chunk) }
        _ = machine.handle(.want(Want(number: 1, seen: message, ranges: many), openRangeFirst: false))
        #expect(machine.checkpoint().count < 4096)
    }
}
