import AgentLink
import ChatProtocol
import Database
import GRDB
import Logging
import Primitives
import TransferCore

/// Files that travel inside messages of the contact's connection.
extension Engine {
    // MARK: - Sending

    /// The announcement, or one chunk: other messages go in between.
    func sendInline(_ transfer: Transfer) async -> Bool {
        guard let connection = contactConnection(transfer) else { return false }
        do {
            if let ref = transfer.offerRef, transfer.offerMessage != nil {
                try await sendPart(transfer, ref: ref, on: connection)
            } else {
                try await announce(transfer, on: connection)
            }
        } catch {
            logger.debug("transfer \(transfer.id) could not send: \(error)")
            return false
        }
        inbox.yield(.transfer(transfer.id))
        return false
    }

    private func announce(_ transfer: Transfer, on connection: ConnectionID) async throws {
        let (ref, text) = try profile.write { db in
            (
                try Contact.nextRef(db, contact: transfer.contact),
                try transfer.message.flatMap { try TextMessage.fetch(db, id: $0) }
            )
        }
        let message = AnnouncedMessage(
            text: text.flatMap { $0.text.isEmpty ? nil : $0.text },
            files: [.init(name: transfer.name, size: transfer.size ?? 0, root: transfer.root)],
            preview: try profile.preview(transfer: transfer.id).map { .init(type: $0.type, bytes: $0.bytes) })
        try await link.send(ChatText.announcement(ref: ref, message), on: connection) { db, id in
            guard var row = try Transfer.fetch(db, id: transfer.id) else { return }
            row.offerRef = ref
            row.offerMessage = id
            row.farewell = id
            row.lane = "relay"
            if row.state.isEnded { row.isUntold = true }
            try row.update(db, now: unixNow())
            guard let text else { return }
            try TextMessage.setStored(db, id: text.id, ref: ref, agentMessage: id, revision: text.revision)
        }
    }

    private func sendPart(_ transfer: Transfer, ref: Int64, on connection: ConnectionID) async throws {
        let part = try profile.write { db -> (id: Int64, number: Int64, body: [UInt8])? in
            guard let part = try InlineContent.first(db, transfer: transfer.id) else { return nil }
            return (try Contact.nextRef(db, contact: transfer.contact), part.number, part.body)
        }
        guard let part else { return }
        let message = ChatText.inlineChunk(
            id: part.id, ref: ref, part: transfer.part, number: UInt64(part.number), hash: SHA256.hash(part.body),
            body: part.body)
        try await link.send(message, on: connection) { db, id in
            try InlineContent.remove(db, transfer: transfer.id, number: part.number)
            guard var row = try Transfer.fetch(db, id: transfer.id) else { return }
            row.farewell = id
            try row.update(db, now: unixNow())
        }
    }

    /// The relay has more of the contact's messages: inline files count as transferred.
    func deliveredInline(_ contact: Contact, _ connection: ConnectionID) async {
        var moved: [Transfer] = []
        attempt("counting what is delivered") { db in
            let sent = try Transfer.fetchAll(
                db,
                where: """
                    contact = ? AND direction = 'send' AND inline = 1 AND transfers.state = 'sent' AND transferred < size
                    """, [contact.id])
            for var transfer in sent {
                guard let last = transfer.farewell, try AgentStore.isDelivered(db, connection, through: last) else {
                    continue
                }
                transfer.transferred = transfer.size ?? 0
                try Transfer.updateProgress(
                    db, id: transfer.id, transferred: transfer.transferred, bytesPerSecond: nil, now: unixNow())
                moved.append(transfer)
            }
        }
        for transfer in moved { broadcast.report(ProgressEvent(transfer)) }
    }

    /// x.file.ok on the contact's connection: the oldest inline file with this root has arrived.
    static func takeInlineOK(_ db: GRDB.Database, root: [UInt8], from contact: Contact) throws -> [Int64] {
        let open = try Transfer.fetchAll(
            db,
            where: """
                contact = ? AND direction = 'send' AND inline = 1 AND offerMessage IS NOT NULL
                    AND transfers.state IN ('active', 'sent', 'cancelled')
                """, [contact.id])
        guard var transfer = open.first(where: { $0.root == root }) else { return [] }
        transfer.end(.complete, by: nil)
        transfer.isUntold = false
        try transfer.update(db, now: unixNow())
        try Transfer.updateProgress(
            db, id: transfer.id, transferred: transfer.size ?? 0, bytesPerSecond: nil, now: unixNow())
        try InlineContent.removeAll(db, transfer: transfer.id)
        return [transfer.id]
    }

    // MARK: - Receiving

    /// A chunk of an announced file.
    static func takeInline(
        _ db: GRDB.Database, _ chunk: IncomingChunk, _ body: [UInt8], from contact: Contact
    ) throws -> [Int64] {
        let rows = try Transfer.fetchAll(
            db, where: "contact = ? AND direction = 'receive' AND inline = 1 AND offerRef = ? AND part = ?",
            [contact.id, chunk.ref, Int64(clamping: chunk.part)])
        guard var transfer = rows.first, transfer.state == .active, let checkpoint = transfer.checkpoint else {
            return []
        }
        var machine = try InlineReceiving(
            files: [.init(size: transfer.size ?? 0, root: transfer.root)], checkpoint: checkpoint)
        let bytes = body[chunk.body]
        let action = machine.chunk(
            file: 1, number: chunk.number, length: bytes.count, hash: chunk.hash, fits: SHA256.hash(bytes) == chunk.hash
        )
        switch action {
        case .drop: return []
        case .keep(let kept):
            try InlineContent.insert(db, transfer: transfer.id, number: Int64(kept.place.number), type: nil, bytes)
        case .cancel: break
        }
        try settle(db, &transfer, machine)
        return [transfer.id]
    }

    /// Stores where the file stands; a whole one owes x.file.ok, a refused one x.file.cancel.
    static func settle(
        _ db: GRDB.Database, _ transfer: inout Transfer, _ machine: InlineReceiving
    ) throws {
        try Transfer.updateCheckpoint(
            db, id: transfer.id, machine.checkpoint, bootID: "", transferred: machine.bytesKept)
        switch machine.state {
        case .receiving: return
        case .complete:
            transfer.end(.complete, by: nil)
            transfer.isUntold = transfer.root != nil
        case .ended(let ending):
            transfer.end(ending)
            transfer.isUntold = true
            try InlineContent.removeAll(db, transfer: transfer.id)
        }
        try transfer.update(db, now: unixNow())
    }

    /// Says x.file.ok for an inline file that is here.
    func confirmInline(_ transfer: Transfer) async -> Bool {
        guard let connection = contactConnection(transfer), let root = transfer.root else { return false }
        do {
            try await link.send(ChatText.fileOK(root: root), on: connection) { db, _ in
                guard var row = try Transfer.fetch(db, id: transfer.id) else { return }
                row.isUntold = false
                try row.update(db, now: unixNow())
            }
            return true
        } catch {
            logger.debug("transfer \(transfer.id) was not confirmed: \(error)")
            return false
        }
    }
}
