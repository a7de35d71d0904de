import CLiburing
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

    /// Goes on with what is in the reservation, for a manifest of this SHA-256.
    /// - Throws: `listRefused`, the space and destination cases.
    public init(
        _ reservation: FolderReservation, layout: FolderLayout, manifestHash: [UInt8]
    ) throws(ChunkIOError) {
        self.reservation = reservation
        state = try FolderWriting(reservation, layout: layout, hash: manifestHash)
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
        await withCheckedContinuation { continuation in
            worker.run { [state] in
                state.syncBegins()
                continuation.resume()
            }
        }
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
    /// but the empty directory that kept the name. `mode` and time of `attributes` are the folder's own.
    public func finish(_ attributes: FileAttributes, size: Int64?) async throws(ChunkIOError) -> FinishedFile {
        let result: Result<FileName, ChunkIOError> = await withCheckedContinuation { continuation in
            worker.run { [state] in continuation.resume(returning: state.finish(attributes)) }
        }
        let directory = reservation.directory
        let name = try result.get()
        try await directory.file.sync(dataOnly: false)
        return FinishedFile(path: directory.path(of: name), hasOtherName: name != reservation.record.finalName)
    }

    /// What did not come as it was; once the folder is complete.
    public func report() async -> FolderReport {
        await withCheckedContinuation { continuation in
            worker.run { [state] in continuation.resume(returning: state.report) }
        }
    }
}
