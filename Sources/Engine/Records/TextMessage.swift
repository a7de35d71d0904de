import AgentLink
import Database
import GRDB

/// A text to or from a contact or a group.
public struct TextMessage: Equatable, Sendable, Identifiable {
    /// Where it stands.
    public enum State: String, Sendable {
        /// It, or a change of it, waits for the engine to encrypt it.
        case queued
        /// Stored for sending.
        case stored
        /// Received, not read.
        case new
        /// Received and read.
        case read
    }

    /// What it is.
    public enum Kind: String, Sendable {
        /// A text.
        case text
        /// Input for a program, x.msg.eval: shown, never run.
        case eval
        /// No message: some may be missing here.
        case gap
        /// No message: in a group, the next one was written without having seen all above.
        case fork
        /// No message: in a group, members were sent different words as the same message of this one.
        case conflict
    }

    /// The id that the user knows.
    public let id: Int64
    /// Which way it goes.
    public let direction: Direction
    /// The contact's row, or that which stands for a member of a group; nil for one's own to a group.
    public let contact: Int64?
    /// The contact's local name; `#group/name` for a member of a group, `#group` for one's own to all.
    public let peer: String
    /// The group's local name; nil outside of groups.
    public let group: String?
    /// The member's name in the group; nil for one's own, and outside of groups.
    public let member: String?
    /// What it is.
    public let kind: Kind
    /// The text, as it is now; empty once deleted. Peer text: escape it on display.
    public let text: String
    /// Where it stands.
    public let state: State
    /// Of a gap: how many messages may be missing.
    public let missing: Int64
    /// Of a sent one: whether the relay has it as it is now.
    public let isWithRelay: Bool
    /// When its sender changed the text; Unix seconds.
    public let editedAt: Int64?
    /// When its sender deleted it; Unix seconds.
    public let deletedAt: Int64?
    /// When it was written, or came here; Unix seconds.
    public let createdAt: Int64

    /// Its number on the connection; nil before it is sent.
    let ref: Int64?
    /// The group's row; nil outside of groups.
    let groupID: Int64?
    let agentMessage: Int64?
    /// Whether somebody wrote it.
    public var isText: Bool { kind == .text || kind == .eval }
    /// Whether an edit or deletion came before the message itself.
    let isEarly: Bool
    /// Grows with each wish to change it.
    let revision: Int64
}

extension TextMessage {
    static let select = """
        SELECT messages.*, contacts.name AS peerName, groups.name AS groupName, groupMembers.name AS memberName,
            connections.missing AS missing,
            messages.direction = 'send' AND messages.state = 'stored' AND NOT EXISTS (SELECT 1 FROM outbox
                WHERE outbox.connection = contacts.connection AND outbox.messageId <= messages.agentMessage)
                AND NOT EXISTS (SELECT 1 FROM outgoing WHERE outgoing.subject = messages.id)
                AND NOT EXISTS (SELECT 1 FROM deliveries JOIN outbox ON outbox.connection = deliveries.connection
                    AND outbox.messageId <= deliveries.number WHERE deliveries.message = messages.id) AS delivered
            FROM messages LEFT JOIN contacts ON contacts.id = messages.contact
            LEFT JOIN connections ON connections.id = contacts.connection
            LEFT JOIN groups ON groups.id = messages.groupId
            LEFT JOIN groupMembers ON groupMembers.channel = messages.contact AND messages.groupId IS NOT NULL
        """

    init(_ row: Row) throws {
        guard let direction = Direction(rawValue: row["direction"]), let state = State(rawValue: row["state"]),
            let kind = Kind(rawValue: row["kind"])
        else { throw EngineError.system("an unknown message state") }
        id = row["id"]
        self.direction = direction
        contact = row["contact"]
        group = row["groupName"]
        member = row["memberName"]
        peer = row["peerName"] ?? (row["groupName"] as String?).map { "#" + $0 } ?? ""
        groupID = row["groupId"]
        self.kind = kind
        text = row["text"]
        self.state = state
        isWithRelay = row["delivered"]
        editedAt = row["editedAt"]
        deletedAt = row["deletedAt"]
        createdAt = row["createdAt"]
        ref = row["ref"]
        agentMessage = row["agentMessage"]
        isEarly = row["early"]
        revision = row["revision"]
        missing =
            switch kind {
            case .gap where groupID != nil: 1
            case .gap: Self.stillMissing(from: ref, through: agentMessage, row["missing"] ?? "")
            case .text, .eval, .fork, .conflict: 0
            }
    }

    /// What has come late since is not missing any more.
    private static func stillMissing(from first: Int64?, through last: Int64?, _ column: String) -> Int64 {
        guard let first, let last, first <= last else { return 0 }
        return AgentStore.missingNumbers(column).reduce(0) { count, range in
            let (low, high) = (max(range.lowerBound, first), min(range.upperBound, last))
            return low <= high ? count + (high - low) + 1 : count
        }
    }

