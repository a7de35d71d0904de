import AgentLink
import Database
import GRDB
import Logging
import TransferCore

/// What the link tells.
extension Engine {
    func take(_ event: AgentEvent) async {
        switch event {
        case .linkReady(let connection, _):
            // Made in this run: whatever comes on it is pushed at once.
            drained.insert(connection)
            await advance(connection)
        case .confirmation(let connection, let info): await confirm(connection, info: info)
        case .connected(let connection, _): await advance(connection)
        case .message(let connection, let inbound, _, let integrity, let body):
            drained.remove(connection)
            await take(connection, inbound: inbound, integrity, body)
        case .bulk(let connection, let ids, let integrity, let body, let token):
            drained.remove(connection)
            await take(connection, integrity, body, token, last: ids.upperBound)
        case .delivered(let connection, let id): await delivered(connection, id)
        case .quota(let connection, let isFull): quota(connection, isFull: isFull)
        case .drained(let connection): await drained(connection)
        case .gap(let connection, let integrity): runner(of: connection)?.tell(.gap(integrity))
        case .undecryptable(let connection):
            logger.warning("connection \(connection): a message that cannot be decrypted was dropped")
        case .contactRequest(let connection, _, _):
            logger.notice("connection \(connection): a request to a contact address was skipped")
        case .subscriptionTaken: stopForGood(.subscriptionTaken)
        case .queueRefused(let connection, let error, let delay): await queueRefused(connection, error, delay)
        case .queueMade(let connection): await queueMade(connection)
        case .failed(let connection, let error): await failed(connection, error)
        case .relayUp(let server):
            let isFirst = answered.insert(server).inserted
            let wasDown = down.removeValue(forKey: server) != nil
            nextTry[server] = nil
            if wasDown { broadcast.tell(.up(server: "\(server)")) }
            // At the first answer rows may still say what an earlier engine saw.
            if isFirst || wasDown { tellRelays() }
        case .relayDown(let server, let error, let delay):
            down[server] = error
            nextTry[server] = unixNow() + Int64(delay)
            // What comes meanwhile is unread.
            let unread = try? profile.read { db in try AgentStore.receiving(db, at: RelayName("\(server)")) }
            drained.subtract(unread ?? drained)
            broadcast.tell(.down(server: "\(server)", FailureKind(error), error.description))
            tellRelays()
        }
    }

    private func runner(of connection: ConnectionID) -> (any TransferRunner)? {
        running.values.first { $0.connection == connection }?.runner
    }

    /// Whose connection it is.
    enum Owner {
        case contact(Contact)
        case transfer(Transfer)
        case group(GroupConnectionRow)
        case nobody
    }

    func owner(_ connection: ConnectionID) -> Owner {
        let owner: Owner? = try? profile.read { db in
            if let transfer = try Transfer.fetch(db, connection: connection) { return .transfer(transfer) }
            // Before contacts: rows of those stand for connections of groups.
            if let row = try GroupConnectionRow.fetch(db, connection: connection) { return .group(row) }
            if let contact = try Contact.fetch(db, connection: connection) { return .contact(contact) }
            return .nobody
        }
        return owner ?? .nobody
    }

    private func advance(_ connection: ConnectionID) async {
        switch owner(connection) {
        case .contact(let contact): await advance(contact: contact)
        case .transfer(let transfer): await advance(transfer.id)
        case .group(let row): await advance(row)
        case .nobody: break
        }
    }

    // MARK: - Relays that make no queues

    private func queueRefused(_ connection: ConnectionID, _ error: AgentLinkError, _ delay: Int) async {
        logger.notice("connection \(connection): \(error); next try in \(delay) s")
        queueless.insert(connection)
        switch owner(connection) {
        case .transfer(let transfer):
            attempt("noting when a queue is asked for next") { db in
                try Transfer.setRetry(db, id: transfer.id, at: unixNow() + Int64(delay))
            }
            await advance(transfer.id)
            if let row = try? profile.transfer(id: transfer.id) { broadcast.report(ProgressEvent(row)) }
        case .contact(let contact): note(contact, error.description, FailureKind(error))
        case .group, .nobody: break
        }
    }

    private func queueMade(_ connection: ConnectionID) async {
        queueless.remove(connection)
        switch owner(connection) {
        case .transfer(let transfer): await advance(transfer.id)
        case .contact(let contact): note(contact, nil, nil)
        case .group, .nobody: break
        }
    }

    /// Why a contact's connection is not made yet; its command looks at that.
    private func note(_ contact: Contact, _ reason: String?, _ kind: FailureKind?) {
        attempt("noting what a contact waits for") { db in
            guard var row = try Contact.fetch(db, id: contact.id), row.state == .invited || row.state == .connecting
            else { return }
            row.reason = reason
            row.failure = kind
            try row.update(db)
        }
    }

