import AgentLink
import Database
import GRDB
import TransferCore

/// A file that goes to a group is a transfer for the user, and one for each member below it: every member has its own
/// connection, place and end, and all that holds for a transfer to a contact holds for each. What is said of the whole is
/// worked out from them.
extension Transfer {
    /// Whether it goes to the members of a group, each by a transfer of its own.
    public var isToGroup: Bool { groupID != nil }
    /// The same without the clocks in it, which go on without being news.
    public var withoutClocks: Transfer {
        var transfer = self
        transfer.updatedAt = 0
        transfer.retryAt = nil
        transfer.members = members.map(\.withoutClocks)
        return transfer
    }
    /// Whose manifest, verdicts or input this is sent from.
    var source: Int64 { parent ?? id }

    /// How bad an end is: what is said of several is said of the worst.
    private var severity: Int {
        switch state {
        case .complete: 0
        case .offered, .accepted, .active, .sent: 1
        case .declined, .cancelled: 2
        case .failed:
            switch failure {
            case .integrity: 5
            case .destination: 4
            default: 3
            }
        }
    }

    /// Takes in how far the members are. Bytes and rate are those of a member in the mean, without those for whom it is over
    /// otherwise than complete.
    public mutating func fold(_ members: [Transfer]) {
        self.members = members
        guard let first = members.first else { return }
        let open = members.filter { !$0.state.isEnded }
        let worst = members.dropFirst().reduce(first) { $1.severity > $0.severity ? $1 : $0 }
        if open.isEmpty {
            state = worst.state
            reason = worst.reason
            failure = worst.failure
            endedBy = worst.endedBy
        } else {
            state =
                [.active, .accepted, .offered].first { state in open.contains { $0.state == state } } ?? .sent
        }
        let counted = members.filter { !$0.state.isEnded || $0.state == .complete }
        let count = UInt64(max(1, counted.count))
        transferred = counted.reduce(0) { $0 + $1.transferred } / count
        let rates = counted.compactMap(\.bytesPerSecond)
        bytesPerSecond = rates.isEmpty ? nil : rates.reduce(0, +) / count
        size = members.lazy.compactMap(\.size).first ?? size
        isPaused = !open.isEmpty && open.allSatisfy(\.isPaused)
        waiting = Self.waiting(open)
        let lanes = Set(open.compactMap(\.lane))
        lane = lanes.count == 1 ? lanes.first : nil
        retryAt = open.compactMap(\.retryAt).max()
        updatedAt = members.map(\.updatedAt).max() ?? updatedAt
        if let part = members.compactMap(\.folder).min(by: { $0.filesDone < $1.filesDone }) {
            folder?.filesDone = part.filesDone
            folder?.missing = members.compactMap(\.folder?.missing).max() ?? 0
            folder?.notes = members.lazy.compactMap(\.folder?.notes).first { !$0.isEmpty } ?? []
        }
    }

    /// What all of those wait for who are not done; nil while one of them moves.
    private static func waiting(_ open: [Transfer]) -> Waiting? {
        if open.contains(where: { $0.waiting == nil }) { return nil }
        let order: [Waiting] = [.relayDown, .relayBusy, .relayFull, .space, .peer, .paused]
        return order.first { waiting in open.contains { $0.waiting == waiting } }
    }

    /// The parts of the transfer, in the order in which the members came to the group.
    static func parts(_ db: GRDB.Database, of id: Int64) throws -> [Transfer] {
        try Row.fetchAll(db, sql: "\(select) WHERE parent = ? ORDER BY transfers.id DESC", arguments: [id])
            .map(Transfer.init)
    }

    /// With its members, if it goes to a group.
    func whole(_ db: GRDB.Database) throws -> Transfer {
        guard isToGroup else { return self }
        var whole = self
        whole.fold(try Self.parts(db, of: id))
        return whole
    }

    /// A member's part has come to another state: the row of the whole says so too, for what looks for rows by their state.
    static func refold(_ db: GRDB.Database, _ id: Int64, now: Int64) throws {
        guard let whole = try fetch(db, id: id) else { return }
        let isComplete = whole.state == .complete
        try db.execute(
            sql: """
                UPDATE transfers SET hookDue = CASE WHEN ? AND state <> 'complete' THEN 1 ELSE hookDue END, state = ?,
                    size = ?, updatedAt = ? WHERE id = ?
                """,
            arguments: [isComplete, whole.state.rawValue, whole.size.map { Int64(clamping: $0) }, now, id])
    }

    /// The number of a member's part: below zero, as the user does not know it.
    static func nextPartID(_ db: GRDB.Database) throws -> Int64 {
        min(0, try Int64.fetchOne(db, sql: "SELECT MIN(id) FROM transfers") ?? 0) - 1
    }
}

