import AgentLink
public import ChatProtocol
import Database
import GRDB
public import GroupCore

/// A group that this profile is in, is invited to, or was in.
public struct Group: Equatable, Sendable, Identifiable {
    /// Why I am not in it any more.
    public enum Departure: String, Sendable, CaseIterable {
        /// I left.
        case left
        /// I was removed.
        case removed
        /// Its owner deleted it.
        case deleted
    }

    /// The row.
    public let id: Int64
    /// The local name, without `#`.
    public let name: String
    /// The contact who invited me; nil if the group is mine.
    public let inviter: Int64?
    /// My id in the group.
    public let me: MemberID
    /// What I may do.
    public let role: MemberRole
    /// How far I have come.
    public let status: MemberStatus
    /// Why I am out; nil while I am in.
    public let departure: Departure?
    /// What was refused last: one sentence without any text of a peer.
    public let problem: String?
    /// Unix seconds.
    public let createdAt: Int64

    /// Whether it waits for the user to join.
    public var isInvitation: Bool { status == .invited && departure == nil }
    /// Whether I have said that I join, and am not connected to all yet.
    public var isBeingJoined: Bool { departure == nil && status != .invited && status != .confirmed }
    /// Whether messages of mine go to its members.
    public var isJoined: Bool {
        departure == nil && status != .invited && status != .accepted
    }
}

extension Group {
    init(_ row: Row) throws {
        guard let me = row.bytes("me").flatMap({ MemberID($0) }), let role = MemberRole(rawValue: row["role"]),
            let status = MemberStatus(rawValue: row["status"])
        else { throw EngineError.system("an unknown group state") }
        id = row["id"]
        name = row["name"]
        inviter = row["contact"]
        self.me = me
        self.role = role
        self.status = status
        departure = (row["departure"] as String?).flatMap(Departure.init)
        problem = row["problem"]
        createdAt = row["createdAt"]
    }

    static func fetch(_ db: GRDB.Database, id: Int64) throws -> Group? {
        try Row.fetchOne(db, sql: "SELECT * FROM groups WHERE id = ?", arguments: [id]).map(Group.init)
    }

    /// The user is done with it: its name and those of its members are free.
    func hide(_ db: GRDB.Database) throws {
        try db.execute(sql: "UPDATE groups SET hidden = 1 WHERE id = ?", arguments: [id])
        try db.execute(
            sql: """
                UPDATE contacts SET state = 'removed'
                WHERE state = 'member' AND id IN (SELECT channel FROM groupMembers WHERE groupId = ?)
                """, arguments: [id])
    }

    /// Those that the user is not done with, by name.
    static func fetchAll(_ db: GRDB.Database) throws -> [Group] {
        try Row.fetchAll(db, sql: "SELECT * FROM groups WHERE hidden = 0 ORDER BY name").map(Group.init)
    }

    /// Those that I am in or invited to.
    static func current(_ db: GRDB.Database) throws -> [Group] {
        try Row.fetchAll(db, sql: "SELECT * FROM groups WHERE departure IS NULL ORDER BY id").map(Group.init)
    }

    /// `name`, or `name_1`, `name_2` … if it is taken.
    static func uniqueName(_ db: GRDB.Database, _ name: String) throws -> String {
        let taken = try Set(String.fetchAll(db, sql: "SELECT name FROM groups WHERE hidden = 0"))
        guard taken.contains(name) else { return name }
        return (1...).lazy.map { "\(name)_\($0)" }.first { !taken.contains($0) } ?? name
    }

    /// The group of this name, with or without `#`.
    /// - Throws: `noSuchGroup`.
    static func named(_ db: GRDB.Database, _ name: String) throws -> Group {
        let local = name.hasPrefix("#") ? String(name.dropFirst()) : name
        let row = try Row.fetchOne(
            db, sql: "SELECT * FROM groups WHERE name = ? AND hidden = 0", arguments: [local])
        guard let row else { throw EngineError.noSuchGroup(local) }
        return try Group(row)
    }
}
