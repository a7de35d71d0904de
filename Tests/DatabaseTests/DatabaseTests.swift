import Foundation
import GRDB
import Testing

@testable import Database

@Suite struct ProfileDatabaseTests {
    private func withPath(_ body: (String) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sxfile-db-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try body(directory.appendingPathComponent("sxfile.db").path)
    }

    @Test func opensAgainWithWhatWasWritten() throws {
        try withPath { path in
            try ProfileDatabase(path: path).write(durable: true) { db in
                try db.execute(sql: "INSERT INTO meta (key, value) VALUES ('a', 'b')")
            }
            let database = try ProfileDatabase(path: path)
            let value = try database.read { db in try String.fetchOne(db, sql: "SELECT value FROM meta WHERE key = 'a'")
            }
            #expect(value == "b")
            let problems = try database.check()
            #expect(problems == [])
            try database.truncateLog()
            let log = try FileManager.default.attributesOfItem(atPath: path + "-wal")
            #expect(log[.size] as? Int == 0)
        }
    }

    @Test func aFailedTransactionChangesNothing() throws {
        try withPath { path in
            let database = try ProfileDatabase(path: path)
            let outcome = Result {
                try database.write { db in
                    try db.execute(sql: "INSERT INTO meta (key, value) VALUES ('a', 'b')")
                    throw CancellationError()
                }
            }
            if case .success = outcome { Issue.record("it was committed") }
            let count = try database.read { db in try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM meta") }
            #expect(count == 0)
        }
    }

    @Test func settingsOfTheConnection() throws {
        try withPath { path in
            try ProfileDatabase(path: path).read { db in
                let mode = try String.fetchOne(db, sql: "PRAGMA journal_mode")
                #expect(mode == "wal")
                for (pragma, expected) in [("secure_delete", 1), ("foreign_keys", 1), ("synchronous", 1)] {
                    let value = try Int.fetchOne(db, sql: "PRAGMA \(pragma)")
                    #expect(value == expected)
                }
            }
        }
    }

    @Test func messagesOfAnEarlierVersionStay() throws {
        try withPath { path in
            let queue = try DatabaseQueue(path: path)
            try Schema.migrator.migrate(queue, upTo: "chances")
            try queue.write { db in
                try db.execute(
                    sql: """
                        INSERT INTO contacts (id, name, state, createdAt) VALUES (1, 'bob', 'connected', 1);
                        INSERT INTO messages (id, direction, contact, ref, agentMessage, text, state, createdAt)
                            VALUES (7, 'send', 1, 3, 9, 'hello', 'stored', 5);
                        """)
            }
            try queue.close()
            let row = try ProfileDatabase(path: path).read { db in try Row.fetchOne(db, sql: "SELECT * FROM messages") }
            #expect(row?["id"] == 7)
            #expect(row?["ref"] == 3)
            #expect(row?["agentMessage"] == 9)
            #expect(row?["text"] == "hello")
            #expect(row?["kind"] == "text")
        }
    }

    @Test func aNewerDatabaseIsRefused() throws {
        try withPath { path in
            try ProfileDatabase(path: path).write { db in
                try db.execute(sql: "INSERT INTO grdb_migrations VALUES ('v99')")
            }
            #expect(problem(at: path) == "\(path) was written by a newer sxfile; use that version")
        }
    }

    @Test func aDamagedDatabaseIsNamed() throws {
        try withPath { path in
            try Data(repeating: 0x5a, count: 8192).write(to: URL(fileURLWithPath: path))
            #expect(problem(at: path)?.hasPrefix("\(path) is damaged") == true)
        }
    }

    /// What opening says.
    private func problem(at path: String) -> String? {
        do {
            _ = try ProfileDatabase(path: path)
            return nil
        } catch {
            return "\(error)"
        }
    }
}
