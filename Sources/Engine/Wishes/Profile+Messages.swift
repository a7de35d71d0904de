import Database
import GRDB

/// What stands in a conversation.
public enum ConversationEntry: Equatable, Sendable, Identifiable {
    /// A text, or that some may be missing.
    case message(TextMessage)
    /// A file or folder.
    case transfer(Transfer)

    /// The id that the user knows.
    public var id: Int64 {
        switch self {
        case .message(let message): message.id
        case .transfer(let transfer): transfer.id
        }
    }
}

/// Texts: questions about them, and wishes to change them.
extension Profile {
    /// What was said and sent between us and a contact, oldest first.
    /// - Parameter time: only what came or changed in this last time.
    /// - Throws: `noSuchContact`.
    public func conversation(
        with name: String, since time: Duration? = nil
    ) throws(EngineError) -> [ConversationEntry] {
        let start = time.map { unixNow() - $0.components.seconds } ?? 0
        return try read { db in
            let contact = try Contact.named(db, name)
            let messages = try TextMessage.fetchAll(
                db,
                where: """
                    messages.contact = ? AND max(messages.createdAt, coalesce(editedAt, 0), coalesce(deletedAt, 0)) >= ?
                    """, [contact.id, start]
            ).filter { $0.kind != .gap || $0.missing > 0 }
            let transfers = try Transfer.fetchAll(db, where: "contact = ? AND updatedAt >= ?", [contact.id, start])
            return (messages.map(ConversationEntry.message) + transfers.map(ConversationEntry.transfer))
                .sorted { $0.id < $1.id }
        }
    }

    /// Received texts that were not read; oldest first.
    public func newMessages() throws(EngineError) -> [TextMessage] {
        try read { db in try TextMessage.fetchAll(db, where: "direction = 'receive' AND messages.state = 'new'") }
    }

    /// The message of this id; nil if there is none.
    public func message(id: Int64) throws(EngineError) -> TextMessage? {
        try read { db in try TextMessage.fetch(db, id: id) }
    }

    /// Marks received texts as read.
    public func markRead(_ ids: [Int64]) throws(EngineError) {
        try write { db in
            for id in ids {
                try db.execute(
                    sql: "UPDATE messages SET state = 'read' WHERE id = ? AND state = 'new'", arguments: [id])
            }
        }
    }

    /// Whether a text, as it is now, is with the relay.
    /// - Throws: `noSuchMessage`.
    public func isWithRelay(message id: Int64) throws(EngineError) -> Bool {
        try read { db in
            guard let message = try TextMessage.fetch(db, id: id) else { throw EngineError.noSuchMessage(id) }
            return message.isWithRelay
        }
    }

    /// Changes the text of a message of our own.
    /// - Throws: `noSuchMessage`, `messageDeleted`, `contactFailed`, `usage` for a text that cannot be or another's message.
    public func requestEdit(_ id: Int64, text: String) throws(EngineError) {
        guard !text.isEmpty else { throw .usage("the text is empty: `sxfile delete \(id)` deletes the message") }
        try Self.checkLength(text)
        try write { db in
            let message = try Self.own(db, id, to: "edit")
            guard message.deletedAt == nil else { throw EngineError.messageDeleted(id) }
            if let contact = message.contact { try Self.checkReachable(db, contact) }
            if message.text != text { try TextMessage.edit(db, id: id, text, now: unixNow()) }
        }
    }

    /// Deletes a message of our own, here and at the other side, with a file in it that is not complete. One that is deleted
    /// stays as it is.
    /// - Throws: `noSuchMessage`, `usage` for another's message.
    public func requestDelete(_ id: Int64) throws(EngineError) {
        try write { db in
            _ = try Self.own(db, id, to: "delete")
            try TextMessage.delete(db, id: id, now: unixNow())
            for file in try Transfer.fetchAll(db, where: "message = ? AND inline = 1 AND direction = 'send'", [id]) {
                try Self.end(db, file, declining: false, reason: "its message was deleted")
            }
        }
    }

    /// - Throws: `usage` for a text that is longer than `textLimit`.
    static func checkLength(_ text: String) throws(EngineError) {
        guard text.utf8.count > textLimit else { return }
        throw .usage("a text has at most \(textLimit) bytes, this one \(text.utf8.count): send it as a file")
    }

    private static func own(_ db: GRDB.Database, _ id: Int64, to what: String) throws -> TextMessage {
        guard let message = try TextMessage.fetch(db, id: id), message.kind != .gap else {
            guard try Transfer.fetch(db, id: id) == nil else {
                throw EngineError.usage("\(id) is a file, not a text: `sxfile cancel \(id)` ends it")
            }
            throw EngineError.noSuchMessage(id)
        }
        guard message.direction == .send else {
            throw EngineError.usage("message \(id) is from \(message.peer): you can \(what) your own only")
        }
        return message
    }

    private static func checkReachable(_ db: GRDB.Database, _ id: Int64) throws {
        guard let contact = try Contact.fetch(db, id: id) else { return }
        switch contact.state {
        case .invited, .connecting, .connected, .member: return
        case .failed: throw EngineError.contactFailed(contact.name, contact.reason ?? "its connection failed")
        case .removed: throw EngineError.contactFailed(contact.name, "the contact was removed")
        }
    }
}
