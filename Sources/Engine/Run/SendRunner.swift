import AgentLink
import ChatProtocol
import ChunkIO
import Database
import DirectLane
import Logging
import SystemPackage
import TransferCore

/// Sends one file: reads ahead, hands chunks to the lane that has room, keeps the machine's checkpoint.
actor SendRunner: TransferRunner {
    let transfer: Transfer
    let connection: ConnectionID
    let ref: Int64
    let context: RunContext
    let source: SendSource
    var machine: SendingMachine
    var port: DirectPort
    /// The recipient has said on the direct connection what it lacks.
    var isDirectReady = false
    /// Chunks wait for the direct lane until then.
    var relayWaitsUntil: Duration?
    let pool: ChunkBufferPool
    private var meter = RateMeter()
    /// The highest number that the relay has.
    private var delivered: Int64 = 0
    private var isFull = false
    private var isDown = false
    var isPaused = false
    /// The user holds it.
    var isHeld: Bool
    /// The relay is down: nothing is handed to the link.
    private var isBlocked = false
    var isOver = false
    /// One lane's pump has a chunk that is not reported read: the machine wants them in order.
    var isReading = false
    /// The state that the row has.
    private var stored: TransferState

    private nonisolated let events: AsyncStream<RunnerEvent>
    nonisolated let inbox: AsyncStream<RunnerEvent>.Continuation
    /// Says that there may be something to do, to each lane's pump.
    private let relayWork: AsyncStream<Void>
    private let relayWorker: AsyncStream<Void>.Continuation
    let directWork: AsyncStream<Void>
    private let directWorker: AsyncStream<Void>.Continuation

    /// Opens the source, which has to be what was offered, and goes on from the row's checkpoint.
    /// - Throws: `TransferFailure` as an ending of the transfer.
    init(_ transfer: Transfer, connection: ConnectionID, context: RunContext) throws(RunnerFailure) {
        self.transfer = transfer
        self.connection = connection
        self.context = context
        ref = transfer.offerRef ?? 0
        stored = transfer.state
        isHeld = transfer.isPaused
        do {
            source = try SendSource(transfer, context)
        } catch {
            throw RunnerFailure(.source("\(error)"))
        }
        do {
            let plan = try ChunkPlan(size: transfer.size, chunkSize: transfer.chunkSize)
            if let checkpoint = transfer.checkpoint {
                machine = try SendingMachine(plan: plan, checkpoint: checkpoint)
            } else {
                machine = SendingMachine(plan: plan)
                _ = machine.handle(.accepted)
            }
        } catch {
            throw RunnerFailure(.other(error.description))
        }
        port = DirectPort(context.direct, notBefore: .zero)
        pool = DirectPort.pool(chunkSize: transfer.chunkSize)
        (events, inbox) = AsyncStream.makeStream()
        (relayWork, relayWorker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (directWork, directWorker) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    nonisolated func tell(_ event: RunnerEvent) { inbox.yield(event) }

    var isBusy: Bool { port.isMeeting || port.isMoving }
    var isHeldUp: Bool { false }

    func run() async {
        await apply(machine.handle(.connected))
        report()
        await offerDirectly()
        if port.isMeeting { relayWaitsUntil = Monotonic.now + Self.directFirst }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.pump() }
            group.addTask { await self.pumpDirectly() }
            for await event in events {
                await take(event)
                if isOver { break }
            }
            port.close()
            relayWorker.finish()
            directWorker.finish()
            group.cancelAll()
        }
    }

    /// There may be something to do.
    func wake() {
        relayWorker.yield()
        directWorker.yield()
    }

    // MARK: - The relay lane

    /// Whether chunks go by the direct lane, or wait for it.
    private var isRelayIdle: Bool { port.isUp || relayWaitsUntil != nil || transfer.laneWish == "direct" }

    private func pump() async {
        while !isOver, !isPaused {
            guard !isHeld, !isBlocked, !isRelayIdle, !isReading, let step = machine.next() else {
                var waiting = relayWork.makeAsyncIterator()
                guard await waiting.next() != nil else { return }
                continue
            }
            switch step {
            case .read(let place): await send(place)
            case .done(let mark): await send(mark)
            }
        }
    }

    private func send(_ wanted: ChunkPlace) async {
        let chunk: ReadChunk
        let place: ChunkPlace
        isReading = true
        do {
            guard let ready = try await waitForSource(wanted) else {
                isReading = false
                return
            }
            place = ready
            chunk = try await source.reader.read(at: Int64(place.offset), length: place.length)
            try await check(place, chunk.sha256)
        } catch {
            isReading = false
            return await fail(.source("\(error)"))
        }
        isReading = false
        let actions = machine.handle(.read(place.number, hash: chunk.sha256))
        await apply(actions.filter { $0 != .send(place.number) })
        guard actions.contains(.send(place.number)), !isOver else { return }
        let header = ChatText.chunkHeader(ref: ref, number: place.number, length: place.length, hash: chunk.sha256)
        let note = note()
        do {
            let ids = try await context.link.sendBulk([header, chunk.bytes], on: connection) { db in try note.write(db)
            }
            await sent(.chunk(place.number), lastMessage: ids.upperBound)
        } catch {
            await returned(place.number, error)
        }
    }

    private func send(_ mark: DoneMark) async {
        do {
            try source.reader.verifyUnchanged()
        } catch {
            return await fail(.source("\(error)"))
        }
        do {
            let id = try await context.link.send(ChatText.done(mark), on: connection)
            await sent(.done, lastMessage: id)
        } catch {
            context.logger.debug("x.file.done not sent: \(error)")
            switch error {
            case .stopped: break
            case .storage:
                _ = machine.handle(.probe)
                block(error)
            default: await fail(.queueGone)
            }
        }
    }

    private func sent(_ item: SendingMachine.Item, lastMessage: Int64) async {
        await apply(machine.handle(.sent(item, lastMessage: lastMessage)))
        // The relay may have answered before the link did.
        if delivered >= lastMessage { await apply(machine.handle(.deliveredThrough(delivered))) }
    }

    private func returned(_ chunk: UInt64, _ error: AgentLinkError) async {
        _ = machine.handle(.returned(chunk))
        switch error {
        // `connectionFailed` comes as an event, after what the peer has said last.
        case .stopped, .noConnection, .queueGone: isPaused = true
        // Another lane takes it.
        case .withdrawn: wake()
        // Goes on when the relay is back.
        case .relayUnreachable, .relayIdentity, .relayIncompatible: isBlocked = true
        case .storage: block(error)
        case .relayRefused, .relayBusy, .linkUsed, .badLink, .ratchet, .peer, .messageTooLong:
            await fail(.other(error.description))
        }
    }

    /// Goes on with the next try, when the database may have room.
    private func block(_ error: AgentLinkError) {
        context.logger.error("transfer \(transfer.id) waits: \(error)")
        isBlocked = true
    }

    // MARK: - Events

    private func take(_ event: RunnerEvent) async {
        switch event {
        case .message(let inbound, let integrity, let incoming): await take(inbound, integrity, incoming)
        case .bulk(_, _, let token, _): try? await context.link.acknowledge(token)
        case .storedChunk(let inbound, _, _): await apply([], inbound: inbound)
        case .delivered(let id):
            delivered = max(delivered, id)
            await apply(machine.handle(.deliveredThrough(delivered)))
            await progress()
        case .quota(let full):
            isFull = full
            await store()
        case .relay(let isDown):
            // One that was killed may have lost what it had taken, which nobody would miss: x.file.done once more asks.
            if self.isDown, !isDown { await apply(machine.handle(.probe)) }
            self.isDown = isDown
            if !isDown { unblock() }
            await store()
        case .connectionFailed(let error): await connectionFailed(error)
        case .pause:
            isPaused = true
            await dropDirect()
            wake()
        case .hold(let on): await hold(on)
        case .leave, .ended: isOver = true
        case .retry:
            port.look()
            if let until = relayWaitsUntil, Monotonic.now >= until { relayWaitsUntil = nil }
            if port.isUp { await context.link.withdrawBulk(on: connection) }
            await askForDirect()
            unblock()
            if machine.state == .active { await progress() }
        case .direct(let attempt, let event): await take(event, attempt)
        case .gap(let integrity): await take(integrity)
        case .drained, .wrote, .synced: break
        }
    }

    /// The user holds it, or lets it go on.
    private func hold(_ on: Bool) async {
        guard isHeld != on else { return }
        isHeld = on
        if on {
            meter = RateMeter()
            await dropDirect()
            port.failed()
        }
        wake()
        await store()
        report()
        if !on { await offerDirectly() }
    }

    private func unblock() {
        isBlocked = false
        wake()
    }

    private func take(_ integrity: Integrity) async {
        if let failure = integrity.failure { await apply(machine.handle(.failed(failure))) }
    }

    private func take(_ inbound: Int64, _ integrity: Integrity, _ incoming: Incoming) async {
        if let failure = integrity.failure {
            return await apply(machine.handle(.failed(failure)), inbound: inbound)
        }
        switch incoming {
        case .want(let want):
            await apply(machine.handle(.want(want, openRangeFirst: false)), inbound: inbound)
            releaseSource(want)
        case .direct(let offer):
            await apply([], inbound: inbound)
            await take(offer)
            return
        case .fileOK(let root): await apply(machine.handle(.ok(root: root)), inbound: inbound)
        case .cancel(_, let code, let reason):
            await apply(machine.handle(.peerEnded(code, reason: reason)), inbound: inbound)
        case .ignored(let name):
            context.logger.notice("an event that does not belong here was skipped", metadata: ["event": "\(name)"])
            await apply([], inbound: inbound)
        case .info, .group, .acceptance, .ok, .offer, .message, .update, .delete, .evaluate, .chunk, .done, .retry,
            .unreadable:
            await apply([], inbound: inbound)
        }
        await offerDirectly()
    }

    private func connectionFailed(_ error: AgentLinkError) async {
        switch error {
        case .queueGone: await apply(machine.handle(.failed(.queueGone)))
        case .ratchet(let what): await fail(.messageIntegrity(what))
        case .relayUnreachable, .relayIdentity, .relayIncompatible, .relayRefused, .relayBusy, .linkUsed, .badLink,
            .peer,
            .noConnection, .messageTooLong, .storage, .stopped, .withdrawn:
            await fail(.other(error.description))
        }
    }

    func fail(_ failure: TransferFailure) async { await apply(machine.handle(.failed(failure))) }

    // MARK: - The row

    /// Carries out the machine's actions, with the handled message in the same transaction.
    func apply(_ actions: [SendingMachine.Action], inbound: Int64? = nil) async {
        wake()
        guard !actions.isEmpty || inbound != nil else { return }
        var note = note()
        note.inbound = inbound
        var farewell: [UInt8]?
        for action in actions {
            switch action {
            case .send, .store: break
            case .cancel(let code, let reason): farewell = ChatText.cancel(ref: ref, code, reason: reason)
            case .ended(let ending): note.ending = ending
            }
        }
        if note.ending == .complete { await storeReport() }
        await write(note, saying: farewell)
        if note.ending != nil {
            isOver = true
            // The listener may be waiting for an event.
            inbox.yield(.ended)
        }
        report()
    }

    private func store() async { await write(note(), saying: nil) }

    func seal() async {
        guard case .ended = machine.state else {
            var note = note()
            note.checkpoint = machine.checkpoint(keepingUnderWay: true)
            note.bytesPerSecond = nil
            return await write(note, saying: nil)
        }
    }

    private func write(_ note: RunnerNote, saying farewell: [UInt8]?) async {
        var note = note
        let isNews = note.state != nil && note.state != stored || note.ending != nil || note.inbound != nil
        if let state = note.state { stored = state }
        defer { if isNews { context.changed(transfer.id) } }
        if let farewell {
            do {
                let told = note
                try await context.link.send(farewell, on: connection) { db, id in try told.write(db, farewell: id) }
                return
            } catch {
                context.logger.debug("the last word of transfer \(transfer.id) was not sent: \(error)")
                note.isTold = false
            }
        }
        let written = note
        do { try context.profile.write { db in try written.write(db) } } catch {
            context.logger.error("transfer \(transfer.id) could not be stored: \(error)")
        }
    }

    private func note() -> RunnerNote {
        RunnerNote(
            transfer: transfer.id, checkpoint: machine.checkpoint(keepingUnderWay: machine.chunksUnderWay == 0),
            bootID: context.bootID, transferred: machine.bytesDelivered, bytesPerSecond: meter.bytesPerSecond,
            size: machine.plan.size, state: state, waiting: waiting, lane: lane)
    }

    private var lane: Lane { port.isUp ? .direct : .relay }

    private var state: TransferState? {
        switch machine.state {
        case .offered, .accepted, .ended: nil
        case .active: .active
        case .sent: .sent
        }
    }

    private var waiting: Waiting? {
        isHeld
            ? .paused : WaitingFlow.waiting(state ?? .active, direction: .send, isFull: isFull, isDown: isDown)
    }

    // MARK: - Progress

    func progress() async {
        let now = Monotonic.now
        guard meter.isReportDue(at: now), !isOver else { return }
        meter.record(machine.bytesDelivered, at: now)
        report()
        guard meter.isStoreDue(at: now), meter.isNews(machine.bytesDelivered) else { return }
        let (id, bytes, rate) = (transfer.id, machine.bytesDelivered, meter.bytesPerSecond)
        let files = await source.folder?.filesDone(before: bytes)
        _ = try? context.profile.write { db in
            try Transfer.updateProgress(db, id: id, transferred: bytes, bytesPerSecond: rate, now: unixNow())
            if let files { try Folder.setDone(db, transfer: id, files) }
        }
    }

    func report() {
        let state: TransferState
        switch machine.state {
        case .offered, .accepted: state = .accepted
        case .active: state = .active
        case .sent: state = .sent
        case .ended: return
        }
        context.report(
            ProgressEvent(
                transfer: transfer.id, state: state, transferred: machine.bytesDelivered, size: machine.plan.size,
                bytesPerSecond: meter.bytesPerSecond, lane: lane.rawValue, waiting: waiting))
    }
}

/// Why a runner cannot begin.
struct RunnerFailure: Error {
    let failure: TransferFailure

    init(_ failure: TransferFailure) { self.failure = failure }
}
