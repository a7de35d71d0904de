import AgentLink
import ChatProtocol
import Database
import GRDB
import GroupCore
import Logging

/// Groups: what happens on their connections, what their machines want done.
extension Engine {
    // MARK: - Connections

    /// Looks at every connection of a group whose state the group has not heard of, and at those that are to go.
    func advanceGroups() async {
        let rows = try? profile.read { db in try GroupConnectionRow.unheard(db) }
        for row in rows ?? [] { step(row) }
        await carryOut()
    }

    /// A connection of a group is in another state.
    func advance(_ connection: GroupConnectionRow) async {
        step(connection)
        await carryOut()
    }

    /// Does what groups have decided on.
    func carryOut() async {
        await wakePending()
        await sendOutgoing()
        closeFinished()
        await wakePending()
    }

    /// Tells the machine how far the connection is, if it does not know.
    private func step(_ known: GroupConnectionRow) {
        guard !isStopping else { return }
        attempt("a step of a group") { db in
            guard let row = try GroupConnectionRow.fetch(db, group: known.group, known.name), !row.isClosing else {
                return
            }
            let state = try row.connection.flatMap { try AgentStore.state(db, $0) }
            guard row.told != state else { return }
            try row.setTold(db, state)
            guard let input = try Self.input(db, row, state), var runner = try GroupRunner(db, group: row.group) else {
                return
            }
            if let event = input.event { self.logger.debug("connection \(row.name.kind.word): hears \(event)") }
            self.tell(try runner.handle(input), group: row.group)
        }
    }

    /// What the state of a connection is to the machine; nil if it is nothing.
    private static func input(
        _ db: GRDB.Database, _ row: GroupConnectionRow, _ state: ConnectionState?
    ) throws -> GroupInput? {
        guard let connection = row.connection, let state else { return .failed(row.name) }
        switch state {
        case .offered:
            return try AgentStore.link(db, connection).map { .invitationMade(row.name, link: $0) }
        case .confirmed:
            let event = try AgentStore.peerInfo(db, connection).flatMap(Self.event)
            return .confirmation(row.name, event ?? .unknown(name: ""))
        case .connected:
            // Who made the link has heard the other side's information with its confirmation.
            guard try AgentStore.isJoiner(db, connection) else { return .connected(row.name, nil) }
            return .connected(row.name, try AgentStore.peerInfo(db, connection).flatMap(Self.event))
        case .failed: return .failed(row.name)
        case .creating, .allowing, .joining, .joined, .greeting, .deleting: return nil
        }
    }

    private static func event(_ bytes: [UInt8]) -> ChatEvent? {
        (try? ChatMessage(parsing: bytes)).flatMap { try? ChatEvent($0) }
    }

    /// The name of a message's event, for the log.
    private static func name(of body: [UInt8]) -> String {
        let words = body.prefix(64).split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
        return words.count > 1 ? String(decoding: words[1], as: UTF8.self) : "?"
    }

    /// Connections that are to go, with nothing more to say, are deleted at their relay.
    private func closeFinished() {
        guard let finished = try? profile.read({ db in try GroupConnectionRow.finished(db) }), !finished.isEmpty else {
            return
        }
        attempt("closing connections of a group") { db in
            for row in try GroupConnectionRow.finished(db) {
                if let connection = row.connection { try AgentStore.delete(db, connection) }
                try row.delete(db)
            }
        }
    }

    /// A message on a connection of a group is with the relay.
    func delivered(_ row: GroupConnectionRow, _ connection: ConnectionID) async {
        if row.isClosing {
            closeFinished()
            return await wakePending()
        }
        let contact = try? profile.read { db in try Contact.fetch(db, connection: connection) }
        if let contact = contact ?? nil { await deliveredInline(contact, connection) }
    }

    // MARK: - Messages

    /// A message on a connection of a group: the group's own are the machine's; content is that of the member who sent it.
    func take(
        _ row: GroupConnectionRow, _ connection: ConnectionID, inbound: Int64, _ integrity: Integrity, _ body: [UInt8]
    ) async {
        if isStopping { return }
        // After a start the machine may not know yet that the connection stands.
        step(row)
        let isClosing = try? profile.read { db in try GroupConnectionRow.fetch(db, connection: connection)?.isClosing }
        guard let event = Self.event(body), isClosing == false else {
            logger.notice("a message in a group was skipped: it cannot be read, or the connection is to go")
            return attempt("dropping a message") { db in try AgentStore.deleteInbound(db, inbound) }
        }
        logger.debug("connection \(connection): hears \(event.name)")
        switch row.name.kind {
        case .group where event.isContent: await takeContent(event, body, inbound: inbound, integrity, row)
        case .direct where !event.isGroups: await takeDirect(event, body, inbound: inbound, integrity, row)
        case .group, .direct:
            note(integrity, row)
            attempt("a step of a group") { db in
                try AgentStore.deleteInbound(db, inbound)
                guard var runner = try GroupRunner(db, group: row.group) else { return }
                self.tell(try runner.handle(.received(row.name, event)), group: row.group)
            }
        }
        await carryOut()
    }

