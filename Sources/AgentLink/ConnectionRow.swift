import Database
import GRDB
import Primitives
import SMPProtocol

/// A row of `connections`, as the link keeps it in memory.
struct ConnectionRow: Sendable {
    let id: ConnectionID
    let kind: ConnectionKind
    var role: Role
    var state: ConnectionState
    var link: String?
    /// The two private X448 keys of the key agreement, raw, one after the other (112 bytes), until it is done.
    var agreementKeys: [UInt8]?
    /// SHA-256 of the peer's parameters that the ratchet was last set up anew with: they may come twice.
    var peerKeysHash: [UInt8]?
    var info: [UInt8]
    var peerInfo: [UInt8]
    var agentVersion: UInt16
    var ratchet: [UInt8]?
    var sentID: Int64
    var sentHash: [UInt8]
    var reservedID: Int64
    /// Whether numbers beyond `sentID` may have been used without being stored.
    var unstored: Bool
    var sequence: MessageSequence

    enum Role: String, Sendable { case initiator, joiner }

    init?(_ row: Row) {
        guard let kind = ConnectionKind(rawValue: row["kind"]), let role = Role(rawValue: row["role"]),
            let state = ConnectionState(rawValue: row["state"])
        else { return nil }
        id = ConnectionID(rawValue: row["id"])
        self.kind = kind
        self.role = role
        self.state = state
        link = row["link"]
        agreementKeys = row.bytes("x3dh")
        peerKeysHash = row.bytes("peerKeysHash")
        info = row.bytes("info") ?? []
        peerInfo = row.bytes("peerInfo") ?? []
        agentVersion = UInt16(truncatingIfNeeded: row["agentVersion"] as Int64)
        ratchet = row.bytes("ratchet")
        sentID = row["sentId"]
        sentHash = row.bytes("sentHash") ?? []
        reservedID = row["reservedId"]
        unstored = row["unstored"]
        sequence = MessageSequence(
            last: row["receivedId"], lastHash: row.bytes("receivedHash"),
            missing: MessageSequence.missing(text: row["missing"]))
    }

    static func fetch(_ db: GRDB.Database, _ id: ConnectionID) throws -> ConnectionRow? {
        try Row.fetchOne(db, sql: "SELECT * FROM connections WHERE id = ?", arguments: [id.rawValue]).flatMap(Self.init)
    }

