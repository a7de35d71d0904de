import ChatProtocol

/// Two members who are introduced: up to the two connections between them.
extension GroupMachine {
    /// x.grp.mem.intro: the new member makes links for a prior one.
    mutating func introduced(
        _ description: MemberDescription, by sender: GroupMember, _ step: inout GroupStep
    ) throws(GroupRefusal) {
        let (other, event) = (description.member, "x.grp.mem.intro")
        guard sender.id == host else { throw .notHost(sender.id, event: event) }
        if departed[other] != nil { throw .departed(other, event: event, from: sender.id) }
        if let known = members[other] {
            guard known.category == .prior || known.category == .later, known.line(sender.id) == nil else {
                throw .duplicateMember(other, event: event, from: sender.id)
            }
            // A fork: it was announced to me in another branch. Both introductions go on.
            if !known.announcers.contains(sender.id) { members[other]?.announcers.append(sender.id) }
            if known.lines.isEmpty {
                members[other]?.category = .prior
                members[other]?.status = .introduced
                step.tell(.member(other, .introduced))
            }
        } else {
            guard other != me.id else { throw .duplicateMember(other, event: event, from: sender.id) }
            try requireRoom()
            members[other] = GroupMember(
                description, .prior, .introduced, invitedBy: nil, announcers: [sender.id])
            step.tell(.member(other, .introduced))
            learned(of: other, alreadyWith: [], &step)
        }
        guard !confirmIfConnected(other, to: sender.id, isMine: true, &step) else { return }
        var line = GroupLine(introducer: sender.id, isMine: true, group: .making, direct: .making)
        line.probe = step.context.random(32)
        members[other]?.lines.append(line)
        for kind in GroupConnection.Kind.allCases {
            step.actions.append(
                .makeInvitation(GroupConnection(member: other, introducer: sender.id, kind: kind)))
        }
    }

    /// x.grp.mem.fwd: the prior member joins the links of the new one.
    mutating func forwarded(
        _ invitation: MemberInvitation, by sender: GroupMember, _ step: inout GroupStep
    ) throws(GroupRefusal) {
        let (new, event) = (invitation.member, "x.grp.mem.fwd")
        try requireRole(.admin, of: sender.id, sender.role, event)
        guard new != me.id else { throw .duplicateMember(new, event: event, from: sender.id) }
        if departed[new] != nil { throw .departed(new, event: event, from: sender.id) }
        guard let known = members[new] else { throw .unannounced(new, from: sender.id) }
        guard known.category == .prior || known.category == .later, known.line(sender.id) == nil else {
            throw .duplicateMember(new, event: event, from: sender.id)
        }
        guard known.announcers.contains(sender.id) else { throw .unannounced(new, from: sender.id) }
        raise(new, to: .receivedInvitation, &step)
        guard !confirmIfConnected(new, to: sender.id, isMine: false, &step) else { return }
        members[new]?.lines.append(
            GroupLine(introducer: sender.id, isMine: false, group: .joining, direct: .joining))
        let group = GroupConnection(member: new, introducer: sender.id, kind: .group)
        let direct = GroupConnection(member: new, introducer: sender.id, kind: .direct)
        step.actions.append(.join(group, link: invitation.group, info: .memberInfo(me.description)))
        step.actions.append(.join(direct, link: invitation.direct, info: .info(me.profile)))
    }

    /// A double introduction of two who are connected: nothing new is made, the introducer is told.
    private mutating func confirmIfConnected(
        _ member: MemberID, to introducer: MemberID, isMine: Bool, _ step: inout GroupStep
    ) -> Bool {
        guard members[member]?.isConnected == true else { return false }
        members[member]?.lines.append(
            GroupLine(introducer: introducer, isMine: isMine, group: .absent, direct: .absent))
        confirmToIntroducers(member, &step)
        return true
    }

    /// A link of mine is made: it goes out, a pair of links together.
    mutating func invitationMade(_ connection: GroupConnection, _ link: String, _ step: inout GroupStep) {
        guard let member = members[connection.member], let index = member.line(connection.introducer),
            member.lines[index][connection.kind] == .making
        else { return close(connection, ifNotIn: [.offered, .allowed, .connected], &step) }
        members[member.id]?.lines[index][connection.kind] = .offered
        if member.category == .invitee, let contact = member.contact {
            return step.actions.append(.sendToContact(contact, invitationEvent(to: member, link: link)))
        }
        switch connection.kind {
        case .group: members[member.id]?.lines[index].groupLink = link
        case .direct: members[member.id]?.lines[index].directLink = link
        }
        guard let line = members[member.id]?.lines[index], line.group == .offered, line.direct == .offered else {
            return
        }
        send(
            .memberInvite(
                MemberInvitation(
                    member: member.id, group: line.groupLink, direct: line.directLink, probe: line.probe)),
            to: line.introducer, &step)
        members[member.id]?.lines[index].groupLink = ""
        members[member.id]?.lines[index].directLink = ""
        members[member.id]?.lines[index].probe = []
        raise(member.id, to: .sentInvitation, &step)
    }

