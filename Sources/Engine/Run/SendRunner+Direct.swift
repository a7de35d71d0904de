import AgentLink
import ChatProtocol
import ChunkIO
import DirectLane
import Logging
import TransferCore

/// The direct lane, from the sender's side.
extension SendRunner: DirectRunner {
    /// How long chunks wait for the direct lane at the start, when the recipient is on line.
    static let directFirst: Duration = .seconds(1)

    // MARK: - Meeting

    var mayMeet: Bool { !isOver && !isPaused && !isHeld }

    var directRole: DirectRendezvous.Role { .sender }

    /// A file that goes by no other lane: as long as nothing fresh has come, x.ok asks whether the recipient is on line.
    func askForDirect() async {
        guard transfer.laneWish == "direct", machine.state == .active, mayMeet, port.isDue else { return }
        if await context.isFresh(connection) { return await sayDirect() }
        port.failed()
        do { try await context.link.send(ChatText.ok(), on: connection) } catch {
            context.logger.debug("x.ok not sent: \(error)")
        }
    }

    func take(_ event: DirectRendezvous.Event, _ attempt: Int) async {
        guard attempt == port.attempt else { return }
        context.moved()
        port.moved()
        switch event {
        case .up:
            context.logger.debug("transfer \(transfer.id) goes by a direct connection")
            port.met()
            relayWaitsUntil = nil
            await context.link.withdrawBulk(on: connection)
            report()
        case .message(let bytes):
            await take(Incoming(bytes))
            port.rendezvous?.taken()
        // A sender takes none.
        case .chunk: break
        case .down(let error):
            await directEnded(error)
            report()
        }
    }

    private func take(_ incoming: Incoming) async {
        switch incoming {
        case .want(let want):
            // The first: what the relay lane has on its way comes last.
            let isFirst = !isDirectReady
            isDirectReady = true
            await apply(machine.handle(.want(want, openRangeFirst: isFirst)))
            releaseSource(want)
            await progress()
        case .fileOK(let root): await apply(machine.handle(.ok(root: root)))
        case .info, .group, .acceptance, .ok, .offer, .message, .update, .delete, .evaluate, .chunk, .done, .cancel,
            .retry,
            .direct, .ignored, .unreadable:
            break
        }
    }

    /// What was under way on the direct lane is to be sent again.
    func dropDirect() async {
        let wasUp = port.isUp
        port.close()
        isDirectReady = false
        if wasUp { await apply(machine.handle(.directBroke)) }
    }

    // MARK: - Sending

    func pumpDirectly() async {
        while !isOver, !isPaused {
            guard !isHeld, port.isUp, isDirectReady, !isReading, machine.hasDirectRoom, let step = machine.next() else {
                var waiting = directWork.makeAsyncIterator()
                guard await waiting.next() != nil else { return }
                continue
            }
            switch step {
            case .read(let place): await sendDirectly(place)
            case .done(let mark): await sendDirectly(mark)
            }
        }
    }

    private func sendDirectly(_ wanted: ChunkPlace) async {
        let chunk: FilledChunk
        let place: ChunkPlace
        isReading = true
        do {
            guard let ready = try await waitForSource(wanted) else {
                isReading = false
                return
            }
            place = ready
            chunk = try await source.reader.read(at: Int64(place.offset), length: place.length, into: pool)
            try await check(place, chunk.sha256)
        } catch {
            isReading = false
            return await fail(.source("\(error)"))
        }
        isReading = false
        let actions = machine.handle(.read(place.number, hash: chunk.sha256))
        guard actions == [.send(place.number)] else {
            if !actions.isEmpty { await apply(actions) }
            return
        }
        let header = ChatText.chunkHeader(ref: ref, number: place.number, length: place.length, hash: chunk.sha256)
        guard isDirectReady, let frame = port.rendezvous?.send(header, body: chunk.buffer) else {
            // Its end is told soon: until then the pump waits.
            isDirectReady = false
            _ = machine.handle(.returned(place.number))
            return wake()
        }
        _ = machine.handle(.sentDirectly(.chunk(place.number), frame: frame))
        port.moved()
        context.moved()
    }

    private func sendDirectly(_ mark: DoneMark) async {
        do {
            try source.reader.verifyUnchanged()
        } catch {
            return await fail(.source("\(error)"))
        }
        guard isDirectReady, let frame = port.rendezvous?.send(ChatText.done(mark)) else { return await returnDone() }
        _ = machine.handle(.sentDirectly(.done, frame: frame))
        port.moved()
    }

    /// x.file.done did not go: it is owed again.
    private func returnDone() async {
        isDirectReady = false
        _ = machine.handle(.sentDirectly(.done, frame: 0))
        await apply(machine.handle(.directBroke))
    }
}
