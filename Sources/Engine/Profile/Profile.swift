public import Database
import GRDB
import Glibc
public import SystemPackage

/// One identity of the user: a private directory with one database, and what commands ask and wish of it.
///
/// Reading and wishing never need the engine: a wish is a row, which whoever runs the engine carries out.
public final class Profile: Sendable {
    /// The directory, absolute.
    public let directory: FilePath
    /// The database in it.
    public let database: ProfileDatabase
    /// The environment that overrides settings.
    let environment: [String: String]
    /// What the command's options say, which overrides the environment.
    let options: [Setting: String]
    let settingsFile: SettingsFile

    /// Opens the profile, making directory and database when they are missing.
    /// - Parameter options: settings that options of the command give; checked here.
    /// - Throws: `usage`, `permissions`, `database`, `badSetting`.
    public static func open(
        name: String? = nil, environment: [String: String], options: [Setting: String] = [:]
    ) throws(EngineError) -> Profile {
        for (setting, value) in options { try setting.check(value) }
        var inner = environment
        // What is started from here means the same profile.
        if let name { inner["SXFILE_PROFILE"] = name }
        return try Profile(
            directory: ProfileDirectory.resolve(name: name, environment: environment),
            settings: ProfileDirectory.settingsFile(name: name, environment: environment), environment: inner,
            options: options)
    }

    /// Opens the profile in `directory`.
    /// - Parameter settings: the configuration file; nil: `sxfile.toml` in the directory.
    /// - Throws: `permissions`, `database`, `badSetting` if settings of an older version cannot be carried over.
    public init(
        directory: FilePath, settings: FilePath? = nil, environment: [String: String] = [:],
        options: [Setting: String] = [:]
    ) throws(EngineError) {
        try ProfileDirectory.prepare(directory)
        self.directory = directory
        self.environment = environment
        self.options = options
        settingsFile = SettingsFile(settings ?? directory.appending(ProfileDirectory.settingsName))
        let path = directory.appending("sxfile.db")
        // SQLite gives its log the permissions of the database; the database gets them here, before it has content.
        let descriptor = Glibc.open(path.string, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw .permissions("\(path) cannot be opened: \(Errno(rawValue: errno))") }
        var status = stat()
        let known = fstat(descriptor, &status)
        close(descriptor)
        guard known == 0 else { throw .permissions("\(path) cannot be read: \(Errno(rawValue: errno))") }
        do { database = try ProfileDatabase(path: path.string) } catch { throw .database(error) }
        identity = DatabaseIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino), bootID: Self.bootID())
        try carrySettingsOver()
    }

    /// Device and inode of the database file.
    private let identity: DatabaseIdentity

    /// The lock that makes a process the engine.
    var lockPath: FilePath { directory.appending("engine.lock") }
    /// The socket on which the running engine listens.
    var socketPath: FilePath { directory.appending("engine.sock") }

    /// Checks that the database is the file that its keys were made in, and remembers it the first time.
    ///
    /// For the engine only: reading a copy harms nothing.
    /// - Throws: `database(.copied)`.
    public func checkIdentity() throws(EngineError) {
        let identity = self.identity
        let path = database.path
        try write { db in
            if let known = try Meta.value(db, "identity").flatMap(DatabaseIdentity.init), !known.isSame(as: identity) {
                throw EngineError.database(.copied(path: path))
            }
            try Meta.set(db, "identity", identity.text)
        }
    }

    /// Says that this database is the right one from now on: called once its ratchets are renewed (`doctor --rekey`).
    public func adoptIdentity() throws(EngineError) {
        let identity = self.identity
        try write { db in try Meta.set(db, "identity", identity.text) }
    }

    /// Identifies the running kernel's boot; empty if the kernel does not say.
    public static func bootID() -> String {
        guard let file = try? FileDescriptor.open("/proc/sys/kernel/random/boot_id", .readOnly) else { return "" }
        defer { try? file.close() }
        var bytes = [UInt8](repeating: 0, count: 64)
        guard let count = try? bytes.withUnsafeMutableBytes({ try file.read(into: $0) }) else { return "" }
        return String(decoding: bytes.prefix(count).prefix { $0 > 0x20 }, as: UTF8.self)
    }
}

extension Profile {
    /// Reads in one snapshot, with typed errors.
    func read<Value>(_ body: (GRDB.Database) throws -> Value) throws(EngineError) -> Value {
        do { return try database.read(body) } catch { throw EngineError(any: error, database: database) }
    }

    /// Writes in one transaction, with typed errors.
    @discardableResult
    func write<Value>(durable: Bool = false, _ body: (GRDB.Database) throws -> Value) throws(EngineError) -> Value {
        do { return try database.write(durable: durable, body) } catch {
            throw EngineError(any: error, database: database)
        }
    }
}

extension EngineError {
    /// What `error` is: ours as it is, anything else the database's.
    init(any error: any Error, database: ProfileDatabase) {
        switch error {
        case let error as EngineError: self = error
        case let error as ProfileDatabaseError: self = .database(error)
        case let error as GRDB.DatabaseError: self = .database(Self.typed(error, path: database.path))
        default: self = .system("\(error)")
        }
    }

    private static func typed(_ error: GRDB.DatabaseError, path: String) -> ProfileDatabaseError {
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED: .locked(path: path)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: .damaged(path: path, reason: error.message ?? "not a database")
        default: .unusable(path: path, reason: error.message ?? "error \(error.resultCode.rawValue)")
        }
    }
}

/// Which file a database is. Device numbers count only within one boot: some file systems give others in the next.
struct DatabaseIdentity: Equatable, Sendable {
    var device: UInt64
    var inode: UInt64
    var bootID: String

    init(device: UInt64, inode: UInt64, bootID: String) {
        self.device = device
        self.inode = inode
        self.bootID = bootID
    }

    /// Reads `text`; nil if it is damaged.
    init?(_ text: String) {
        let fields = text.split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count == 3, let device = UInt64(fields[0]), let inode = UInt64(fields[1]) else { return nil }
        self.init(device: device, inode: inode, bootID: String(fields[2]))
    }

    var text: String { "\(device):\(inode):\(bootID)" }

    func isSame(as other: DatabaseIdentity) -> Bool {
        inode == other.inode && (device == other.device || bootID.isEmpty || bootID != other.bootID)
    }
}

/// Single values of the database, and its counters.
enum Meta {
    static func value(_ db: GRDB.Database, _ key: String) throws -> String? {
        try String.fetchOne(db, sql: "SELECT value FROM meta WHERE key = ?", arguments: [key])
    }

    static func set(_ db: GRDB.Database, _ key: String, _ value: String?) throws {
        guard let value else { return try db.execute(sql: "DELETE FROM meta WHERE key = ?", arguments: [key]) }
        try db.execute(sql: "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", arguments: [key, value])
    }

    /// The next id of a transfer or message: small whole numbers of one profile, never used twice.
    static func nextID(_ db: GRDB.Database) throws -> Int64 {
        let id = (try value(db, "lastId").flatMap { Int64($0) } ?? 0) + 1
        try set(db, "lastId", "\(id)")
        return id
    }
}

/// The wall clock in Unix seconds.
func unixNow() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec)
}
