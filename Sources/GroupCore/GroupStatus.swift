public import ChatProtocol

/// Which of the five lists of statuses a member's status is from: how I and that member came together.
public enum MemberCategory: String, Hashable, Sendable, CaseIterable {
    /// Myself.
    case me
    /// A member that I invited.
    case invitee
    /// The member who invited me.
    case host
    /// A member who was there before me, introduced to me by my host.
    case prior
    /// A member who came after me, announced to me.
    case later

    /// The statuses of the list, in the order in which they are reached.
    public var statuses: [MemberStatus] {
        switch self {
        case .me, .invitee: [.invited, .accepted, .connected, .announced, .confirmed]
        case .host: [.invitedMe, .connected]
        case .prior: [.introduced, .sentInvitation, .connected, .connectedDirectly]
        case .later: [.announced, .receivedInvitation, .connected, .connectedDirectly]
        }
    }

    /// Whether `status` stands behind `other` in the list.
    func puts(_ status: MemberStatus, behind other: MemberStatus) -> Bool {
        guard let new = statuses.firstIndex(of: status) else { return false }
        return statuses.firstIndex(of: other).map { new > $0 } ?? true
    }
}

/// How far a member has come. Which of these there are says `MemberCategory.statuses`.
public enum MemberStatus: String, Hashable, Sendable, CaseIterable {
    /// x.grp.inv is sent or received.
    case invited
    /// The invitation is accepted, the group connection not made yet.
    case accepted
    /// The group connection is made: of myself, with my host.
    case connected
    /// x.grp.mem.new is with the group.
    case announced
    /// x.grp.mem.con.all is with the group.
    case confirmed
    /// My host: I have the invitation, but have not joined.
    case invitedMe = "invited_me"
    /// x.grp.mem.intro about this member is here.
    case introduced
    /// The host has my x.grp.mem.inv for this member.
    case sentInvitation = "sent_invitation"
    /// x.grp.mem.fwd with this member's invitation is here.
    case receivedInvitation = "received_invitation"
    /// The direct connection is made too, or the member is proven to be an existing contact.
    case connectedDirectly = "connected_directly"
}

/// How far the introduction of two members has come, seen by the introducer.
public enum IntroductionStatus: String, Hashable, Sendable, CaseIterable {
    /// Written down; x.grp.mem.intro follows when both are connected to me.
    case created
    /// The member I invited has x.grp.mem.intro.
    case sent
    /// The member I invited has answered with x.grp.mem.inv.
    case invitationReceived = "invitation_received"
    /// The other member has x.grp.mem.fwd.
    case forwarded
    /// The member I invited has sent x.grp.mem.con.
    case confirmedByInvitee = "confirmed_by_invitee"
    /// The other member has sent x.grp.mem.con.
    case confirmedByMember = "confirmed_by_member"
    /// The two are fully connected.
    case completed
}

/// How far a connection has come.
public enum ConnectionPhase: String, Hashable, Sendable, CaseIterable {
    /// There is none and none is wanted.
    case absent
    /// I make the invitation link.
    case making
    /// I have made the link; the other side has not joined.
    case offered
    /// The other side has joined and I have allowed it.
    case allowed
    /// I join the other side's link.
    case joining
    /// Both ways.
    case connected
    /// Closed by me.
    case closed
    /// Lost for good.
    case failed

    /// Whether the other side cannot have it connected, now or later, unless I do something more.
    var isMineAlone: Bool { self == .making || self == .offered }
    /// Whether it may still become connected without me.
    var isUnderWay: Bool { self == .allowed || self == .joining }
}

/// Why a member is not in the group any more.
public enum Departure: Hashable, Sendable {
    /// Left.
    case left
    /// Was removed by that member.
    case removed(by: MemberID)
    /// The owner deleted the group. Only of myself.
    case deleted(by: MemberID)
}
