public import ChatProtocol

/// Another member of the group.
public struct GroupMember: Hashable, Sendable {
    /// The member's id.
    public let id: MemberID
    /// What the member may do.
    public let role: MemberRole
    /// How the member calls itself.
    public internal(set) var profile: Profile
    /// How the member and I came together.
    public internal(set) var category: MemberCategory
    /// How far the member has come, from the list of its category.
    public internal(set) var status: MemberStatus
    /// Who invited the member; nil if that was before my time.
    public internal(set) var invitedBy: MemberID?
    /// The contact that this member is: invited or inviting as such, or proven by a probe.
    public internal(set) var contact: Int64?
    /// Whether the host has said that the member is connected to all.
    public internal(set) var isConfirmed = false
    /// Who announced or introduced this member to me, in order.
    public internal(set) var announcers: [MemberID]
    /// The connections, by introducer.
    public internal(set) var lines: [GroupLine]
    /// The introducer of the group connection in use; nil while there is none.
    public internal(set) var active: MemberID?
    /// The secret that I sent in x.info.probe, and the contacts that were asked for it.
    var probeSent: [UInt8]?
    var asked: [Int64] = []
    /// The secret that came in x.info.probe, and behind it what ties it to the connection on which it came.
    var probeReceived: [UInt8]?

    init(
        _ description: MemberDescription, _ category: MemberCategory, _ status: MemberStatus, invitedBy: MemberID?,
        contact: Int64? = nil, announcers: [MemberID] = [], lines: [GroupLine] = []
    ) {
        id = description.member
        role = description.role
        profile = description.profile
        self.category = category
        self.status = status
        self.invitedBy = invitedBy
        self.contact = contact
        self.announcers = announcers
        self.lines = lines
    }

    /// The member as x.grp.mem.intro, x.grp.mem.new and x.grp.mem.info say it.
    public var description: MemberDescription { MemberDescription(member: id, role: role, profile: profile) }

    /// The connection on which messages of the group go to this member; nil while there is none.
    public var connection: GroupConnection? {
        active.map { GroupConnection(member: id, introducer: $0, kind: .group) }
    }

    /// The direct connection; nil while there is none.
    public var directConnection: GroupConnection? {
        lines.first { $0.direct == .connected }.map {
            GroupConnection(member: id, introducer: $0.introducer, kind: .direct)
        }
    }

    /// Whether messages of the group reach this member.
    public var isConnected: Bool { active != nil }

    func line(_ introducer: MemberID) -> Int? { lines.firstIndex { $0.introducer == introducer } }
}

/// Myself in the group.
public struct GroupSelf: Hashable, Sendable {
    /// My id.
    public let id: MemberID
    /// What I may do.
    public let role: MemberRole
    /// How I call myself.
    public internal(set) var profile: Profile
    /// How far I have come; who made the group is confirmed from the start.
    public internal(set) var status: MemberStatus
    /// Why I am out; nil while I am in.
    public internal(set) var departure: Departure?

    var description: MemberDescription { MemberDescription(member: id, role: role, profile: profile) }
}

/// The introduction of a member that I invited to another one.
public struct Introduction: Hashable, Sendable {
    /// How far it has come.
    public internal(set) var status: IntroductionStatus
    /// Whether the other member has my x.grp.mem.new about the one I invited.
    var isAnnounced: Bool
    /// The invitation, from its arrival until it is forwarded.
    var invitation: MemberInvitation?
}

/// A contact, as probes see it.
public struct KnownContact: Hashable, Sendable {
    /// The contact.
    public var id: Int64
    /// What only the two ends of the contact's connection know, the same at both; it ties a probe's hash to that
    /// connection, so that one in the middle cannot hand it on. Empty for the bare hash of the probe.
    public var binding: [UInt8]

    /// A contact.
    public init(id: Int64, binding: [UInt8] = []) {
        self.id = id
        self.binding = binding
    }
}
