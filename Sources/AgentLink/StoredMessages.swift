import Database
import GRDB

/// A row of `outbox`: an encrypted message that is not yet with the relay.
struct OutboxRow: Sendable {
    let item: SendWindow.Item

    /// All of a connection, without their bodies.
    static func fetch(_ db: GRDB.Database, _ connection: ConnectionID) throws -> [OutboxRow] {
        try Row.fetchAll(
            db, sql: "SELECT messageId, flags FROM outbox WHERE connection = ? ORDER BY messageId",
            arguments: [connection.rawValue]
        ).map { row in
            OutboxRow(
                item: SendWindow.Item(
                    id: row["messageId"], body: nil, isStored: true, isAuthorized: row["flags"] == 0))
        }
    }

    /// The SEND body of one; nil if there is none.
    static func body(_ db: GRDB.Database, _ connection: ConnectionID, _ id: Int64) throws -> [UInt8]? {
        try Row.fetchOne(
            db, sql: "SELECT body FROM outbox WHERE connection = ? AND messageId = ?",
            arguments: [connection.rawValue, id]
        )?.bytes("body")
    }

    static func insert(_ db: GRDB.Database, _ connection: ConnectionID, _ item: SendWindow.Item) throws {
        guard let body = item.body else { return }
        try db.execute(
            sql: "INSERT INTO outbox (connection, messageId, body, flags) VALUES (?, ?, ?, ?)",
            arguments: [connection.rawValue, item.id, blob(body), item.isAuthorized ? 0 : 1])
    }

    static func delete(_ db: GRDB.Database, _ connection: ConnectionID, _ id: Int64) throws {
        try db.execute(
            sql: "DELETE FROM outbox WHERE connection = ? AND messageId = ?", arguments: [connection.rawValue, id])
    }
}

/// A row of `inbound`: a decrypted message that the engine has not handled.
struct InboundRow: Sendable {
    let event: AgentEvent

    static func fetchAll(_ db: GRDB.Database) throws -> [InboundRow] {
        try Row.fetchAll(db, sql: "SELECT * FROM inbound ORDER BY id").map { row in
            InboundRow(
                event: .message(
                    ConnectionID(rawValue: row["connection"]), inbound: row["id"], messageID: row["messageId"],
                    integrity: Integrity(text: row["integrity"]), body: row.bytes("body") ?? []))
        }
    }

    static func insert(
        _ db: GRDB.Database, _ connection: ConnectionID, messageID: Int64, integrity: Integrity,
        body: some Collection<UInt8>
    ) throws -> Int64 {
        try db.execute(
            sql: "INSERT INTO inbound (connection, messageId, integrity, body) VALUES (?, ?, ?, ?)",
            arguments: [connection.rawValue, messageID, integrity.text, blob(body)])
        return db.lastInsertedRowID
    }
}

/// A row of `segments`: part of a message under assembly, kept with its header.
struct SegmentRow: Sendable {
    let messageID: Int64
    /// As it came: `#id.n.total bytes`.
    let wire: [UInt8]

    static func fetch(_ db: GRDB.Database, _ connection: ConnectionID) throws -> [SegmentRow] {
        try Row.fetchAll(
            db, sql: "SELECT * FROM segments WHERE connection = ? ORDER BY firstId, number",
            arguments: [connection.rawValue]
        ).map { SegmentRow(messageID: $0["messageId"], wire: $0.bytes("body") ?? []) }
    }

    static func insert(
        _ db: GRDB.Database, _ connection: ConnectionID, messageID: Int64, _ segment: Segment
    ) throws {
        let wire = Segment.header(first: segment.first, number: segment.number, total: segment.total) + segment.body
        try insert(
            db, connection, first: segment.first, number: segment.number, total: segment.total, messageID: messageID,
            wire: wire)
    }

    /// A whole bulk message that the engine had not acknowledged when the link stopped.
    static func insert(_ db: GRDB.Database, _ connection: ConnectionID, held: HeldBulk) throws {
        guard held.total > 1 else {
            return try insert(
                db, connection, first: held.first, number: 0, total: 1, messageID: held.ids.upperBound, wire: held.body)
        }
        for number in 0..<held.total {
            let start = number * Segment.payloadCount
            let segment = Segment(
                first: held.first, number: number, total: held.total,
                body: held.body[start..<min(held.body.count, start + Segment.payloadCount)])
            let messageID = number == 0 ? held.ids.lowerBound : held.ids.upperBound
            try insert(db, connection, messageID: messageID, segment)
        }
    }

    private static func insert(
        _ db: GRDB.Database, _ connection: ConnectionID, first: Int64, number: Int, total: Int, messageID: Int64,
        wire: [UInt8]
    ) throws {
        try db.execute(
            sql: """
                INSERT OR REPLACE INTO segments (connection, firstId, number, total, messageId, body)
                VALUES (?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                connection.rawValue, first, number, total, messageID, blob(wire),
            ])
    }

    static func delete(_ db: GRDB.Database, _ connection: ConnectionID, first: Int64) throws {
        try db.execute(
            sql: "DELETE FROM segments WHERE connection = ? AND firstId = ?", arguments: [connection.rawValue, first])
    }
}

extension Integrity {
    /// As stored: `ok`, `skipped 3-5`, `late`, `id 7 4`, `hash`.
    var text: String {
        switch self {
        case .ok: "ok"
        case .skipped(let range): "skipped \(range.lowerBound)-\(range.upperBound)"
        case .late: "late"
        case .badID(let expected, let got): "id \(expected) \(got)"
        case .badHash: "hash"
        }
    }

    /// Reads `text`; what cannot be read counts as a bad hash.
    init(text: String) {
        let words = text.split(separator: " ")
        switch words.first {
        case "ok": self = .ok
        case "late": self = .late
        case "skipped":
            self =
                words.last.flatMap { MessageSequence.missing(text: String($0)).first }.map { .skipped($0) } ?? .badHash
        case "id":
            let numbers = words.dropFirst().compactMap { Int64($0) }
            self = numbers.count == 2 ? .badID(expected: numbers[0], got: numbers[1]) : .badHash
        default: self = .badHash
        }
    }
}
