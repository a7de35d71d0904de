import ChatProtocol

/// A host and the member that it invites: up to the group connection between the two, and the announcement.
extension GroupMachine {
    /// The host: makes the link for x.grp.inv.
    mutating func invite(
        _ new: MemberDescription, contact: Int64, _ step: inout GroupStep
    ) throws(GroupRefusal) {
        try requireConnected()
        try requireRole(max(.admin, new.role), of: me.id, me.role, "x.grp.inv")
        let isUsed = new.member == me.id || members[new.member] != nil || departed[new.member] != nil
        guard !isUsed else { throw .alreadyMember(new.member) }
        if let same = members.values.first(where: { $0.contact == contact }) { throw .alreadyMember(same.id) }
        try requireRoom()
        var line = GroupLine(introducer: me.id, isMine: true, group: .making, direct: .absent)
        line.isConfirmed = true
        members[new.member] = GroupMember(
            new, .invitee, .invited, invitedBy: me.id, contact: contact, lines: [line])
        step.actions.append(
            .makeInvitation(GroupConnection(member: new.member, introducer: me.id, kind: .group)))
        step.tell(.member(new.member, .invited))
    }

    /// The invited: joins the host's link.
    mutating func join(_ step: inout GroupStep) throws(GroupRefusal) {
        guard let host, let index = members[host]?.line(host) else { throw .notInGroup }
        guard me.status == .invited else { return }
        members[host]?.lines[index].group = .joining
        raiseMe(to: .accepted, &step)
        step.actions.append(
            .join(
                GroupConnection(member: host, introducer: host, kind: .group), link: hostLink,
                info: .groupAccept(member: me.id)))
        hostLink = ""
    }

    func requireRoom() throws(GroupRefusal) {
        // Those who are gone count too, in time: their rows stay.
        guard members.count < Self.mostMembers - 1, members.count + departed.count < Self.mostMembers * 4 else {
            throw .tooManyMembers(limit: Self.mostMembers)
        }
    }

    func invitationEvent(to member: GroupMember, link: String) -> ChatEvent {
        .groupInvite(
            GroupInvitation(
                inviter: me.id, inviterRole: me.role, invited: member.id, invitedRole: member.role, invitation: link,
                profile: group))
    }

    /// The host: announces a member to all who are connected, itself included, and begins to introduce it.
    ///
    /// An introduction is written down for each member whom I know: those who are connected now, and those who are to be
    /// connected later. Whom I have invited and who has not joined yet is introduced when it joins.
    mutating func announce(_ new: GroupMember, _ step: inout GroupStep) {
        raise(new.id, to: .connected, &step)
        broadcast(announcement(of: new), &step)
        raise(new.id, to: .announced, &step)
        for other in sortedMembers where other.id != new.id && (other.category != .invitee || other.isConnected) {
            guard !hasIntroduction(new.id, other.id) else { continue }
            create(invitee: new.id, other: other.id, isAnnounced: other.isConnected, &step)
        }
        completeIfIntroduced(new.id, &step)
    }

    /// x.grp.mem.new with whom I am connected to now.
    func announcement(of new: GroupMember) -> ChatEvent {
        .memberNew(
            MemberAnnouncement(
                connected: connectedMembers.map(\.id).filter { $0 != new.id }, new: new.description))
    }

    /// x.grp.mem.new
    mutating func announced(
        _ announcement: MemberAnnouncement, by sender: GroupMember, _ step: inout GroupStep
    ) throws(GroupRefusal) {
        let (new, event) = (announcement.new, "x.grp.mem.new")
        try requireRole(max(.admin, new.role), of: sender.id, sender.role, event)
        if new.member == me.id {
            guard sender.id == host else { throw .duplicateMember(me.id, event: event, from: sender.id) }
            return raiseMe(to: .announced, &step)
        }
        if departed[new.member] != nil { throw .departed(new.member, event: event, from: sender.id) }
        if let known = members[new.member] {
            let isOther = known.category == .prior || known.category == .later
            guard isOther, !known.announcers.contains(sender.id) else {
                throw .duplicateMember(new.member, event: event, from: sender.id)
            }
            // Who announces may forward links and take the announcement back: not for somebody above it.
            guard new.role == known.role else { throw .wrongRole(new.member, expected: known.role) }
            // A fork: it was announced or introduced in another branch. The forward that follows is in order.
            members[new.member]?.announcers.append(sender.id)
            return
        }
        try requireRoom()
        members[new.member] = GroupMember(
            new, .later, .announced, invitedBy: sender.id, announcers: [sender.id])
        step.tell(.member(new.member, .announced))
        learned(of: new.member, alreadyWith: Set(announcement.connected + [sender.id]), &step)
    }

    /// x.grp.mem.con.all
    mutating func connectedToAll(
        _ member: MemberID, by sender: GroupMember, _ step: inout GroupStep
    ) throws(GroupRefusal) {
        if member == me.id {
            guard sender.id == host else { throw .notHost(sender.id, event: "x.grp.mem.con.all") }
            return raiseMe(to: .confirmed, &step)
        }
        try requireRole(.admin, of: sender.id, sender.role, "x.grp.mem.con.all")
        guard let known = members[member], !known.isConfirmed else { return }
        members[member]?.isConfirmed = true
        step.tell(.confirmed(member))
    }
}