    /// All that still have something to do, contacts first, then file connections, then those still being made.
    static func fetchLive(_ db: GRDB.Database) throws -> [ConnectionRow] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT * FROM connections WHERE state <> 'failed'
                ORDER BY state <> 'connected', kind <> 'contact', id
                """
        ).compactMap(Self.init)
    }

    /// Those that ended, with the reason: told again at each start, for the engine may not have heard of it.
    static func fetchFailed(_ db: GRDB.Database) throws -> [(ConnectionID, AgentLinkError)] {
        try Row.fetchAll(db, sql: "SELECT id, failure FROM connections WHERE state = 'failed'").map { row in
            let text: String = row["failure"] ?? ""
            let known: [AgentLinkError] = [.queueGone, .linkUsed]
            return (ConnectionID(rawValue: row["id"]), known.first { $0.description == text } ?? .peer(text))
        }
    }

    /// Writes everything that changes with messages.
    func updatePosition(_ db: GRDB.Database) throws {
        try db.executeOften(
            """
            UPDATE connections SET ratchet = ?, sentId = ?, sentHash = ?, reservedId = ?, unstored = ?, receivedId = ?,
                receivedHash = ?, missing = ? WHERE id = ?
            """,
            [
                optionalBlob(ratchet), sentID, blob(sentHash), reservedID, unstored, sequence.last,
                optionalBlob(sequence.lastHash),
                sequence.missingText, id.rawValue,
            ])
    }

    /// Writes everything. The engine's own changes of state (`allowing`, `deleting`) are not overwritten by an older one.
    func update(_ db: GRDB.Database) throws {
        try updatePosition(db)
        try db.execute(
            sql: """
                UPDATE connections SET role = ?, link = ?, x3dh = ?, peerKeysHash = ?, peerInfo = ?, agentVersion = ?,
                    state = CASE WHEN state IN ('deleting', 'failed') OR state = 'allowing' AND ? = 'confirmed'
                        THEN state ELSE ? END
                WHERE id = ?
                """,
            arguments: [
                role.rawValue, link, optionalBlob(agreementKeys), optionalBlob(peerKeysHash), blob(peerInfo),
                agentVersion, state.rawValue, state.rawValue, id.rawValue,
            ])
    }

    static func fail(_ db: GRDB.Database, _ id: ConnectionID, _ error: AgentLinkError) throws {
        try db.execute(
            sql: "UPDATE connections SET state = 'failed', failure = ? WHERE id = ? AND state <> 'deleting'",
            arguments: [error.description, id.rawValue])
    }
}

/// A row of `queues`.
struct QueueRow: Sendable {
    enum Direction: String, Sendable { case receive, send }

    let connection: ConnectionID
    let direction: Direction
    let server: String
    var recipientID: [UInt8]
    var senderID: [UInt8]
    /// Our private X25519 key that authorizes commands on the queue.
    var authKey: [UInt8]
    /// Receive: the secret shared with the relay for its layer of encryption.
    var serverSecret: [UInt8]
    /// Our private X25519 key of the end-to-end layer of the queue.
    var endToEndKey: [UInt8]
    /// The peer's public key of that layer; empty until its confirmation names it.
    var peerKey: [UInt8]
    /// Receive, slow flow: the key (SPKI) that the peer asked us to secure the queue with; empty when there is none.
    var senderKey: [UInt8] = []
    /// Whether the sender secures the queue itself (mode M); otherwise the recipient does with KEY.
    var messagingMode: Bool
    var secured: Bool
    /// The highest SMP client version that both we and, for a queue to send to, its recipient speak.
    var version = QueueEnvelope.versions.upperBound

    init(
        connection: ConnectionID, direction: Direction, server: String, recipientID: [UInt8] = [], senderID: [UInt8],
        authKey: [UInt8], serverSecret: [UInt8] = [], endToEndKey: [UInt8], peerKey: [UInt8] = [], messagingMode: Bool,
        secured: Bool = false
    ) {
        self.connection = connection
        self.direction = direction
        self.server = server
        self.recipientID = recipientID
        self.senderID = senderID
        self.authKey = authKey
        self.serverSecret = serverSecret
        self.endToEndKey = endToEndKey
        self.peerKey = peerKey
        self.messagingMode = messagingMode
        self.secured = secured
    }

    static func fetch(_ db: GRDB.Database, _ connection: ConnectionID, _ direction: Direction) throws -> QueueRow? {
        try Row.fetchOne(
            db, sql: "SELECT * FROM queues WHERE connection = ? AND direction = ?",
            arguments: [connection.rawValue, direction.rawValue]
        ).map { row in
            var queue = QueueRow(
                connection: connection, direction: direction, server: row["server"],
                recipientID: row.bytes("recipientId") ?? [], senderID: row.bytes("senderId") ?? [],
                authKey: row.bytes("authKey") ?? [], serverSecret: row.bytes("serverSecret") ?? [],
                endToEndKey: row.bytes("endToEndKey") ?? [], peerKey: row.bytes("peerKey") ?? [],
                messagingMode: row["messagingMode"], secured: row["secured"])
            queue.senderKey = row.bytes("senderKey") ?? []
            queue.version = UInt16(truncatingIfNeeded: row["version"] as Int64)
            return queue
        }
    }

    func save(_ db: GRDB.Database) throws {
        try db.execute(
            sql: """
                INSERT OR REPLACE INTO queues (connection, direction, server, recipientId, senderId, authKey, serverSecret,
                    endToEndKey, peerKey, senderKey, messagingMode, secured, version)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                connection.rawValue, direction.rawValue, server, blob(recipientID), blob(senderID), blob(authKey),
                blob(serverSecret), blob(endToEndKey), blob(peerKey), blob(senderKey), messagingMode, secured, version,
            ])
    }
}
