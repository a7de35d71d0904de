import AgentLink
import ChatProtocol
import ChunkIO
import Database
import GRDB
import Logging
import TransferCore

/// Second chances: offers that run out, files that are asked for and offered again.
extension Engine {
    // MARK: - Expiry

    /// Offers whose time is over.
    func expireOffers() async {
        let due = try? profile.read { db in
            try Int64.fetchAll(
                db, sql: "SELECT id FROM transfers WHERE groupId IS NULL AND state = 'offered' AND expiresAt <= ?",
                arguments: [unixNow()])
        }
        for id in due ?? [] { await advance(id) }
    }

    func expire(_ transfer: Transfer) {
        change(transfer.id) { row in
            guard row.state == .offered else { return }
            let isOurs = row.direction == .send
            row.end(.cancelled, by: isOurs ? .me : .peer, reason: Self.expired, failure: .cancelled)
            row.isUntold = isOurs && row.offerMessage != nil
        }
    }

    /// Why an offer is over that nobody accepted.
    static let expired = "the offer was not accepted in time"

    // MARK: - The recipient asks

    func askAgain(_ transfer: Transfer) async -> Bool {
        guard let contact = contactConnection(transfer) else { return false }
        let repeated = try? profile.read { db in
            try transfer.retryOf.flatMap { try Transfer.fetch(db, id: $0)?.offerRef }
        }
        guard let ref = repeated ?? nil else {
            await fail(transfer.id, "the sender cannot be told what is meant", .failed)
            return true
        }
        do {
            try await link.send(ChatText.retry(ref: ref), on: contact) { db, id in
                guard var row = try Transfer.fetch(db, id: transfer.id) else { return }
                row.offerMessage = id
                try row.update(db, now: unixNow())
            }
            return true
        } catch {
            logger.debug("transfer \(transfer.id) was not asked for: \(error)")
            return false
        }
    }

    /// The transfer that waits for the offer `ref` to be repeated.
    static func asking(_ db: GRDB.Database, ref: Int64?, from contact: Contact) throws -> Transfer? {
        guard let ref else { return nil }
        return try Transfer.fetchAll(
            db,
            where: """
                contact = ? AND direction = 'receive' AND transfers.state = 'accepted' AND invitation IS NULL
                    AND retryOf IN (SELECT id FROM transfers WHERE contact = ? AND direction = 'receive' AND offerRef = ?)
                """, [contact.id, contact.id, ref]
        ).first
    }

    /// The offer that was asked for is here: it is accepted already. Another file under its number is not.
    /// - Returns: whether it goes on; if not, the new offer is one like any other.
    static func takeAnswer(
        _ db: GRDB.Database, _ asking: Transfer, ref: Int64, _ file: OfferedFile
    ) throws -> Bool {
        var transfer = asking
        guard file.folder?.hash == transfer.folder?.hash, file.folder?.layout == transfer.folder?.layout,
            file.isFolder == (transfer.folder != nil), file.name == transfer.name, file.size == transfer.size,
            (try? ChunkPlan(size: file.size, chunkSize: file.chunkSize)) != nil
        else {
            transfer.end(
                .failed, by: .peer, reason: "the file has changed: its new offer is in the inbox", failure: .failed)
            try transfer.update(db, now: unixNow())
            return false
        }
        transfer.offerRef = ref
        transfer.invitation = file.invitation
        transfer.mode = file.mode.map { file.isFolder ? $0 : $0 & 0o666 }
        transfer.modifiedAt = file.modifiedAt
        transfer.connection = try AgentStore.insertJoiner(
            db, kind: .file, link: file.invitation, info: ChatText.acceptance(name: file.name), now: unixNow())
        try transfer.update(db, now: unixNow())
        try db.execute(
            sql: "UPDATE transfers SET chunkSize = ? WHERE id = ?", arguments: [file.chunkSize, transfer.id])
        return true
    }

    // MARK: - The sender answers

    /// x.file.retry: the recipient is done with what the number names, whatever this side knows of that.
    static func takeRetry(_ db: GRDB.Database, ref: Int64, from contact: Contact) throws -> [Int64] {
        let offers = try Transfer.fetchAll(
            db, where: "contact = ? AND direction = 'send' AND offerRef = ?", [contact.id, ref])
        guard var transfer = offers.first else { return [] }
        if !transfer.state.isEnded {
            transfer.end(.cancelled, by: .peer, reason: "asked for again", failure: .cancelled)
            transfer.isUntold = false
            if transfer.isInline { try InlineContent.removeAll(db, transfer: transfer.id) }
        }
        transfer.isAskedAgain = true
        try transfer.update(db, now: unixNow())
        return [transfer.id]
    }

