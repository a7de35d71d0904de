import AgentLink
import Database
import GRDB

/// A chat message that is decided on and not encrypted yet.
struct Outgoing: Sendable {
    let id: Int64
    let connection: ConnectionID
    /// The message or transfer of the user that it carries.
    let subject: Int64?
    let body: [UInt8]

    /// Puts a message at the end of the row.
    static func insert(
        _ db: GRDB.Database, _ connection: ConnectionID, _ body: [UInt8], subject: Int64? = nil
    ) throws {
        try db.executeOften(
            "INSERT INTO outgoing (connection, subject, body) VALUES (?, ?, ?)",
            [connection.rawValue, subject, blob(body)])
    }

    /// The first ones on connections that can take them, besides those that have just refused.
    static func sendable(
        _ db: GRDB.Database, besides blocked: Set<ConnectionID>, limit: Int = 64
    ) throws -> [Outgoing] {
        let list = blocked.map { "\($0)" }.joined(separator: ",")
        return try Row.fetchAll(
            db,
            sql: """
                SELECT outgoing.* FROM outgoing JOIN connections ON connections.id = outgoing.connection
                WHERE connections.state = 'connected' AND outgoing.connection NOT IN (\(list))
                ORDER BY outgoing.id LIMIT \(limit)
                """
        ).map { row in
            Outgoing(
                id: row["id"], connection: ConnectionID(rawValue: row["connection"]), subject: row["subject"],
                body: row.bytes("body") ?? [])
        }
    }

    /// Whether nothing waits for any connection.
    static func isEmpty(_ db: GRDB.Database) throws -> Bool {
        try !(Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM outgoing)") ?? false)
    }

    static func isEmpty(_ db: GRDB.Database, _ connection: ConnectionID) throws -> Bool {
        try
            !(Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM outgoing WHERE connection = ?)",
                arguments: [connection.rawValue]) ?? false)
    }

    static func delete(_ db: GRDB.Database, id: Int64) throws {
        try db.executeOften("DELETE FROM outgoing WHERE id = ?", [id])
    }

    /// Takes back what carries this message or transfer and was not encrypted yet.
    static func delete(_ db: GRDB.Database, subject: Int64) throws {
        try db.execute(sql: "DELETE FROM outgoing WHERE subject = ?", arguments: [subject])
    }

    /// Whether what carries this message or transfer waits.
    static func isQueued(_ db: GRDB.Database, subject: Int64) throws -> Bool {
        try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM outgoing WHERE subject = ?)", arguments: [subject]) ?? false
    }

    /// It is encrypted and stored for sending under this number.
    func setSent(_ db: GRDB.Database, _ number: Int64) throws {
        guard let subject else { return }
        // Cancelled in this moment: now there is somebody to tell.
        try db.executeOften(
            """
            UPDATE transfers SET offerMessage = ?,
                untold = CASE WHEN state IN ('declined', 'cancelled', 'failed') THEN 1 ELSE untold END WHERE id = ?
            """, [number, subject])
        try db.executeOften(
            "INSERT OR REPLACE INTO deliveries (message, connection, number) SELECT id, ?, ? FROM messages WHERE id = ?",
            [connection.rawValue, number, subject])
    }

    /// Removes what waits for connections that have ended.
    static func dropUndeliverable(_ db: GRDB.Database) throws {
        try db.execute(
            sql: """
                DELETE FROM outgoing WHERE connection IN (SELECT id FROM connections WHERE state IN ('failed', 'deleting'))
                """)
    }
}
