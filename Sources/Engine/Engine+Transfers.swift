import AgentLink
import ChunkIO
import Database
import GRDB
import GroupCore
import Logging
import TLSTransport
import TransferCore

/// One step after the other for a transfer, by what its row says.
extension Engine {
    /// Takes steps until the transfer waits, runs or is over.
    func advance(_ id: Int64) async {
        // Every step changes the row; a bound keeps a step that cannot be stored from being taken for ever.
        for _ in 0..<8 {
            // What goes to a group goes by its parts.
            guard !isStopping, let facts = facts(id), !facts.transfer.isToGroup else { return }
            if facts.transfer.state.isEnded { endRunner(id) }
            if profile.isCutOff(facts.transfer), running[id] == nil {
                return await fail(id, Profile.cutOff, .failed)
            }
            running[id]?.runner.tell(.hold(facts.transfer.isPaused))
            guard await take(facts.next, facts.transfer) else { return }
        }
    }

    private func facts(_ id: Int64) -> TransferFacts? {
        let (drained, queueless) = (self.drained, self.queueless)
        let facts: TransferFacts?? = try? profile.read { db in
            guard let transfer = try Transfer.fetch(db, id: id) else { return nil }
            let peer = try Contact.fetch(db, id: transfer.contact)
            let contact = peer?.connection
            var isDelivered = false
            if let connection = transfer.connection, let farewell = transfer.farewell {
                isDelivered = try AgentStore.isDelivered(db, connection, through: farewell)
                // An x.file.ok that our cancel crossed may still be in the queue.
                if transfer.direction == .send, transfer.endedBy == .me {
                    // With all of it at the relay the recipient has the file before it reads our cancel: its answer decides.
                    let mayComplete = transfer.size == transfer.transferred
                    if mayComplete || !drained.contains(connection) { isDelivered = false }
                }
            }
            return TransferFacts(
                transfer: transfer, connection: try transfer.connection.flatMap { try AgentStore.state(db, $0) },
                contact: try contact.flatMap { try AgentStore.state(db, $0) }, isFarewellDelivered: isDelivered,
                hasInlineParts: try InlineContent.first(db, transfer: id) != nil, now: unixNow(),
                isOfferQueued: try transfer.parent != nil && Outgoing.isQueued(db, subject: id),
                isMemberGone: transfer.parent != nil && peer?.state == .removed,
                isQueueRead: transfer.connection.map { drained.contains($0) } ?? true,
                isQueueRefused: transfer.connection.map { queueless.contains($0) } ?? false)
        }
        return facts ?? nil
    }

    /// - Returns: whether to look for the next step at once.
    private func take(_ step: TransferStep, _ transfer: Transfer) async -> Bool {
        switch step {
        case .wait(let waiting):
            note(transfer, waiting)
            return false
        case .offer: return await offer(transfer)
        case .sendInline: return await sendInline(transfer)
        case .finishInline:
            change(transfer.id) { row in
                row.state = .sent
                row.waiting = .peer
            }
            return false
        case .run:
            await run(transfer)
            return false
        case .confirmInline: return await confirmInline(transfer)
        case .tellContact: return await tellContact(transfer)
        case .tellPeer: return await tellPeer(transfer)
        case .leaveUntold:
            change(transfer.id) { $0.isUntold = false }
            return true
        case .discard: return await discard(transfer)
        case .dropConnection:
            await dropConnection(transfer)
            return true
        case .fail:
            await failByConnection(transfer)
            return true
        case .expire:
            expire(transfer)
            return true
        case .ask: return await askAgain(transfer)
        case .answerRetry: return await answerRetry(transfer)
        }
    }

    /// Changes the row in one transaction, and says so.
    func change(_ id: Int64, _ body: (inout Transfer) -> Void) {
        var changed: Transfer?
        attempt("storing a transfer") { db in
            guard var row = try Transfer.fetch(db, id: id) else { return }
            body(&row)
            try row.update(db, now: unixNow())
            changed = row
        }
        if let changed { broadcast.report(ProgressEvent(changed)) }
    }

    private func note(_ transfer: Transfer, _ waiting: Waiting?) {
        guard transfer.waiting != waiting, transfer.waiting != .relayDown || waiting == nil else { return }
        attempt("noting what waits") { db in try Transfer.setWaiting(db, id: transfer.id, waiting) }
    }

    // MARK: - Offering

    private func offer(_ transfer: Transfer) async -> Bool {
        do {
            if try profile.write({ db in try Self.offerInGroup(db, transfer) }) {
                await carryOut()
                return true
            }
            let (ref, file, contact) = try profile.write { db in
                let contact = try Contact.fetch(db, id: transfer.contact)?.connection
                return (try Contact.nextRef(db, contact: transfer.contact), try transfer.offered(db), contact)
            }
            guard let file, let contact else { return false }
            try await self.link.send(ChatText.offer(ref: ref, file), on: contact) { db, id in
                guard var row = try Transfer.fetch(db, id: transfer.id) else { return }
                row.offerRef = ref
                row.offerMessage = id
                // Cancelled in this moment: now there is somebody to tell.
                if row.state.isEnded { row.isUntold = true }
                try row.update(db, now: unixNow())
            }
            return true
        } catch {
            logger.debug("transfer \(transfer.id) was not offered: \(error)")
            return false
        }
    }

