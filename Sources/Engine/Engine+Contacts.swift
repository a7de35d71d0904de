import AgentLink
import ChatProtocol
import Database
import GRDB
import Logging
import TransferCore

/// Contacts: their making, their messages.
extension Engine {
    func advance(contact: Contact) async {
        guard !isStopping else { return }
        let state = try? profile.read { db in try contact.connection.flatMap { try AgentStore.state(db, $0) } }
        guard let state else { return }
        switch ContactStep.next(contact, connection: state) {
        case .wait: break
        case .connect: await connect(contact)
        case .fail:
            let why = try? profile.read { db in try contact.connection.flatMap { try AgentStore.failure(db, $0) } }
            await fail(contact, (why ?? nil) ?? "its connection is gone", .failed)
        }
    }

    /// Messages flow: the contact gets the name that it gives itself, unless the user named it.
    private func connect(_ contact: Contact) async {
        attempt("connecting a contact") { db in
            guard var row = try Contact.fetch(db, id: contact.id), let connection = row.connection else { return }
            row.state = .connected
            if let info = try AgentStore.peerInfo(db, connection), case .info(let profile) = Incoming(info) {
                try Self.rename(db, &row, profile)
            }
            try row.update(db)
            // It was told when the connection was begun.
            let info = self.profile.profileInfo()
            if try AgentStore.info(db, connection) != info { try Outgoing.insert(db, connection, info) }
        }
        await carryOut()
        await sendMessages()
        for id in (try? profile.openTransfers()) ?? [] { await advance(id) }
    }

    private static func rename(_ db: GRDB.Database, _ contact: inout Contact, _ profile: ChatProtocol.Profile) throws {
        contact.profile = profile
        guard !contact.isNamed else { return }
        contact.name = try ContactName.unique(db, ContactName.made(from: profile.displayName), except: contact.id)
        // From now on it is the user's word: a peer that changes its name does not change ours.
        contact.isNamed = true
    }

    func fail(_ contact: Contact, _ reason: String, _ kind: FailureKind) async {
        attempt("failing a contact") { db in
            guard var row = try Contact.fetch(db, id: contact.id), row.state != .failed, row.state != .removed else {
                return
            }
            row.state = .failed
            row.reason = reason
            row.failure = kind
            try row.update(db)
        }
        for id in (try? profile.openTransfers()) ?? [] { await advance(id) }
    }

    // MARK: - Messages from a contact

    /// - Parameter inbound: the stored row; nil for a chunk that is in memory only.
    func take(
        _ incoming: Incoming, _ body: [UInt8], inbound: Int64?, _ integrity: Integrity, from contact: Contact
    ) async {
        if isStopping { return }
        switch integrity {
        case .ok, .late: break
        case .skipped(let ids): logger.warning("messages \(ids) of contact \(contact.id) never came")
        case .badID, .badHash: logger.warning("the message sequence of contact \(contact.id) is broken")
        }
        var touched: [Int64] = []
        attempt("handling a message") { db in
            if let inbound { try AgentStore.deleteInbound(db, inbound) }
            if contact.state == .member {
                guard try Self.takeInOrder(db, incoming, body, from: contact) else { return }
            } else if case .skipped(let ids) = integrity {
                try TextMessage.insertGap(db, contact: contact.id, ids, now: unixNow())
            }
            switch incoming {
            case .info(let profile):
                guard var row = try Contact.fetch(db, id: contact.id) else { return }
                try Self.rename(db, &row, profile)
                try row.update(db)
            case .offer(let ref, let file): touched += try Self.takeOffer(db, ref: ref, file, from: contact)
            case .message(let ref, let message):
                touched += try Self.takeMessage(db, ref: ref, message, from: contact, limit: self.inlineLimit)
            case .evaluate(let ref, let message):
                touched += try Self.takeMessage(
                    db, kind: .eval, ref: ref, message, from: contact, limit: self.inlineLimit)
            case .update(let reference, let message):
                touched += try Self.takeUpdate(db, of: reference, message, from: contact, limit: self.inlineLimit)
            case .delete(let reference): touched += try Self.takeDeletion(db, of: reference, from: contact)
            case .chunk(let chunk): touched += try Self.takeInline(db, chunk, body, from: contact)
            case .cancel(let ref, let code, let reason):
                touched += try Self.takeCancel(db, ref: ref, code, reason: reason, from: contact)
            case .retry(let ref): touched += try Self.takeRetry(db, ref: ref, from: contact)
            case .fileOK(let root): touched += try Self.takeInlineOK(db, root: root, from: contact)
            case .group(let event): try self.takeGroupEvent(db, event, from: contact)
            case .ignored(let event):
                self.logger.notice("an event was skipped", metadata: ["event": "\(event)"])
            case .unreadable(let why): self.logger.notice("a message was skipped: \(why)")
            case .acceptance, .ok, .want, .done, .direct: break
            }
        }
        switch incoming {
        case .chunk(let chunk): await takeList(chunk, body, from: contact)
        case .want(let want): await sendList(want, to: contact)
        default: break
        }
        for id in touched {
            if let row = try? profile.transfer(id: id) { broadcast.report(ProgressEvent(row)) }
            await advance(id)
        }
        if case .offer = incoming {
            await acceptByItself()
            await wakePending()
        }
    }