    /// Messages and files to the group: they are handled as those of a contact, of the row that stands for the member.
    private func takeContent(
        _ event: ChatEvent, _ body: [UInt8], inbound: Int64, _ integrity: Integrity, _ row: GroupConnectionRow
    ) async {
        let channel = try? profile.read { db in
            try GroupMember.fetch(db, group: row.group, member: row.name.member).flatMap { member in
                member.departure == nil ? try Contact.fetch(db, id: member.channel) : nil
            }
        }
        guard let channel = channel ?? nil else {
            logger.notice("\(event.name) of somebody who is not in the group was skipped")
            return attempt("dropping a message") { db in try AgentStore.deleteInbound(db, inbound) }
        }
        await take(Incoming(body), body, inbound: inbound, integrity, from: channel)
    }

    /// What comes on the direct connection with a member is the contact's. The group hears of a new profile too.
    private func takeDirect(
        _ event: ChatEvent, _ body: [UInt8], inbound: Int64, _ integrity: Integrity, _ row: GroupConnectionRow
    ) async {
        if case .info = event {
            attempt("a step of a group") { db in
                guard var runner = try GroupRunner(db, group: row.group) else { return }
                self.tell(try runner.handle(.received(row.name, event)), group: row.group)
            }
        }
        let contact = try? profile.read { db in
            try GroupMember.fetch(db, group: row.group, member: row.name.member)?.contact.flatMap {
                try Contact.fetch(db, id: $0)
            }
        }
        guard let contact = contact ?? nil, contact.state != .removed else {
            return attempt("dropping a message") { db in try AgentStore.deleteInbound(db, inbound) }
        }
        await take(Incoming(body), body, inbound: inbound, integrity, from: contact)
    }

    /// What groups say on a contact's connection; in the transaction that handles the message.
    func takeGroupEvent(_ db: GRDB.Database, _ event: ChatEvent, from contact: Contact) throws {
        logger.debug("contact \(contact.id): hears \(event.name)")
        switch event {
        case .groupInvite(let invitation): try takeInvitation(db, invitation, from: contact)
        case .probeCheck, .probeConfirm:
            guard let known = try KnownContact(db, contact) else { return }
            let own = try contact.connection.flatMap { try GroupConnectionRow.fetch(db, connection: $0)?.group }
            // A member's direct connection is no proof in the group that made it.
            for group in try Group.current(db) where group.id != own {
                guard var runner = try GroupRunner(db, group: group.id) else { continue }
                tell(try runner.handle(.contactReceived(known, event)), group: group.id)
            }
        default: break
        }
    }

    /// So many invitations of one contact may wait for the user.
    private static let mostInvitations = 64

