public import Foundation
public import GRDB

/// What is wrong with a profile's database.
public enum DatabaseError: Error, Equatable, Sendable {
    /// Written by a later version of sxfile.
    case newer(path: String)
    /// Another program holds it locked.
    case locked(path: String)
    /// SQLite cannot read it.
    case damaged(path: String, reason: String)
    /// It cannot be opened or written.
    case unusable(path: String, reason: String)
    /// The file is a copy of another profile's, or was restored: its ratchets may be behind the real ones.
    case copied(path: String)
}

extension DatabaseError: CustomStringConvertible {
    /// One lower-case sentence.
    public var description: String {
        switch self {
        case .newer(let path): "\(path) was written by a newer sxfile; use that version"
        case .locked(let path): "\(path) is locked by another program; try again when that has finished"
        case .damaged(let path, let reason):
            "\(path) is damaged (\(reason)); restore it from a backup or remove the profile"
        case .unusable(let path, let reason): "\(path) cannot be used: \(reason)"
        case .copied(let path):
            "\(path) is a copy or was restored; its keys may be out of date: run `sxfile doctor --rekey` once to renew them"
        }
    }
}

/// The one SQLite file of a profile: contacts, transfers, messages, connections and their keys.
///
/// Write-ahead logging, so that readers in other processes never wait; deleted rows are overwritten. One serial connection
/// a process. Every method is a transaction of its own.
public final class ProfileDatabase: Sendable {
    /// The file.
    public let path: String
    private let queue: DatabaseQueue

    /// Opens or creates the database at `path` and brings its schema up to date.
    ///
    /// The directory's owner and permissions are the caller's to check.
    public init(path: String) throws(DatabaseError) {
        self.path = path
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.label = "sxfile.db"
        configuration.prepareDatabase { db in
            try db.execute(
                sql: """
                    PRAGMA journal_mode = WAL;
                    PRAGMA secure_delete = ON;
                    PRAGMA synchronous = NORMAL;
                    PRAGMA journal_size_limit = 4194304;
                    PRAGMA cache_size = -1024;
                    """)
        }
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
            let migrator = Schema.migrator
            if try queue.read(migrator.hasBeenSuperseded) { throw DatabaseError.newer(path: path) }
            if try !queue.read(migrator.hasCompletedMigrations) { try migrator.migrate(queue) }
        } catch let error as DatabaseError {
            throw error
        } catch {
            throw Self.typed(error, path: path)
        }
    }

    /// Reads in one consistent snapshot.
    public func read<Value>(_ body: (GRDB.Database) throws -> Value) throws -> Value {
        try queue.read(body)
    }

    /// Writes in one transaction. A crash of the process loses nothing; a crash of the machine may lose the newest
    /// transactions, in order, unless `durable` asks for the log to be synced (SQLite's synchronous=FULL).
    @discardableResult
    public func write<Value>(durable: Bool = false, _ body: (GRDB.Database) throws -> Value) throws -> Value {
        try queue.writeWithoutTransaction { db in
            if durable { try db.execute(sql: "PRAGMA synchronous = FULL") }
            defer { if durable { try? db.execute(sql: "PRAGMA synchronous = NORMAL") } }
            var result: Value?
            try db.inTransaction(.immediate) {
                result = try body(db)
                return .commit
            }
            guard let result else { preconditionFailure("a committed transaction has a result") }
            return result
        }
    }

    /// Moves the log into the database file and truncates it: called when the engine leaves.
    public func truncateLog() throws {
        try queue.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
    }

    /// Writes a copy as of this moment to `path`, an empty file or none.
    public func snapshot(to path: String) throws {
        try queue.writeWithoutTransaction { db in try db.execute(sql: "VACUUM INTO ?", arguments: [path]) }
    }

    /// SQLite's own check; the problems it found, none if the file is sound.
    public func check() throws -> [String] {
        try queue.read { db in
            try String.fetchAll(db, sql: "PRAGMA quick_check").filter { $0 != "ok" }
        }
    }

    static func typed(_ error: any Error, path: String) -> DatabaseError {
        guard let error = error as? GRDB.DatabaseError else { return .unusable(path: path, reason: "\(error)") }
        return switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED: .locked(path: path)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: .damaged(path: path, reason: error.message ?? "not a database")
        case .SQLITE_FULL: .unusable(path: path, reason: "its disk is full")
        case .SQLITE_IOERR:
            .unusable(path: path, reason: "\(error.message ?? "disk I/O error"); its disk may be full or failing")
        default: .unusable(path: path, reason: error.message ?? "error \(error.resultCode.rawValue)")
        }
    }
}

extension GRDB.Database {
    /// Runs one statement, compiled once for all its runs: for what is written many times a second.
    public func executeOften(_ sql: String, _ arguments: StatementArguments) throws {
        try cachedStatement(sql: sql).execute(arguments: arguments)
    }
}

extension Row {
    /// A blob column as bytes; nil for NULL.
    public func bytes(_ column: String) -> [UInt8]? {
        (self[column] as Data?).map { [UInt8]($0) }
    }
}

/// Bytes as a statement argument.
public func blob(_ bytes: some Collection<UInt8>) -> Data { Data(bytes) }
/// Bytes as a statement argument, NULL if there are none.
public func optionalBlob(_ bytes: (some Collection<UInt8>)?) -> Data? { bytes.map { Data($0) } }
