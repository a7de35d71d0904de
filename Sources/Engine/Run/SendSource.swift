import ChatProtocol
import ChunkIO
import SystemPackage
import TransferCore

/// What a sender reads from: a file, a folder, or what came through a pipe.
struct SendSource: Sendable {
    let reader: any ChunkSource
    /// The same, if it is a folder.
    var folder: FolderReader?
    /// Of a folder: what its chunks were.
    var hashes: ChunkHashes?
    /// The same, if it comes through a pipe.
    var spool: SpoolReader?

    /// Opens it, or joins others that read it; a file has to be what was offered.
    init(_ transfer: Transfer, _ context: RunContext) throws(ChunkIOError) {
        let shared = try context.sources.reader(of: Self.key(transfer)) { () throws(ChunkIOError) in
            try Self.open(transfer, context.profile)
        }
        reader = shared
        folder = shared.source as? FolderReader
        spool = shared.source as? SpoolReader
        // Each has a root of its own, also where several read the same.
        hashes = transfer.folder == nil ? nil : try ChunkHashes(opening: context.profile.hashesPath(transfer.id))
    }

    /// What is the same for all transfers that read the same, cut into the same chunks.
    private static func key(_ transfer: Transfer) -> String {
        if transfer.folder != nil || transfer.stream != nil { return "\(transfer.source)" }
        return "\(transfer.chunkSize) \(transfer.sourceIdentity ?? "") \(transfer.path ?? "")"
    }

    private static func open(_ transfer: Transfer, _ profile: Profile) throws(ChunkIOError) -> any ChunkSource {
        let source = transfer.source
        if let facts = transfer.folder {
            return try FolderReader(
                manifest: profile.manifestPath(source), verdicts: profile.verdictsPath(source), layout: facts.layout,
                sources: facts.folderSources)
        }
        if transfer.stream != nil {
            return try SpoolReader(opening: profile.streamPath(source)) {
                guard case .whole(let size) = (try? profile.transfer(id: source))??.stream else { return nil }
                return size
            }
        }
        let expected = try transfer.sourceIdentity.map { text throws(ChunkIOError) in try SourceIdentity(text: text) }
        return try ChunkReader(opening: FilePath(transfer.path ?? ""), expecting: expected)
    }
}

extension SendRunner {
    /// Waits until the chunk can be read; gives its place when the end of the source is known, nil if it has none then.
    func waitForSource(_ place: ChunkPlace) async throws(ChunkIOError) -> ChunkPlace? {
        switch try await source.reader.wait(for: Int64(place.offset) + Int64(place.length)) {
        case .ready: return place
        case .interrupted:
            _ = machine.handle(.returned(place.number))
            return nil
        case .ended(let size):
            await apply(machine.handle(.sourceEnded(size: size)))
            return machine.plan.place(of: place.number)
        }
    }

    /// A chunk of a folder that is read once more has to be what it was: its first hash is in the root.
    func check(_ place: ChunkPlace, _ hash: [UInt8]) async throws(ChunkIOError) {
        guard let folder = source.folder, let hashes = source.hashes, try !hashes.agrees(place.number, hash) else {
            return
        }
        throw .partChanged(await folder.firstFailure(in: place.offset..<place.offset + UInt64(place.length)))
    }

    /// What the recipient has, and every other member of a group, is not kept; and only what the stored checkpoint has chained.
    func releaseSource(_ want: Want) {
        guard let spool = source.spool, let first = want.ranges.first, first > 1, !isOver else { return }
        let offset = Int64(clamping: min(first - 1, machine.chain.count) * UInt64(machine.plan.chunkSize))
        spool.release(before: context.sources.releasable(of: transfer, before: offset, context.profile))
    }

    /// Files of a folder that did not go as they were offered.
    func storeReport() async {
        guard let folder = source.folder, let (missing, first) = try? await folder.failures(atMost: 100) else { return }
        let notes = first.map { "\(String(decoding: $0.path, as: UTF8.self)) is missing there: it was \($0.reason)" }
        let (id, files) = (transfer.id, transfer.folder?.totals.files ?? 0)
        _ = try? context.profile.write { db in
            try Folder.setDone(db, transfer: id, files - min(files, missing))
            try Folder.setReport(db, transfer: id, missing: missing, notes: notes)
        }
    }
}
