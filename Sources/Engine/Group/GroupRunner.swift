import AgentLink
import ChatProtocol
import Database
import GRDB
import GroupCore
import Primitives

/// One group in one transaction: its machine takes steps, and what they ask for becomes rows.
///
/// A command's wish and an event of the engine go the same way: the machine comes from its row and goes back there, with
/// everything that is to be done, so that whoever is the engine next goes on with it. Messages wait in `outgoing`.
struct GroupRunner {
    /// What came of a step.
    struct Outcome {
        /// Why it was refused; then nothing has changed.
        var refusal: GroupRefusal?
        /// What the user may want to know.
        var notices: [GroupNotice] = []
        /// What goes out as connection information.
        var said: [String] = []
        /// The number that the user's message has in the group.
        var number: Int64?
        /// The message to all or to one, as it travels.
        var message: [UInt8]?
    }

    let db: GRDB.Database
    let id: Int64
    private(set) var machine: GroupMachine

    /// The group of this row; nil if there is none.
    init?(_ db: GRDB.Database, group id: Int64) throws {
        let row = try db.cachedStatement(sql: "SELECT machine FROM groups WHERE id = ?")
        guard let bytes = try Row.fetchOne(row, arguments: [id])?.bytes("machine") else { return nil }
        self.db = db
        self.id = id
        do throws(GroupRefusal) { machine = try GroupMachine(checkpoint: bytes) } catch {
            throw EngineError.group(error)
        }
    }

    private init(_ db: GRDB.Database, id: Int64, _ machine: GroupMachine) {
        self.db = db
        self.id = id
        self.machine = machine
    }

    /// Adds a group with its members.
    static func insert(
        _ db: GRDB.Database, name: String, inviter: Int64?, _ machine: GroupMachine
    ) throws -> GroupRunner {
        try db.execute(
            sql: """
                INSERT INTO groups (name, contact, me, role, status, machine, createdAt) VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                name, inviter, blob(machine.me.id.bytes), machine.me.role.rawValue, machine.me.status.rawValue,
                blob(machine.checkpoint()), unixNow(),
            ])
        let runner = GroupRunner(db, id: db.lastInsertedRowID, machine)
        try runner.storeMembers(before: [:])
        return runner
    }

    /// Takes one step. A refusal is noted with the group.
    /// - Parameter subject: the message or transfer of the user that this sends.
    mutating func handle(_ input: GroupInput, subject: Int64? = nil) throws -> Outcome {
        let before = machine
        let actions = machine.handle(input, context)
        var outcome = Outcome()
        if case .refuse(let refusal) = actions.first {
            outcome.refusal = refusal
            try db.execute(
                sql: "UPDATE groups SET problem = ? WHERE id = ?", arguments: [refusal.description, id])
            return outcome
        }
        if machine != before {
            try db.executeOften(
                "UPDATE groups SET machine = ?, status = ?, departure = ? WHERE id = ?",
                [
                    blob(machine.checkpoint()), machine.me.status.rawValue, machine.me.departure?.word.rawValue, id,
                ])
        }
        for action in actions { try perform(action, subject: subject, &outcome) }
        if machine.members != before.members || machine.departed != before.departed {
            try storeMembers(before: before.members)
        }
        return outcome
    }

    // MARK: - Actions

    private func perform(_ action: GroupAction, subject: Int64?, _ outcome: inout Outcome) throws {
        switch action {
        case .makeInvitation(let name):
            guard try GroupConnectionRow.fetch(db, group: id, name) == nil else { return }
            let connection = try AgentStore.insertInitiator(db, kind: .group, now: unixNow())
            try GroupConnectionRow.insert(db, group: id, name, connection)
        case .join(let name, let link, let info):
            guard try GroupConnectionRow.fetch(db, group: id, name) == nil else { return }
            let connection = try AgentStore.insertJoiner(
                db, kind: .group, link: link, info: info.message().encoded(), now: unixNow())
            try GroupConnectionRow.insert(db, group: id, name, connection)
            outcome.said.append(info.name)
        case .allow(let name, let info):
            guard let connection = try GroupConnectionRow.fetch(db, group: id, name)?.connection else { return }
            try AgentStore.allow(db, connection, info: info.message().encoded())
            outcome.said.append(info.name)
        case .send(let name, let message):
            // What somebody else has said and does not fit here must not keep the group from going on.
            guard let bytes = try encoded(message.message, isOurs: subject != nil) else { return }
            if subject != nil { (outcome.number, outcome.message) = (message.id, bytes) }
            guard let connection = try GroupConnectionRow.fetch(db, group: id, name)?.connection else { return }
            try Outgoing.insert(db, connection, bytes, subject: subject)
        case .sendToContact(let contact, let event):
            guard let connection = try Contact.fetch(db, id: contact)?.connection else { return }
            guard let bytes = try encoded({ () throws(ChatProtocolError) in try event.message() }, isOurs: false) else {
                return
            }
            try Outgoing.insert(db, connection, bytes)
        case .close(let name): try GroupConnectionRow.fetch(db, group: id, name)?.setClosing(db)
        case .merge: break  // The members' rows say so.
        case .tell(let notice): outcome.notices.append(notice)
        case .refuse: break
        }
    }

    private func encoded(
        _ message: () throws(ChatProtocolError) -> ChatMessage, isOurs: Bool
    ) throws -> [UInt8]? {
        do { return try message().encoded() } catch {
            if isOurs { throw error }
            return nil
        }
    }

    private var context: GroupContext {
        let (db, id) = (db, id)
        return GroupContext(
            random: { SecureRandom.bytes($0) },
            contacts: { profile in (try? Self.contacts(db, with: profile, besides: id)) ?? [] },
            binding: { name in
                let connection = try? GroupConnectionRow.fetch(db, group: id, name)?.connection
                let code = connection.flatMap { try? AgentStore.securityCode(db, $0) }
                return Array((code ?? "").utf8)
            })
    }

    /// The connected contacts with this profile, except those that are contacts by a direct connection of the group itself.
    private static func contacts(
        _ db: GRDB.Database, with profile: ChatProtocol.Profile, besides group: Int64
    ) throws -> [KnownContact] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT contacts.* FROM contacts WHERE state = 'connected' AND connection NOT IN
                    (SELECT connection FROM groupConnections WHERE groupId = ? AND connection IS NOT NULL)
                """, arguments: [group]
        ).map(Contact.init).filter { try $0.profile(db) == profile }.compactMap { try KnownContact(db, $0) }
    }

