import ChunkIO
import Logging
import SystemPackage
import TransferCore

/// What the recipient does with the disk but for the chunks themselves: syncing, the final name, an orderly exit.
extension ReceiveRunner {
    /// Syncs beside the chunks, which go on meanwhile.
    func sync() {
        guard case .partial(_, let writer) = place else { return }
        isOnDisk = true
        syncing = Task { [inbox] in
            do throws(ChunkIOError) {
                try await writer.sync()
                inbox.yield(.synced(nil))
            } catch {
                inbox.yield(.synced(error))
            }
        }
    }

    func synced(_ failure: ChunkIOError?) async {
        isOnDisk = false
        if let failure {
            await apply(machine.handle(.failed(.destination("\(failure)"))))
        } else {
            await apply(machine.handle(.synced))
        }
        if isLeaving { await leaveOnceWritten() }
    }

    func finish(_ mark: DoneMark) async {
        guard case .partial(let reservation, _) = place else { return }
        isOnDisk = true
        defer { isOnDisk = false }
        let attributes = FileAttributes(
            mode: transfer.mode, mayBeExecutable: transfer.folder?.mayExecute ?? true,
            modificationTimeInSeconds: transfer.modifiedAt, isSparse: transfer.isSparse)
        do {
            let file = try await reservation.finish(attributes, size: Int64(clamping: mark.size))
            finalPath = file.path.string
            await storeReport()
            isWithoutSpace = false
            await apply(machine.handle(.finished))
        } catch {
            guard error.category == .space else {
                return await apply(machine.handle(.failed(TransferFailure(error))))
            }
            isWithoutSpace = true
            await apply(machine.handle(.finishPaused))
            await store()
        }
    }

    /// What of a folder did not come as it was.
    private func storeReport() async {
        guard let folder = place.folder else { return }
        // Where it could not be stored, it is in the hidden directory.
        if store(await folder.report()) { await folder.clear() }
    }

    @discardableResult
    func store(_ report: FolderReport) -> Bool {
        let (id, files) = (transfer.id, transfer.folder?.totals.files ?? 0)
        do throws(EngineError) {
            try context.profile.write { db in
                try Folder.setDone(db, transfer: id, files - min(files, report.missing))
                try Folder.setReport(db, transfer: id, missing: report.missing, notes: report.notes)
            }
            return true
        } catch {
            context.logger.error("the report of transfer \(id) could not be stored: \(error)")
            return false
        }
    }

    func leaveOnceWritten() async {
        guard machine.chunksBeingWritten == 0 && !isOnDisk || isOver else { return }
        if !isOver { await leave() }
        isOver = true
    }

    /// An orderly exit: what is written gets synced. That nothing is lost is true once the link has stored what it holds.
    func leave() async {
        let actions = machine.handle(.leaving)
        if actions.contains(.sync), case .partial(_, let writer) = place {
            isOnDisk = true
            defer { isOnDisk = false }
            do {
                try await writer.sync()
                _ = machine.handle(.synced)
            } catch {
                context.logger.warning("the partial file could not be synced: \(error)")
                return
            }
        }
        isSynced = true
        await store()
    }
}
