import CLiburing
import Glibc
import Guarding
import Primitives
public import TransferCore

/// What did not come as it was, told when a folder is complete.
public struct FolderReport: Sendable, Equatable {
    /// Files that are not there, as their sender could not read them as they were offered.
    public var missing: UInt64 = 0
    /// The first of them, links that the file system has no place for, and what has another name; in words.
    public var notes: [String] = []

    /// So many are named.
    static let noteLimit = 100

    /// Nothing to tell.
    public init() {}

    /// What `write` left in a hidden directory; nil if there is nothing.
    init?(in partial: Handle) {
        guard case .success(let file) = partial.open(FolderReservation.reportName.bytes, flags: O_RDONLY),
            case .success(let status) = file.status(), status.size <= Self.longest,
            let bytes = try? file.read(Int(status.size), at: 0)
        else { return nil }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard let first = lines.first, let count = UInt64(String(decoding: first, as: UTF8.self)) else { return nil }
        missing = count
        notes = lines.dropFirst().dropLast().compactMap { line in
            unescaped(Substring(decoding: line, as: UTF8.self)).map { String(decoding: $0, as: UTF8.self) }
        }
    }

    /// Keeps it beside the folder, so that it outlives a crash between the folder's new name and its row.
    func write(to file: Handle) throws(ChunkIOError) {
        let lines = ["\(missing)"] + notes.map { escaped(Array($0.utf8)) }
        try file.write(Array((lines.joined(separator: "\n") + "\n").utf8), at: 0)
    }

    private static let longest: Int64 = 4 << 20
}

/// Takes in the stream of a folder, in any order, on a thread of its own.
///
/// Until the manifest is whole, chunks wait in a file of their own; then everything that the manifest names is made, and
/// from then on chunks go to where they belong. A crash before that begins the folder anew.
public final class FolderWriter: ChunkSink, ChunkDestination {
    /// The reservation.
    public let reservation: FolderReservation
    /// Whether nothing is there: what an earlier run wrote before the manifest was whole is gone.
    public let isFresh: Bool
    private let state: FolderWriting
    private let worker = WorkerThread(named: "sxfile-folder")
    private let syncs = WorkerThread(named: "sxfile-sync")
    private let syncFailure = Guarded<ChunkIOError?>(nil)

    /// Goes on with what is in the reservation, for a manifest of this SHA-256, which has to say what the offer said.
    /// - Throws: `listRefused`, the space and destination cases.
    public init(
        _ reservation: FolderReservation, layout: FolderLayout, manifestHash: [UInt8], totals: ManifestTotals? = nil
    ) throws(ChunkIOError) {
        self.reservation = reservation
        state = try FolderWriting(reservation, layout: layout, hash: manifestHash, totals: totals)
        isFresh = state.isListing
    }

    deinit {
        worker.stop()
        syncs.stop()
    }

    // MARK: - Chunks

    /// Checks the bytes and puts them into the files where they belong.
    public func write(
        _ bytes: [UInt8], at offset: Int64, expecting expected: [UInt8]?
    ) async throws(ChunkIOError) -> WriteOutcome {
        let result: Result<WriteOutcome, ChunkIOError> = await withCheckedContinuation { continuation in
            worker.run { [state] in
                continuation.resume(returning: bytes.withUnsafeBytes { state.write($0, at: offset, expected) })
            }
        }
        return try result.get()
    }

    /// The same from a lent buffer; `completion` is called on the writer's thread.
    public func write(
        _ buffer: ChunkBuffer, at offset: Int64, expecting expected: [UInt8],
        completion: @escaping @Sendable (Result<WriteOutcome, ChunkIOError>) -> Void
    ) {
        worker.run { [state] in
            completion(buffer.withUnsafeBytes { state.write($0, at: offset, expected) })
        }
    }

    /// How many files end at or before the byte `offset` of the stream.
    public func filesDone(before offset: UInt64) async -> UInt64 {
        await withCheckedContinuation { continuation in
            worker.run { [state] in continuation.resume(returning: state.filesDone(before: offset)) }
        }
    }

    // MARK: - Syncing and the end

    /// Bytes that this user may still write.
    public func availableBytes() throws(ChunkIOError) -> Int64 { try reservation.directory.availableBytes() }

    /// One sync of the file system for all files. After a failure every later one fails too.
    public func sync() async throws(ChunkIOError) {
        if let failure = syncFailure.withLock({ $0 }) { throw failure }
        // What was handed over before is written first.
        await withCheckedContinuation { continuation in worker.run { continuation.resume() } }
        let partial = reservation.partial
        let code: CInt = await withCheckedContinuation { continuation in
            syncs.run { continuation.resume(returning: -sxfile_sync_file_system(partial.descriptor)) }
        }
        guard code != 0 else { return }
        let failure = partial.failure(code, "sync")
        syncFailure.withLock { $0 = failure }
        throw failure
    }

    /// Gives everything its mode and time, makes the links, syncs, and puts the folder under its name; never over anything
    /// but the empty directory that kept the name. The hidden directory stays until `clear`. `mode` and time of `attributes` are the folder's own.
    public func finish(_ attributes: FileAttributes, size: Int64?) async throws(ChunkIOError) -> FinishedFile {
        let result: Result<FileName, ChunkIOError> = await withCheckedContinuation { continuation in
            worker.run { [state] in continuation.resume(returning: state.finish(attributes)) }
        }
        let directory = reservation.directory
        let name = try result.get()
        try await directory.file.sync(dataOnly: false)
        return FinishedFile(path: directory.path(of: name), hasOtherName: name != reservation.record.finalName)
    }

    /// Removes the hidden directory: what `report` says is stored elsewhere.
    public func clear() async {
        await withCheckedContinuation { continuation in
            worker.run { [reservation] in
                try? FolderReservation.clear(reservation.record)
                continuation.resume()
            }
        }
    }

    /// What did not come as it was; once the folder is complete.
    public func report() async -> FolderReport {
        await withCheckedContinuation { continuation in
            worker.run { [state] in continuation.resume(returning: state.report) }
        }
    }
}