    // MARK: - Confirmations

    private func confirm(_ connection: ConnectionID, info: [UInt8]) async {
        switch owner(connection) {
        case .contact(let contact): confirm(contact, connection)
        case .transfer(let transfer): confirm(transfer, connection, info)
        case .group(let row): await advance(row)
        case .nobody: attempt("refusing a stranger") { db in try AgentStore.delete(db, connection) }
        }
        await wakePending()
    }

    private func confirm(_ contact: Contact, _ connection: ConnectionID) {
        attempt("letting a contact in") { db in
            guard var row = try Contact.fetch(db, id: contact.id), row.state == .invited || row.state == .connecting
            else { return }
            row.state = .connecting
            try row.update(db)
            try AgentStore.allow(db, connection, info: self.profile.profileInfo())
        }
    }

    /// Only the name that was offered is let in.
    private func confirm(_ transfer: Transfer, _ connection: ConnectionID, _ info: [UInt8]) {
        let isRight = Incoming(info) == .acceptance(name: transfer.name)
        attempt("letting a recipient in") { db in
            guard var row = try Transfer.fetch(db, id: transfer.id), !row.state.isEnded else { return }
            if isRight {
                row.state = .accepted
                row.waiting = .peer
                try AgentStore.allow(db, connection, info: ChatText.ok())
            } else {
                row.end(
                    .failed, by: .peer, reason: "the recipient accepted something that was not offered",
                    failure: .failed)
                row.isUntold = true
            }
            try row.update(db, now: unixNow())
        }
        inbox.yield(.transfer(transfer.id))
    }

    // MARK: - Messages

    private func take(_ connection: ConnectionID, inbound: Int64, _ integrity: Integrity, _ body: [UInt8]) async {
        switch owner(connection) {
        case .contact(let contact): await take(Incoming(body), body, inbound: inbound, integrity, from: contact)
        case .transfer(let transfer):
            let incoming = Incoming(body)
            await start(transfer)
            if let runner = running[transfer.id]?.runner {
                if case .chunk = incoming {
                    runner.tell(.storedChunk(inbound: inbound, integrity, body))
                } else {
                    runner.tell(.message(inbound: inbound, integrity, incoming))
                }
            } else {
                await takeLate(incoming, inbound: inbound, transfer.id, connection)
            }
        case .group(let row): await take(row, connection, inbound: inbound, integrity, body)
        case .nobody: attempt("dropping a message") { db in try AgentStore.deleteInbound(db, inbound) }
        }
    }

    private func take(
        _ connection: ConnectionID, _ integrity: Integrity, _ body: [UInt8], _ token: BulkToken, last: Int64
    ) async {
        // Chunk after chunk, without a look into the database for each.
        if let runner = runner(of: connection) { return runner.tell(.bulk(integrity, body, token, last: last)) }
        switch owner(connection) {
        case .contact(let contact):
            await take(Incoming(body), body, inbound: nil, integrity, from: contact)
            await acknowledge(token)
        case .transfer(let transfer):
            await start(transfer)
            if let runner = running[transfer.id]?.runner {
                return runner.tell(.bulk(integrity, body, token, last: last))
            }
            if isStopping { return }
            owesConfirmation.insert(connection)
            await acknowledge(token)
        // Only file connections carry bulk messages.
        case .group, .nobody: await acknowledge(token)
        }
    }

    private func acknowledge(_ token: BulkToken) async {
        do { try await link.acknowledge(token) } catch { logger.error("a message was not acknowledged: \(error)") }
    }

    private func start(_ transfer: Transfer) async {
        if running[transfer.id] == nil, !transfer.state.isEnded { await advance(transfer.id) }
    }

    /// What came while a runner ended stays in the database: it is handled now.
    func takeLeftovers(_ id: Int64) async {
        let rows = try? profile.read { db -> [(Int64, [UInt8], ConnectionID)] in
            guard let row = try Transfer.fetch(db, id: id), row.state.isEnded, let connection = row.connection else {
                return []
            }
            return try AgentStore.inbound(db, connection).map { ($0.id, $0.body, connection) }
        }
        for (inbound, body, connection) in rows ?? [] {
            await takeLate(Incoming(body), inbound: inbound, id, connection)
        }
    }