/// To whom something is sent.
enum Recipient {
    case contact(Contact)
    /// A group, and the members whom its messages reach now.
    case group(Group, [Contact])

    /// The contact of this name, or the group of it behind `#`.
    /// - Throws: `noSuchContact`, `contactFailed`, `noSuchGroup`, `nobodyInGroup`.
    init(_ db: GRDB.Database, _ name: String) throws {
        guard name.hasPrefix("#") else {
            self = .contact(try Profile.usableContact(db, name))
            return
        }
        let group = try Group.named(db, name)
        let members = try GroupMember.active(db, group: group.id).compactMap { try Contact.fetch(db, id: $0.channel) }
        guard group.isJoined, !members.isEmpty else { throw EngineError.nobodyInGroup(group.name) }
        self = .group(group, members)
    }

    /// Stores a text that goes by itself; nil if there is none.
    func insertText(_ db: GRDB.Database, _ text: String?) throws -> Int64? {
        guard let text, !text.isEmpty else { return nil }
        switch self {
        case .contact(let contact):
            return try TextMessage.insert(
                db, direction: .send, contact: contact.id, ref: nil, text: text, state: .queued, now: unixNow())
        case .group(let group, _): return try group.insertText(db, text)
        }
    }

    /// Stores the offer of a file, folder or input: one transfer, for a group with one more for each member.
    /// - Parameter fill: gives each what it has besides.
    func insertOffer(
        _ db: GRDB.Database, name: String, size: UInt64?, _ fill: (inout Transfer) -> Void
    ) throws -> Transfer {
        switch self {
        case .contact(let contact):
            return try Transfer.insertOffer(db, to: contact, name: name, size: size, fill)
        case .group(let group, let members):
            var whole = Transfer(
                id: try Meta.nextID(db), direction: .send, contact: try group.room(db), isInline: false, name: name,
                size: size, chunkSize: ChunkPlan.defaultChunkSize, now: unixNow())
            fill(&whole)
            whole.groupID = group.id
            try whole.insert(db)
            for member in members {
                _ = try Transfer.insertOffer(db, to: member, name: name, size: size, partOf: whole.id, fill)
            }
            return try Transfer.known(db, id: whole.id)
        }
    }
}

extension Transfer {
    /// Stores the offer to one contact or member.
    /// - Parameter whole: the transfer to a group that this is a part of.
    static func insertOffer(
        _ db: GRDB.Database, to contact: Contact, name: String, size: UInt64?, partOf whole: Int64? = nil,
        _ fill: (inout Transfer) -> Void
    ) throws -> Transfer {
        var transfer = Transfer(
            id: try whole == nil ? Meta.nextID(db) : nextPartID(db), direction: .send, contact: contact,
            isInline: false, name: name, size: size, chunkSize: ChunkPlan.defaultChunkSize, now: unixNow())
        fill(&transfer)
        transfer.parent = whole
        // What is said to the group is not said again to each.
        if whole != nil { transfer.message = nil }
        transfer.connection = try AgentStore.insertInitiator(db, kind: .file, now: unixNow())
        try transfer.insert(db)
        return transfer
    }
}

extension Group {
    /// The row of contacts that stands for the whole group in what is sent to it; it has no connection.
    func room(_ db: GRDB.Database) throws -> Contact {
        let known = try Int64.fetchOne(db, sql: "SELECT room FROM groups WHERE id = ?", arguments: [id])
        if let known, let room = try Contact.fetch(db, id: known) { return room }
        try db.execute(
            sql: "INSERT INTO contacts (name, named, state, createdAt) VALUES (?, 1, 'removed', ?)",
            arguments: ["#\(name)", unixNow()])
        let room = db.lastInsertedRowID
        try db.execute(sql: "UPDATE groups SET room = ? WHERE id = ?", arguments: [room, id])
        guard let contact = try Contact.fetch(db, id: room) else { throw EngineError.noSuchGroup(name) }
        return contact
    }
}

extension Transfer {
    /// What its offer says; nil while its file connection has no link.
    func offered(_ db: GRDB.Database) throws -> OfferedFile? {
        guard let link = try connection.flatMap({ try AgentStore.link(db, $0) }) else { return nil }
        let folder = try folder?.offered(db, transfer: id)
        return OfferedFile(
            name: name, size: size, invitation: link, chunkSize: chunkSize, mode: mode, modifiedAt: modifiedAt,
            isFolder: folder != nil, folder: folder, expiresAt: expiresAt,
            retries: try retryOf.flatMap { try Transfer.fetch(db, id: $0)?.offerRef }, isSparse: isSparse)
    }
}
