import ChatProtocol

/// The introducer: the host of a new member, between that member and each of the others.
extension GroupMachine {
    /// I have come to know of `other`. Whom I invited before is introduced to it, unless who announced it is connected
    /// (`alreadyWith`) with the one I invited and so introduces the two.
    mutating func learned(of other: MemberID, alreadyWith: Set<MemberID>, _ step: inout GroupStep) {
        for invitee in sortedMembers where invitee.category == .invitee && invitee.isConnected {
            guard !alreadyWith.contains(invitee.id), !hasIntroduction(invitee.id, other) else { continue }
            create(invitee: invitee.id, other: other, isAnnounced: false, &step)
        }
    }

    mutating func create(invitee: MemberID, other: MemberID, isAnnounced: Bool, _ step: inout GroupStep) {
        introductions[invitee, default: [:]][other] = Introduction(status: .created, isAnnounced: isAnnounced)
        step.tell(.introduction(invitee: invitee, other: other, .created))
        advance(invitee: invitee, other: other, &step)
    }

    /// Goes on with all introductions that waited for the connection with `member`.
    mutating func advanceIntroductions(of member: MemberID, _ step: inout GroupStep) {
        for invitee in introductions.keys.sorted() {
            guard let others = introductions[invitee]?.keys.sorted() else { continue }
            for other in others where invitee == member || other == member {
                advance(invitee: invitee, other: other, &step)
            }
        }
    }

    /// Does what an introduction is ready for: both must be connected to me.
    private mutating func advance(invitee: MemberID, other: MemberID, _ step: inout GroupStep) {
        guard let introduction = introductions[invitee]?[other], let new = members[invitee],
            let known = members[other], new.isConnected, known.isConnected
        else { return }
        switch introduction.status {
        case .created:
            // In a fork the other has not seen my announcement: without it, it would not take my forward.
            if !introduction.isAnnounced { send(announcement(of: new), to: other, &step) }
            introductions[invitee]?[other]?.isAnnounced = true
            send(.memberIntroduce(known.description), to: invitee, &step)
            set(.sent, invitee: invitee, other: other, &step)
        case .invitationReceived:
            guard var invitation = introduction.invitation else { return }
            invitation.member = invitee
            introductions[invitee]?[other]?.invitation = nil
            send(.memberForward(invitation), to: other, &step)
            set(.forwarded, invitee: invitee, other: other, &step)
        case .sent, .forwarded, .confirmedByInvitee, .confirmedByMember, .completed: break
        }
    }

    private mutating func set(
        _ status: IntroductionStatus, invitee: MemberID, other: MemberID, _ step: inout GroupStep
    ) {
        introductions[invitee]?[other]?.status = status
        step.tell(.introduction(invitee: invitee, other: other, status))
    }

    /// x.grp.mem.inv
    mutating func invited(
        _ invitation: MemberInvitation, by sender: GroupMember, _ step: inout GroupStep
    ) throws(GroupRefusal) {
        guard sender.category == .invitee else { throw .notInvitee(sender.id, event: "x.grp.mem.inv") }
        // I am to have the role still: without it the others would refuse my forward.
        try requireRole(.admin, of: me.id, me.role, "x.grp.mem.fwd")
        let other = invitation.member
        guard introductions[sender.id]?[other]?.status == .sent else {
            throw .unexpected(event: "x.grp.mem.inv", from: sender.id)
        }
        introductions[sender.id]?[other]?.invitation = invitation
        set(.invitationReceived, invitee: sender.id, other: other, &step)
        advance(invitee: sender.id, other: other, &step)
    }

    /// x.grp.mem.con
    mutating func confirmed(
        _ other: MemberID, by sender: GroupMember, _ step: inout GroupStep
    ) throws(GroupRefusal) {
        let isInvitee = introductions[sender.id]?[other] != nil
        let (invitee, member) = isInvitee ? (sender.id, other) : (other, sender.id)
        guard let status = introductions[invitee]?[member]?.status, status != .created else {
            throw .unexpected(event: "x.grp.mem.con", from: sender.id)
        }
        switch status {
        case .sent, .invitationReceived:
            // Another introducer was faster, and the two are connected by that one's links.
            set(.completed, invitee: invitee, other: member, &step)
            introductions[invitee]?[member]?.invitation = nil
        case .forwarded:
            set(isInvitee ? .confirmedByInvitee : .confirmedByMember, invitee: invitee, other: member, &step)
        case .confirmedByInvitee:
            guard !isInvitee else { return }
            set(.completed, invitee: invitee, other: member, &step)
        case .confirmedByMember:
            guard isInvitee else { return }
            set(.completed, invitee: invitee, other: member, &step)
        case .created, .completed: return
        }
        completeIfIntroduced(invitee, &step)
    }

    /// Tells all once the member is connected to everybody whom I have introduced it to.
    mutating func completeIfIntroduced(_ invitee: MemberID, _ step: inout GroupStep) {
        guard let member = members[invitee], member.status == .announced, member.category == .invitee,
            introductions[invitee]?.values.allSatisfy({ $0.status == .completed }) ?? true
        else { return }
        broadcast(.memberConnectedToAll(invitee), &step)
        members[invitee]?.isConfirmed = true
        raise(invitee, to: .confirmed, &step)
    }
}
