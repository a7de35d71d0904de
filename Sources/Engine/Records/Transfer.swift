import AgentLink
import Database
import GRDB

/// Which way a file goes.
public enum Direction: String, Sendable, CaseIterable {
    /// From this profile.
    case send
    /// To this profile.
    case receive
}

/// Where a transfer stands, in the words of the user.
public enum TransferState: String, Sendable, CaseIterable {
    /// Offered, not accepted. → accepted, declined, cancelled, failed
    case offered
    /// Accepted; the file connection is being made. → active, cancelled, failed
    case accepted
    /// Chunks flow. → sent (sender), complete (recipient), cancelled, failed
    case active
    /// Sender: everything is with the relay or peer. → complete, active (asked for again), cancelled, failed
    case sent
    /// The recipient has it, synced under its final name.
    case complete
    /// The recipient did not want it.
    case declined
    /// Ended by one side. → complete (a sender whose cancel crossed x.file.ok)
    case cancelled
    /// Ended for a reason.
    case failed

    /// Whether nothing more comes.
    public var isEnded: Bool {
        switch self {
        case .offered, .accepted, .active, .sent: false
        case .complete, .declined, .cancelled, .failed: true
        }
    }
}

/// What an unfinished transfer waits for.
public enum Waiting: String, Sendable, CaseIterable {
    /// The other side.
    case peer
    /// The other side, so that there is room for it on the relay again.
    case relayFull = "relay-full"
    /// A relay that does not answer.
    case relayDown = "relay-down"
    /// A relay that makes no new queues now.
    case relayBusy = "relay-busy"
    /// Room at the destination.
    case space
    /// The user, who has paused it.
    case paused
}

/// The side that ended a transfer.
public enum Side: String, Sendable, CaseIterable {
    /// This one.
    case me
    /// The other.
    case peer
}

/// One file, going to or coming from one contact, or going to a group.
public struct Transfer: Equatable, Sendable, Identifiable {
    /// The id that the user knows.
    public let id: Int64
    /// Which way it goes.
    public let direction: Direction
    /// The contact's row.
    public let contact: Int64
    /// The contact's local name; `#group/name` for a member of a group, `#group` for what goes to all.
    public let peer: String
    /// The group that it goes to, or that its sender offers it in.
    public let group: String?
    /// The name in the group of the member whom it comes from or goes to; nil for what goes to all.
    public let member: String?
    /// How far it is for each member of the group that it goes to; none for what goes to one contact.
    public internal(set) var members: [Transfer] = []
    /// Whether it travels inside messages of the contact's connection.
    public let isInline: Bool
    /// The name in the offer. Peer text: escape it on display.
    public let name: String
    /// Bytes; nil if unknown.
    public var size: UInt64?
    /// Bytes written (receive), or with the relay or peer (send).
    public var transferred: UInt64
    /// Bytes a second over the last seconds while it moves.
    public var bytesPerSecond: UInt64?
    /// Where it stands.
    public var state: TransferState
    /// What it waits for.
    public var waiting: Waiting?
    /// The lane in use: `relay` or `direct`.
    public var lane: String?
    /// Send: the source; receive: the final name, once reserved.
    public var path: String?
    /// Why it ended. May be peer text.
    public var reason: String?
    /// The kind of failure when it failed.
    public var failure: FailureKind?
    /// Who ended it.
    public var endedBy: Side?
    /// The text that came with it: a message's id.
    public var message: Int64?
    /// Whether the source has holes.
    var isSparse = false
    /// Permissions of the source, `& 0777`.
    public var mode: UInt32?
    /// Modification time of the source in Unix seconds.
    public var modifiedAt: Int64?
    /// Whether the user holds it.
    public var isPaused = false
    /// When the offer ends unless it is accepted, in Unix seconds.
    public var expiresAt: Int64?
    /// The ended transfer that this one repeats.
    public var retryOf: Int64?
    /// While it waits for a relay that does not answer: when that is tried next, in Unix seconds.
    public var retryAt: Int64?
    /// SHA-256 of the file in hexadecimal, where somebody asked for it: see `Profile.digest`.
    public var sha256: String?
    /// Unix seconds.
    public let createdAt: Int64
    /// Unix seconds.
    public var updatedAt: Int64

    /// What is in it, if it is a folder.
    public var folder: Folder?

    /// The transfer to a group of which this is the part for one member.
    public internal(set) var parent: Int64?
    /// The group that it goes to.
    var groupID: Int64?
    /// The contact that the member is from whom it comes.
    let memberContact: Int64?
    var connection: ConnectionID?
    /// The lane that the sender wants: `auto`, `relay` or `direct`.
    var laneWish = "auto"
    var part: Int
    var chunkSize: Int
    var root: [UInt8]?
    var sourceIdentity: String?
    var offerRef: Int64?
    var offerMessage: Int64?
    var invitation: String?
    var destination: String?
    var isUntold: Bool
    var farewell: Int64?
    var checkpoint: [UInt8]?
    var bootID: String?
    /// The recipient has asked for it again, and has no answer yet.
    var isAskedAgain = false
    /// SHA-256 of the file, behind the identity of the file that was read.
    var digest: String?
    /// It is complete, and the hook was not started.
    var isHookDue = false

