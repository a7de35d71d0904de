import AgentLink
import ChatProtocol
import Database
import GRDB
import GroupCore

/// What is said to all members of a group, and the order in which it was said.
extension Group {
    /// Says a text to all and adds it to the conversation.
    /// - Returns: the message's id.
    /// - Throws: `group` if I am not in it, `nobodyInGroup`.
    func insertText(_ db: GRDB.Database, _ text: String) throws -> Int64 {
        let id = try TextMessage.insert(
            db, direction: .send, contact: nil, group: self.id, ref: nil, text: text, state: .stored, now: unixNow())
        let number = try say(db, .newMessage(NewMessage(text: text)), message: id)
        try db.execute(sql: "UPDATE messages SET ref = ? WHERE id = ?", arguments: [number, id])
        return id
    }

    /// Sends content to all, behind the latest that I have seen.
    /// - Parameter id: the message that it is, or is about.
    /// - Returns: its number in the group.
    @discardableResult
    func say(_ db: GRDB.Database, _ event: ChatEvent, message id: Int64) throws -> Int64 {
        var graph = try graph(db)
        let parents = graph.parents
        let outcome = try Profile.wish(db, .send(event, parents: parents), in: self, subject: id)
        guard let number = outcome.number, let bytes = outcome.message else { throw EngineError.nobodyInGroup(name) }
        _ = graph.record(from: me, number: UInt64(number), parents: parents, message: bytes)
        try store(db, graph)
        return number
    }

    /// Which messages followed which; empty before the first.
    func graph(_ db: GRDB.Database) throws -> MessageGraph {
        let row = try Row.fetchOne(db, sql: "SELECT graph FROM groups WHERE id = ?", arguments: [id])
        guard let bytes = row?.bytes("graph") else { return MessageGraph() }
        do throws(GroupRefusal) { return try MessageGraph(checkpoint: bytes) } catch { throw EngineError.group(error) }
    }

    func store(_ db: GRDB.Database, _ graph: MessageGraph) throws {
        try db.executeOften("UPDATE groups SET graph = ? WHERE id = ?", [blob(graph.checkpoint()), id])
    }
}

extension TextMessage {
    /// The connections on which a message to a group travels.
    static func carriers(_ db: GRDB.Database, of id: Int64) throws -> [ConnectionID] {
        try Int64.fetchAll(
            db,
            sql: """
                SELECT connection FROM deliveries WHERE message = ?
                UNION SELECT connection FROM outgoing WHERE subject = ?
                """, arguments: [id, id]
        ).map(ConnectionID.init)
    }
}

extension Engine {
    /// A message to all has its place among those that its sender had seen: what does not fit is noted in the conversation.
    /// - Returns: whether it is to be handled; what has come already is not.
    static func takeInOrder(
        _ db: GRDB.Database, _ incoming: Incoming, _ body: [UInt8], from channel: Contact
    ) throws -> Bool {
        guard incoming.isToAll, let message = try? ChatMessage(parsing: body), let number = message.id,
            let member = try GroupMember.fetch(db, channel: channel.id),
            let group = try Group.fetch(db, id: member.group)
        else { return true }
        var graph = try group.graph(db)
        let findings = graph.record(
            from: member.member, number: UInt64(number), parents: message.parents, message: body)
        if findings.contains(.repeated) { return false }
        try group.store(db, graph)
        var isGap = false
        for finding in findings {
            switch finding {
            case .gap(let sender, let number):
                guard try isMissed(db, sender, in: group) else { continue }
                isGap = true
                try note(db, .gap, of: sender, in: group, ref: Int64(clamping: number))
            case .wrongParent(let sender, _), .contradicts(let sender, _):
                try note(db, .conflict, of: sender, in: group)
            // What is missing here may be what its sender had seen; and a change stands where its message does.
            case .fork where isGap || !incoming.isNew: break
            case .fork: try note(db, .fork, of: member.member, in: group)
            case .repeated, .filled, .joined: break
            }
        }
        return true
    }

    /// Whether a message of this member that has not come should have. One who was there before me may have written it
    /// before my time, until something has come from there.
    private static func isMissed(_ db: GRDB.Database, _ sender: MemberID, in group: Group) throws -> Bool {
        guard sender != group.me, let member = try GroupMember.fetch(db, group: group.id, member: sender) else {
            return false
        }
        guard member.category == .host || member.category == .prior else { return true }
        return try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM messages WHERE contact = ? AND kind IN ('text', 'eval'))",
            arguments: [member.channel]) ?? false
    }

    private static func note(
        _ db: GRDB.Database, _ kind: TextMessage.Kind, of sender: MemberID, in group: Group, ref: Int64? = nil
    ) throws {
        let channel = try GroupMember.fetch(db, group: group.id, member: sender)?.channel
        _ = try TextMessage.insert(
            db, direction: .receive, contact: channel, group: group.id, kind: kind, ref: ref, text: "", state: .read,
            now: unixNow())
    }
}

extension Incoming {
    /// Whether it adds to the conversation.
    fileprivate var isNew: Bool {
        switch self {
        case .message, .evaluate: true
        case .update, .delete, .info, .acceptance, .ok, .offer, .chunk, .want, .done, .fileOK, .direct, .cancel, .retry,
            .group, .ignored, .unreadable:
            false
        }
    }

    /// Whether it is content for all members, which has a place in the order of the group.
    fileprivate var isToAll: Bool {
        switch self {
        case .message, .update, .delete, .evaluate: true
        case .info, .acceptance, .ok, .offer, .chunk, .want, .done, .fileOK, .direct, .cancel, .retry, .group, .ignored,
            .unreadable:
            false
        }
    }
}
