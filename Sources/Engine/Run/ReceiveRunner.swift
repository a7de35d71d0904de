import AgentLink
import ChunkIO
import Database
import DirectLane
import Logging
import SystemPackage
import TransferCore

/// Receives one file: checks and writes chunks, asks for what is missing, puts the file into place.
actor ReceiveRunner: TransferRunner {
    let transfer: Transfer
    let connection: ConnectionID
    private let ref: Int64
    let context: RunContext
    let place: Place
    var machine: ReceivingMachine
    var port: DirectPort
    var direct = DirectIntake()
    var meter = RateMeter()
    var isDown = false
    var isWithoutSpace = false
    /// A chunk waits for room.
    private var isHolding = false
    var isOver = false
    var syncing: Task<Void, Never>?
    /// The engine is leaving: what is being written is waited for.
    var isLeaving = false
    var isOnDisk = false
    private var stored: TransferState
    let isRestored: Bool
    /// It goes on to standard output as it comes.
    private let isPiped: Bool
    private var storedBytes: UInt64 = 0
    /// The engine is leaving, and everything that was written is on the disk.
    var isSynced = false
    /// Chunks that are written, and whose acknowledgement the database refused.
    private var unacknowledged: [BulkToken] = []
    /// What came while there was no room, or while the user holds the transfer.
    private var held: [RunnerEvent] = []
    /// The user holds it.
    var isHeld: Bool
    /// The machine was told that it begins.
    var isBegun = false
    /// A direct connection was up when the user began to hold it.
    var wasDirect = false

    private nonisolated let events: AsyncStream<RunnerEvent>
    nonisolated let inbox: AsyncStream<RunnerEvent>.Continuation

    /// Opens the partial again and goes on from the row's checkpoint.
    /// - Throws: `RunnerFailure`.
    static func make(
        _ transfer: Transfer, connection: ConnectionID, context: RunContext
    ) async throws(RunnerFailure) -> ReceiveRunner {
        let place: Place
        do {
            place = try await Place(transfer)
        } catch {
            if case .listRefused(let why) = error { throw RunnerFailure(.violation(why)) }
            throw RunnerFailure(.destination("\(error)"))
        }
        do {
            let plan = try ChunkPlan(size: transfer.size, chunkSize: transfer.chunkSize)
            var machine = ReceivingMachine(plan: plan)
            if let checkpoint = transfer.checkpoint {
                let sameBoot = !context.bootID.isEmpty && transfer.bootID == context.bootID
                machine = try ReceivingMachine(plan: plan, checkpoint: checkpoint, sameBoot: sameBoot)
                if place.folder?.isFresh == true { machine.startOver() }
            }
            return ReceiveRunner(transfer, connection, context, place, machine)
        } catch {
            throw RunnerFailure(.other(error.description))
        }
    }

    private init(
        _ transfer: Transfer, _ connection: ConnectionID, _ context: RunContext, _ place: Place,
        _ machine: ReceivingMachine
    ) {
        self.transfer = transfer
        self.connection = connection
        self.context = context
        self.place = place
        self.machine = machine
        isPiped = context.profile.isPiped(transfer)
        isRestored = transfer.checkpoint != nil
        isHeld = transfer.isPaused
        ref = transfer.offerRef ?? 0
        stored = transfer.state
        // The sender tries first.
        port = DirectPort(context.direct, notBefore: Monotonic.now + DirectPlan.firstPause)
        (events, inbox) = AsyncStream.makeStream()
    }

    nonisolated func tell(_ event: RunnerEvent) { inbox.yield(event) }

    var isBusy: Bool { isOnDisk || port.isMeeting }
    var isHeldUp: Bool { isHolding || !unacknowledged.isEmpty || !held.isEmpty }

    func run() async {
        if case .complete(let path, let report) = place {
            finalPath = path
            if let report { store(report) }
            if let record = try? FolderRecord(text: transfer.destination ?? "") { try? FolderReservation.clear(record) }
            return await apply(machine.handle(.finished))
        }
        if !isHeld { await begin() }
        if !isOver {
            for await event in events {
                await take(event)
                while !isOver, !isHeld, !held.isEmpty { await take(held.removeFirst()) }
                if isOver { break }
            }
        }
        await syncing?.value
        // x.file.ok is on its way there too.
        if case .ended(.complete) = machine.state { await port.rendezvous?.finish() }
        port.close()
    }

    // MARK: - Events

    private func take(_ event: RunnerEvent) async {
        if isHeld, event.moves {
            held.append(event)
            return
        }
        switch event {
        case .bulk(let integrity, let body, let token, let last): await take(integrity, body, token, last: last)
        case .storedChunk(let inbound, let integrity, let body): await take(inbound, integrity, body)
        case .message(let inbound, let integrity, let incoming): await take(inbound, integrity, incoming)
        case .drained:
            let seen = await context.link.received(on: connection)
            await apply(machine.handle(.drained(seen: seen)))
        case .relay(let isDown):
            self.isDown = isDown
            await store()
        case .connectionFailed(let error): await connectionFailed(error)
        case .leave:
            isLeaving = true
            await dropDirect()
            await leaveOnceWritten()
        case .hold(let on): await hold(on)
        case .ended: isOver = true
        case .retry:
            port.look()
            // Who copies it to standard output reads the row.
            if isPiped, machine.bytesWritten != storedBytes { await store() }
            await acknowledgeAgain()
            if machine.state == .active, !isHeld {
                await acknowledgeSlowly()
                await progress()
            }
            guard isWithoutSpace, !isHeld else { return }
            await lookForRoom()
            await apply(machine.handle(.resumed))
        case .direct(let attempt, let event): await take(event, attempt)
        case .synced(let failure): await synced(failure)
        case .wrote(let write):
            await take(write)
            if isLeaving { await leaveOnceWritten() }
        case .gap(let integrity): _ = await check(integrity, inbound: nil)
        case .delivered, .quota, .pause: break
        }
    }

    private func take(_ integrity: Integrity, _ body: [UInt8], _ token: BulkToken, last: Int64) async {
        guard await check(integrity, inbound: nil) else { return }
        guard let chunk = IncomingChunk(body) else {
            return await apply(machine.handle(.failed(.violation("a chunk that cannot be read"))))
        }
        let actions = machine.handle(
            .chunk(chunk.number, length: chunk.body.count, hash: chunk.hash, seen: last))
        await carryOut(actions, body: body, chunk)
        // After a failure nobody takes the chunk from the relay: the connection goes.
        guard !isOver else { return }
        let note = note()
        do {
            try await context.link.acknowledge(token) { db in try note.write(db) }
        } catch {
            context.logger.error("a chunk was not acknowledged: \(error)")
            unacknowledged.append(token)
        }
        await progress()
        await offerDirectly()
    }

    /// What the database had no room for.
    private func acknowledgeAgain() async {
        while let token = unacknowledged.first {
            let note = note()
            do { try await context.link.acknowledge(token) { db in try note.write(db) } } catch { return }
            unacknowledged.removeFirst()
        }
    }

    /// A chunk message that its sender numbers: the link has stored it.
    private func take(_ inbound: Int64, _ integrity: Integrity, _ body: [UInt8]) async {
        guard await check(integrity, inbound: inbound) else { return }
        guard let chunk = IncomingChunk(body) else { return await apply([], inbound: inbound) }
        let actions = machine.handle(.chunk(chunk.number, length: chunk.body.count, hash: chunk.hash))
        await carryOut(actions, body: body, chunk, inbound: inbound)
        await progress()
    }

    /// Writes what the machine wants written, then applies the rest.
    private func carryOut(
        _ actions: [ReceivingMachine.Action], body: [UInt8], _ chunk: IncomingChunk, inbound: Int64? = nil
    ) async {
        var rest: [ReceivingMachine.Action] = []
        for action in actions {
            guard case .write(let chunkPlace, let hash) = action else {
                rest.append(action)
                continue
            }
            rest += await write(Array(body[chunk.body]), at: chunkPlace, hash: hash)
        }
        guard !isOver else { return }
        await apply(rest, inbound: inbound)
    }

    private func write(_ bytes: [UInt8], at chunkPlace: ChunkPlace, hash: [UInt8]) async -> [ReceivingMachine.Action] {
        guard case .partial(_, let writer) = place else { return [] }
        defer { isHolding = false }
        while true {
            do {
                switch try await writer.write(bytes, at: Int64(chunkPlace.offset), expecting: hash) {
                case .written:
                    isWithoutSpace = false
                    return machine.handle(.written(chunkPlace.number))
                case .hashMismatch: return machine.handle(.damaged(chunkPlace.number))
                }
            } catch {
                guard error.category == .space else { return machine.handle(.failed(TransferFailure(error))) }
                guard await waitForSpace() else { return machine.handle(.dropped(chunkPlace.number)) }
            }
        }
    }

    /// Waits a while for room, with the chunk held and not acknowledged: the relay keeps what comes after it.
    /// - Returns: whether to try again; not when the engine leaves or the transfer was ended.
    private func waitForSpace() async -> Bool {
        isHolding = true
        if !isWithoutSpace {
            isWithoutSpace = true
            await store()
            report()
        }
        for await event in events {
            switch event {
            case .retry: if !isHeld { return true }
            case .hold(let on): await hold(on)
            case .leave, .ended:
                if case .leave = event { await leave() }
                isOver = true
                return false
            case .message(let inbound, let integrity, .cancel(let ref, let code, let reason)):
                await take(inbound, integrity, .cancel(ref: ref, code, reason: reason))
            case .relay(let isDown): self.isDown = isDown
            case .connectionFailed(let error): await connectionFailed(error)
            // The link hands over no more than its window while nothing is acknowledged.
            case .bulk, .message, .storedChunk, .drained, .gap, .direct, .wrote, .synced: held.append(event)
            case .delivered, .quota, .pause: break
            }
            if isOver { return false }
        }
        return false
    }

    /// What found no room on the direct lane comes again; by the relay a chunk is held that says itself when there is some.
    private func lookForRoom() async {
        guard !isHolding, case .partial(let reservation, _) = place,
            let room = try? reservation.availableBytes(), room >= Int64(transfer.chunkSize)
        else { return }
        isWithoutSpace = false
        await store()
        report()
    }

    private func take(_ inbound: Int64, _ integrity: Integrity, _ incoming: Incoming) async {
        guard await check(integrity, inbound: inbound) else { return }
        switch incoming {
        case .done(let mark): await apply(machine.handle(.done(mark)), inbound: inbound)
        case .cancel(_, let code, let reason):
            await apply(machine.handle(.peerEnded(code, reason: reason)), inbound: inbound)
        case .direct(let offer):
            await apply([], inbound: inbound)
            await take(offer)
        case .ok:
            await apply([], inbound: inbound)
            await answerDirectly()
        case .ignored(let name):
            context.logger.notice("an event that does not belong here was skipped", metadata: ["event": "\(name)"])
            await apply([], inbound: inbound)
        case .info, .group, .acceptance, .offer, .message, .update, .delete, .evaluate, .want, .fileOK, .chunk, .retry,
            .unreadable:
            await apply([], inbound: inbound)
        }
    }

    /// Whether the message may be handled: a gap is noted, a broken sequence ends the transfer.
    private func check(_ integrity: Integrity, inbound: Int64?) async -> Bool {
        if let failure = integrity.failure {
            await apply(machine.handle(.failed(failure)), inbound: inbound)
            return false
        }
        if case .skipped = integrity { await apply(machine.handle(.gap)) }
        return true
    }

    private func connectionFailed(_ error: AgentLinkError) async {
        let failure: TransferFailure
        switch error {
        case .queueGone: failure = .queueGone
        case .ratchet(let what): failure = .messageIntegrity(what)
        case .relayUnreachable, .relayIdentity, .relayIncompatible, .relayRefused, .relayBusy, .linkUsed, .badLink,
            .peer,
            .noConnection, .messageTooLong, .storage, .stopped, .withdrawn:
            failure = .other(error.description)
        }
        await apply(machine.handle(.failed(failure)))
    }

    // MARK: - Carrying out

    func apply(_ actions: [ReceivingMachine.Action], inbound: Int64? = nil) async {
        guard !actions.isEmpty || inbound != nil else { return }
        var note = note()
        note.inbound = inbound
        var words: [UInt8]?
        var directWords: [UInt8]?
        var later: ReceivingMachine.Action?
        for action in actions {
            switch action {
            case .write, .store: break
            case .sync, .finish: later = action
            case .want(var want):
                if port.isUp {
                    want.frames = direct.handled
                    directWords = ChatText.want(want)
                } else {
                    words = ChatText.want(want)
                }
            case .ok(let root):
                words = ChatText.fileOK(root: root)
                directWords = words
                note.path = finalPath
            case .cancel(let code, let reason): words = ChatText.cancel(ref: ref, code, reason: reason)
            case .ended(let ending): note.ending = ending
            }
        }
        if note.ending != nil { isOver = true }
        let isFinishing: Bool = if case .finish = later { true } else { false }
        let isStored = await write(note, saying: words, durable: isFinishing)
        // Only now: what is acknowledged is stored.
        if let directWords { port.rendezvous?.send(directWords) }
        switch later {
        case .sync: sync()
        case .finish(let mark) where isStored: await finish(mark)
        // The database has no room: what is put into place could not be confirmed after a restart.
        case .finish:
            isWithoutSpace = true
            _ = machine.handle(.finishPaused)
        case .write, .store, .want, .ok, .cancel, .ended, nil: break
        }
    }

    var finalPath: String?

    func seal() async {
        guard isSynced else { return }
        var note = note()
        note.checkpoint = machine.checkpoint(orderly: true)
        note.bytesPerSecond = nil
        await write(note, saying: nil)
    }

    func store() async {
        storedBytes = machine.bytesWritten
        await write(note(), saying: nil)
    }

    /// - Returns: whether it is stored.
    @discardableResult
    private func write(_ note: RunnerNote, saying words: [UInt8]?, durable: Bool = false) async -> Bool {
        var note = note
        let isNews = note.state != nil && note.state != stored || note.ending != nil || note.inbound != nil
        if let state = note.state { stored = state }
        defer { if isNews { context.changed(transfer.id) } }
        let isLast = note.ending != nil
        if let words {
            do {
                let told = note
                try await context.link.send(words, on: connection) { db, id in
                    try told.write(db, farewell: isLast ? id : nil)
                }
                return true
            } catch {
                context.logger.debug("transfer \(transfer.id) could not say a word: \(error)")
                note.isTold = false
            }
        }
        let written = note
        do {
            try context.profile.write(durable: durable) { db in try written.write(db) }
            return true
        } catch {
            context.logger.error("transfer \(transfer.id) could not be stored: \(error)")
            return false
        }
    }

    func note() -> RunnerNote {
        RunnerNote(
            transfer: transfer.id, checkpoint: machine.checkpoint(), bootID: context.bootID,
            transferred: machine.bytesWritten, bytesPerSecond: meter.bytesPerSecond, size: machine.plan.size,
            state: state, waiting: waiting, lane: lane)
    }

    private var lane: Lane { port.isUp ? .direct : .relay }

    private var state: TransferState? {
        switch machine.state {
        case .offered, .accepted, .ended: nil
        case .active, .finishing: .active
        }
    }

    private var waiting: Waiting? {
        if isHeld { return .paused }
        if isWithoutSpace { return .space }
        return WaitingFlow.waiting(state ?? .active, direction: .receive, isFull: false, isDown: isDown)
    }

    // MARK: - Progress

    func progress() async {
        let now = Monotonic.now
        guard meter.isReportDue(at: now), !isOver else { return }
        meter.record(machine.bytesWritten, at: now)
        report()
        guard meter.isStoreDue(at: now), meter.isNews(machine.bytesWritten) else { return }
        if isPiped { return await store() }
        let (id, bytes, rate) = (transfer.id, machine.bytesWritten, meter.bytesPerSecond)
        let files = await place.folder?.filesDone(before: machine.bytesInOrder)
        _ = try? context.profile.write { db in
            try Transfer.updateProgress(db, id: id, transferred: bytes, bytesPerSecond: rate, now: unixNow())
            if let files { try Folder.setDone(db, transfer: id, files) }
        }
    }

    func report() {
        guard let state else { return }
        context.report(
            ProgressEvent(
                transfer: transfer.id, state: state, transferred: machine.bytesWritten, size: machine.plan.size,
                bytesPerSecond: meter.bytesPerSecond, lane: lane.rawValue, waiting: waiting))
    }
}