    /// To a member of a group: the offer has a number of the group's row, and waits with the group's other messages.
    /// - Returns: whether it is a member's.
    private static func offerInGroup(_ db: GRDB.Database, _ transfer: Transfer) throws -> Bool {
        guard let member = try GroupMember.fetch(db, channel: transfer.contact),
            let group = try Group.fetch(db, id: member.group), var row = try Transfer.fetch(db, id: transfer.id),
            let file = try row.offered(db)
        else { return false }
        guard row.state == .offered, row.offerMessage == nil else { return true }
        let outcome = try Profile.wish(
            db, .sendTo(member.member, ChatText.offer(file)), in: group, subject: transfer.id)
        row.offerRef = outcome.number
        try row.update(db, now: unixNow())
        return true
    }

    // MARK: - Running

    private func run(_ transfer: Transfer) async {
        guard running[transfer.id] == nil, ending[transfer.id] == nil, let connection = transfer.connection else {
            return
        }
        var direct = (try? profile.directPolicy(for: transfer)) ?? DirectPolicy(isWanted: false)
        direct.limiter = route.limiter
        let context = RunContext(
            profile: profile, link: link, logger: logger, bootID: bootID,
            report: { [broadcast] event in broadcast.report(event) },
            changed: { [inbox] id in inbox.yield(.transfer(id)) },
            moved: { [moves] in moves.add() },
            direct: direct, sources: sources)
        let runner: any TransferRunner
        do throws(RunnerFailure) {
            switch transfer.direction {
            case .send: runner = try SendRunner(transfer, connection: connection, context: context)
            case .receive: runner = try await ReceiveRunner.make(transfer, connection: connection, context: context)
            }
        } catch {
            return await fail(transfer.id, error.failure)
        }
        let task = Task { [inbox] in
            await runner.run()
            inbox.yield(.runnerEnded(transfer.id))
        }
        running[transfer.id] = Running(
            runner: runner, connection: connection, direction: transfer.direction, task: task)
        if full.contains(connection) { runner.tell(.quota(full: true)) }
        if drained.contains(connection) { runner.tell(.drained) }
        if !down.isEmpty { tellRelays() }
    }

    // MARK: - Ending

    /// The transfer is over by its row: its runner hears nothing more.
    private func endRunner(_ id: Int64) {
        guard let runner = running.removeValue(forKey: id) else { return }
        ending[id] = runner
        runner.runner.tell(.ended)
    }

    /// The word for the other side: on the contact's connection only a recipient declines, and only a sender cancels, so that
    /// both know whose offer the number names.
    private func code(_ transfer: Transfer, onContact: Bool) -> EndCode {
        if onContact, transfer.direction == .receive { return .declined }
        switch transfer.state {
        case .declined: return .declined
        case .failed: return .failed
        case .offered, .accepted, .active, .sent, .complete, .cancelled: return .cancelled
        }
    }

    /// The reason as the other side hears it.
    private func told(_ transfer: Transfer) -> String {
        guard let reason = transfer.reason else { return "" }
        // What names a path is about a file here.
        guard transfer.state == .failed, reason.contains("/") else { return reason }
        return (transfer.direction == .send ? TransferFailure.source(reason) : .destination(reason)).told
    }

    private func tellContact(_ transfer: Transfer) async -> Bool {
        guard let ref = transfer.offerRef, let contact = contactConnection(transfer) else {
            change(transfer.id) { $0.isUntold = false }
            return true
        }
        let words = ChatText.cancel(
            ref: ref, code(transfer, onContact: true), reason: told(transfer))
        do {
            try await link.send(words, on: contact) { db, _ in
                guard var row = try Transfer.fetch(db, id: transfer.id) else { return }
                row.isUntold = false
                if let connection = row.connection { try AgentStore.delete(db, connection) }
                row.connection = nil
                try row.update(db, now: unixNow())
            }
        } catch {
            logger.debug("the end of transfer \(transfer.id) was not told: \(error)")
            return false
        }
        profile.sweepSpool()
        await wakePending()
        return true
    }

    private func tellPeer(_ transfer: Transfer) async -> Bool {
        guard let connection = transfer.connection else { return false }
        let words = ChatText.cancel(
            ref: transfer.offerRef ?? 0, code(transfer, onContact: false), reason: told(transfer))
        do {
            try await link.send(words, on: connection) { db, id in
                guard var row = try Transfer.fetch(db, id: transfer.id) else { return }
                row.isUntold = false
                row.farewell = id
                try row.update(db, now: unixNow())
            }
            return true
        } catch {
            logger.debug("the end of transfer \(transfer.id) was not told: \(error)")
            return false
        }
    }