    // MARK: - Members

    /// Writes the rows of the members that are not as they were.
    private func storeMembers(before: [MemberID: GroupCore.GroupMember]) throws {
        for member in machine.sortedMembers where before[member.id] != member { try store(member) }
        for gone in before.keys.sorted() where machine.members[gone] == nil {
            guard let row = try GroupMember.fetch(db, group: id, member: gone) else { continue }
            try db.execute(
                sql: "UPDATE groupMembers SET departure = ? WHERE id = ?",
                arguments: [(machine.departed[gone]?.word ?? .left).rawValue, row.id])
            try db.execute(
                sql: "UPDATE contacts SET state = 'removed', connection = NULL WHERE id = ?", arguments: [row.channel])
            try leave(row.contact, of: gone)
        }
    }

    private func store(_ member: GroupCore.GroupMember) throws {
        let active = try member.connection.flatMap { try GroupConnectionRow.fetch(db, group: id, $0)?.connection }
        guard let row = try GroupMember.fetch(db, group: id, member: member.id) else {
            let name = try memberName(member)
            let channel = try insertChannel(name, active)
            try db.execute(
                sql: """
                    INSERT INTO groupMembers (groupId, member, name, displayName, fullName, role, category, status, confirmed,
                        channel, contact)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    id, blob(member.id.bytes), name, member.profile.displayName, member.profile.fullName,
                    member.role.rawValue, member.category.rawValue, member.status.rawValue, member.isConfirmed, channel,
                    member.contact,
                ])
            return
        }
        if row.connection != active {
            try db.execute(
                sql: "UPDATE contacts SET connection = ? WHERE id = ?", arguments: [active?.rawValue, row.channel])
            // What waits for the connection that was lost goes by the one that is left.
            if let active, let lost = row.connection {
                try db.execute(
                    sql: "UPDATE outgoing SET connection = ? WHERE connection = ?",
                    arguments: [active.rawValue, lost.rawValue])
            }
        }
        let contact = try contact(of: member, row)
        try db.execute(
            sql: """
                UPDATE groupMembers SET displayName = ?, fullName = ?, role = ?, category = ?, status = ?, confirmed = ?,
                    contact = ? WHERE id = ?
                """,
            arguments: [
                member.profile.displayName, member.profile.fullName, member.role.rawValue, member.category.rawValue,
                member.status.rawValue, member.isConfirmed, contact, row.id,
            ])
    }

    private func insertChannel(_ name: String, _ connection: ConnectionID?) throws -> Int64 {
        let group = try String.fetchOne(db, sql: "SELECT name FROM groups WHERE id = ?", arguments: [id]) ?? ""
        try db.execute(
            sql: "INSERT INTO contacts (name, named, connection, state, createdAt) VALUES (?, 1, ?, 'member', ?)",
            arguments: ["#\(group)/\(name)", connection?.rawValue, unixNow()])
        return db.lastInsertedRowID
    }

    /// The contact's name for somebody who is one, else made from what the member calls itself; one of a kind in the group.
    private func memberName(_ member: GroupCore.GroupMember) throws -> String {
        let known = try member.contact.flatMap { try Contact.fetch(db, id: $0)?.name }
        let name = known ?? ContactName.made(from: member.profile.displayName)
        let taken = try Set(
            String.fetchAll(
                db, sql: "SELECT name FROM groupMembers WHERE groupId = ? AND departure IS NULL", arguments: [id]))
        guard taken.contains(name) else { return name }
        return (1...).lazy.map { "\(name)_\($0)" }.first { !taken.contains($0) } ?? name
    }
}
