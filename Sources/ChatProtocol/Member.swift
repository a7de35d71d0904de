import WireFormat

/// The id of a group member, shared by all of the group: 8 bytes, base64url on the wire. Ordered by its bytes.
public struct MemberID: Hashable, Sendable, Comparable {
    /// Bytes of an id.
    public static let count = 8

    /// The 8 bytes.
    public let bytes: [UInt8]

    /// An id; nil unless there are 8 bytes.
    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == MemberID.count else { return nil }
        self.bytes = Array(bytes)
    }

    /// Reads base64url, padded or not; nil unless it is 8 bytes.
    public init?(_ text: String) {
        guard text.utf8.count <= 12, let bytes = Base64.decode(text, .url) else { return nil }
        self.init(bytes)
    }

    /// The id as a parameter: padded base64url.
    public var text: String { Base64.encode(bytes, .url) }

    /// By bytes.
    public static func < (left: MemberID, right: MemberID) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

/// What a member may do in a group. Ordered: an owner may do all that an admin may, and so on.
public enum MemberRole: String, Hashable, Sendable, Comparable, CaseIterable {
    /// Reads and writes.
    case member
    /// Invites and removes members too.
    case admin
    /// Deletes the group too.
    case owner

    /// By rights.
    public static func < (left: MemberRole, right: MemberRole) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .member: 0
        case .admin: 1
        case .owner: 2
        }
    }
}

/// How a user or a group calls itself: JSON with `displayName` and `fullName`.
public struct Profile: Hashable, Sendable {
    /// The most bytes of both names that are read: hosts pass profiles on, in messages with other things beside.
    static let mostBytes = 1024

    /// The short name, not empty. Any text: make it harmless before showing it.
    public var displayName: String
    /// The long name, perhaps empty.
    public var fullName: String

    /// A profile.
    public init(displayName: String, fullName: String = "") {
        self.displayName = displayName
        self.fullName = fullName
    }

    init(_ json: JSONValue, event: String) throws(ChatProtocolError) {
        let members = try json.members(of: "profile", event: event)
        guard let displayName = members["displayName"]?.string, !displayName.isEmpty else {
            throw .invalid("profile", event: event)
        }
        self.displayName = displayName
        switch members["fullName"] {
        case .none, .null: fullName = ""
        case .string(let name): fullName = name
        default: throw .invalid("profile", event: event)
        }
        guard displayName.utf8.count + fullName.utf8.count <= Self.mostBytes else {
            throw .invalid("profile", event: event)
        }
    }

    var json: JSONValue {
        .object([JSONMember("displayName", .string(displayName)), JSONMember("fullName", .string(fullName))])
    }
}

/// x.grp.inv: the invitation to a group.
public struct GroupInvitation: Hashable, Sendable {
    /// Who invites.
    public var inviter: MemberID
    /// The inviter's role.
    public var inviterRole: MemberRole
    /// Who is invited.
    public var invited: MemberID
    /// The role offered.
    public var invitedRole: MemberRole
    /// The invitation link of the group connection.
    public var invitation: String
    /// The group.
    public var profile: Profile

    /// An invitation of these parts.
    public init(
        inviter: MemberID, inviterRole: MemberRole, invited: MemberID, invitedRole: MemberRole, invitation: String,
        profile: Profile
    ) {
        self.inviter = inviter
        self.inviterRole = inviterRole
        self.invited = invited
        self.invitedRole = invitedRole
        self.invitation = invitation
        self.profile = profile
    }
}

/// A member as x.grp.mem.intro and x.grp.mem.info describe it.
public struct MemberDescription: Hashable, Sendable {
    /// The member.
    public var member: MemberID
    /// The member's role.
    public var role: MemberRole
    /// The member's profile.
    public var profile: Profile

    /// A description of these parts.
    public init(member: MemberID, role: MemberRole, profile: Profile) {
        self.member = member
        self.role = role
        self.profile = profile
    }
}

/// x.grp.mem.new: a member has joined.
public struct MemberAnnouncement: Hashable, Sendable {
    /// The members to whom the announcer is connected; sent sorted by id bytes.
    public var connected: [MemberID]
    /// The new member.
    public var new: MemberDescription

    /// An announcement of these parts.
    public init(connected: [MemberID], new: MemberDescription) {
        self.connected = connected
        self.new = new
    }
}

/// x.grp.mem.inv and x.grp.mem.fwd: the links by which two members connect, and the probe.
public struct MemberInvitation: Hashable, Sendable {
    /// In x.grp.mem.inv to whom the links are addressed; in x.grp.mem.fwd who made them.
    public var member: MemberID
    /// The invitation link of the group connection.
    public var group: String
    /// The invitation link of the direct connection.
    public var direct: String
    /// The probe, 32 bytes.
    public var probe: [UInt8]

    /// An invitation of these parts.
    public init(member: MemberID, group: String, direct: String, probe: [UInt8]) {
        self.member = member
        self.group = group
        self.direct = direct
        self.probe = probe
    }
}