    /// x.grp.inv: a group that the user may join. The same one again is the same group.
    private func takeInvitation(_ db: GRDB.Database, _ invitation: GroupInvitation, from contact: Contact) throws {
        let isKnown = try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM groups WHERE contact = ? AND me = ?)",
            arguments: [contact.id, blob(invitation.invited.bytes)])
        guard isKnown != true else { return }
        let waiting = try Int.fetchOne(
            db, sql: "SELECT COUNT(*) FROM groups WHERE contact = ? AND status = 'invited' AND departure IS NULL",
            arguments: [contact.id])
        guard waiting ?? 0 < Self.mostInvitations else {
            return logger.notice("contact \(contact.id) invites to more groups than \(Self.mostInvitations): skipped")
        }
        let host = try contact.profile(db) ?? ChatProtocol.Profile(displayName: contact.name)
        do {
            let machine = try GroupMachine(
                invitation: invitation, from: contact.id, hostProfile: host, profile: profile.memberProfile())
            let name = try Group.uniqueName(db, ContactName.made(from: invitation.profile.displayName, or: "group"))
            let runner = try GroupRunner.insert(db, name: name, inviter: contact.id, machine)
            logger.info("invited to group \(runner.id)")
        } catch let refusal as GroupRefusal {
            logger.notice("an invitation to a group was refused: \(refusal)")
        }
    }

    /// Gaps in a member's messages are said; they stop nothing.
    private func note(_ integrity: Integrity, _ row: GroupConnectionRow) {
        switch integrity {
        case .ok, .late: break
        case .skipped(let ids): logger.warning("messages \(ids) of member \(row.name.member.text) never came")
        case .badID, .badHash: logger.warning("the message sequence of member \(row.name.member.text) is broken")
        }
    }

    func tell(_ outcome: GroupRunner.Outcome, group: Int64) {
        if let refusal = outcome.refusal { logger.notice("group \(group): \(refusal)") }
        for event in outcome.said { logger.debug("group \(group): says \(event)") }
        for notice in outcome.notices { logger.debug("group \(group): \(notice.text)") }
    }

    /// Says to contacts and groups how we call ourselves from now on, if the user has changed that.
    /// - Returns: whether there is something to say.
    @discardableResult
    func tellProfile() -> Bool {
        // Settings that cannot be read say nothing.
        guard (try? profile.setting(.name)) != nil else { return false }
        let now = profile.memberProfile()
        guard now != toldProfile else { return false }
        do { return try storeProfile(now) } catch { logger.error("telling the profile failed: \(error)") }
        return false
    }

    private func storeProfile(_ now: ChatProtocol.Profile) throws(EngineError) -> Bool {
        let isNews = try profile.write { db in
            let known = try Meta.value(db, "profile.told")
            try Meta.set(db, "profile.told", now.displayName)
            // Before the first time everybody was told when the connection was made.
            guard let known, known != now.displayName else { return false }
            let connections = try Int64.fetchAll(
                db, sql: "SELECT connection FROM contacts WHERE state = 'connected' AND connection IS NOT NULL")
            for connection in connections {
                try Outgoing.insert(db, ConnectionID(rawValue: connection), ChatText.info(now))
            }
            for group in try Group.current(db) {
                guard var runner = try GroupRunner(db, group: group.id) else { continue }
                self.tell(try runner.handle(.wish(.profile(now))), group: group.id)
            }
            return true
        }
        toldProfile = now
        return isNews
    }

    // MARK: - Sending

    /// Encrypts and stores what waits, in its order for each connection.
    func sendOutgoing() async {
        guard let isEmpty = try? profile.read({ db in try Outgoing.isEmpty(db) }), !isEmpty else { return }
        attempt("dropping messages to nobody") { db in try Outgoing.dropUndeliverable(db) }
        var blocked: Set<ConnectionID> = []
        while !isStopping, let waiting = try? profile.read({ db in try Outgoing.sendable(db, besides: blocked) }),
            !waiting.isEmpty
        {
            for message in waiting where !blocked.contains(message.connection) {
                do {
                    try await link.send(message.body, on: message.connection) { db, number in
                        try Outgoing.delete(db, id: message.id)
                        try message.setSent(db, number)
                    }
                    logger.debug("connection \(message.connection): says \(Self.name(of: message.body))")
                } catch {
                    blocked.insert(message.connection)
                    logger.debug("a message on connection \(message.connection) was not sent: \(error)")
                }
            }
        }
    }
}

extension GroupNotice {
    /// For the log: ids and statuses, no text of a peer.
    fileprivate var text: String {
        switch self {
        case .me(let status): "I am \(status.rawValue)"
        case .member(let member, let status): "member \(member.text) is \(status.rawValue)"
        case .confirmed(let member): "member \(member.text) is connected to all"
        case .introduction(let invitee, let other, let status):
            "introduction of \(invitee.text) to \(other.text) is \(status.rawValue)"
        case .profile(let member, _): "member \(member.text) has a new profile"
        case .departed(let member, let departure): "member \(member.text) is gone: \(departure.word.rawValue)"
        case .lost(let member): "no connection with member \(member.text) is left"
        case .ended(let departure): "I am out: \(departure.word.rawValue)"
        }
    }
}

extension GroupInput {
    /// The name of the event in connection information that came.
    fileprivate var event: String? {
        switch self {
        case .confirmation(_, let event): event.name
        case .connected(_, let event): event?.name
        case .wish, .invitationMade, .received, .contactReceived, .failed: nil
        }
    }
}

extension ChatEvent {
    /// Whether it is content of a group, or about it: messages and files.
    var isContent: Bool {
        switch self {
        case .newMessage, .fileChunk, .messageUpdate, .messageDelete, .messageEvaluate, .fileOffer, .fileAccept,
            .fileWant, .fileDone, .fileComplete, .fileCancel, .fileDirect, .fileRetry:
            true
        case .ok, .info, .probe, .probeCheck, .probeConfirm, .groupInvite, .groupAccept, .groupLeave, .groupDelete,
            .memberNew, .memberIntroduce, .memberInvite, .memberForward, .memberInfo, .memberConnected,
            .memberConnectedToAll, .memberDelete, .earlierForm, .unknown:
            false
        }
    }

    /// Whether it is a group's own and has no place between contacts.
    fileprivate var isGroups: Bool {
        switch self {
        case .groupAccept, .groupLeave, .groupDelete, .memberNew, .memberIntroduce, .memberInvite, .memberForward,
            .memberInfo, .memberConnected, .memberConnectedToAll, .memberDelete, .probe:
            true
        case .newMessage, .fileChunk, .messageUpdate, .messageDelete, .messageEvaluate, .fileOffer, .fileAccept,
            .fileWant, .fileDone, .fileComplete, .fileCancel, .fileDirect, .fileRetry, .ok, .info, .probeCheck,
            .probeConfirm, .groupInvite, .earlierForm, .unknown:
            false
        }
    }
}