    /// Whether it is an inline file that lies complete in the profile and waits for `accept` to move it out.
    public var isWaitingInInbox: Bool { direction == .receive && isInline && state == .complete && path == nil }
    /// Whether the sender was asked to offer it again, and has not yet.
    public var isAsking: Bool { direction == .receive && state == .accepted && retryOf != nil && invitation == nil }
    /// Whether only the user can bring it on.
    public var waitsForUser: Bool { !isFinished && (isPaused || (direction == .receive && state == .offered)) }
    /// Whether nothing more will happen: also a sent one whose confirmation did not come in time.
    public var isFinished: Bool {
        isToGroup
            ? members.allSatisfy(\.isFinished)
            : state.isEnded || (state == .sent && !isInline && connection == nil)
    }
    /// Whether it comes from this contact, also where that offers it as a member of a group.
    public func isFrom(_ contact: Contact) -> Bool {
        direction == .receive && (self.contact == contact.id || memberContact == contact.id)
    }
}

extension Transfer {
    static let select = """
        SELECT transfers.*, contacts.name AS peerName,
            (SELECT groupMembers.name FROM groupMembers WHERE channel = transfers.contact) AS memberName,
            (SELECT groupMembers.contact FROM groupMembers WHERE channel = transfers.contact) AS memberContact,
            (SELECT groups.name FROM groups WHERE groups.id = IFNULL(transfers.groupId,
                (SELECT groupMembers.groupId FROM groupMembers WHERE channel = transfers.contact))) AS groupName,
            \(Folder.columns) FROM transfers
            JOIN contacts ON contacts.id = contact LEFT JOIN folders ON folders.transfer = transfers.id
        """

    init(_ row: Row) throws {
        guard let direction = Direction(rawValue: row["direction"]), let state = TransferState(rawValue: row["state"])
        else { throw EngineError.system("an unknown transfer state") }
        id = row["id"]
        self.direction = direction
        contact = row["contact"]
        peer = row["peerName"]
        group = row["groupName"]
        member = row["memberName"]
        memberContact = row["memberContact"]
        parent = row["parent"]
        groupID = row["groupId"]
        isInline = row["inline"]
        name = row["name"]
        size = (row["size"] as Int64?).map { UInt64(max($0, 0)) }
        transferred = UInt64(max(row["transferred"] as Int64, 0))
        bytesPerSecond = (row["bytesPerSecond"] as Int64?).map { UInt64(max($0, 0)) }
        self.state = state
        isPaused = row["paused"]
        waiting = isPaused && !state.isEnded ? .paused : (row["waiting"] as String?).flatMap(Waiting.init)
        lane = row["lane"]
        path = row["path"]
        reason = row["reason"]
        failure = (row["failure"] as String?).flatMap(FailureKind.init)
        endedBy = (row["endedBy"] as String?).flatMap(Side.init)
        message = row["message"]
        mode = (row["mode"] as Int64?).map { UInt32(truncatingIfNeeded: $0) & 0o777 }
        modifiedAt = row["mtime"]
        expiresAt = row["expiresAt"]
        retryOf = row["retryOf"]
        retryAt = row["retryAt"]
        isAskedAgain = row["askedAgain"]
        digest = row["digest"]
        isSparse = row["sparse"]
        isHookDue = row["hookDue"]
        createdAt = row["createdAt"]
        updatedAt = row["updatedAt"]
        connection = (row["connection"] as Int64?).map(ConnectionID.init)
        laneWish = row["laneWish"]
        part = row["part"]
        chunkSize = row["chunkSize"]
        root = row.bytes("root")
        sourceIdentity = row["sourceIdentity"]
        offerRef = row["offerRef"]
        offerMessage = row["offerMessage"]
        invitation = row["invitation"]
        destination = row["destination"]
        isUntold = row["untold"]
        farewell = row["farewell"]
        checkpoint = row.bytes("checkpoint")
        bootID = row["bootId"]
        folder = Folder(row)
    }

    /// A row that is not stored yet.
    init(
        id: Int64, direction: Direction, contact: Contact, isInline: Bool, name: String, size: UInt64?, chunkSize: Int,
        now: Int64
    ) {
        self.id = id
        self.direction = direction
        self.contact = contact.id
        peer = contact.name
        (group, member, memberContact) = (nil, nil, nil)
        self.isInline = isInline
        self.name = name
        self.size = size
        self.chunkSize = chunkSize
        transferred = 0
        state = .offered
        waiting = direction == .send ? .peer : nil
        part = 1
        isUntold = false
        createdAt = now
        updatedAt = now
    }

    static func fetch(_ db: GRDB.Database, id: Int64) throws -> Transfer? {
        try Row.fetchOne(db.cachedStatement(sql: "\(select) WHERE transfers.id = ?"), arguments: [id])
            .map(Transfer.init)?.whole(db)
    }

