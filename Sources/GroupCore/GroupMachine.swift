public import ChatProtocol

/// One group as one member sees it: who is in it, how everybody is connected, and what is to be done next.
///
/// A value: each step takes what happened and answers with what is to be done. Everything a later step depends on is in
/// `checkpoint()`, so that a process may end after any step. What comes twice does nothing the second time.
///
/// Each pair of members is connected by an introducer: the host introduces whom it invited to everyone it knows.
public struct GroupMachine: Hashable, Sendable {
    /// The most members of a group, myself included.
    public static let mostMembers = 1000

    /// The group's profile.
    public let group: Profile
    /// Myself.
    public internal(set) var me: GroupSelf
    /// My host; nil if I made the group.
    public let host: MemberID?
    /// The host's link, until I have joined.
    var hostLink: String
    /// The other members by id.
    public internal(set) var members: [MemberID: GroupMember] = [:]
    /// The introductions I make: by the member that I invited, then by the one it is introduced to.
    public internal(set) var introductions: [MemberID: [MemberID: Introduction]] = [:]
    /// Who is not in the group any more: ids are not used again.
    public internal(set) var departed: [MemberID: Departure] = [:]
    /// The number of my next message to all.
    var nextNumber: Int64 = 1
    /// Checks of probes that have not come yet: another connection may be faster.
    var earlyChecks: [EarlyCheck] = []

    /// A new group of mine.
    public init(creating group: Profile, id: MemberID, profile: Profile) {
        self.group = group
        me = GroupSelf(id: id, role: .owner, profile: profile, status: .confirmed)
        host = nil
        hostLink = ""
    }

    /// A group to which the contact `contact`, whose profile is `hostProfile`, has invited me.
    ///
    /// The same invitation again makes the same machine: the caller keeps one for each invited id and contact.
    /// - Throws: `roleTooLow`, `duplicateMember`.
    public init(
        invitation: GroupInvitation, from contact: Int64, hostProfile: Profile, profile: Profile
    ) throws(GroupRefusal) {
        let (inviter, role) = (invitation.inviter, invitation.inviterRole)
        let needed = max(.admin, invitation.invitedRole)
        guard role >= needed else { throw .roleTooLow(inviter, event: "x.grp.inv", needed: needed) }
        guard inviter != invitation.invited else {
            throw .duplicateMember(inviter, event: "x.grp.inv", from: inviter)
        }
        group = invitation.profile
        me = GroupSelf(id: invitation.invited, role: invitation.invitedRole, profile: profile, status: .invited)
        host = inviter
        hostLink = invitation.invitation
        var line = GroupLine(introducer: inviter, isMine: false, group: .absent, direct: .absent)
        line.isConfirmed = true
        members[inviter] = GroupMember(
            MemberDescription(member: inviter, role: role, profile: hostProfile), .host, .invitedMe, invitedBy: nil,
            contact: contact, lines: [line])
    }

    init(
        group: Profile, me: GroupSelf, host: MemberID?, hostLink: String
    ) {
        self.group = group
        self.me = me
        self.host = host
        self.hostLink = hostLink
    }

    /// Takes one step; what is refused changes nothing.
    public mutating func handle(_ input: GroupInput, _ context: GroupContext) -> [GroupAction] {
        var step = GroupStep(context: context)
        var next = self
        do throws(GroupRefusal) {
            try next.take(input, &step)
        } catch {
            return [.refuse(error)]
        }
        self = next
        return step.actions
    }

    private mutating func take(_ input: GroupInput, _ step: inout GroupStep) throws(GroupRefusal) {
        if let departure = me.departure { return try takeDeparted(input, departure, &step) }
        switch input {
        case .wish(let wish): try take(wish, &step)
        case .invitationMade(let connection, let link): invitationMade(connection, link, &step)
        case .confirmation(let connection, let event): try confirm(connection, event, &step)
        case .connected(let connection, let event): try connected(connection, event, &step)
        case .received(let connection, let event): try receive(event, on: connection, &step)
        case .contactReceived(let contact, let event): try receive(event, from: contact, &step)
        case .failed(let connection): failed(connection, &step)
        }
    }

    private mutating func take(_ wish: GroupWish, _ step: inout GroupStep) throws(GroupRefusal) {
        switch wish {
        case .invite(let contact, let profile, let role, let member):
            let new = MemberDescription(member: member, role: role, profile: profile)
            try invite(new, contact: contact, &step)
        case .join: try join(&step)
        case .remove(let member): try remove(member, &step)
        case .leave: leave(&step)
        case .delete: try delete(&step)
        case .send(let event, let parents):
            try requireConnected()
            broadcast(event, parents: parents, &step)
        case .sendTo(let member, let event):
            guard let connection = members[member]?.connection else { throw .noSuchMember(member) }
            step.actions.append(.send(connection, GroupMessage(event, id: nextNumber)))
            nextNumber += 1
        case .profile(let profile):
            guard profile != me.profile else { return }
            me.profile = profile
            broadcast(.info(profile), &step)
        }
    }

