import AgentLink
import ChatProtocol
import Database
import GRDB
import Logging
import Primitives
import TransferCore

/// Texts: their sending, their edits and deletions.
extension Engine {
    // MARK: - Sending

    /// Encrypts and stores what waits of texts: themselves, a change of them, or that they are deleted.
    ///
    /// The text of an inline file travels in the message that announces it.
    func sendMessages() async {
        let waiting = try? profile.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT messages.id, contacts.connection FROM messages JOIN contacts ON contacts.id = messages.contact
                    JOIN connections ON connections.id = contacts.connection
                    WHERE messages.state = 'queued' AND connections.state = 'connected'
                        AND (messages.ref IS NOT NULL OR NOT EXISTS (SELECT 1 FROM transfers
                            WHERE transfers.message = messages.id AND transfers.inline = 1 AND transfers.state = 'active'))
                    ORDER BY messages.id
                    """
            ).compactMap { row in
                try TextMessage.fetch(db, id: row["id"]).map { ($0, ConnectionID(rawValue: row["connection"])) }
            }
        }
        for (message, connection) in waiting ?? [] {
            guard !isStopping else { return }
            await send(message, on: connection)
        }
    }

    private func send(_ message: TextMessage, on connection: ConnectionID) async {
        guard let contact = message.contact else { return }
        if message.ref == nil, message.deletedAt != nil {
            // Nobody has heard of it.
            return attempt("forgetting a message") { db in
                try db.execute(
                    sql: "UPDATE messages SET state = 'stored' WHERE id = ? AND ref IS NULL", arguments: [message.id])
            }
        }
        do {
            let ref = try profile.write { db in try Contact.nextRef(db, contact: contact) }
            let bytes =
                switch message.ref {
                case nil: ChatText.text(ref: ref, message.text)
                case let first? where message.deletedAt != nil: ChatText.deletion(ref: ref, first)
                case let first?: ChatText.update(ref: ref, first, message.text)
                }
            try await link.send(bytes, on: connection) { db, id in
                try TextMessage.setStored(
                    db, id: message.id, ref: message.ref ?? ref, agentMessage: id, revision: message.revision)
            }
        } catch {
            logger.debug("message \(message.id) was not sent: \(error)")
        }
    }

    // MARK: - Receiving

    /// The largest files that are taken inside messages.
    var inlineLimit: UInt64 { (try? profile.inlineLimit()) ?? 1_048_576 }

    /// A text, files that follow, and files that came with it. Answers are owed by the rows: `isUntold`.
    static func takeMessage(
        _ db: GRDB.Database, kind: TextMessage.Kind = .text, ref: Int64?, _ message: AnnouncedMessage,
        from contact: Contact, limit: UInt64
    ) throws -> [Int64] {
        var text: Int64?
        if let ref, let early = try TextMessage.received(db, contact: contact.id, ref: ref), early.isEarly {
            // What it became is known already, and counts.
            try TextMessage.setEarly(db, id: early.id, false)
            if early.deletedAt != nil { return [] }
            text = early.id
        } else if !(message.text ?? "").isEmpty || (message.files.isEmpty && message.parts.isEmpty) {
            text = try TextMessage.insert(
                db, from: contact, kind: kind, ref: ref, text: message.text ?? "", state: .new)
        }
        return try takeFiles(db, ref: ref, text: text, message, from: contact, limit: limit)
    }

    /// Another text for a message. One of which nothing is known, for it was lost or is late, is shown with that text.
    static func takeUpdate(
        _ db: GRDB.Database, of reference: Int64, _ message: AnnouncedMessage, from contact: Contact, limit: UInt64
    ) throws -> [Int64] {
        let known = try TextMessage.received(db, contact: contact.id, ref: reference)
        if known?.deletedAt != nil { return [] }
        let id = try known?.id ?? early(db, reference, from: contact)
        try TextMessage.setText(db, id: id, message.text ?? "", now: unixNow())
        var shown = message
        // Only what a new message announces comes in chunks.
        shown.files = []
        return try takeFiles(db, ref: reference, text: id, shown, from: contact, limit: limit)
    }

    /// A message is gone, and files in it that nobody has taken.
    static func takeDeletion(
        _ db: GRDB.Database, of reference: Int64, from contact: Contact
    ) throws -> [Int64] {
        let files = try Transfer.fetchAll(
            db, where: "contact = ? AND direction = 'receive' AND offerRef = ?", [contact.id, reference])
        let known = try TextMessage.received(db, contact: contact.id, ref: reference)
        if let known, known.deletedAt == nil {
            try TextMessage.setDeleted(db, id: known.id, now: unixNow())
        } else if known == nil, files.isEmpty {
            try TextMessage.setDeleted(db, id: early(db, reference, from: contact), now: unixNow())
        }
        var ended: [Int64] = []
        for var file in files where file.isInline && (file.state == .active || file.isWaitingInInbox) {
            file.end(.cancelled, by: .peer, reason: "its message was deleted", failure: .cancelled)
            file.isUntold = false
            try InlineContent.removeAll(db, transfer: file.id)
            try file.update(db, now: unixNow())
            ended.append(file.id)
        }
        return ended
    }

    /// A row for a message that has not come.
    private static func early(_ db: GRDB.Database, _ ref: Int64, from contact: Contact) throws -> Int64 {
        let id = try TextMessage.insert(db, from: contact, ref: ref, text: "", state: .read)
        try TextMessage.setEarly(db, id: id, true)
        return id
    }

    private static func takeFiles(
        _ db: GRDB.Database, ref: Int64?, text: Int64?, _ message: AnnouncedMessage, from contact: Contact,
        limit: UInt64
    ) throws -> [Int64] {
        // Chunks name a file by the number of its message.
        let announced = ref == nil ? [] : message.files
        let coming = announced.map { InlineReceiving.File(size: $0.size, root: $0.root) }
        let whole = message.parts.map { InlineReceiving.File(size: UInt64($0.bytes.count), root: nil) }
        // The limit is that of all files together.
        let isRefused = InlineReceiving(files: coming + whole, limit: limit).refusal != nil
        var taken: [Int64] = []
        for (index, file) in announced.enumerated() {
            var transfer = inline(id: try Meta.nextID(db), name: file.name, size: file.size, ref: ref, from: contact)
            transfer.part = index + 1
            transfer.root = file.root
            transfer.message = text
            try transfer.insert(db)
            try settle(db, &transfer, InlineReceiving(files: [coming[index]], limit: limit, isRefused: isRefused))
            taken.append(transfer.id)
        }
        if let preview = message.preview, let first = taken.first, !isRefused {
            try InlineContent.insert(db, transfer: first, number: 0, type: preview.type, preview.bytes)
        }
        for (index, part) in message.parts.enumerated() {
            var transfer = inline(
                id: try Meta.nextID(db), name: part.name, size: whole[index].size, ref: ref, from: contact)
            transfer.part = announced.count + index + 1
            transfer.message = text
            if isRefused {
                transfer.end(.failed, by: .me, reason: "it is larger than inline-limit", failure: .failed)
                try transfer.insert(db)
            } else {
                transfer.end(.complete, by: nil)
                try transfer.insert(db)
                try InlineContent(file: part.bytes, preview: nil).store(db, transfer: transfer.id)
                try Transfer.updateProgress(
                    db, id: transfer.id, transferred: whole[index].size, bytesPerSecond: nil, now: unixNow())
            }
            taken.append(transfer.id)
        }
        return taken
    }

    private static func inline(
        id: Int64, name: String, size: UInt64, ref: Int64?, from contact: Contact
    ) -> Transfer {
        var transfer = Transfer(
            id: id, direction: .receive, contact: contact, isInline: true, name: name, size: size,
            chunkSize: ChunkPlan.inlineChunkSize, now: unixNow())
        transfer.offerRef = ref
        transfer.state = .active
        transfer.lane = "relay"
        return transfer
    }
}
