import Database
public import GRDB

/// The rows of the link that the engine writes in transactions of its own.
public enum AgentStore {
    /// Adds a connection that will make an invitation link (state creating); start it with `AgentLink.wake`.
    public static func insertInitiator(_ db: GRDB.Database, kind: ConnectionKind, now: Int64) throws -> ConnectionID {
        try db.execute(
            sql: "INSERT INTO connections (kind, role, state, createdAt) VALUES (?, 'initiator', 'creating', ?)",
            arguments: [kind.rawValue, now])
        return ConnectionID(rawValue: db.lastInsertedRowID)
    }

    /// Adds a connection that will join `link` with connection information `info` (state joining).
    public static func insertJoiner(
        _ db: GRDB.Database, kind: ConnectionKind, link: String, info: [UInt8], now: Int64
    ) throws -> ConnectionID {
        try db.execute(
            sql: """
                INSERT INTO connections (kind, role, state, link, info, createdAt) VALUES (?, 'joiner', 'joining', ?, ?, ?)
                """,
            arguments: [kind.rawValue, link, blob(info), now])
        return ConnectionID(rawValue: db.lastInsertedRowID)
    }

    /// Lets the confirmed joiner in, with our connection information (state allowing); then `AgentLink.wake`.
    public static func allow(_ db: GRDB.Database, _ connection: ConnectionID, info: [UInt8]) throws {
        try db.execute(
            sql: "UPDATE connections SET state = 'allowing', info = ? WHERE id = ? AND state = 'confirmed'",
            arguments: [blob(info), connection.rawValue])
    }

    /// Marks the connection for deletion (its queue at the relay, then the row); then `AgentLink.wake`.
    public static func delete(_ db: GRDB.Database, _ connection: ConnectionID) throws {
        try db.execute(
            sql: "UPDATE connections SET state = 'deleting' WHERE id = ?", arguments: [connection.rawValue])
    }

    /// Removes a message that the engine has handled.
    public static func deleteInbound(_ db: GRDB.Database, _ inbound: Int64) throws {
        try db.execute(sql: "DELETE FROM inbound WHERE id = ?", arguments: [inbound])
    }

    /// The connection's state; nil if there is none.
    public static func state(_ db: GRDB.Database, _ connection: ConnectionID) throws -> ConnectionState? {
        try String.fetchOne(
            db, sql: "SELECT state FROM connections WHERE id = ?", arguments: [connection.rawValue]
        ).flatMap(ConnectionState.init)
    }

    /// The invitation link of an initiator's connection, once there is one.
    public static func link(_ db: GRDB.Database, _ connection: ConnectionID) throws -> String? {
        try String.fetchOne(db, sql: "SELECT link FROM connections WHERE id = ?", arguments: [connection.rawValue])
    }

    /// Messages of the connection that its relay has not taken.
    public static func unsentCount(_ db: GRDB.Database, _ connection: ConnectionID) throws -> Int {
        try Int.fetchOne(
            db, sql: "SELECT COUNT(*) FROM outbox WHERE connection = ?", arguments: [connection.rawValue]) ?? 0
    }
    /// Numbers of the peer's that never came, of a `missing` column.
    public static func missingNumbers(_ column: String) -> [ClosedRange<Int64>] {
        MessageSequence.missing(text: column)
    }
}
