import Foundation
import GRDB
import Primitives

/// The queue records in SQLite. Writes are rare (a queue is made, secured, turned off, deleted): messages never come here.
final class QueueDatabase {
    private let queue: DatabaseQueue

    /// Opens or makes the file at `path`.
    init(path: String) throws(RelayError) {
        // It holds keys; SQLite gives the files beside it the same permissions.
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if file >= 0 {
            fchmod(file, 0o600)
            close(file)
        }
        do {
            var configuration = Configuration()
            configuration.journalMode = .wal
            configuration.prepareDatabase { database in
                try database.execute(sql: "PRAGMA synchronous = NORMAL")
                try database.execute(sql: "PRAGMA secure_delete = ON")
            }
            queue = try DatabaseQueue(path: path, configuration: configuration)
            try Self.migrate(queue)
        } catch let error as RelayError { throw error } catch { throw .database(Self.text(error)) }
    }

    private static func migrate(_ queue: DatabaseQueue) throws {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("queues") { database in
            try database.execute(
                sql: """
                    CREATE TABLE queue (
                        number INTEGER PRIMARY KEY AUTOINCREMENT,
                        recipientID BLOB NOT NULL UNIQUE,
                        senderID BLOB NOT NULL UNIQUE,
                        recipientKey BLOB NOT NULL,
                        deliverySecret BLOB NOT NULL,
                        senderKey BLOB,
                        senderCanSecure INTEGER NOT NULL,
                        isOff INTEGER NOT NULL DEFAULT 0,
                        activeDay INTEGER NOT NULL
                    )
                    """)
        }
        guard try queue.read({ try !migrator.hasBeenSuperseded($0) }) else { throw RelayError.databaseNewer }
        try migrator.migrate(queue)
    }

    /// Adds `record`, whose number is ignored; the number it got.
    func insert(_ record: QueueRecord) throws(RelayError) -> Int64 {
        try write { database in
            try Self.execute(
                database,
                """
                INSERT INTO queue (recipientID, senderID, recipientKey, deliverySecret, senderCanSecure, activeDay)
                VALUES (?, ?, ?, ?, ?, ?)
                """,
                [
                    Data(record.recipientID.bytes), Data(record.senderID.bytes), Data(record.recipientKey.spki),
                    Data(record.deliverySecret.bytes), record.senderCanSecure, record.activeDay,
                ])
            return database.lastInsertedRowID
        }
    }

    /// The queue that its recipient calls `id`.
    func record(recipient id: QueueID) throws(RelayError) -> QueueRecord? {
        try record("SELECT * FROM queue WHERE recipientID = ?", Data(id.bytes))
    }

    /// The queue that its sender calls `id`.
    func record(sender id: QueueID) throws(RelayError) -> QueueRecord? {
        try record("SELECT * FROM queue WHERE senderID = ?", Data(id.bytes))
    }

    /// Whether there is a queue with this number.
    func exists(number: Int64) throws(RelayError) -> Bool {
        try record("SELECT * FROM queue WHERE number = ?", number) != nil
    }

    /// At most `count` queues with numbers above `number`, in order.
    func records(after number: Int64, count: Int) throws(RelayError) -> [QueueRecord] {
        try read { database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT * FROM queue WHERE number > ? ORDER BY number LIMIT ?",
                arguments: [number, count])
            return try rows.map(Self.record(from:))
        }
    }

    /// The number of queues.
    func count() throws(RelayError) -> Int {
        try read { try Int.fetchOne($0, sql: "SELECT count(*) FROM queue") ?? 0 }
    }

    /// Stores the sender's key of a queue.
    func secure(_ number: Int64, with key: AuthKey) throws(RelayError) {
        try write { try Self.execute($0, "UPDATE queue SET senderKey = ? WHERE number = ?", [Data(key.spki), number]) }
    }

    /// Turns a queue off for senders.
    func turnOff(_ number: Int64) throws(RelayError) {
        try write { try Self.execute($0, "UPDATE queue SET isOff = 1 WHERE number = ?", [number]) }
    }

    /// Deletes a queue.
    func delete(_ number: Int64) throws(RelayError) {
        try write { try Self.execute($0, "DELETE FROM queue WHERE number = ?", [number]) }
    }

    /// Notes that these queues were used on `day`, in one transaction.
    func touch(_ numbers: some Collection<Int64>, day: Int) throws(RelayError) {
        guard !numbers.isEmpty else { return }
        try write { database in
            for number in numbers {
                try Self.execute(database, "UPDATE queue SET activeDay = ? WHERE number = ?", [day, number])
            }
        }
    }

    private func record(_ sql: String, _ argument: some DatabaseValueConvertible) throws(RelayError) -> QueueRecord? {
        try read { database in
            let statement = try database.cachedStatement(sql: sql)
            return try Row.fetchOne(statement, arguments: [argument]).map(Self.record(from:))
        }
    }

    private func read<Value>(_ body: (Database) throws -> Value) throws(RelayError) -> Value {
        do { return try queue.unsafeRead(body) } catch let error as RelayError { throw error } catch {
            throw .database(Self.text(error))
        }
    }

    private func write<Value>(_ body: (Database) throws -> Value) throws(RelayError) -> Value {
        do { return try queue.write(body) } catch { throw .database(Self.text(error)) }
    }

    private static func execute(_ database: Database, _ sql: String, _ arguments: StatementArguments) throws {
        try database.cachedStatement(sql: sql).execute(arguments: arguments)
    }

    private static func record(from row: Row) throws -> QueueRecord {
        func bytes(_ column: String) -> [UInt8] { [UInt8](row[column] as Data? ?? Data()) }
        guard let recipientID = QueueID(bytes("recipientID")), let senderID = QueueID(bytes("senderID")) else {
            throw RelayError.database("a queue's id is damaged")
        }
        let senderKey = row["senderKey"] as Data?
        let secret = bytes("deliverySecret")
        guard secret.count == 32 else { throw RelayError.database("a queue's secret is damaged") }
        return QueueRecord(
            number: row["number"], recipientID: recipientID, senderID: senderID,
            recipientKey: try AuthKey(spki: bytes("recipientKey")), deliverySecret: SecretBytes(secret),
            senderKey: try senderKey.map { try AuthKey(spki: $0) }, senderCanSecure: row["senderCanSecure"],
            isOff: row["isOff"], activeDay: row["activeDay"])
    }

    private static func text(_ error: any Error) -> String {
        (error as? DatabaseError)?.message ?? String(describing: error)
    }
}

/// Syncs the records now and then, through a connection of its own so that nobody waits for the disk.
final class RecordSync: Sendable {
    private let queue: DatabaseQueue

    /// Opens the file that a `QueueDatabase` has made at `path`.
    init(path: String) throws(RelayError) {
        do { queue = try DatabaseQueue(path: path) } catch { throw .database(String(describing: error)) }
    }

    /// Moves the journal into the file and syncs it; costs nothing if there is nothing new.
    func sync() throws(RelayError) {
        do {
            try queue.writeWithoutTransaction { _ = try $0.checkpoint(.passive) }
        } catch { throw .database(String(describing: error)) }
    }
}
