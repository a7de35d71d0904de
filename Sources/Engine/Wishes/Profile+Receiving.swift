import AgentLink
import ChatProtocol
import ChunkIO
import Database
import GRDB
import SystemPackage
import TransferCore

extension Profile {
    /// Checks that all of these can be accepted now, before the first is.
    ///
    /// Those that are accepted, active or complete already are left as they are: waiting for them goes on.
    /// - Throws: `noSuchTransfer`, `wrongState`.
    public func checkAcceptable(_ ids: [Int64]) throws(EngineError) {
        try read { db in
            for id in ids { try Self.checkAcceptable(try Transfer.known(db, id: id)) }
        }
    }

    /// Accepts an offer: reserves the destination, then records the acceptance, which the engine sends. An inline file, which
    /// is here already, is moved out at once.
    ///
    /// Repeated, it gives the transfer as it is.
    /// - Parameters:
    ///   - output: an existing directory, or an exact path whose parent exists; nil is `~/Downloads`.
    ///   - requiresDirectory: several transfers are accepted into `output`.
    ///   - mayBeExecutable: whether the offer was shown with its execute bits.
    /// - Throws: `noSuchTransfer`, `wrongState`, `destination`.
    @discardableResult
    public func requestAccept(
        _ id: Int64, into output: String? = nil, requiresDirectory: Bool = false, mayBeExecutable: Bool = false
    ) async throws(EngineError) -> Transfer {
        let transfer = try read { db in try Transfer.known(db, id: id) }
        try Self.checkAcceptable(transfer)
        guard transfer.state == .offered || transfer.isWaitingInInbox else { return transfer }
        if transfer.state == .offered, let end = transfer.expiresAt, unixNow() >= end {
            throw .wrongState(id, .cancelled, "accepted: the offer was not accepted in time")
        }
        if output == Self.standardOutput { return try await acceptForOutput(transfer) }
        if transfer.folder != nil {
            return try await acceptFolder(transfer, into: output, requiresDirectory, mayBeExecutable)
        }
        let reservation: Reservation
        do {
            let destination = try Self.destination(output, requiresDirectory)
            if let size = transfer.size { try destination.requireSpace(for: Int64(clamping: size)) }
            reservation = try destination.reserve(FileName(sanitizing: transfer.name))
        } catch {
            throw .destination("\(error)")
        }
        do {
            if transfer.isInline { return try await moveOut(transfer, to: reservation, mayBeExecutable) }
            return try recordAcceptance(
                of: id, reservation.record.text, reservation.record.finalPath, mayBeExecutable)
        } catch {
            try? await reservation.discard()
            throw error as? EngineError ?? EngineError(any: error, database: database)
        }
    }

    /// What `-o` says for standard output.
    public static let standardOutput = "-"

    /// The file grows in the profile; the command that accepts it copies it on.
    private func acceptForOutput(_ transfer: Transfer) async throws(EngineError) -> Transfer {
        guard transfer.folder == nil else { throw .usage("a folder cannot go to standard output: give a directory") }
        try makeDirectory(output)
        return try await requestAccept(transfer.id, into: output.string, requiresDirectory: true)
    }

    private static func destination(
        _ output: String?, _ requiresDirectory: Bool
    ) throws(ChunkIOError) -> Destination {
        guard let output else { return try Destination.downloads() }
        return try Destination(output: output, requiresDirectory: requiresDirectory)
    }

    private func acceptFolder(
        _ transfer: Transfer, into output: String?, _ requiresDirectory: Bool, _ mayBeExecutable: Bool
    ) async throws(EngineError) -> Transfer {
        let record: FolderRecord
        do {
            let destination = try Self.destination(output, requiresDirectory)
            if let size = transfer.size { try destination.requireSpace(for: Int64(clamping: size)) }
            if let totals = transfer.folder?.totals { try destination.requireEntries(totals.entries) }
            record = try destination.reserveFolder(FileName(sanitizing: transfer.name)).record
        } catch {
            throw .destination("\(error)")
        }
        do throws(EngineError) {
            return try recordAcceptance(of: transfer.id, record.text, record.finalPath, mayBeExecutable)
        } catch {
            try? await FolderReservation.discard(record)
            throw error
        }
    }

    private static func checkAcceptable(_ transfer: Transfer) throws(EngineError) {
        guard transfer.direction == .receive else {
            throw .usage("transfer \(transfer.id) is going out: \(transfer.peer) accepts it, or not")
        }
        switch transfer.state {
        case .offered, .accepted, .active, .complete: break
        case .sent, .declined, .cancelled, .failed: throw .wrongState(transfer.id, transfer.state, "accepted")
        }
    }

    private func recordAcceptance(
        of id: Int64, _ record: String, _ path: FilePath, _ mayBeExecutable: Bool
    ) throws(EngineError) -> Transfer {
        try write { db in
            var transfer = try Transfer.known(db, id: id)
            // Another command, or the sender, was faster.
            guard transfer.state == .offered, let invitation = transfer.invitation else {
                throw EngineError.wrongState(id, transfer.state, "accepted")
            }
            transfer.connection = try AgentStore.insertJoiner(
                db, kind: .file, link: invitation, info: ChatText.acceptance(name: transfer.name), now: unixNow())
            transfer.state = .accepted
            transfer.isPaused = false
            transfer.waiting = .peer
            transfer.destination = record
            transfer.path = path.string
            if !mayBeExecutable, transfer.folder != nil {
                try db.execute(sql: "UPDATE folders SET mayExecute = 0 WHERE transfer = ?", arguments: [id])
            } else if !mayBeExecutable {
                transfer.mode = transfer.mode.map { $0 & 0o666 }
            }
            try transfer.update(db, now: unixNow())
            return transfer
        }
    }

    /// Writes an inline file, which is complete in the profile, to its destination.
    private func moveOut(
        _ transfer: Transfer, to reservation: Reservation, _ mayBeExecutable: Bool
    ) async throws -> Transfer {
        let bytes = try read { db in try InlineContent.whole(db, transfer: transfer.id) }
        if !bytes.isEmpty { _ = try await reservation.writer().write(bytes, at: 0, expecting: nil) }
        let attributes = FileAttributes(
            mode: transfer.mode, mayBeExecutable: mayBeExecutable, modificationTimeInSeconds: transfer.modifiedAt)
        let file: FinishedFile
        do { file = try await reservation.finish(attributes, size: Int64(bytes.count)) } catch {
            throw EngineError.destination("\(error)")
        }
        return try write { db in
            var stored = try Transfer.known(db, id: transfer.id)
            stored.path = file.path.string
            stored.isHookDue = true
            try InlineContent.removeAll(db, transfer: transfer.id)
            try stored.update(db, now: unixNow())
            return stored
        }
    }
}

extension InlineContent {
    /// All bytes of an inline file that is here.
    static func whole(_ db: GRDB.Database, transfer: Int64) throws -> [UInt8] {
        let rows = try Row.fetchAll(
            db, sql: "SELECT body FROM parts WHERE transfer = ? AND number > 0 ORDER BY number", arguments: [transfer])
        return rows.reduce(into: []) { $0 += $1.bytes("body") ?? [] }
    }
}
