import ChatProtocol

/// Leaving, removing, deleting.
extension GroupMachine {
    /// The user leaves. Whom I am not connected to yet is told when we are.
    mutating func leave(_ step: inout GroupStep) {
        broadcast(.groupLeave, &step)
        end(.left, &step)
    }

    /// The user deletes the group.
    mutating func delete(_ step: inout GroupStep) throws(GroupRefusal) {
        try requireRole(.owner, of: me.id, me.role, "x.grp.del")
        broadcast(.groupDelete, &step)
        end(.deleted(by: me.id), &step)
    }

    /// The user removes a member.
    mutating func remove(_ member: MemberID, _ step: inout GroupStep) throws(GroupRefusal) {
        try requireConnected()
        guard let target = members[member] else { throw .noSuchMember(member) }
        try requireRole(max(.admin, target.role), of: me.id, me.role, "x.grp.mem.del")
        let isInvitedOnly = target.category == .invitee && !target.isConnected
        // Others have not heard of who has not joined.
        if !isInvitedOnly { broadcast(.memberDelete(member), &step) }
        depart(member, .removed(by: me.id), &step)
    }

    /// x.grp.mem.del
    mutating func removed(_ member: MemberID, by sender: GroupMember, _ step: inout GroupStep) throws(GroupRefusal) {
        let event = "x.grp.mem.del"
        if member == me.id {
            try requireRole(max(.admin, me.role), of: sender.id, sender.role, event)
            return end(.removed(by: sender.id), &step)
        }
        if departed[member] != nil { return }
        guard let target = members[member] else {
            // Its introduction may be under way to me from another one, who has not heard of this.
            try requireRole(.admin, of: sender.id, sender.role, event)
            if departed.count < Self.mostMembers * 4 { departed[member] = .removed(by: sender.id) }
            return
        }
        // Who introduced us says so if the member goes before we are connected: it could not tell me itself.
        let isWithdrawn = !target.isConnected && target.announcers.contains(sender.id)
        if !isWithdrawn { try requireRole(max(.admin, target.role), of: sender.id, sender.role, event) }
        depart(member, .removed(by: sender.id), &step)
    }

    /// x.grp.del
    mutating func deleted(by sender: GroupMember, _ step: inout GroupStep) throws(GroupRefusal) {
        try requireRole(.owner, of: sender.id, sender.role, "x.grp.del")
        end(.deleted(by: sender.id), &step)
    }

    /// A member is gone: its connections and introductions end, and those who wait for it are told.
    mutating func depart(_ member: MemberID, _ departure: Departure, _ step: inout GroupStep) {
        guard let gone = members[member] else { return }
        for line in gone.lines { close(member, line.introducer, &step) { $0 == .connected || $0.isMineAlone } }
        let asInvitee = introductions[member] ?? [:]
        let asOther = introductions.compactMap { invitee, others in others[member].map { (invitee, $0) } }
            .sorted { $0.0 < $1.0 }
        members[member] = nil
        introductions[member] = nil
        for (invitee, _) in asOther { introductions[invitee]?[member] = nil }
        departed[member] = departure
        step.tell(.departed(member, departure))
        if departure != .removed(by: me.id) {
            let waiting =
                asInvitee.filter { $0.value.status != .completed && $0.value.isAnnounced }.map(\.key).sorted()
                + asOther.filter { $0.1.status != .completed && $0.1.status != .created }.map(\.0)
            for other in waiting { send(.memberDelete(member), to: other, &step) }
        }
        for (invitee, _) in asOther { completeIfIntroduced(invitee, &step) }
    }

    /// I am out. What may still become connected is told then, and closed.
    private mutating func end(_ departure: Departure, _ step: inout GroupStep) {
        me.departure = departure
        for member in sortedMembers {
            for line in member.lines {
                close(member.id, line.introducer, &step) { $0 == .connected || $0.isMineAlone }
            }
            members[member.id]?.active = nil
        }
        introductions = [:]
        earlyChecks = []
        hostLink = ""
        step.tell(.ended(departure))
    }

    /// After I am out: the user's wishes are refused, latecomers are told.
    mutating func takeDeparted(
        _ input: GroupInput, _ departure: Departure, _ step: inout GroupStep
    ) throws(GroupRefusal) {
        switch input {
        case .wish(.leave) where departure == .left, .wish(.delete) where departure == .deleted(by: me.id): break
        case .wish: throw .notInGroup
        case .connected(let connection, _):
            guard connection.kind == .group else { return step.actions.append(.close(connection)) }
            if departure == .left { step.actions.append(.send(connection, GroupMessage(.groupLeave))) }
            if departure == .deleted(by: me.id) { step.actions.append(.send(connection, GroupMessage(.groupDelete))) }
            step.actions.append(.close(connection))
        case .invitationMade(let connection, _), .confirmation(let connection, _):
            step.actions.append(.close(connection))
        case .received, .contactReceived, .failed: break
        }
    }

    /// A connection is made with a member that is gone: one that I removed is told so.
    func farewell(on connection: GroupConnection, _ step: inout GroupStep) {
        if departed[connection.member] == .removed(by: me.id), connection.kind == .group {
            step.actions.append(.send(connection, GroupMessage(.memberDelete(connection.member))))
        }
        step.actions.append(.close(connection))
    }

    /// Whom I removed before this member was connected to me: it did not hear of it.
    func tellDepartures(to member: MemberID, _ step: inout GroupStep) {
        for (gone, departure) in departed.sorted(by: { $0.key < $1.key }) where departure == .removed(by: me.id) {
            send(.memberDelete(gone), to: member, &step)
        }
    }
}
