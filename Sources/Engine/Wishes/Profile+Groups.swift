import AgentLink
public import ChatProtocol
import Database
import GRDB
import GroupCore
import Primitives

/// Wishes about groups. Each is one transaction, in which the group takes the step; what it refuses changes nothing.
extension Profile {
    /// Makes a group of mine.
    /// - Throws: `badName`, `nameTaken`.
    public func createGroup(_ name: String) throws(EngineError) -> Group {
        let local = try Self.localName(ofGroup: name)
        return try write { db in
            guard try Group.uniqueName(db, local) == local else { throw EngineError.groupNameTaken(local) }
            let machine = GroupMachine(
                creating: ChatProtocol.Profile(displayName: local), id: Self.newMember(), profile: self.memberProfile())
            let runner = try GroupRunner.insert(db, name: local, inviter: nil, machine)
            return try Self.known(db, group: runner.id)
        }
    }

    /// Invites a contact. The invitation goes once the engine has made its link.
    /// - Throws: `noSuchGroup`, `noSuchContact`, `contactFailed`, `group`.
    public func inviteToGroup(
        _ name: String, contact contactName: String, role: MemberRole = .member
    ) throws(EngineError) -> GroupMember {
        try write { db in
            let group = try Group.named(db, name)
            let contact = try Contact.named(db, contactName)
            guard contact.state == .connected else {
                throw EngineError.contactFailed(contact.name, contact.reason ?? "it is not connected yet")
            }
            let profile = try contact.profile(db) ?? ChatProtocol.Profile(displayName: contact.name)
            let member = Self.newMember()
            try Self.wish(
                db, .invite(contact: contact.id, profile: profile, role: role, member: member), in: group)
            guard let row = try GroupMember.fetch(db, group: group.id, member: member) else {
                throw EngineError.noSuchMember(contactName, group: group.name)
            }
            return row
        }
    }

    /// Accepts an invitation; doing it twice is once.
    /// - Throws: `noSuchGroup`, `group`.
    public func joinGroup(_ name: String) throws(EngineError) -> Group {
        try write { db in
            let group = try Group.named(db, name)
            // My own, or one that I have joined.
            if group.status != .invited, group.departure == nil { return group }
            try Self.wish(db, .join, in: group)
            return try Self.known(db, group: group.id)
        }
    }

    /// Removes a member from the group.
    /// - Throws: `noSuchGroup`, `noSuchMember`, `group`.
    public func removeMember(_ memberName: String, from name: String) throws(EngineError) -> GroupMember {
        try write { db in
            let group = try Group.named(db, name)
            let member = try GroupMember.named(db, memberName, in: group)
            try Self.wish(db, .remove(member.member), in: group)
            return try GroupMember.fetch(db, group: group.id, member: member.member) ?? member
        }
    }

    /// Leaves the group, declines its invitation, or clears away one that I am out of.
    /// - Throws: `noSuchGroup`.
    public func leaveGroup(_ name: String) throws(EngineError) -> Group {
        try write { db in
            let group = try Group.named(db, name)
            if group.departure == nil { try Self.wish(db, .leave, in: group) }
            try group.hide(db)
            return try Self.known(db, group: group.id)
        }
    }

    /// Deletes the group for everybody.
    /// - Throws: `noSuchGroup`, `group` unless I am an owner.
    public func deleteGroup(_ name: String) throws(EngineError) -> Group {
        try write { db in
            let group = try Group.named(db, name)
            try Self.wish(db, .delete, in: group)
            try group.hide(db)
            return try Self.known(db, group: group.id)
        }
    }

    /// Has the group take a step in the caller's transaction.
    /// - Parameter subject: the message or transfer that it sends: its rows hear when that is stored for sending.
    /// - Returns: the number and bytes of what it sends, among others.
    /// - Throws: `group` if it is refused.
    @discardableResult
    static func wish(
        _ db: GRDB.Database, _ wish: GroupWish, in group: Group, subject: Int64? = nil
    ) throws -> GroupRunner.Outcome {
        guard var runner = try GroupRunner(db, group: group.id) else { throw EngineError.noSuchGroup(group.name) }
        let outcome = try runner.handle(.wish(wish), subject: subject)
        if let refusal = outcome.refusal { throw EngineError.group(refusal) }
        return outcome
    }

    private static func known(_ db: GRDB.Database, group id: Int64) throws -> Group {
        guard let group = try Group.fetch(db, id: id) else { throw EngineError.noSuchGroup("\(id)") }
        return group
    }

