import AgentLink
public import ChatProtocol
import Database
import GRDB
public import GroupCore

/// Another member of a group.
public struct GroupMember: Equatable, Sendable, Identifiable {
    /// The row.
    public let id: Int64
    /// The group's row.
    public let group: Int64
    /// The member's id in the group.
    public let member: MemberID
    /// The local name in this group.
    public let name: String
    /// How the member calls itself. Peer text: escape it on display.
    public let profile: ChatProtocol.Profile
    /// What the member may do.
    public let role: MemberRole
    /// How the member and I came together.
    public let category: MemberCategory
    /// How far the member has come, from the list of its category.
    public let status: MemberStatus
    /// Whether the member is connected to all, as its host says.
    public let isConfirmed: Bool
    /// Why the member is not in the group any more; nil while it is in.
    public let departure: Group.Departure?
    /// The row of `contacts` that stands for the member's group connection: `#group/name`, in the state `member`.
    ///
    /// Messages and transfers between this member and me in the group are that row's.
    public let channel: Int64
    /// The contact that this member is, for what is not the group's; nil while there is none.
    public let contact: Int64?

    /// The group connection in use; nil while there is none.
    let connection: ConnectionID?

    /// Whether messages of the group reach the member.
    public var isActive: Bool { departure == nil && connection != nil }
}

/// The introduction of a member that I invited to another one.
public struct MemberIntroduction: Equatable, Sendable {
    /// The row of the member that I invited.
    public let invitee: Int64
    /// The local name of the other, or its id.
    public let to: String
    /// How far it has come.
    public let status: IntroductionStatus
}

extension GroupMember {
    private static let select =
        "SELECT groupMembers.*, contacts.connection AS channelConnection FROM groupMembers JOIN contacts ON contacts.id = channel"

    init(_ row: Row) throws {
        guard let member = row.bytes("member").flatMap({ MemberID($0) }), let role = MemberRole(rawValue: row["role"]),
            let category = MemberCategory(rawValue: row["category"]), let status = MemberStatus(rawValue: row["status"])
        else { throw EngineError.system("an unknown state of a group's member") }
        id = row["id"]
        group = row["groupId"]
        self.member = member
        name = row["name"]
        profile = ChatProtocol.Profile(displayName: row["displayName"], fullName: row["fullName"])
        self.role = role
        self.category = category
        self.status = status
        isConfirmed = row["confirmed"]
        departure = (row["departure"] as String?).flatMap(Group.Departure.init)
        channel = row["channel"]
        contact = row["contact"]
        connection = (row["channelConnection"] as Int64?).map(ConnectionID.init)
    }

    private static func fetchAll(
        _ db: GRDB.Database, where condition: String, _ arguments: StatementArguments
    ) throws -> [GroupMember] {
        try Row.fetchAll(db, sql: "\(select) WHERE \(condition) ORDER BY groupMembers.id", arguments: arguments)
            .map(GroupMember.init)
    }

    /// Who is in the group besides me, in the order in which I heard of them.
    static func fetchAll(_ db: GRDB.Database, group: Int64) throws -> [GroupMember] {
        try fetchAll(db, where: "groupId = ? AND departure IS NULL", [group])
    }

    /// The members whom messages of the group reach: each has a `connection`.
    static func active(_ db: GRDB.Database, group: Int64) throws -> [GroupMember] {
        try fetchAll(db, where: "groupId = ? AND departure IS NULL AND contacts.connection IS NOT NULL", [group])
    }

    /// The member of this id, also one that is gone.
    static func fetch(_ db: GRDB.Database, group: Int64, member: MemberID) throws -> GroupMember? {
        try fetchAll(db, where: "groupId = ? AND member = ?", [group, blob(member.bytes)]).first
    }

    /// The member that a row of `contacts` in the state `member` stands for.
    static func fetch(_ db: GRDB.Database, channel: Int64) throws -> GroupMember? {
        try fetchAll(db, where: "channel = ?", [channel]).first
    }

    /// The member of this local name, or of this id as text.
    /// - Throws: `noSuchMember`.
    static func named(_ db: GRDB.Database, _ name: String, in group: Group) throws -> GroupMember {
        let members = try fetchAll(db, group: group.id)
        guard let found = members.first(where: { $0.name == name }) ?? members.first(where: { $0.member.text == name })
        else { throw EngineError.noSuchMember(name, group: group.name) }
        return found
    }
}