    /// A message on the file connection of a transfer that has no runner: it is over.
    private func takeLate(_ incoming: Incoming, inbound: Int64, _ id: Int64, _ connection: ConnectionID) async {
        // The next engine takes it.
        if isStopping { return }
        owesConfirmation.insert(connection)
        attempt("handling a late message") { db in
            try AgentStore.deleteInbound(db, inbound)
            if case .cancel = incoming, var row = try Transfer.fetch(db, id: id), row.direction == .send,
                row.state.isEnded, row.endedBy == .me
            {
                // Both have ended it: nothing more comes.
                row.farewell = nil
                row.isUntold = false
                return try row.update(db, now: unixNow())
            }
            guard case .fileOK = incoming, var row = try Transfer.fetch(db, id: id), row.direction == .send,
                row.endedBy == .me, row.state == .cancelled || row.state == .failed
            else { return }
            // Our cancel crossed it: the file is there, and complete wins.
            row.end(.complete, by: nil)
            row.isUntold = false
            row.farewell = nil
            try row.update(db, now: unixNow())
        }
        await advance(id)
    }

    // MARK: - Delivery

    private func delivered(_ connection: ConnectionID, _ id: Int64) async {
        if let runner = runner(of: connection) { return runner.tell(.delivered(id)) }
        switch owner(connection) {
        case .transfer(let transfer): await advance(transfer.id)
        case .contact(let contact): await deliveredInline(contact, connection)
        case .group(let row): await delivered(row, connection)
        case .nobody: break
        }
        changed.yield()
    }

    private func quota(_ connection: ConnectionID, isFull: Bool) {
        if isFull { full.insert(connection) } else { full.remove(connection) }
        runner(of: connection)?.tell(.quota(full: isFull))
    }

    private func drained(_ connection: ConnectionID) async {
        drained.insert(connection)
        if let runner = runner(of: connection) { return runner.tell(.drained) }
        guard case .transfer(let transfer) = owner(connection) else { return }
        if owesConfirmation.remove(connection) != nil, transfer.state == .complete, transfer.direction == .receive {
            await confirmAgain(transfer, connection)
        }
        await advance(transfer.id)
    }

    /// A complete recipient answers whatever comes with x.file.ok.
    private func confirmAgain(_ transfer: Transfer, _ connection: ConnectionID) async {
        guard let checkpoint = transfer.checkpoint,
            let plan = try? ChunkPlan(size: transfer.size, chunkSize: transfer.chunkSize),
            let machine = try? ReceivingMachine(plan: plan, checkpoint: checkpoint, sameBoot: true),
            let root = machine.done?.root
        else { return }
        let id = transfer.id
        do {
            try await link.send(ChatText.fileOK(root: root), on: connection) { db, message in
                try db.execute(sql: "UPDATE transfers SET farewell = ? WHERE id = ?", arguments: [message, id])
            }
        } catch {
            logger.debug("x.file.ok of transfer \(id) was not repeated: \(error)")
        }
    }

    // MARK: - Failures

    private func failed(_ connection: ConnectionID, _ error: AgentLinkError) async {
        if error == .stopped { return }
        if let runner = runner(of: connection) { return runner.tell(.connectionFailed(error)) }
        switch owner(connection) {
        case .contact(let contact): await fail(contact, error.description, FailureKind(error))
        case .transfer(let transfer):
            if transfer.state.isEnded {
                await advance(transfer.id)
            } else {
                await fail(transfer.id, error.description, FailureKind(error))
            }
        case .group(let row): await advance(row)
        case .nobody: break
        }
    }

    /// Says to every transfer whether a relay that it needs is down.
    func tellRelays() {
        let relays = Dictionary(
            down.keys.map { (RelayName("\($0)"), nextTry[$0] ?? 0) }, uniquingKeysWith: { max($0, $1) })
        let transfers = (try? profile.movingTransfers()) ?? []
        for transfer in transfers where transfer.direction == .send || transfer.state != .offered {
            let needed = relays.isEmpty ? [] : (try? profile.relayNames(of: transfer)) ?? []
            let retryAt = needed.compactMap { relays[$0] }.max()
            let isDown = retryAt != nil
            if let retryAt, retryAt != transfer.retryAt {
                attempt("noting when a relay is tried next") { db in
                    try Transfer.setRetry(db, id: transfer.id, at: retryAt)
                }
            }
            if let running = running[transfer.id] {
                running.runner.tell(.relay(isDown: isDown))
                continue
            }
            let waiting = WaitingFlow.waiting(
                transfer.state, direction: transfer.direction, isFull: false, isDown: isDown)
            attempt("noting what waits") { db in try Transfer.setWaiting(db, id: transfer.id, waiting) }
        }
    }

    /// Writes in one transaction; what cannot be written is tried again by a later look.
    func attempt(_ what: String, durable: Bool = false, _ body: (GRDB.Database) throws -> Void) {
        do { try profile.write(durable: durable, body) } catch { logger.error("\(what) failed: \(error)") }
    }
}