    private static func localName(ofGroup name: String) throws(EngineError) -> String {
        let local = name.hasPrefix("#") ? String(name.dropFirst()) : name
        guard ContactName.isValid(local) else { throw .badName(name) }
        return local
    }

    private static func newMember() -> MemberID {
        while true {
            if let member = MemberID(SecureRandom.bytes(MemberID.count)) { return member }
        }
    }
}

/// Questions about groups.
extension Profile {
    /// The groups that I am in or invited to, and those that ended without me, by name.
    public func groups() throws(EngineError) -> [Group] {
        try read { db in try Group.fetchAll(db) }
    }

    /// The group of this name, with or without `#`.
    /// - Throws: `noSuchGroup`.
    public func group(named name: String) throws(EngineError) -> Group {
        try read { db in try Group.named(db, name) }
    }

    /// The group of this row; nil if there is none.
    public func group(id: Int64) throws(EngineError) -> Group? {
        try read { db in try Group.fetch(db, id: id) }
    }

    /// The other members, in the order in which I heard of them.
    public func members(of group: Int64) throws(EngineError) -> [GroupMember] {
        try read { db in try GroupMember.fetchAll(db, group: group) }
    }

    /// The introductions that I make, of those whom I invited to the others.
    /// - Throws: `group` if what is stored of it is damaged or of a newer version.
    public func introductions(group: Int64) throws(EngineError) -> [MemberIntroduction] {
        try read { db in
            let machine = try GroupRunner(db, group: group)?.machine
            let rows = try GroupMember.fetchAll(db, group: group)
            let names = Dictionary(rows.map { ($0.member, $0.name) }) { first, _ in first }
            return rows.flatMap { row in
                (machine?.introductions[row.member] ?? [:]).sorted { $0.key < $1.key }.map { other, introduction in
                    MemberIntroduction(
                        invitee: row.id, to: names[other] ?? other.text, status: introduction.status)
                }
            }
        }
    }

    /// Whether an invitation of mine is with the relay, or of no use any more.
    public func isInvitationWithRelay(_ member: GroupMember) throws(EngineError) -> Bool {
        try read { db in
            guard let row = try GroupMember.fetch(db, group: member.group, member: member.member),
                row.departure == nil, row.status == .invited,
                let host = try Group.fetch(db, id: member.group)?.me,
                let line = try GroupConnectionRow.fetch(
                    db, group: member.group,
                    GroupConnection(member: member.member, introducer: host, kind: .group))
            else { return true }
            guard let told = line.told, told != .creating else { return false }
            let contact = try row.contact.flatMap { try Contact.fetch(db, id: $0)?.connection }
            return try contact.map { try Outgoing.isEmpty(db, $0) && AgentStore.unsentCount(db, $0) == 0 } ?? true
        }
    }

    /// Whether my acceptance is with the relay.
    public func isAnswerWithRelay(group id: Int64) throws(EngineError) -> Bool {
        try read { db in
            switch try Self.hostConnection(db, id).flatMap({ try AgentStore.state(db, $0) }) {
            case .creating, .joining, .offered, .confirmed, .allowing, nil: false
            case .joined, .greeting, .connected, .deleting, .failed: true
            }
        }
    }

    /// Why the link of the member who invited me cannot be joined; nil if it can, or was.
    public func joinFailure(group id: Int64) throws(EngineError) -> String? {
        try read { db in
            guard let connection = try Self.hostConnection(db, id),
                try AgentStore.state(db, connection) == .failed
            else { return nil }
            return try AgentStore.failure(db, connection) ?? "its connection failed"
        }
    }

    private static func hostConnection(_ db: GRDB.Database, _ group: Int64) throws -> ConnectionID? {
        guard let host = try GroupRunner(db, group: group)?.machine.host else { return nil }
        let name = GroupConnection(member: host, introducer: host, kind: .group)
        return try GroupConnectionRow.fetch(db, group: group, name)?.connection
    }

    /// Whether what was said in the group is with the relays, and what is to be closed is closed.
    public func isWithRelay(group: Int64) throws(EngineError) -> Bool {
        try read { db in
            try
                !(Bool.fetchOne(
                    db,
                    sql: """
                        SELECT EXISTS (SELECT 1 FROM outgoing JOIN groupConnections USING (connection) WHERE groupId = ?)
                            OR EXISTS (SELECT 1 FROM outbox JOIN groupConnections USING (connection) WHERE groupId = ?)
                            OR EXISTS (SELECT 1 FROM groupConnections WHERE groupId = ? AND closing = 1)
                            OR EXISTS (SELECT 1 FROM connections WHERE kind = 'group' AND state = 'deleting')
                        """, arguments: [group, group, group]) ?? false)
        }
    }
}
