import AgentLink
import Database
import GRDB

import enum GroupCore.MemberStatus

/// What the host asks to leave no wish behind.
extension Profile {
    /// Grows when another process (or another opening of the database) has changed something.
    func dataVersion() throws(EngineError) -> Int64 {
        try read { db in try Int64.fetchOne(db, sql: "PRAGMA data_version") ?? 0 }
    }

    /// Whether something is recorded that no engine has taken up: a connection to be made or deleted, a text or file to be
    /// sent, an ending to be told.
    func hasOpenWishes() throws(EngineError) -> Bool {
        try read { db in
            try Bool.fetchOne(
                db,
                sql: """
                    SELECT EXISTS (SELECT 1 FROM connections WHERE state IN ('creating', 'joining', 'allowing', 'deleting'))
                        OR EXISTS (SELECT 1 FROM transfers WHERE untold = 1 OR askedAgain = 1
                            OR (direction = 'receive' AND state = 'accepted' AND invitation IS NULL
                                AND offerMessage IS NULL AND paused = 0))
                        OR EXISTS (SELECT 1 FROM transfers JOIN connections ON connections.id = transfers.connection
                            WHERE transfers.direction = 'send' AND transfers.state = 'offered' AND offerMessage IS NULL AND paused = 0
                                AND connections.state = 'offered')
                        OR EXISTS (SELECT 1 FROM transfers
                            WHERE direction = 'send' AND inline = 1 AND transfers.state = 'active' AND paused = 0)
                        OR EXISTS (SELECT 1 FROM messages WHERE state = 'queued')
                        OR EXISTS (SELECT 1 FROM outgoing JOIN connections ON connections.id = outgoing.connection
                            WHERE connections.state = 'connected')
                    """) ?? false
        }
    }

    /// Whether the relay at this address has a part in what a command waits for; while that is not known, every relay has.
    func needs(_ server: String, for subject: WishSubject) throws(EngineError) -> Bool {
        let own = (try? relays()) ?? []
        if case .transfer(let id) = subject, let transfer = try transfer(id: id), transfer.isToGroup {
            // One member's relay is no reason to leave the others alone.
            let open = transfer.members.filter { !$0.isFinished }
            for part in open where try !needs(server, for: .transfer(part.id)) { return false }
            return !open.isEmpty
        }
        let needed: Set<String>? = try read { db in
            var connections: [ConnectionID] = []
            switch subject {
            case .anything: return []
            case .contact(let id): connections = try [Contact.fetch(db, id: id)?.connection].compactMap { $0 }
            case .group(let id):
                connections = try GroupConnectionRow.all(db, group: id).compactMap(\.connection)
                let inviter = try Group.fetch(db, id: id)?.inviter.flatMap { try Contact.fetch(db, id: $0)?.connection }
                let invited = try GroupMember.fetchAll(db, group: id).filter { $0.status == .invited }.compactMap {
                    try $0.contact.flatMap { try Contact.fetch(db, id: $0)?.connection }
                }
                connections += invited + [inviter].compactMap { $0 }
            case .transfer(let id):
                guard let transfer = try Transfer.fetch(db, id: id) else { throw EngineError.noSuchTransfer(id) }
                let contact = try Contact.fetch(db, id: transfer.contact)
                connections = [contact?.connection, transfer.connection].compactMap { $0 }
            case .message(let id):
                let message = try TextMessage.fetch(db, id: id)
                let contact = try message?.contact.flatMap { try Contact.fetch(db, id: $0) }
                connections = [contact?.connection].compactMap { $0 }
                if message?.groupID != nil { connections = try TextMessage.carriers(db, of: id) }
            }
            var servers: Set<String> = []
            for connection in connections {
                let state = try AgentStore.state(db, connection)
                if state == .creating || state == .joining { servers.formUnion(own.map { "\($0)" }) }
                if state == .joining, let link = try AgentStore.link(db, connection) {
                    servers.formUnion(InvitationText.servers(in: link))
                }
                servers.formUnion(try AgentStore.servers(db, connection))
            }
            return servers.isEmpty && !connections.isEmpty ? nil : servers
        }
        guard let needed else { return true }
        return needed.contains { RelayName($0) == RelayName(server) }
    }
}

/// A relay for comparison: its fingerprint, whatever hosts, password and port are written with it.
struct RelayName: Hashable, Sendable {
    let fingerprint: Substring

    init(_ address: String) {
        let rest = address.range(ofScheme: "smp://").map { address[$0...] } ?? address[...]
        let name = rest.prefix { $0 != "@" && $0 != ":" }
        // Base64 is written with and without padding.
        var end = name.endIndex
        while end > name.startIndex, name[name.index(before: end)] == "=" { end = name.index(before: end) }
        fingerprint = name[..<end]
    }
}

extension String {
    fileprivate func range(ofScheme scheme: String) -> Index? {
        hasPrefix(scheme) ? index(startIndex, offsetBy: scheme.count) : nil
    }
}
