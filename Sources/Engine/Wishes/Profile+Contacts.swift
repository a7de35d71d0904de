import AgentLink
import ChatProtocol
import ChunkIO
import Database
import GRDB

/// Wishes about contacts. Each is one transaction; the engine carries it out.
extension Profile {
    /// Makes a contact whose one-time link is to be given away: see `invitationLink(contact:)`.
    /// - Parameter name: the local name; nil takes what the peer calls itself.
    /// - Throws: `badName`, `nameTaken`, `noRelay`.
    public func requestInvite(as name: String? = nil) throws(EngineError) -> Contact {
        if try relays().isEmpty { throw .noRelay }
        return try write { db in
            let local = try Self.localName(db, name)
            let connection = try AgentStore.insertInitiator(db, kind: .contact, now: unixNow())
            return try Contact.insert(
                db, name: local, isNamed: name != nil, connection: connection, state: .invited, now: unixNow())
        }
    }

    /// Makes a contact by joining `link`. The same link again gives the contact that it made.
    ///
    /// A profile without a relay of its own takes the link's from now on.
    /// - Throws: `badLink`, `usage` for a link of this profile, `badName`, `nameTaken`, `link(.linkUsed)`.
    public func requestConnect(link text: String, as name: String? = nil) throws(EngineError) -> Contact {
        let link = try InvitationText(text)
        let needsRelay = try relays().isEmpty
        return try write { db in
            if let known = try Self.contact(db, link: link.text) {
                if known.state == .connecting || known.state == .connected { return known }
                if known.state == .invited {
                    throw EngineError.usage("this profile made the link itself: give it to somebody else")
                }
                throw EngineError.link(.linkUsed)
            }
            let local = try Self.localName(db, name)
            if needsRelay { try self.set(.relay, link.relays) }
            let info = self.profileInfo()
            let connection = try AgentStore.insertJoiner(
                db, kind: .contact, link: link.text, info: info, now: unixNow())
            return try Contact.insert(
                db, name: local, isNamed: name != nil, connection: connection, state: .connecting, now: unixNow())
        }
    }

    /// Gives a contact another local name.
    /// - Throws: `noSuchContact`, `badName`, `nameTaken`.
    public func rename(contact old: String, to new: String) throws(EngineError) {
        guard ContactName.isValid(new) else { throw .badName(new) }
        try write { db in
            var contact = try Contact.named(db, old)
            if try ContactName.isTaken(db, new, except: contact.id) { throw EngineError.nameTaken(new) }
            contact.name = new
            contact.isNamed = true
            try contact.update(db)
        }
    }

    /// Removes a contact: its connection is deleted, its unfinished transfers end without a word to the other side.
    /// - Throws: `noSuchContact`.
    public func removeContact(_ name: String) throws(EngineError) {
        try write { db in
            var contact = try Contact.named(db, name)
            let unfinished = try Transfer.fetchAll(
                db, where: "contact = ? AND transfers.state IN ('offered', 'accepted', 'active', 'sent')", [contact.id])
            for var transfer in unfinished {
                transfer.end(.cancelled, by: .me, reason: "the contact was removed", failure: .cancelled)
                if let connection = transfer.connection { try AgentStore.delete(db, connection) }
                transfer.connection = nil
                try transfer.update(db, now: unixNow())
            }
            try db.execute(
                sql: "DELETE FROM messages WHERE contact = ? AND state = 'queued' AND ref IS NULL",
                arguments: [contact.id])
            try db.execute(
                sql: "UPDATE messages SET state = 'stored' WHERE contact = ? AND state = 'queued'",
                arguments: [contact.id])
            if let connection = contact.connection { try AgentStore.delete(db, connection) }
            contact.connection = nil
            contact.state = .removed
            try contact.update(db)
        }
    }

    /// Records that the user compared the security code (or takes that back).
    /// - Throws: `noSuchContact`.
    public func setVerified(_ name: String, _ isVerified: Bool) throws(EngineError) {
        try write { db in
            var contact = try Contact.named(db, name)
            contact.isVerified = isVerified
            try contact.update(db)
        }
    }

    /// Changes what is accepted of a contact by itself.
    /// - Throws: `noSuchContact`, `destination` if the directory is none.
    @discardableResult
    public func setPolicy(
        _ name: String, _ change: (inout AcceptPolicy) -> Void
    ) throws(EngineError) -> Contact {
        try write { db in
            var contact = try Contact.named(db, name)
            let before = contact.policy.directory
            change(&contact.policy)
            if let directory = contact.policy.directory, directory != before {
                do { _ = try Destination(output: directory, requiresDirectory: true) } catch {
                    throw EngineError.destination("\(error)")
                }
            }
            try contact.update(db)
            return contact
        }
    }

    /// What the other side learns of us: `x.info` with our display name.
    ///
    /// Settings with a mistake do not keep messages from being handled: we stay nameless then.
    func profileInfo() -> [UInt8] { ChatText.info(memberProfile()) }

    /// How we call ourselves, to contacts and in groups.
    public var displayName: String { memberProfile().displayName }

    /// What contacts and groups know of us.
    func memberProfile() -> ChatProtocol.Profile {
        let name = (try? setting(.name)) ?? nil
        return ChatProtocol.Profile(displayName: name.flatMap { $0.isEmpty ? nil : $0 } ?? ChatText.namelessProfile)
    }

    private static func localName(_ db: GRDB.Database, _ name: String?) throws -> String {
        guard let name else { return try ContactName.unique(db, "contact") }
        guard ContactName.isValid(name) else { throw EngineError.badName(name) }
        if try ContactName.isTaken(db, name) { throw EngineError.nameTaken(name) }
        return name
    }

    private static func contact(_ db: GRDB.Database, link: String) throws -> Contact? {
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT contacts.* FROM contacts JOIN connections ON connections.id = contacts.connection
                WHERE connections.link = ?
                """,
            arguments: [link])
        return try row.map(Contact.init)
    }
}
