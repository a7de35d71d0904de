import AgentLink
import Database
import GRDB

/// What the engine reads of the link's rows.
extension AgentStore {
    /// The peer's connection information, once its confirmation is here.
    static func peerInfo(_ db: GRDB.Database, _ connection: ConnectionID) throws -> [UInt8]? {
        try Row.fetchOne(db, sql: "SELECT peerInfo FROM connections WHERE id = ?", arguments: [connection.rawValue])?
            .bytes("peerInfo")
    }

    /// Whether this side joined the other's link.
    static func isJoiner(_ db: GRDB.Database, _ connection: ConnectionID) throws -> Bool {
        try String.fetchOne(
            db, sql: "SELECT role FROM connections WHERE id = ?", arguments: [connection.rawValue]) == "joiner"
    }

    /// Our connection information, as the peer has it.
    static func info(_ db: GRDB.Database, _ connection: ConnectionID) throws -> [UInt8]? {
        try Row.fetchOne(db, sql: "SELECT info FROM connections WHERE id = ?", arguments: [connection.rawValue])?
            .bytes("info")
    }

    /// Why the connection failed, one sentence.
    static func failure(_ db: GRDB.Database, _ connection: ConnectionID) throws -> String? {
        try String.fetchOne(db, sql: "SELECT failure FROM connections WHERE id = ?", arguments: [connection.rawValue])
    }

    /// Whether the relay has everything that was stored for sending on the connection, up to this number.
    static func isDelivered(_ db: GRDB.Database, _ connection: ConnectionID, through message: Int64) throws -> Bool {
        try
            !(Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM outbox WHERE connection = ? AND messageId <= ?)",
                arguments: [connection.rawValue, message]) ?? false)
    }

    /// The relays that the connection's queues are on: `smp://…`.
    static func servers(_ db: GRDB.Database, _ connection: ConnectionID) throws -> Set<String> {
        try Set(
            String.fetchAll(
                db, sql: "SELECT server FROM queues WHERE connection = ?", arguments: [connection.rawValue]))
    }

    /// The connections whose own queue is on this relay.
    static func receiving(_ db: GRDB.Database, at relay: RelayName) throws -> Set<ConnectionID> {
        let queues = try Row.fetchAll(db, sql: "SELECT connection, server FROM queues WHERE direction = 'receive'")
        return Set(
            queues.filter { RelayName($0["server"]) == relay }.map { ConnectionID(rawValue: $0["connection"]) })
    }

    /// Messages of the connection that were not handled yet.
    static func inbound(_ db: GRDB.Database, _ connection: ConnectionID) throws -> [(id: Int64, body: [UInt8])] {
        try Row.fetchAll(
            db, sql: "SELECT id, body FROM inbound WHERE connection = ? ORDER BY id", arguments: [connection.rawValue]
        ).map { ($0["id"], $0.bytes("body") ?? []) }
    }

    /// Connections that the link has to look at: they are being made, let in or deleted.
    static func pending(_ db: GRDB.Database) throws -> [(ConnectionID, ConnectionState)] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT id, state FROM connections WHERE state IN ('creating', 'joining', 'allowing', 'deleting') ORDER BY id
                """
        ).compactMap { row in
            ConnectionState(rawValue: row["state"]).map { (ConnectionID(rawValue: row["id"]), $0) }
        }
    }
}
