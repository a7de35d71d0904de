import AgentLink
import Database
import GRDB

/// Which transfers a list shows.
public enum TransferFilter: Sendable {
    /// Not ended.
    case unfinished
    /// All, oldest first.
    case all
    /// Those of which something changed in this last time, ended or not; oldest first.
    case since(Duration)
    /// These ids, in the order of age.
    case ids([Int64])
    /// What waits for the user: offers, and inline files that lie in the profile.
    case inbox
}

/// Questions: none needs the engine.
extension Profile {
    /// All contacts, by name.
    public func contacts() throws(EngineError) -> [Contact] {
        try read { db in try Contact.fetchAll(db) }
    }

    /// The contact of this name.
    /// - Throws: `noSuchContact`.
    public func contact(named name: String) throws(EngineError) -> Contact {
        try read { db in try Contact.named(db, name) }
    }

    /// The contact of this row; nil if there is none.
    public func contact(id: Int64) throws(EngineError) -> Contact? {
        try read { db in try Contact.fetch(db, id: id) }
    }

    /// The invitation link of a contact that was invited; nil until its queue is made.
    public func invitationLink(contact id: Int64) throws(EngineError) -> String? {
        try read { db in
            guard let connection = try Contact.fetch(db, id: id)?.connection else { return nil }
            guard try AgentStore.state(db, connection) != .creating else { return nil }
            return try AgentStore.link(db, connection)
        }
    }

    /// The transfer of this id; nil if there is none.
    public func transfer(id: Int64) throws(EngineError) -> Transfer? {
        try read { db in try Transfer.fetch(db, id: id) }
    }

    /// Transfers, oldest first.
    /// - Throws: `noSuchTransfer` for an id that does not exist.
    public func transfers(_ filter: TransferFilter) throws(EngineError) -> [Transfer] {
        try read { db in
            switch filter {
            case .all: return try Transfer.fetchAll(db, where: "parent IS NULL")
            case .since(let time):
                let start = unixNow() - time.components.seconds
                return try Transfer.fetchAll(
                    db,
                    where: """
                        parent IS NULL AND (updatedAt >= ? OR EXISTS
                            (SELECT 1 FROM transfers AS part WHERE part.parent = transfers.id AND part.updatedAt >= ?))
                        """, [start, start])
            case .unfinished:
                return try Transfer.fetchAll(db, where: Self.unfinished).filter { !$0.isFinished }
            case .ids(let ids):
                return try Set(ids).sorted().map { try Transfer.known(db, id: $0) }
            case .inbox:
                return try Transfer.fetchAll(
                    db,
                    where: """
                        direction = 'receive' AND ((transfers.state = 'offered' AND (expiresAt IS NULL OR expiresAt > ?))
                            OR (inline = 1 AND transfers.state = 'complete' AND path IS NULL))
                        """, [unixNow()])
            }
        }
    }

    /// How many transfers are not ended and not held by the user, and messages not with the relay.
    public func unfinishedCount() throws(EngineError) -> Int {
        try read { db in
            let transfers = try Transfer.fetchAll(db, where: Self.unfinished).filter { !$0.isFinished && !$0.isPaused }
                .count
            // Of a long history none is looked at while nothing waits at all.
            let messages = try TextMessage.fetchAll(
                db,
                where: """
                    messages.direction = 'send' AND (messages.state = 'queued' OR EXISTS (SELECT 1 FROM outbox)
                        OR EXISTS (SELECT 1 FROM outgoing)) AND NOT delivered
                    """
            ).count
            // Whom I have told that I join, until I am connected to all.
            let groups = try Group.current(db).filter(\.isBeingJoined).count
            return transfers + messages + groups
        }
    }

    private static let unfinished = "parent IS NULL AND transfers.state IN ('offered', 'accepted', 'active', 'sent')"

    /// What is not ended, of what goes to a group each member's part: what the engine works on.
    func movingTransfers() throws(EngineError) -> [Transfer] {
        try read { db in
            try Transfer.fetchAll(
                db, where: "groupId IS NULL AND transfers.state IN ('offered', 'accepted', 'active', 'sent')"
            ).filter { !$0.isFinished }
        }
    }

    /// The preview of an inline file: content type (`i.image/png`) and bytes; nil if none came.
    public func preview(transfer id: Int64) throws(EngineError) -> (type: String, bytes: [UInt8])? {
        try read { db in
            let row = try Row.fetchOne(
                db, sql: "SELECT type, body FROM parts WHERE transfer = ? AND number = 0", arguments: [id])
            guard let row, let bytes = row.bytes("body") else { return nil }
            return (row["type"] ?? "", bytes)
        }
    }
}

/// Whether a wish is as far as `--no-wait` waits for.
extension Profile {
    /// Whether the offer (or inline file) is with the relay, or the transfer is over.
    public func isOfferWithRelay(_ id: Int64) throws(EngineError) -> Bool {
        try read { db in
            let transfer = try Transfer.known(db, id: id)
            return try (transfer.isToGroup ? transfer.members : [transfer]).allSatisfy { part in
                if part.state.isEnded || (!part.isInline && part.state != .offered) { return true }
                guard let message = part.isInline ? part.farewell : part.offerMessage else { return false }
                return try Self.isDelivered(db, contact: part.contact, through: message)
            }
        }
    }

    /// Whether the acceptance is with the relay, or the transfer is over.
    public func isAcceptanceWithRelay(_ id: Int64) throws(EngineError) -> Bool {
        try read { db in
            let transfer = try Transfer.known(db, id: id)
            if transfer.isAsking {
                guard let message = transfer.offerMessage else { return false }
                return try Self.isDelivered(db, contact: transfer.contact, through: message)
            }
            guard !transfer.state.isEnded, let connection = transfer.connection else { return transfer.state.isEnded }
            switch try AgentStore.state(db, connection) {
            case .joined, .greeting, .connected, .deleting, .failed, nil: return true
            case .creating, .offered, .confirmed, .allowing, .joining: return false
            }
        }
    }

    /// Whether the received file is complete and x.file.ok is with the relay or peer.
    public func isConfirmationWithRelay(_ id: Int64) throws(EngineError) -> Bool {
        try read { db in
            let transfer = try Transfer.known(db, id: id)
            guard transfer.state == .complete else { return false }
            guard let connection = transfer.connection else { return true }
            return try AgentStore.isDelivered(db, connection, through: transfer.farewell ?? 0)
        }
    }

    private static func isDelivered(_ db: GRDB.Database, contact: Int64, through message: Int64) throws -> Bool {
        guard let connection = try Contact.fetch(db, id: contact)?.connection else { return true }
        return try AgentStore.isDelivered(db, connection, through: message)
    }
}
