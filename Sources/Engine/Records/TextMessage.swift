import Database
import GRDB

/// A text to or from a contact.
public struct TextMessage: Equatable, Sendable, Identifiable {
    /// Where it stands.
    public enum State: String, Sendable {
        /// Waits for the engine to encrypt it.
        case queued
        /// Stored for sending; see `Profile.isWithRelay(message:)`.
        case stored
        /// Received, not read.
        case new
        /// Received and read.
        case read
    }

    /// The id that the user knows.
    public let id: Int64
    /// Which way it goes.
    public let direction: Direction
    /// The contact's row.
    public let contact: Int64
    /// The contact's local name.
    public let peer: String
    /// The text. Peer text: escape it on display.
    public let text: String
    /// Where it stands.
    public var state: State
    /// Unix seconds.
    public let createdAt: Int64
}

extension TextMessage {
    static let select =
        "SELECT messages.*, contacts.name AS peerName FROM messages JOIN contacts ON contacts.id = contact"

    init(_ row: Row) throws {
        guard let direction = Direction(rawValue: row["direction"]), let state = State(rawValue: row["state"]) else {
            throw EngineError.system("an unknown message state")
        }
        id = row["id"]
        self.direction = direction
        contact = row["contact"]
        peer = row["peerName"]
        text = row["text"]
        self.state = state
        createdAt = row["createdAt"]
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

    /// Adds a text and returns its id.
    static func insert(
        _ db: GRDB.Database, direction: Direction, contact: Int64, ref: Int64?, text: String, state: State, now: Int64
    ) throws -> Int64 {
        let id = try Meta.nextID(db)
        try db.execute(
            sql:
                "INSERT INTO messages (id, direction, contact, ref, text, state, createdAt) VALUES (?, ?, ?, ?, ?, ?, ?)",
            arguments: [id, direction.rawValue, contact, ref, text, state.rawValue, now])
        return id
    }

    /// The text is encrypted and stored for sending as `agentMessage`.
    static func setStored(_ db: GRDB.Database, id: Int64, ref: Int64, agentMessage: Int64) throws {
        try db.execute(
            sql: "UPDATE messages SET state = 'stored', ref = ?, agentMessage = ? WHERE id = ?",
            arguments: [ref, agentMessage, id])
    }
}
