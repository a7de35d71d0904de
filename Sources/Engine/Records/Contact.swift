import AgentLink
import ChatProtocol
import Database
import GRDB

/// Which offers of a contact are accepted without asking.
public struct AcceptPolicy: Equatable, Sendable {
    /// Whether offers are accepted by whatever engine sees them; if not, the user is asked.
    public var isAlways = false
    /// The largest file, in bytes; nil for any. An offer of unknown size is larger than any limit.
    public var limit: UInt64?
    /// Where the files go; nil is `~/Downloads`.
    public var directory: String?

    /// Asks.
    public init() {}

    /// Whether an offer of this size is accepted.
    func accepts(_ size: UInt64?) -> Bool { isAlways && (limit.map { size ?? .max <= $0 } ?? true) }
}

/// Someone to send files to.
public struct Contact: Equatable, Sendable, Identifiable {
    /// Where it stands.
    public enum State: String, Sendable, CaseIterable {
        /// The link was made, and nobody has used it.
        case invited
        /// The link was used (theirs by us), and the connection is being made.
        case connecting
        /// Messages flow.
        case connected
        /// Ended; `reason` says why.
        case failed
        /// Removed by the user; kept for its transfers only, not shown.
        case removed
        /// A member of a group, by its connection with the group: `#group/name`. Not among the contacts.
        case member
    }

    /// The row.
    public let id: Int64
    /// The local name: plain text chosen by the user, or made from what the peer calls itself.
    public var name: String
    /// Whether the user chose the name.
    public var isNamed: Bool
    /// Where it stands.
    public var state: State
    /// Why it failed.
    public var reason: String?
    /// The kind of that failure.
    public var failure: FailureKind?
    /// Whether the user compared the security code.
    public var isVerified: Bool
    /// What is accepted from it by itself.
    public var policy = AcceptPolicy()
    /// What it said of itself last; nil if nothing since its connection information.
    var profile: ChatProtocol.Profile?
    /// Unix seconds.
    public let createdAt: Int64

    var connection: ConnectionID?
}

extension Contact {
    init(_ row: Row) throws {
        guard let state = State(rawValue: row["state"]) else { throw EngineError.system("an unknown contact state") }
        id = row["id"]
        name = row["name"]
        isNamed = row["named"]
        self.state = state
        reason = row["reason"]
        failure = (row["failure"] as String?).flatMap(FailureKind.init)
        isVerified = row["verified"]
        policy.isAlways = row["acceptsAlways"]
        policy.limit = (row["acceptLimit"] as Int64?).map { UInt64(max($0, 0)) }
        policy.directory = row["acceptDirectory"]
        profile = (row["displayName"] as String?).map {
            ChatProtocol.Profile(displayName: $0, fullName: row["fullName"] ?? "")
        }
        createdAt = row["createdAt"]
        connection = (row["connection"] as Int64?).map(ConnectionID.init)
    }

    static func fetch(_ db: GRDB.Database, id: Int64) throws -> Contact? {
        try Row.fetchOne(db, sql: "SELECT * FROM contacts WHERE id = ?", arguments: [id]).map(Contact.init)
    }

    static func fetch(_ db: GRDB.Database, connection: ConnectionID) throws -> Contact? {
        try Row.fetchOne(db, sql: "SELECT * FROM contacts WHERE connection = ?", arguments: [connection.rawValue])
            .map(Contact.init)
    }

    /// The contact of this name that can still be used.
    /// - Throws: `noSuchContact`.
    static func named(_ db: GRDB.Database, _ name: String) throws -> Contact {
        let row = try Row.fetchOne(
            db, sql: "SELECT * FROM contacts WHERE name = ? AND state NOT IN ('removed', 'member')", arguments: [name])
        guard let row else { throw EngineError.noSuchContact(name) }
        return try Contact(row)
    }

    static func fetchAll(_ db: GRDB.Database) throws -> [Contact] {
        try Row.fetchAll(db, sql: "SELECT * FROM contacts WHERE state NOT IN ('removed', 'member') ORDER BY name").map(
            Contact.init)
    }

    static func insert(
        _ db: GRDB.Database, name: String, isNamed: Bool, connection: ConnectionID, state: State, now: Int64
    ) throws -> Contact {
        try db.execute(
            sql: "INSERT INTO contacts (name, named, connection, state, createdAt) VALUES (?, ?, ?, ?, ?)",
            arguments: [name, isNamed, connection.rawValue, state.rawValue, now])
        return Contact(
            id: db.lastInsertedRowID, name: name, isNamed: isNamed, state: state, isVerified: false, createdAt: now,
            connection: connection)
    }

    func update(_ db: GRDB.Database) throws {
        try db.execute(
            sql: """
                UPDATE contacts SET name = ?, named = ?, connection = ?, state = ?, reason = ?, failure = ?, verified = ?,
                    acceptsAlways = ?, acceptLimit = ?, acceptDirectory = ?, displayName = ?, fullName = ?
                WHERE id = ?
                """,
            arguments: [
                name, isNamed, connection?.rawValue, state.rawValue, reason, failure?.rawValue, isVerified,
                policy.isAlways, policy.limit.map { Int64(clamping: $0) }, policy.directory, profile?.displayName,
                profile?.fullName, id,
            ])
    }

    /// The next chatMsgId towards this contact: a crash may leave one out, none is used twice.
    static func nextRef(_ db: GRDB.Database, contact: Int64) throws -> Int64 {
        try db.execute(sql: "UPDATE contacts SET lastRef = lastRef + 1 WHERE id = ?", arguments: [contact])
        return try Int64.fetchOne(db, sql: "SELECT lastRef FROM contacts WHERE id = ?", arguments: [contact]) ?? 1
    }
}

/// Names of contacts.
enum ContactName {
    /// Whether the user may give this name: visible, without spaces, not like an option, a group or a path.
    static func isValid(_ name: String) -> Bool {
        guard let first = name.unicodeScalars.first, name.utf8.count <= 64 else { return false }
        guard first != "#", first != "-", first != "@", !isMark(first) else { return false }
        return name.unicodeScalars.allSatisfy(isPlain)
    }

    /// A valid name made of what the peer calls itself; `other` if nothing is left of it.
    static func made(from text: String?, or other: String = "contact") -> String {
        var name = String.UnicodeScalarView()
        for scalar in (text ?? "").unicodeScalars where name.count < 32 {
            if isPlain(scalar) {
                name.append(scalar)
            } else if scalar == " ", let last = name.last, last != "-" {
                name.append("-")
            }
        }
        while let first = name.first, "#-@".unicodeScalars.contains(first) || isMark(first) { name.removeFirst() }
        while name.last == "-" { name.removeLast() }
        let made = String(name)
        return isValid(made) ? made : other
    }

    /// `name`, or `name_1`, `name_2` … if it is taken by another row than `except`.
    static func unique(_ db: GRDB.Database, _ name: String, except: Int64? = nil) throws -> String {
        var candidate = name
        var number = 0
        while try isTaken(db, candidate, except: except) {
            number += 1
            candidate = "\(name)_\(number)"
        }
        return candidate
    }

    static func isTaken(_ db: GRDB.Database, _ name: String, except: Int64? = nil) throws -> Bool {
        try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM contacts WHERE name = ? AND id IS NOT ? AND state <> 'removed')",
            arguments: [name, except]) ?? false
    }

    /// What would stand on the character before.
    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        [.nonspacingMark, .spacingMark].contains(scalar.properties.generalCategory)
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber, .nonspacingMark, .spacingMark:
            true
        default: "._-+@".unicodeScalars.contains(scalar)
        }
    }
}
