import AgentLink
import Database
import GRDB

extension Profile {
    /// Declines an offer; after acceptance it acts as `requestCancel`. What is over already stays as it is.
    /// - Throws: `noSuchTransfer`, `usage` for one that this profile sends.
    public func requestDecline(_ id: Int64, reason: String = "") throws(EngineError) {
        try write { db in
            let transfer = try Transfer.known(db, id: id)
            guard transfer.direction == .receive else {
                throw EngineError.usage("transfer \(id) is going out: use `sxfile cancel \(id)`")
            }
            try Self.end(db, transfer, declining: true, reason: reason)
        }
    }

    /// Ends a transfer in any state and tells the other side. What is over already stays as it is.
    /// - Parameter member: of what goes to a group, ends it for this member only.
    /// - Throws: `noSuchTransfer`, `noSuchMember`, `usage` for a member of what goes to no group.
    public func requestCancel(_ id: Int64, member: String? = nil, reason: String = "") throws(EngineError) {
        try write { db in
            let transfer = try Transfer.known(db, id: id)
            var parts = transfer.isToGroup ? transfer.members : [transfer]
            if let member {
                guard transfer.isToGroup else {
                    throw EngineError.usage("transfer \(id) does not go to a group: cancel it without --member")
                }
                parts = parts.filter { $0.member == member || $0.peer == member }
                if parts.isEmpty { throw EngineError.noSuchMember(member, group: transfer.group ?? "") }
            }
            for part in parts { try Self.end(db, part, declining: false, reason: reason) }
        }
    }

    static func end(_ db: GRDB.Database, _ known: Transfer, declining: Bool, reason: String) throws {
        var transfer = known
        if transfer.isWaitingInInbox {
            // It is here already: the sender need not hear that nobody wanted to keep it.
            transfer.end(.declined, by: .me, reason: reason, failure: .cancelled)
            try InlineContent.removeAll(db, transfer: transfer.id)
            return try transfer.update(db, now: unixNow())
        }
        guard !transfer.state.isEnded else { return }
        if transfer.isInline, transfer.offerMessage == nil, let message = transfer.message {
            // Its text was to travel in the same message.
            try TextMessage.delete(db, id: message, now: unixNow())
        }
        let isDecline = declining && transfer.state == .offered
        transfer.end(isDecline ? .declined : .cancelled, by: .me, reason: reason, failure: .cancelled)
        transfer.isUntold = transfer.direction == .receive || transfer.offerMessage != nil
        if !transfer.isUntold, let connection = transfer.connection {
            // The offer never left: there is nobody to tell.
            try Outgoing.delete(db, subject: transfer.id)
            try AgentStore.delete(db, connection)
            transfer.connection = nil
        }
        if transfer.isInline { try InlineContent.removeAll(db, transfer: transfer.id) }
        try transfer.update(db, now: unixNow())
    }
}
