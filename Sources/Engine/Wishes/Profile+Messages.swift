import ChatProtocol
import Database
import GRDB
import GroupCore

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
    /// What was said and sent between us and a contact, or in a group behind `#`, oldest first.
    /// - Parameter time: only what came or changed in this last time.
    /// - Throws: `noSuchContact`, `noSuchGroup`.
    public func conversation(
        with name: String, since time: Duration? = nil
    ) throws(EngineError) -> [ConversationEntry] {
        let start = time.map { unixNow() - $0.components.seconds } ?? 0
        return try read { db in
            let messages: [TextMessage]
            let transfers: [Transfer]
            if name.hasPrefix("#") {
                let group = try Group.named(db, name)
                let missing = try Self.missing(db, in: group)
                messages = try Self.messages(db, "messages.groupId = ?", group.id, since: start).filter { message in
                    message.kind != .gap || missing.contains([message.contact, message.ref])
                }
                transfers = try Transfer.fetchAll(
                    db,
                    where: """
                        parent IS NULL AND transfers.updatedAt >= ? AND (transfers.groupId = ? OR transfers.contact IN
                            (SELECT channel FROM groupMembers WHERE groupMembers.groupId = ?))
                        """, [start, group.id, group.id])
            } else {
                let contact = try Contact.named(db, name)
                messages = try Self.messages(db, "messages.contact = ?", contact.id, since: start)
                    .filter { $0.kind != .gap || $0.missing > 0 }
                transfers = try Transfer.fetchAll(
                    db, where: "transfers.contact = ? AND transfers.updatedAt >= ?", [contact.id, start])
            }
            return (messages.map(ConversationEntry.message) + transfers.map(ConversationEntry.transfer))
                .sorted { $0.id < $1.id }
        }
    }

    private static func messages(
        _ db: GRDB.Database, _ whose: String, _ id: Int64, since start: Int64
    ) throws -> [TextMessage] {
        // The deletion of a message that never came says nothing.
        try TextMessage.fetchAll(
            db,
            where: """
                \(whose) AND NOT (early = 1 AND deletedAt IS NOT NULL)
                    AND max(messages.createdAt, coalesce(editedAt, 0), coalesce(deletedAt, 0)) >= ?
                """, [id, start])
    }

    /// Channel and number of each message that members have seen, and that has not come here.
    private static func missing(_ db: GRDB.Database, in group: Group) throws -> Set<[Int64?]> {
        var channels: [MemberID: Int64] = [:]
        var missing: Set<[Int64?]> = []
        for (member, number) in try group.graph(db).missing {
            if channels[member] == nil {
                channels[member] = try GroupMember.fetch(db, group: group.id, member: member)?.channel
            }
            missing.insert([channels[member], Int64(clamping: number)])
        }
        return missing
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
            guard message.text != text else { return }
            try TextMessage.edit(db, id: id, text, now: unixNow())
            guard let group = try message.groupID.flatMap({ try Group.fetch(db, id: $0) }), let ref = message.ref else {
                return
            }
            try group.say(db, .messageUpdate(reference: ref, parts: [.text(text)]), message: id)
            try TextMessage.setStored(db, id: id)
        }
    }

    /// Deletes a message of our own, here and at the other side, with a file in it that is not complete. One that is deleted
    /// stays as it is.
    /// - Throws: `noSuchMessage`, `usage` for another's message.
    public func requestDelete(_ id: Int64) throws(EngineError) {
        try write { db in
            let message = try Self.own(db, id, to: "delete")
            guard message.deletedAt == nil else { return }
            try TextMessage.delete(db, id: id, now: unixNow())
            if let group = try message.groupID.flatMap({ try Group.fetch(db, id: $0) }), let ref = message.ref {
                try Self.tellDeletion(db, id, ref, in: group)
            }
            for file in try Transfer.fetchAll(db, where: "message = ? AND inline = 1 AND direction = 'send'", [id]) {
                try Self.end(db, file, declining: false, reason: "its message was deleted")
            }
        }
    }

    /// Where nobody can be told any more it is gone here.
    private static func tellDeletion(_ db: GRDB.Database, _ id: Int64, _ ref: Int64, in group: Group) throws {
        guard group.isJoined, try !GroupMember.active(db, group: group.id).isEmpty else { return }
        try group.say(db, .messageDelete(reference: ref), message: id)
        try TextMessage.setStored(db, id: id)
    }

    /// - Throws: `usage` for a text that is longer than `textLimit`.
    static func checkLength(_ text: String) throws(EngineError) {
        guard text.utf8.count > textLimit else { return }
        throw .usage("a text has at most \(textLimit) bytes, this one \(text.utf8.count): send it as a file")
    }

    private static func own(_ db: GRDB.Database, _ id: Int64, to what: String) throws -> TextMessage {
        guard let message = try TextMessage.fetch(db, id: id), message.isText else {
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