/// A connection with a member, as the engine keeps it: which one of the link's it is.
struct GroupConnectionRow: Equatable, Sendable {
    let group: Int64
    let name: GroupConnection
    /// nil once it is gone.
    let connection: ConnectionID?
    /// The state of the connection that the machine knows of.
    let told: ConnectionState?
    /// Whether it goes once what was sent is with the relay.
    let isClosing: Bool

    init(_ row: Row) throws {
        guard let member = row.bytes("member").flatMap({ MemberID($0) }),
            let introducer = row.bytes("introducer").flatMap({ MemberID($0) }),
            let kind = GroupConnection.Kind.allCases.first(where: { $0.word == row["kind"] })
        else { throw EngineError.system("an unknown state of a group's connection") }
        group = row["groupId"]
        name = GroupConnection(member: member, introducer: introducer, kind: kind)
        connection = (row["connection"] as Int64?).map(ConnectionID.init)
        told = ConnectionState(rawValue: row["told"])
        isClosing = row["closing"]
    }

    static func fetch(_ db: GRDB.Database, connection: ConnectionID) throws -> GroupConnectionRow? {
        try Row.fetchOne(
            db, sql: "SELECT * FROM groupConnections WHERE connection = ?", arguments: [connection.rawValue]
        ).map(GroupConnectionRow.init)
    }

    static func fetch(_ db: GRDB.Database, group: Int64, _ name: GroupConnection) throws -> GroupConnectionRow? {
        try Row.fetchOne(
            db, sql: "SELECT * FROM groupConnections WHERE \(key)", arguments: arguments(group, name)
        ).map(GroupConnectionRow.init)
    }

    static func all(_ db: GRDB.Database, group: Int64) throws -> [GroupConnectionRow] {
        try Row.fetchAll(db, sql: "SELECT * FROM groupConnections WHERE groupId = ?", arguments: [group])
            .map(GroupConnectionRow.init)
    }

    /// Those whose state the machine has not heard of.
    static func unheard(_ db: GRDB.Database) throws -> [GroupConnectionRow] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT groupConnections.* FROM groupConnections LEFT JOIN connections ON connections.id = connection
                WHERE closing = 0 AND told <> COALESCE(connections.state, 'gone') ORDER BY connection
                """
        ).map(GroupConnectionRow.init)
    }

    /// Those that are to go and have nothing more to say: the relay has everything, or they never came about.
    static func finished(_ db: GRDB.Database) throws -> [GroupConnectionRow] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT groupConnections.* FROM groupConnections LEFT JOIN connections ON connections.id = connection
                WHERE closing = 1 AND (connections.state IS NOT 'connected' OR NOT EXISTS
                        (SELECT 1 FROM outgoing WHERE outgoing.connection = groupConnections.connection)
                    AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.connection = groupConnections.connection))
                """
        ).map(GroupConnectionRow.init)
    }

    static func insert(
        _ db: GRDB.Database, group: Int64, _ name: GroupConnection, _ connection: ConnectionID
    ) throws {
        try db.execute(
            sql: "INSERT INTO groupConnections (groupId, member, introducer, kind, connection) VALUES (?, ?, ?, ?, ?)",
            arguments: arguments(group, name) + [connection.rawValue])
    }

    func setTold(_ db: GRDB.Database, _ state: ConnectionState?) throws {
        try db.execute(
            sql: "UPDATE groupConnections SET told = ? WHERE \(Self.key)",
            arguments: [state?.rawValue ?? "gone"] + Self.arguments(group, name))
    }

    func setClosing(_ db: GRDB.Database) throws {
        try db.execute(
            sql: "UPDATE groupConnections SET closing = 1 WHERE \(Self.key)", arguments: Self.arguments(group, name))
    }

    func delete(_ db: GRDB.Database) throws {
        try db.execute(
            sql: "DELETE FROM groupConnections WHERE \(Self.key)", arguments: Self.arguments(group, name))
    }

    private static let key = "groupId = ? AND member = ? AND introducer = ? AND kind = ?"

    private static func arguments(_ group: Int64, _ name: GroupConnection) -> StatementArguments {
        [group, blob(name.member.bytes), blob(name.introducer.bytes), name.kind.word]
    }
}

extension GroupConnection.Kind {
    /// As it is stored.
    var word: String {
        switch self {
        case .group: "group"
        case .direct: "direct"
        }
    }
}