    private mutating func receive(
        _ event: ChatEvent, on connection: GroupConnection, _ step: inout GroupStep
    ) throws(GroupRefusal) {
        let from = connection.member
        guard let sender = members[from], sender.line(connection.introducer) != nil else {
            // What was under way when the member went.
            if departed[from] != nil { return }
            throw .noSuchMember(from)
        }
        if case .info(let profile) = event { return changeProfile(of: from, profile, &step) }
        guard connection.kind == .group else {
            if case .unknown = event { return }
            throw .wrongConnection(event: event.name, from: from)
        }
        switch event {
        case .memberNew(let announcement): try announced(announcement, by: sender, &step)
        case .memberIntroduce(let description): try introduced(description, by: sender, &step)
        case .memberInvite(let invitation): try invited(invitation, by: sender, &step)
        case .memberForward(let invitation): try forwarded(invitation, by: sender, &step)
        case .memberConnected(let other): try confirmed(other, by: sender, &step)
        case .memberConnectedToAll(let member): try connectedToAll(member, by: sender, &step)
        case .memberDelete(let member): try removed(member, by: sender, &step)
        case .groupLeave: depart(from, .left, &step)
        case .groupDelete: try deleted(by: sender, &step)
        case .probe(let probe): probed(probe, on: connection, &step)
        case .groupInvite, .groupAccept, .memberInfo, .probeCheck, .probeConfirm:
            throw .wrongConnection(event: event.name, from: from)
        // Messages and files are the engine's: their events come and go without changing who is in the group.
        default: break
        }
    }

    private mutating func changeProfile(of member: MemberID, _ profile: Profile, _ step: inout GroupStep) {
        guard members[member]?.profile != profile else { return }
        members[member]?.profile = profile
        step.tell(.profile(member, profile))
    }
}

/// What one step has gathered.
struct GroupStep {
    let context: GroupContext
    var actions: [GroupAction] = []

    mutating func tell(_ notice: GroupNotice) { actions.append(.tell(notice)) }
}

/// What several steps need.
extension GroupMachine {
    /// The members in the order of their ids.
    public var sortedMembers: [GroupMember] { members.values.sorted { $0.id < $1.id } }

    /// The members to whom messages of the group go, in the order of their ids.
    public var connectedMembers: [GroupMember] { sortedMembers.filter(\.isConnected) }

    /// The introduction of these two to each other, whichever of them I invited.
    func hasIntroduction(_ one: MemberID, _ other: MemberID) -> Bool {
        introductions[one]?[other] != nil || introductions[other]?[one] != nil
    }

    func requireConnected() throws(GroupRefusal) {
        switch me.status {
        case .connected, .announced, .confirmed: break
        case .invited, .accepted, .invitedMe, .introduced, .sentInvitation, .receivedInvitation, .connectedDirectly:
            throw .notInGroup
        }
    }

    func requireRole(_ needed: MemberRole, of member: MemberID, _ role: MemberRole, _ event: String)
        throws(GroupRefusal)
    {
        guard role >= needed else { throw .roleTooLow(member, event: event, needed: needed) }
    }

    mutating func raise(_ member: MemberID, to status: MemberStatus, _ step: inout GroupStep) {
        guard let known = members[member], known.category.puts(status, behind: known.status) else { return }
        members[member]?.status = status
        step.tell(.member(member, status))
    }

    mutating func raiseMe(to status: MemberStatus, _ step: inout GroupStep) {
        guard MemberCategory.me.puts(status, behind: me.status) else { return }
        me.status = status
        step.tell(.me(status))
    }

    /// To one member, if it is connected.
    func send(_ event: ChatEvent, to member: MemberID, _ step: inout GroupStep) {
        guard let connection = members[member]?.connection else { return }
        step.actions.append(.send(connection, GroupMessage(event)))
    }

    /// To all members who are connected, with a number.
    mutating func broadcast(_ event: ChatEvent, parents: [MessageParent] = [], _ step: inout GroupStep) {
        let message = GroupMessage(event, id: nextNumber, parents: parents)
        nextNumber += 1
        for member in connectedMembers {
            guard let connection = member.connection else { continue }
            step.actions.append(.send(connection, message))
        }
    }
}