    /// Removes partial and reservation.
    func discard(_ transfer: Transfer) async -> Bool {
        // The runner has the partial open: it ends first, and its end brings us here again.
        if ending[transfer.id] != nil { return false }
        do {
            let text = transfer.destination ?? ""
            if FolderRecord.isOne(text) {
                try await FolderReservation.discard(try FolderRecord(text: text))
            } else {
                try await Reservation.discard(try ReservationRecord(text: text))
            }
        } catch ChunkIOError.damagedRecord {
            logger.error("the reservation of transfer \(transfer.id) is damaged: its partial file is left")
        } catch {
            logger.warning("the partial file of transfer \(transfer.id) could not be removed: \(error)")
            return false
        }
        change(transfer.id) { row in
            row.destination = nil
            row.path = nil
        }
        return true
    }

    private func dropConnection(_ transfer: Transfer) async {
        attempt("dropping a connection") { db in
            guard var row = try Transfer.fetch(db, id: transfer.id), let connection = row.connection else { return }
            try AgentStore.delete(db, connection)
            row.connection = nil
            if row.state == .sent {
                row.waiting = nil
                row.reason = "no confirmation came within 7 days"
            }
            try row.update(db, now: unixNow())
        }
        endRunner(transfer.id)
        profile.sweepSpool()
        await wakePending()
    }

    private func failByConnection(_ transfer: Transfer) async {
        if transfer.parent != nil, transfer.state == .offered,
            (try? profile.contact(id: transfer.contact))??.state == .removed
        {
            return await fail(transfer.id, "\(transfer.peer) is not in the group any more", .failed)
        }
        let why = try? profile.read { db in try transfer.connection.flatMap { try AgentStore.failure(db, $0) } }
        await fail(transfer.id, (why ?? nil) ?? "its connection is gone", .failed)
    }

    private func fail(_ id: Int64, _ failure: TransferFailure) async {
        await fail(id, failure.description, FailureKind(failure))
    }

    /// Why an accepted offer is over whose sender has not said so.
    static let withdrawn = "the offer is not there any more"

    /// This side cannot go on; the other side is told if it knows of the transfer.
    func fail(_ id: Int64, _ reason: String, _ kind: FailureKind) async {
        change(id) { row in
            guard !row.state.isEnded else { return }
            if row.direction == .receive, row.state == .accepted, reason == AgentLinkError.linkUsed.description {
                // The queue of an offer goes when its sender withdraws it; the word of that may come later.
                row.end(.cancelled, by: .peer, reason: Self.withdrawn, failure: .cancelled)
            } else {
                row.end(.failed, by: .me, reason: reason, failure: kind)
            }
            row.isUntold = row.direction == .receive || row.offerMessage != nil
        }
        await advance(id)
    }

    func contactConnection(_ transfer: Transfer) -> ConnectionID? {
        (try? profile.read { db in try Contact.fetch(db, id: transfer.contact)?.connection }) ?? nil
    }

    // MARK: - Connections

    /// Lets the link look at connections that wishes or the engine have changed.
    func wakePending() async {
        guard let pending = try? profile.read({ db in try AgentStore.pending(db) }) else { return }
        woken = woken.filter { entry in pending.contains { $0.0 == entry.key } }
        for (connection, state) in pending where woken[connection] != state {
            woken[connection] = state
            await link.wake(connection)
        }
    }
}

extension Profile {
    /// Transfers that may need a step: unfinished, with something to tell, to remove or to delete.
    func openTransfers() throws(EngineError) -> [Int64] {
        try read { db in
            try Int64.fetchAll(
                db,
                sql: """
                    SELECT id FROM transfers
                    WHERE groupId IS NULL AND (state IN ('accepted', 'active', 'sent')
                        OR (state = 'offered' AND direction = 'send') OR (state = 'offered' AND expiresAt IS NOT NULL)
                        OR untold = 1 OR askedAgain = 1 OR connection IS NOT NULL
                        OR (destination IS NOT NULL AND state IN ('declined', 'cancelled', 'failed')))
                    ORDER BY id
                    """)
        }
    }

    /// The relays that have a part in a transfer.
    func relayNames(of transfer: Transfer) throws(EngineError) -> Set<RelayName> {
        try read { db in
            let contact = try Contact.fetch(db, id: transfer.contact)?.connection
            let usesContact = transfer.isInline || transfer.state == .offered || transfer.isAsking
            let connections = [transfer.connection, usesContact ? contact : nil].compactMap { $0 }
            return try Set(connections.flatMap { try AgentStore.servers(db, $0) }.map(RelayName.init))
        }
    }
}