    /// The other side joins a link of mine.
    mutating func confirm(
        _ connection: GroupConnection, _ event: ChatEvent, _ step: inout GroupStep
    ) throws(GroupRefusal) {
        guard let member = members[connection.member], let index = member.line(connection.introducer),
            member.lines[index][connection.kind] == .offered
        else { return close(connection, ifNotIn: [.allowed, .connected], &step) }
        let answer: ChatEvent
        switch (connection.kind, event) {
        case (.group, .groupAccept(member.id)) where member.category == .invitee:
            raise(member.id, to: .accepted, &step)
            answer = .ok
        case (.group, .memberInfo(let info)) where member.category != .invitee && info.member == member.id:
            try confirm(info, of: member, &step)
            answer = .memberInfo(me.description)
        case (.direct, .info): answer = .info(me.profile)
        default: throw .wrongMember(expected: member.id)
        }
        members[member.id]?.lines[index][connection.kind] = .allowed
        step.actions.append(.allow(connection, info: answer))
    }

    /// A connection works both ways.
    mutating func connected(
        _ connection: GroupConnection, _ event: ChatEvent?, _ step: inout GroupStep
    ) throws(GroupRefusal) {
        guard let member = members[connection.member], let index = member.line(connection.introducer) else {
            return farewell(on: connection, &step)
        }
        let phase = member.lines[index][connection.kind]
        guard phase.isUnderWay else { return close(connection, ifNotIn: [.connected], &step) }
        if case .memberInfo(let info) = event {
            try confirm(info, of: member, &step)
        }
        members[member.id]?.lines[index][connection.kind] = .connected
        switch connection.kind {
        case .group where member.active == nil:
            members[member.id]?.active = connection.introducer
            becameConnected(member.id, isMine: member.lines[index].isMine, &step)
        // A second connection with the member is listened on only.
        case .group, .direct: break
        }
        if members[member.id]?.isConnected == true, members[member.id]?.directConnection != nil {
            raise(member.id, to: .connectedDirectly, &step)
        }
    }

    /// The member has its first group connection.
    private mutating func becameConnected(_ id: MemberID, isMine: Bool, _ step: inout GroupStep) {
        guard let member = members[id] else { return }
        switch member.category {
        case .invitee where member.status == .accepted: announce(member, &step)
        case .host: raiseMe(to: .connected, &step)
        case .prior, .later:
            if isMine { probe(member, &step) }
        case .me, .invitee: break
        }
        raise(id, to: .connected, &step)
        if member.contact != nil { raise(id, to: .connectedDirectly, &step) }
        if member.category != .invitee { tellDepartures(to: id, &step) }
        confirmToIntroducers(id, &step)
        closeUnused(id, &step)
        advanceIntroductions(of: id, &step)
    }

    /// x.grp.mem.con to every introducer who has not had it: whichever links were used, the two are connected.
    private mutating func confirmToIntroducers(_ id: MemberID, _ step: inout GroupStep) {
        for (index, line) in (members[id]?.lines ?? []).enumerated() where !line.isConfirmed {
            members[id]?.lines[index].isConfirmed = true
            send(.memberConnected(id), to: line.introducer, &step)
        }
    }

    /// Links that nobody has joined are not needed any more. A connection that the other side may see as made stays open:
    /// it may be the one that the other side sends on.
    private mutating func closeUnused(_ id: MemberID, _ step: inout GroupStep) {
        for line in members[id]?.lines ?? [] where line.introducer != members[id]?.active && line.group.isMineAlone {
            close(id, line.introducer, &step) { $0.isMineAlone }
        }
    }

    /// x.grp.mem.info: the profile is the member's own to say, the role is not.
    private mutating func confirm(
        _ info: MemberDescription, of member: GroupMember, _ step: inout GroupStep
    ) throws(GroupRefusal) {
        guard info.member == member.id else { throw .wrongMember(expected: member.id) }
        guard info.role == member.role else { throw .wrongRole(member.id, expected: member.role) }
        guard info.profile != member.profile else { return }
        members[member.id]?.profile = info.profile
        step.tell(.profile(member.id, info.profile))
    }

    /// Closes the connections of a line that are in a phase for which `isToClose`.
    mutating func close(
        _ id: MemberID, _ introducer: MemberID, _ step: inout GroupStep, _ isToClose: (ConnectionPhase) -> Bool
    ) {
        guard let index = members[id]?.line(introducer) else { return }
        for kind in GroupConnection.Kind.allCases {
            guard let phase = members[id]?.lines[index][kind], isToClose(phase) else { continue }
            members[id]?.lines[index][kind] = .closed
            step.actions.append(.close(GroupConnection(member: id, introducer: introducer, kind: kind)))
        }
    }

    /// Closes what should not be there; what is repeated is left alone.
    private func close(
        _ connection: GroupConnection, ifNotIn phases: [ConnectionPhase], _ step: inout GroupStep
    ) {
        if let member = members[connection.member], let index = member.line(connection.introducer),
            phases.contains(member.lines[index][connection.kind])
        {
            return
        }
        step.actions.append(.close(connection))
    }

    /// A connection is lost for good: another one is used if there is one.
    mutating func failed(_ connection: GroupConnection, _ step: inout GroupStep) {
        guard let member = members[connection.member], let index = member.line(connection.introducer) else { return }
        members[member.id]?.lines[index][connection.kind] = .failed
        guard connection.kind == .group, member.active == connection.introducer else { return }
        let other = members[member.id]?.lines.first { $0.group == .connected }?.introducer
        members[member.id]?.active = other
        if other == nil { step.tell(.lost(member.id)) }
    }
}
