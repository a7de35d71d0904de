import AgentLink
import ChatProtocol
import ChunkIO
import Database
import GRDB
import Glibc
import Logging
import Primitives
import SystemPackage
public import TransferCore

/// The whole list of a folder, fetched before the offer is accepted: the recipient asks for a few chunks of the manifest on
/// the contact's connection, takes them, and asks for the next. The sender keeps nothing of that.
enum ManifestRequest {
    /// The size of each chunk but the last, in bytes.
    static let chunkSize: UInt64 = 16_384
    /// So many chunks answer one request at the most.
    static let batch: UInt64 = 64

    /// The bytes of chunk `number`, from 1, of a manifest; nil if it has none.
    static func range(of number: UInt64, in length: UInt64) -> Range<UInt64>? {
        guard number >= 1, number <= length / chunkSize + 1 else { return nil }
        let start = (number - 1) * chunkSize
        return start < length ? start..<min(start + chunkSize, length) : nil
    }
}

extension Profile {
    /// Asks for the whole list of a folder that is offered; the engine fetches it.
    /// - Throws: `noSuchTransfer`, `wrongState`.
    public func requestList(_ id: Int64) throws(EngineError) {
        try makeSpool()
        try write { db in
            let transfer = try Transfer.known(db, id: id)
            guard transfer.direction == .receive, transfer.folder != nil else {
                throw EngineError.usage("transfer \(id) is no folder that comes in")
            }
            guard transfer.state == .offered else { throw EngineError.wrongState(id, transfer.state, "listed") }
            try db.execute(sql: "UPDATE folders SET listWanted = 1 WHERE transfer = ?", arguments: [id])
        }
    }

    /// Whether the whole list of a folder that is offered is here.
    public func hasWholeList(_ id: Int64) throws(EngineError) -> Bool {
        let wanted = try read { db in
            try Int.fetchOne(db, sql: "SELECT listWanted FROM folders WHERE transfer = ?", arguments: [id])
        }
        return wanted == 2
    }

    /// All entries of a folder that is offered, once its list is here.
    public func forEachEntry(transfer id: Int64, _ body: (ManifestEntry) -> Void) throws(EngineError) {
        guard let folder = try transfer(id: id)?.folder else { throw .noSuchTransfer(id) }
        do {
            try FolderScan.read(manifestPath(id), length: folder.layout.manifest, visit: body)
        } catch {
            throw .system("\(error)")
        }
    }

    /// Bytes of the list that are here.
    func listSize(_ id: Int64) -> UInt64 {
        var status = stat()
        guard lstat(manifestPath(id).string, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return 0 }
        return UInt64(max(status.st_size, 0))
    }

    fileprivate func wantedLists() throws(EngineError) -> [Transfer] {
        try read { db in
            try Transfer.fetchAll(
                db, where: "direction = 'receive' AND transfers.state = 'offered' AND folders.listWanted = 1")
        }
    }
}

extension Engine {
    // MARK: - The recipient

    /// Asks for the lists that somebody wants to see; once in each run, and after each answer.
    func askForLists() async {
        for transfer in (try? profile.wantedLists()) ?? [] where listsAsked[transfer.id] == nil {
            await askForList(transfer)
        }
    }

    private func askForList(_ transfer: Transfer) async {
        guard let folder = transfer.folder, let ref = transfer.offerRef, let contact = contactConnection(transfer),
            (try? profile.read({ db in try AgentStore.state(db, contact) })) == .connected
        else { return }
        let size = profile.listSize(transfer.id)
        // A run that was killed may have had all of it, and not looked at it.
        guard size < folder.layout.manifest else { return await check(transfer, folder) }
        let first = size / ManifestRequest.chunkSize + 1
        var ranges = ChunkRanges()
        ranges.insert(first...UInt64.max)
        let words = ChatText.want(Want(number: UInt64(max(ref, 0)), seen: 0, ranges: ranges))
        do {
            try await link.send(words, on: contact)
            listsAsked[transfer.id] = first
        } catch {
            logger.debug("the list of transfer \(transfer.id) was not asked for: \(error)")
        }
    }

    /// A chunk of a list, if it is the next.
    func takeList(_ chunk: IncomingChunk, _ body: [UInt8], from contact: Contact) async {
        let found = try? profile.read { db in
            try Transfer.fetchAll(
                db, where: "contact = ? AND direction = 'receive' AND inline = 0 AND offerRef = ?",
                [contact.id, chunk.ref]
            ).first
        }
        guard let transfer = found ?? nil, let folder = transfer.folder, transfer.state == .offered,
            let first = listsAsked[transfer.id]
        else { return }
        let size = profile.listSize(transfer.id)
        let bytes = body[chunk.body]
        guard let range = ManifestRequest.range(of: chunk.number, in: folder.layout.manifest), range.lowerBound == size,
            range.count == bytes.count, SHA256.hash(bytes) == chunk.hash
        else { return }
        do {
            try FolderScan.append(bytes, to: profile.manifestPath(transfer.id), at: size)
        } catch {
            return logger.error("the list of transfer \(transfer.id) cannot be stored: \(error)")
        }
        if range.upperBound == folder.layout.manifest { return await check(transfer, folder) }
        if chunk.number + 1 == first + ManifestRequest.batch { await askForList(transfer) }
    }

    private func check(_ transfer: Transfer, _ folder: Folder) async {
        let path = profile.manifestPath(transfer.id)
        do {
            try FolderScan.check(path, length: folder.layout.manifest, hash: folder.hash)
            attempt("noting that a list is here") { db in
                try db.execute(
                    sql: "UPDATE folders SET listWanted = 2 WHERE transfer = ?", arguments: [transfer.id])
            }
            changed.yield()
            broadcast.tell(.changed)
        } catch {
            unlink(path.string)
            await fail(transfer.id, "\(error)", .integrity)
        }
    }

    // MARK: - The sender

    /// The recipient of an offer wants to see its list.
    func sendList(_ want: Want, to contact: Contact) async {
        let found = try? profile.read { db in
            try Transfer.fetchAll(
                db, where: "contact = ? AND direction = 'send' AND offerRef = ?",
                [contact.id, Int64(clamping: want.number)]
            ).first
        }
        guard let transfer = found ?? nil, let folder = transfer.folder, !transfer.state.isEnded,
            let connection = contact.connection, let first = want.ranges.first, let ref = transfer.offerRef
        else { return }
        // Who asks for more has what was sent before: nobody fills this disk by asking.
        let unsent = try? profile.read { db in try AgentStore.unsentCount(db, connection) }
        guard (unsent ?? 0) < Int(ManifestRequest.batch) else { return }
        for number in first..<(first &+ ManifestRequest.batch) {
            guard !isStopping, let range = ManifestRequest.range(of: number, in: folder.layout.manifest) else { return }
            do {
                let bytes = try FolderScan.bytes(range, of: profile.manifestPath(transfer.source))
                let header = ChatText.chunkHeader(
                    ref: ref, number: number, length: bytes.count, hash: SHA256.hash(bytes))
                try await link.send(header + bytes, on: connection)
            } catch {
                return logger.debug("the list of transfer \(transfer.id) was not sent: \(error)")
            }
        }
    }
}