    static func fetch(_ db: GRDB.Database, connection: ConnectionID) throws -> Transfer? {
        try Row.fetchOne(db, sql: "\(select) WHERE transfers.connection = ?", arguments: [connection.rawValue])
            .map(Transfer.init)
    }

    /// Those that meet `condition`, oldest first.
    static func fetchAll(
        _ db: GRDB.Database, where condition: String, _ arguments: StatementArguments = []
    ) throws -> [Transfer] {
        try Row.fetchAll(db, sql: "\(select) WHERE \(condition) ORDER BY transfers.id", arguments: arguments)
            .map { try Transfer($0).whole(db) }
    }

    /// The id that the user named.
    /// - Throws: `noSuchTransfer`.
    static func known(_ db: GRDB.Database, id: Int64) throws -> Transfer {
        guard id > 0, let transfer = try fetch(db, id: id) else { throw EngineError.noSuchTransfer(id) }
        return transfer
    }

    func insert(_ db: GRDB.Database) throws {
        try db.execute(
            sql: """
                INSERT INTO transfers (id, direction, contact, inline, part, name, chunkSize, laneWish, parent, groupId, sparse,
                    state, createdAt, updatedAt)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                id, direction.rawValue, contact, isInline, part, name, chunkSize, laneWish, parent, groupID, isSparse,
                state.rawValue, createdAt, updatedAt,
            ])
        try update(db, now: updatedAt)
    }

    /// Writes everything but what is moved and the checkpoint.
    func update(_ db: GRDB.Database, now: Int64) throws {
        let before = try parent.flatMap { _ in
            try String.fetchOne(db.cachedStatement(sql: "SELECT state FROM transfers WHERE id = ?"), arguments: [id])
        }
        try db.executeOften(
            """
            UPDATE transfers SET connection = ?, size = ?, mode = ?, mtime = ?, root = ?, path = ?, sourceIdentity = ?,
                offerRef = ?, offerMessage = ?, invitation = ?, destination = ?, untold = ?, farewell = ?, state = ?,
                waiting = ?, lane = ?, reason = ?, failure = ?, endedBy = ?, message = ?, bytesPerSecond = ?, updatedAt = ?,
                paused = ?, expiresAt = ?, retryOf = ?, askedAgain = ?, hookDue = ?
            WHERE id = ?
            """,
            [
                connection?.rawValue, size.map { Int64(clamping: $0) }, mode, modifiedAt, root.map { blob($0) }, path,
                sourceIdentity,
                offerRef, offerMessage, invitation, destination, isUntold, farewell, state.rawValue,
                waiting == .paused ? nil : waiting?.rawValue, lane, reason, failure?.rawValue, endedBy?.rawValue,
                message, bytesPerSecond.map { Int64(clamping: $0) },
                now, isPaused, expiresAt, retryOf, isAskedAgain, isHookDue, id,
            ])
        if let parent, before != state.rawValue { try Self.refold(db, parent, now: now) }
    }

    /// What moves: bytes and rate.
    static func updateProgress(
        _ db: GRDB.Database, id: Int64, transferred: UInt64, bytesPerSecond: UInt64?, now: Int64
    ) throws {
        try db.executeOften(
            "UPDATE transfers SET transferred = ?, bytesPerSecond = ?, updatedAt = ? WHERE id = ?",
            [Int64(clamping: transferred), bytesPerSecond.map { Int64(clamping: $0) }, now, id])
    }

    /// What survives a crash: the machine's state and, on a receiving side, the boot in which it counts.
    static func updateCheckpoint(
        _ db: GRDB.Database, id: Int64, _ checkpoint: [UInt8], bootID: String, transferred: UInt64
    ) throws {
        try db.executeOften(
            "UPDATE transfers SET checkpoint = ?, bootId = ?, transferred = ? WHERE id = ?",
            [blob(checkpoint), bootID, Int64(clamping: transferred), id])
    }

    /// When a relay is tried next.
    static func setRetry(_ db: GRDB.Database, id: Int64, at time: Int64) throws {
        try db.execute(sql: "UPDATE transfers SET retryAt = ? WHERE id = ?", arguments: [time, id])
    }

    static func setWaiting(_ db: GRDB.Database, id: Int64, _ waiting: Waiting?) throws {
        try db.execute(
            sql: "UPDATE transfers SET waiting = ? WHERE id = ? AND waiting IS NOT ? AND paused = 0",
            arguments: [waiting?.rawValue, id, waiting?.rawValue])
    }
}

extension Transfer {
    /// Ends it in memory; `update` stores it. Rates and reasons of waiting are over with that.
    mutating func end(_ state: TransferState, by side: Side?, reason: String? = nil, failure: FailureKind? = nil) {
        self.state = state
        waiting = nil
        isPaused = false
        bytesPerSecond = nil
        endedBy = state == .complete ? nil : side
        self.reason = reason.flatMap { $0.isEmpty ? nil : $0 }
        self.failure = failure
        // An inline file is complete for its user once it is taken out of the inbox, one for a group once all have it.
        if state == .complete { isHookDue = !(isInline && direction == .receive) && parent == nil }
    }
}
