import AgentLink
import Database
import GRDB

/// What commands ask about contacts and endings.
extension Profile {
    /// The code that is equal on both sides of a contact if nobody stands between; nil before the keys are agreed on.
    /// - Throws: `noSuchContact`.
    public func securityCode(contact name: String) throws(EngineError) -> String? {
        try read { db in
            guard let connection = try Contact.named(db, name).connection else { return nil }
            return try AgentStore.securityCode(db, connection)
        }
    }

    /// Whether our answer to a contact's link is with the relay, or the connection has ended.
    public func isJoinWithRelay(contact id: Int64) throws(EngineError) -> Bool {
        try read { db in
            guard let connection = try Contact.fetch(db, id: id)?.connection else { return true }
            switch try AgentStore.state(db, connection) {
            case .creating, .offered, .confirmed, .allowing, .joining: return false
            case .joined, .greeting, .connected, .deleting, .failed, nil: return true
            }
        }
    }

    /// Whether the other side's relay has the word that a transfer is over, or there is nobody to tell.
    public func isEndingTold(_ id: Int64) throws(EngineError) -> Bool {
        try read { db in
            let transfer = try Transfer.known(db, id: id)
            return try (transfer.isToGroup ? transfer.members : [transfer]).allSatisfy { part in
                // Of several members only some may be over.
                if transfer.isToGroup, !part.state.isEnded { return true }
                if part.isUntold { return false }
                if let connection = part.connection {
                    return try AgentStore.isDelivered(db, connection, through: part.farewell ?? 0)
                }
                guard let contact = try Contact.fetch(db, id: part.contact)?.connection else { return true }
                return try AgentStore.isDelivered(db, contact, through: .max)
            }
        }
    }
}
