public import ChatProtocol

/// The name of a connection between two members, of which each side calls the other `member`.
///
/// Two members who were introduced twice have a connection for each introducer; one of them is used.
public struct GroupConnection: Hashable, Sendable {
    /// What a connection is for.
    public enum Kind: UInt8, Hashable, Sendable, CaseIterable {
        /// Messages of the group.
        case group
        /// Messages from one to the other, outside of the group.
        case direct
    }

    /// Who is at the other end.
    public let member: MemberID
    /// Who brought the two together: the host where one of the two has invited the other.
    public let introducer: MemberID
    /// What it is for.
    public let kind: Kind

    /// A connection of these parts.
    public init(member: MemberID, introducer: MemberID, kind: Kind) {
        self.member = member
        self.introducer = introducer
        self.kind = kind
    }
}

/// The connections with one member that one introducer has brought about.
public struct GroupLine: Hashable, Sendable {
    /// The introducer.
    public let introducer: MemberID
    /// Whether the links are mine.
    public let isMine: Bool
    /// The group connection.
    public internal(set) var group: ConnectionPhase
    /// The direct connection.
    public internal(set) var direct: ConnectionPhase
    /// My links, until both are made and sent.
    var groupLink = ""
    var directLink = ""
    /// The probe that travels with the links.
    var probe: [UInt8] = []
    /// Whether the introducer has been told that the member and I are connected; true where there is nobody to tell.
    var isConfirmed = false

    init(introducer: MemberID, isMine: Bool, group: ConnectionPhase, direct: ConnectionPhase) {
        self.introducer = introducer
        self.isMine = isMine
        self.group = group
        self.direct = direct
    }

    subscript(kind: GroupConnection.Kind) -> ConnectionPhase {
        get {
            switch kind {
            case .group: group
            case .direct: direct
            }
        }
        set {
            switch kind {
            case .group: group = newValue
            case .direct: direct = newValue
            }
        }
    }
}