    private static func takeOffer(
        _ db: GRDB.Database, ref: Int64, _ file: OfferedFile, from contact: Contact
    ) throws -> [Int64] {
        let known = try Transfer.fetchAll(
            db, where: "contact = ? AND direction = 'receive' AND offerRef = ?", [contact.id, ref])
        guard known.isEmpty else { return [] }
        let asking = try Self.asking(db, ref: file.retries, from: contact)
        if let asking, try Self.takeAnswer(db, asking, ref: ref, file) { return [asking.id] }
        var transfer = Transfer(
            id: try Meta.nextID(db), direction: .receive, contact: contact, isInline: false, name: file.name,
            size: file.size, chunkSize: file.chunkSize, now: unixNow())
        transfer.offerRef = ref
        transfer.invitation = file.invitation
        transfer.mode = file.mode
        transfer.modifiedAt = file.modifiedAt
        transfer.isSparse = file.isSparse
        transfer.expiresAt = file.expiresAt
        transfer.retryOf = try file.retries.flatMap { ref in
            try Transfer.fetchAll(
                db, where: "contact = ? AND direction = 'receive' AND offerRef = ?", [contact.id, ref]
            ).first?.id
        }
        if file.isFolder, file.folder.map({ $0.layout.size == file.size }) != true {
            transfer.end(
                .failed, by: .me, reason: "the offer of a folder does not fit together", failure: .failed)
            transfer.isUntold = true
        } else if (try? ChunkPlan(size: file.size, chunkSize: file.chunkSize)) == nil {
            transfer.end(
                .failed, by: .me, reason: "the offer names a size that this version does not know", failure: .failed)
            transfer.isUntold = true
        }
        try transfer.insert(db)
        if let folder = file.folder { try Folder.insert(db, transfer: transfer.id, folder) }
        return [transfer.id] + (asking.map { [$0.id] } ?? [])
    }

    private static func takeCancel(
        _ db: GRDB.Database, ref: Int64, _ code: EndCode, reason: String, from contact: Contact
    ) throws -> [Int64] {
        // Only a recipient declines: then the number is that of an offer of ours.
        let direction: Direction = code == .declined ? .send : .receive
        var transfers = try Transfer.fetchAll(
            db, where: "contact = ? AND direction = ? AND offerRef = ?", [contact.id, direction.rawValue, ref])
        if direction == .receive, let asking = try Self.asking(db, ref: ref, from: contact) { transfers = [asking] }
        var ended: [Int64] = []
        for var transfer in transfers {
            // A join that found nothing because the sender had ended the offer: now the sender says how.
            let isCrossing =
                transfer.state == .failed && transfer.failure == .failed && transfer.endedBy == .me
                || transfer.state == .cancelled && transfer.reason == Self.withdrawn
            guard !transfer.state.isEnded || isCrossing else { continue }
            switch code {
            case .declined where transfer.state == .offered || transfer.isInline:
                transfer.end(.declined, by: .peer, reason: reason, failure: .cancelled)
            case .declined, .cancelled: transfer.end(.cancelled, by: .peer, reason: reason, failure: .cancelled)
            case .failed: transfer.end(.failed, by: .peer, reason: reason, failure: .failed)
            }
            transfer.isUntold = false
            if transfer.isInline { try InlineContent.removeAll(db, transfer: transfer.id) }
            try transfer.update(db, now: unixNow())
            ended.append(transfer.id)
        }
        return ended
    }
}
