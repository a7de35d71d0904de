import AgentLink
import ChunkIO
import Database
import GRDB
import SystemPackage
import TransferCore

/// Second chances, and pauses. Each wish is one transaction; the engine carries it out.
extension Profile {
    // MARK: - Pausing

    /// Holds transfers: nothing of them moves until `requestUnpause`. Repeated, it changes nothing.
    /// - Throws: `noSuchTransfer`, `wrongState` for what is over.
    public func requestPause(_ ids: [Int64]) throws(EngineError) { try setPaused(ids, true, "paused") }

    /// Lets transfers go on that were paused. Those that were not are left as they are.
    /// - Throws: `noSuchTransfer`, `wrongState` for what is over.
    public func requestUnpause(_ ids: [Int64]) throws(EngineError) { try setPaused(ids, false, "resumed") }

    private func setPaused(_ ids: [Int64], _ isPaused: Bool, _ word: String) throws(EngineError) {
        try write { db in
            for id in ids {
                let transfer = try Transfer.known(db, id: id)
                if transfer.isFinished { throw EngineError.wrongState(id, transfer.state, word) }
                for var part in transfer.isToGroup ? transfer.members : [transfer]
                where !part.isFinished && part.isPaused != isPaused {
                    part.isPaused = isPaused
                    part.waiting = nil
                    part.bytesPerSecond = nil
                    // Time passes for it as before.
                    try part.update(db, now: part.updatedAt)
                }
            }
        }
    }

    // MARK: - Again

    /// Offers a file again that did not arrive, as a new transfer.
    ///
    /// What the user repeats is what lies at the path now.
    /// - Throws: `noSuchTransfer`, `wrongState` for what goes on or is complete, `noSuchFile`, `unreadable`, `contactFailed`.
    public func requestRetry(sending id: Int64) throws(EngineError) -> SendReceipt {
        let old = try read { db in try Transfer.known(db, id: id) }
        try Self.checkRetry(old)
        if let folder = old.folder { return try requestRetry(of: old, folder) }
        guard let path = old.path else { throw .wrongState(id, old.state, "sent again") }
        let source = try SourceFile(path: path)
        var receipt = SendReceipt()
        receipt.transfer = try write { db in
            if !old.isToGroup, let open = try Self.openRetry(db, of: id) { return open.id }
            return try Self.insertRetry(db, of: old, source).id
        }
        return receipt
    }

    /// Asks for a file again that did not arrive: reserves the destination, and records a transfer that is accepted as soon
    /// as its sender offers it anew.
    /// - Parameter output: an existing directory, or an exact path; nil is `~/Downloads`.
    /// - Throws: `noSuchTransfer`, `wrongState`, `destination`, `contactFailed`.
    public func requestRetry(receiving id: Int64, into output: String? = nil) async throws(EngineError) -> Transfer {
        let old = try read { db in try Transfer.known(db, id: id) }
        try Self.checkRetry(old)
        guard old.offerRef != nil else { throw .wrongState(id, old.state, "asked for again") }
        if let open = try read({ db in try Self.openRetry(db, of: id) }) {
            // Its sender was faster: the new offer is here.
            return open.state == .offered ? try await requestAccept(open.id, into: output) : open
        }
        let place: (record: String, path: FilePath, discard: @Sendable () async throws -> Void)
        do {
            let destination = try output.map { try Destination(output: $0) } ?? Destination.downloads()
            if let size = old.size { try destination.requireSpace(for: Int64(clamping: size)) }
            let name = FileName(sanitizing: old.name)
            if let folder = old.folder {
                try destination.requireEntries(folder.totals.entries)
                let record = try destination.reserveFolder(name).record
                place = (record.text, record.finalPath, { try await FolderReservation.discard(record) })
            } else {
                let reservation = try destination.reserve(name)
                place = (
                    reservation.record.text, reservation.record.finalPath, { try await reservation.discard() }
                )
            }
        } catch {
            throw .destination("\(error)")
        }
        do {
            return try write { db in
                let contact = try Self.usableContact(db, of: old)
                var transfer = Transfer(
                    id: try Meta.nextID(db), direction: .receive, contact: contact, isInline: false, name: old.name,
                    size: old.size, chunkSize: ChunkPlan.defaultChunkSize, now: unixNow())
                transfer.state = .accepted
                transfer.waiting = .peer
                transfer.retryOf = id
                transfer.isSparse = old.isSparse
                transfer.destination = place.record
                transfer.path = place.path.string
                try transfer.insert(db)
                if let folder = old.folder {
                    try Folder.insert(db, transfer: transfer.id, folder.offered(db, transfer: id))
                    // Accepted without another look.
                    try db.execute(
                        sql: "UPDATE folders SET mayExecute = 0 WHERE transfer = ?", arguments: [transfer.id])
                }
                return transfer
            }
        } catch {
            try? await place.discard()
            throw error
        }
    }

