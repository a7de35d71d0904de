import AgentLink
import ChatProtocol
import ChunkIO
import DirectLane
import Logging
import TransferCore

/// Which frames of the direct connection are handled, and what is due to be acknowledged. A value.
struct DirectIntake: Sendable {
    /// Bytes written between two acknowledgements.
    static let acknowledgedEvery = 4 << 20

    /// How many frames came.
    private(set) var taken: Int64 = 0
    /// Frames whose chunks are being written.
    private var open: Set<Int64> = []
    private var bytesSinceAcknowledged = 0

    /// How many frames, from the first, are handled.
    var handled: Int64 { open.min().map { $0 - 1 } ?? taken }

    /// The next frame.
    mutating func take() -> Int64 {
        taken += 1
        return taken
    }

    mutating func begin(_ frame: Int64) { open.insert(frame) }

    /// The chunk of a frame is written, or is not.
    mutating func end(_ frame: Int64) { open.remove(frame) }

    /// Whether so many bytes more are a reason to acknowledge.
    mutating func written(_ count: Int) -> Bool {
        bytesSinceAcknowledged += count
        guard bytesSinceAcknowledged >= Self.acknowledgedEvery else { return false }
        bytesSinceAcknowledged = 0
        return true
    }

    /// Whether anything was written since: on a slow line the sender is told now and then how far it is.
    mutating func isOwed() -> Bool {
        defer { bytesSinceAcknowledged = 0 }
        return bytesSinceAcknowledged > 0
    }
}

/// The direct lane, from the recipient's side.
extension ReceiveRunner: DirectRunner {
    // MARK: - Meeting

    var mayMeet: Bool { !isOver && !isLeaving && !isWithoutSpace && !isHeld }

    var directRole: DirectRendezvous.Role {
        .recipient(
            ChunkIntake(pool: DirectPort.pool(chunkSize: transfer.chunkSize)) { bytes in
                FileChunk.parseHeader(bytes[...]).map { (header: $0.bodyOffset, body: $0.chunk.length) }
            })
    }

    /// The sender asks whether we are there.
    func answerDirectly() async {
        guard mayMeet, port.isIdle, await context.isFresh(connection) else { return }
        await sayDirect()
    }

    func take(_ event: DirectRendezvous.Event, _ attempt: Int) async {
        guard attempt == port.attempt, !isOver else { return }
        context.moved()
        switch event {
        case .up:
            context.logger.debug("transfer \(transfer.id) goes by a direct connection")
            port.met()
            direct = DirectIntake()
            // `go`.
            _ = direct.take()
            await acknowledge()
            report()
        case .message(let bytes):
            _ = direct.take()
            if case .done(let mark) = Incoming(bytes) {
                await apply(machine.handle(.done(mark, lane: .direct)))
                // A relay that is down delivers nothing that would be waited for.
                if isDown, !machine.causes.isEmpty { await acknowledge() }
            }
            port.rendezvous?.taken()
        case .chunk(let header, let buffer): await take(header, buffer, attempt)
        case .down(let error):
            await directEnded(error)
            report()
        }
    }

    /// What was under way on the direct lane is asked for again, by the relay.
    func dropDirect() async {
        let wasUp = port.isUp
        port.close()
        if wasUp { await apply(machine.handle(.directBroke)) }
    }

    func acknowledgeSlowly() async {
        guard port.isUp, direct.isOwed() else { return }
        await acknowledge()
    }

    private func acknowledge() async {
        let seen = await context.link.received(on: connection)
        await apply(machine.handle(.acknowledge(seen: seen)))
    }

    // MARK: - Chunks

    private func take(_ header: [UInt8], _ buffer: ChunkBuffer, _ attempt: Int) async {
        let frame = direct.take()
        guard let (chunk, _) = FileChunk.parseHeader(header[...]), let hash = chunk.hash else {
            return await apply(machine.handle(.failed(.violation("a chunk that cannot be checked"))))
        }
        var rest: [ReceivingMachine.Action] = []
        for action in machine.handle(.chunk(chunk.number, length: chunk.length, hash: hash, lane: .direct)) {
            guard case .write(let chunkPlace, let hash) = action, case .partial(_, let writer) = place else {
                rest.append(action)
                continue
            }
            direct.begin(frame)
            writer.write(buffer, at: Int64(chunkPlace.offset), expecting: hash) { [inbox] result in
                inbox.yield(
                    .wrote(DirectWrite(attempt: attempt, frame: frame, chunk: chunkPlace.number, result: result)))
            }
        }
        if !rest.isEmpty { await apply(rest) }
    }

    func take(_ write: DirectWrite) async {
        if write.attempt == port.attempt { direct.end(write.frame) }
        guard !isOver else { return }
        switch write.result {
        case .success(.written): await apply(machine.handle(.written(write.chunk)))
        case .success(.hashMismatch): await apply(machine.handle(.damaged(write.chunk)))
        case .failure(let error) where error.category == .space:
            // The relay keeps chunks until there is room; a direct connection would only hold them up.
            isWithoutSpace = true
            await apply(machine.handle(.dropped(write.chunk)))
            await dropDirect()
            port.failed()
            await store()
            report()
        case .failure(let error): await apply(machine.handle(.failed(TransferFailure(error))))
        }
        guard !isOver else { return }
        await progress()
        if port.isUp, direct.written(transfer.chunkSize) { await acknowledge() }
    }
}