    /// Offers the file again, if it is the one that the user offered; what the user has withdrawn stays so.
    func answerRetry(_ transfer: Transfer) async -> Bool {
        let offers = offersOfSame(transfer)
        // Also where it is a later offer of the same that the user has withdrawn.
        if offers.contains(where: { $0.id >= transfer.id && $0.state == .cancelled && $0.endedBy == .me })
            || transfer.expiresAt.map({ unixNow() >= $0 }) ?? false
        {
            return await refuseRetry(transfer, .cancelled, "the sender has withdrawn it")
        }
        guard offers.count < Self.offerLimit else {
            return await refuseRetry(transfer, .failed, "it was asked for too often")
        }
        guard transfer.state != .complete else { return await refuseRetry(transfer, .failed, "it was complete") }
        if let folder = transfer.folder { return await answerRetry(transfer, folder) }
        guard let path = transfer.path, let source = try? SourceFile(path: path),
            let offered = transfer.sourceIdentity.flatMap({ try? SourceIdentity(text: $0) }),
            let found = try? SourceIdentity(text: source.identity), found.isSame(as: offered)
        else { return await refuseRetry(transfer, .failed, "the file is not there any more, or has changed") }
        attempt("offering again") { db in
            guard var row = try Transfer.fetch(db, id: transfer.id), row.isAskedAgain else { return }
            row.isAskedAgain = false
            try row.update(db, now: row.updatedAt)
            // Once at a time: a recipient that asks twice gets one offer.
            if try Profile.openRetry(db, of: row.id) == nil {
                _ = try Profile.insertRetry(db, of: row, source, expiresAt: row.expiresAt)
            }
        }
        await look()
        return false
    }

    /// The same for a folder, which has to be what it was, entry by entry.
    private func answerRetry(_ transfer: Transfer, _ folder: Folder) async -> Bool {
        let profile = profile
        let isOpen = try? profile.read { db in try Profile.openRetry(db, of: transfer.id) != nil }
        if isOpen ?? false {
            // Once at a time: it is not looked through again for that.
            change(transfer.id) { $0.isAskedAgain = false }
            return false
        }
        if transfer.parent != nil || folder.request == nil {
            return await refuseRetry(transfer, .failed, "its sender has to send the folder again")
        }
        do {
            // A large folder takes a while to look through: not in this actor.
            _ = try await Task.detached {
                try profile.requestRetry(
                    of: transfer, folder, expecting: folder.hash, expiresAt: transfer.expiresAt)
            }.value
        } catch {
            logger.notice("transfer \(transfer.id) was asked for again, and is not sent: \(error)")
            return await refuseRetry(transfer, .failed, "the folder is not there any more, or has changed")
        }
        change(transfer.id) { $0.isAskedAgain = false }
        await look()
        return false
    }

    /// So many offers of one file a recipient may ask for.
    private static let offerLimit = 16

    /// What offers the same file to the same contact, this one too.
    private func offersOfSame(_ transfer: Transfer) -> [Transfer] {
        let offers = try? profile.read { db in
            try Transfer.fetchAll(
                db, where: "contact = ? AND direction = 'send' AND path = ? AND sourceIdentity IS ?",
                [transfer.contact, transfer.path, transfer.sourceIdentity])
        }
        return offers?.filter { $0.folder?.hash == transfer.folder?.hash } ?? [transfer]
    }

    private func refuseRetry(_ transfer: Transfer, _ code: EndCode, _ reason: String) async -> Bool {
        guard let ref = transfer.offerRef, let contact = contactConnection(transfer) else { return false }
        do {
            try await link.send(ChatText.cancel(ref: ref, code, reason: reason), on: contact) { db, _ in
                guard var row = try Transfer.fetch(db, id: transfer.id) else { return }
                row.isAskedAgain = false
                try row.update(db, now: row.updatedAt)
            }
            return true
        } catch {
            logger.debug("x.file.retry of transfer \(transfer.id) was not answered: \(error)")
            return false
        }
    }
}