    private static func checkRetry(_ transfer: Transfer) throws(EngineError) {
        // Of several members some may wait for long: those for whom it is over need not.
        let isOver = transfer.isFinished || transfer.members.contains { $0.isFinished && $0.state != .complete }
        guard isOver, transfer.state != .complete else {
            throw .wrongState(transfer.id, transfer.state, "tried again")
        }
    }

    /// What repeats `id` already: asked twice, it is done once.
    static func openRetry(_ db: GRDB.Database, of id: Int64) throws -> Transfer? {
        try Transfer.fetchAll(db, where: "retryOf = ?", [id]).first { !$0.isFinished }
    }

    private static func usableContact(_ db: GRDB.Database, of transfer: Transfer) throws -> Contact {
        guard let contact = try Contact.fetch(db, id: transfer.contact), contact.state != .removed else {
            throw EngineError.noSuchContact(transfer.peer)
        }
        return try checkUsable(contact)
    }

    /// A new offer of what `old` was to send. It goes as a file of its own, also where that one was inside a message.
    /// - Parameter expiresAt: when it is withdrawn, in Unix seconds.
    static func insertRetry(
        _ db: GRDB.Database, of old: Transfer, _ source: SourceFile, expiresAt: Int64? = nil
    ) throws -> Transfer {
        func fill(_ transfer: inout Transfer, _ old: Transfer) {
            transfer.setSource(source)
            transfer.isSparse = source.isSparse
            transfer.retryOf = old.id
            transfer.expiresAt = expiresAt
            transfer.laneWish = old.laneWish
        }
        guard old.isToGroup || old.parent != nil else {
            let contact = try usableContact(db, of: old)
            return try Transfer.insertOffer(db, to: contact, name: old.name, size: source.size) { fill(&$0, old) }
        }
        guard let whole = try old.isToGroup ? old : Transfer.fetch(db, id: old.parent ?? 0),
            let group = try whole.groupID.flatMap({ try Group.fetch(db, id: $0) })
        else { throw EngineError.noSuchTransfer(old.id) }
        let parts = try old.isToGroup ? repeatable(db, old.members) : [old]
        guard !parts.isEmpty else { throw EngineError.wrongState(old.id, old.state, nobodyLeft) }
        var repeated = Transfer(
            id: try Meta.nextID(db), direction: .send, contact: try group.room(db), isInline: false, name: old.name,
            size: source.size, chunkSize: ChunkPlan.defaultChunkSize, now: unixNow())
        fill(&repeated, whole)
        repeated.groupID = group.id
        try repeated.insert(db)
        for part in parts {
            let member = try usableContact(db, of: part)
            _ = try Transfer.insertOffer(db, to: member, name: old.name, size: source.size, partOf: repeated.id) {
                fill(&$0, part)
            }
        }
        return try Transfer.known(db, id: repeated.id)
    }

    /// Why there is nobody in a group to whom a file could go again.
    static let nobodyLeft = "tried again: each member has it, was offered it again, or is not in the group any more"

    /// The parts that are over otherwise than complete, of members whom the group's messages reach, and that no other repeats
    /// or has repeated.
    private static func repeatable(_ db: GRDB.Database, _ parts: [Transfer]) throws -> [Transfer] {
        try parts.filter { part in
            guard part.isFinished, part.state != .complete,
                try GroupMember.fetch(db, channel: part.contact)?.isActive == true
            else { return false }
            return try Transfer.fetchAll(db, where: "retryOf = ?", [part.id])
                .allSatisfy { $0.isFinished && $0.state != .complete }
        }
    }
}