    static func fetchAll(
        _ db: GRDB.Database, where condition: String, _ arguments: StatementArguments = []
    ) throws -> [TextMessage] {
        try Row.fetchAll(db, sql: "\(select) WHERE \(condition) ORDER BY messages.id", arguments: arguments)
            .map(TextMessage.init)
    }

    static func fetch(_ db: GRDB.Database, id: Int64) throws -> TextMessage? {
        try fetchAll(db, where: "messages.id = ?", [id]).first
    }

    /// What came from the contact with this number; the newest, should one have been used twice.
    static func received(_ db: GRDB.Database, contact: Int64, ref: Int64) throws -> TextMessage? {
        try fetchAll(
            db,
            where: "messages.contact = ? AND ref = ? AND direction = 'receive' AND messages.kind IN ('text', 'eval')",
            [contact, ref]
        ).last
    }

    /// Adds a text and returns its id.
    static func insert(
        _ db: GRDB.Database, direction: Direction, contact: Int64?, group: Int64? = nil, kind: Kind = .text,
        ref: Int64?, text: String, state: State, now: Int64
    ) throws -> Int64 {
        let id = try Meta.nextID(db)
        try db.execute(
            sql: """
                INSERT INTO messages (id, direction, contact, groupId, kind, ref, text, state, createdAt)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [id, direction.rawValue, contact, group, kind.rawValue, ref, text, state.rawValue, now])
        return id
    }

    /// Adds what came from a contact, or from a member of a group by its channel.
    static func insert(
        _ db: GRDB.Database, from contact: Contact, kind: Kind = .text, ref: Int64?, text: String, state: State
    ) throws -> Int64 {
        let group = contact.state == .member ? try GroupMember.fetch(db, channel: contact.id)?.group : nil
        return try insert(
            db, direction: .receive, contact: contact.id, group: group, kind: kind, ref: ref, text: text, state: state,
            now: unixNow())
    }

    /// Notes that agent messages of the contact never came.
    static func insertGap(_ db: GRDB.Database, contact: Int64, _ ids: ClosedRange<Int64>, now: Int64) throws {
        let id = try insert(
            db, direction: .receive, contact: contact, kind: .gap, ref: ids.lowerBound, text: "", state: .read,
            now: now)
        try db.execute(sql: "UPDATE messages SET agentMessage = ? WHERE id = ?", arguments: [ids.upperBound, id])
    }

    /// What `revision` was is encrypted and stored for sending as `agentMessage`. What the user wished since then waits.
    static func setStored(
        _ db: GRDB.Database, id: Int64, ref: Int64, agentMessage: Int64, revision: Int64
    ) throws {
        try db.execute(
            sql: """
                UPDATE messages SET ref = ?, agentMessage = ?, state = iif(revision = ?, 'stored', 'queued'),
                    editedAt = iif(revision = ? OR deletedAt IS NOT NULL, editedAt, coalesce(editedAt, ?))
                WHERE id = ?
                """,
            arguments: [ref, agentMessage, revision, revision, unixNow(), id])
    }

    /// What was said of it to a group waits in `outgoing`.
    static func setStored(_ db: GRDB.Database, id: Int64) throws {
        try db.execute(sql: "UPDATE messages SET state = 'stored' WHERE id = ?", arguments: [id])
    }

    /// Its sender has another text for it.
    static func setText(_ db: GRDB.Database, id: Int64, _ text: String, now: Int64) throws {
        try db.execute(
            sql: "UPDATE messages SET text = ?, editedAt = ?, state = 'new' WHERE id = ?", arguments: [text, now, id])
    }

    /// Its sender has deleted it. What was read needs not be read again.
    static func setDeleted(_ db: GRDB.Database, id: Int64, now: Int64) throws {
        try db.execute(
            sql: "UPDATE messages SET text = '', editedAt = NULL, deletedAt = ? WHERE id = ?", arguments: [now, id])
    }

    /// Whether it itself has come, behind its edit or deletion.
    static func setEarly(_ db: GRDB.Database, id: Int64, _ isEarly: Bool) throws {
        try db.execute(sql: "UPDATE messages SET early = ? WHERE id = ?", arguments: [isEarly, id])
    }

    /// The user has another text for one of their own. Before it is sent nobody needs to know that there was another.
    static func edit(_ db: GRDB.Database, id: Int64, _ text: String, now: Int64) throws {
        try db.execute(
            sql: """
                UPDATE messages SET text = ?, revision = revision + 1, state = 'queued',
                    editedAt = iif(ref IS NULL, NULL, ?)
                WHERE id = ?
                """,
            arguments: [text, now, id])
    }

    /// The user deletes one of their own; the other side is told while there is a connection.
    static func delete(_ db: GRDB.Database, id: Int64, now: Int64) throws {
        try db.execute(
            sql: """
                UPDATE messages SET text = '', revision = revision + 1, deletedAt = ?, editedAt = NULL, state =
                    iif(EXISTS (SELECT 1 FROM contacts WHERE contacts.id = messages.contact
                        AND contacts.state NOT IN ('failed', 'removed')), 'queued', 'stored')
                WHERE id = ? AND deletedAt IS NULL
                """,
            arguments: [now, id])
    }
}
