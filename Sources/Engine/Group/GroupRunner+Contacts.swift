import AgentLink
import ChatProtocol
import Database
import GRDB
import GroupCore

/// Members as contacts, for what is not the group's: who was one before, or is one by the direct connection.
extension GroupRunner {
    /// The contact that a member is now: the one that the machine knows, else one made of the direct connection.
    func contact(of member: GroupCore.GroupMember, _ row: GroupMember) throws -> Int64? {
        let direct = try member.directConnection.flatMap {
            try GroupConnectionRow.fetch(db, group: id, $0)?.connection
        }
        if let known = member.contact {
            // Proven to be a contact: what the direct connection made is one too many. Transfers on it go on.
            if let made = row.contact, made != known { try leave(made, of: member.id) }
            return known
        }
        if let made = row.contact {
            if direct == nil { try leave(made, of: member.id) }
            return direct == nil ? nil : made
        }
        guard let direct else { return nil }
        let name = try ContactName.unique(db, ContactName.made(from: member.profile.displayName))
        var contact = try Contact.insert(
            db, name: name, isNamed: true, connection: direct, state: .connected, now: unixNow())
        contact.profile = member.profile
        try contact.update(db)
        return contact.id
    }

    /// The group needs the contact no more. One that was made by the direct connection with `member` goes, unless that
    /// member is the same contact in another group: then it goes on with the direct connection there.
    func leave(_ contact: Int64?, of member: MemberID) throws {
        guard var row = try contact.flatMap({ try Contact.fetch(db, id: $0) }),
            row.state == .connected || row.state == .failed,
            try isMade(row, by: member)
        else { return }
        let other = try Int64.fetchOne(
            db,
            sql: """
                SELECT groupConnections.connection FROM groupMembers JOIN groupConnections
                    ON groupConnections.groupId = groupMembers.groupId AND groupConnections.member = groupMembers.member
                JOIN connections ON connections.id = groupConnections.connection
                WHERE groupMembers.contact = ? AND groupMembers.groupId <> ? AND groupConnections.kind = 'direct' AND closing = 0
                    AND groupMembers.departure IS NULL AND connections.state = 'connected'
                """, arguments: [row.id, id])
        row.connection = other.map(ConnectionID.init)
        row.state = other == nil ? .removed : .connected
        try row.update(db)
    }

    private func isMade(_ contact: Contact, by member: MemberID) throws -> Bool {
        guard let connection = contact.connection else { return false }
        let row = try GroupConnectionRow.fetch(db, connection: connection)
        return row?.group == id && row?.name.member == member
    }
}

extension KnownContact {
    /// A contact as probes see it, bound to its connection; nil while there is none.
    init?(_ db: GRDB.Database, _ contact: Contact) throws {
        guard let connection = contact.connection, let code = try AgentStore.securityCode(db, connection) else {
            return nil
        }
        self.init(id: contact.id, binding: Array(code.utf8))
    }
}

extension Contact {
    /// What the contact says of itself: by its last x.info, else by its connection information.
    func profile(_ db: GRDB.Database) throws -> ChatProtocol.Profile? {
        if let profile { return profile }
        guard let info = try connection.flatMap({ try AgentStore.peerInfo(db, $0) }),
            let message = try? ChatMessage(parsing: info), case .info(let profile) = try? ChatEvent(message)
        else { return nil }
        return profile
    }
}

extension GroupCore.Departure {
    /// As it is stored.
    var word: Group.Departure {
        switch self {
        case .left: .left
        case .removed: .removed
        case .deleted: .deleted
        }
    }
}
