import AgentLink
import ChunkIO
import Database
import GRDB
import Glibc
public import SystemPackage
import TransferCore

/// What comes through a pipe and is to be sent.
enum SourceStream: Equatable, Sendable {
    /// More may come.
    case coming
    /// All of it is in the spool: so many bytes.
    case whole(UInt64)

    private static let mark = "stream"

    /// Reads what a row says of its source; nil if that is a file.
    init?(_ text: String?) {
        guard let text, text.hasPrefix(Self.mark) else { return nil }
        self = UInt64(text.dropFirst(Self.mark.count + 1)).map { .whole($0) } ?? .coming
    }

    var text: String {
        switch self {
        case .coming: Self.mark
        case .whole(let size): "\(Self.mark):\(size)"
        }
    }
}

extension Transfer {
    /// Whether it comes through a pipe; nil for files and folders.
    var stream: SourceStream? { direction == .send ? SourceStream(sourceIdentity) : nil }
}

/// Standard input on its way into the profile. While it lives, the transfer knows that more may come.
public final class StreamInput: Sendable {
    /// The transfer.
    public let transfer: Int64
    private let profile: Profile
    private let writer: SpoolWriter

    /// The most that is kept while a direct connection takes it away.
    static let directLimit: UInt64 = 1 << 30

    init(_ transfer: Int64, _ profile: Profile, _ writer: SpoolWriter) {
        self.transfer = transfer
        self.profile = profile
        self.writer = writer
    }

    /// Copies everything from `descriptor`, in this thread, until its end.
    /// - Parameter isBounded: whether a producer that is faster than the direct lane has to wait.
    /// - Throws: `unreadable`.
    public func copy(from descriptor: Int32, isBounded: Bool) throws(EngineError) {
        let total: UInt64
        do {
            total = try writer.copy(from: descriptor) { () throws(ChunkIOError) in
                guard let row = try? profile.transfer(id: transfer) else { return nil }
                // What was cancelled or declined is not kept any longer.
                if row.state.isEnded { throw .inputForgotten }
                // Who takes it some other time, or by the relay, has to find all of it.
                let takers = row.isToGroup ? row.members.filter { !$0.state.isEnded } : [row]
                let isTakenAway = !takers.isEmpty && takers.allSatisfy { $0.lane == "direct" }
                return isBounded && isTakenAway ? Self.directLimit : nil
            }
        } catch {
            throw .unreadable("standard input", "\(error)")
        }
        let id = transfer
        try profile.write { db in
            try db.execute(
                sql: "UPDATE transfers SET sourceIdentity = ? WHERE id = ? OR parent = ?",
                arguments: [SourceStream.whole(total).text, id, id])
        }
    }
}

extension Profile {
    /// Why a transfer fails whose input ended in the middle.
    static let cutOff = ChunkIOError.inputCutOff.description

    func streamPath(_ id: Int64) -> FilePath { spool.appending("\(id).data") }

    /// Records that what comes through a pipe is to be sent, under the name of `request`.
    /// - Throws: `noSuchContact`, `contactFailed`, `usage`, `system`.
    public func requestStream(_ request: SendRequest) throws(EngineError) -> StreamInput {
        let name = request.name ?? "stdin"
        if name.isEmpty || name.utf8.count > 255 || name.utf8.contains(0) { throw .usage("a name has 1 to 255 bytes") }
        if request.isInline == true { throw .usage("--inline is for a single small file") }
        try checkLane(request.lane)
        try makeSpool()
        let path = spool.appending("new-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).data")
        let writer: SpoolWriter
        do { writer = try SpoolWriter(creating: path) } catch { throw .system("\(error)") }
        do {
            let id = try write { db in
                let recipient = try Recipient(db, request.contact)
                let message = try recipient.insertText(db, request.text)
                let transfer = try recipient.insertOffer(db, name: name, size: nil) { transfer in
                    transfer.sourceIdentity = SourceStream.coming.text
                    transfer.message = message
                    transfer.laneWish = request.lane
                    transfer.expiresAt = request.expiresAt
                }
                guard Glibc.rename(path.string, self.streamPath(transfer.id).string) == 0 else {
                    throw EngineError.system("\(path) cannot be renamed: \(Errno(rawValue: errno))")
                }
                return transfer.id
            }
            return StreamInput(id, self, writer)
        } catch {
            unlink(path.string)
            throw error
        }
    }

    /// Whether whoever brought the input of a stream is gone before its end.
    func isCutOff(_ transfer: Transfer) -> Bool {
        guard transfer.stream == .coming, !transfer.state.isEnded else { return false }
        // In this order: at the end the row is written before the lock is let go.
        guard !SpoolWriter.isHeld(streamPath(transfer.source)), let row = try? self.transfer(id: transfer.id) else {
            return false
        }
        return row.stream == .coming
    }
}

/// What is received for standard output: it grows in the profile, from where the command that accepted it copies it.
public struct PipedState: Sendable {
    /// The file with the bytes.
    public var path: FilePath
    /// So many of them, from the start, are there and checked.
    public var bytesInOrder: UInt64
    /// Whether that is all.
    public var isComplete: Bool
    /// Whether nothing more comes, as it failed or was cancelled.
    public var isEnded: Bool
}

extension Profile {
    /// Whether it was accepted for standard output.
    public func isPiped(_ transfer: Transfer) -> Bool {
        guard transfer.direction == .receive, let path = transfer.path else { return false }
        return FilePath(path).removingLastComponent() == outputOnDisk
    }

    /// Where files grow that go to standard output.
    var output: FilePath { directory.appending("output") }

    /// The same by its real path, as reservations name it.
    private var outputOnDisk: FilePath {
        guard let real = realpath(output.string, nil) else { return output }
        defer { free(real) }
        return FilePath(platformString: real)
    }

    /// How far what was accepted for standard output is; nil if it was not.
    public func piped(_ id: Int64) throws(EngineError) -> PipedState? {
        guard let transfer = try transfer(id: id), isPiped(transfer), let path = transfer.path else { return nil }
        if transfer.state == .complete {
            return PipedState(
                path: FilePath(path), bytesInOrder: transfer.size ?? transfer.transferred, isComplete: true,
                isEnded: true)
        }
        guard let record = try? ReservationRecord(text: transfer.destination ?? "") else { return nil }
        var bytes: UInt64 = 0
        if let checkpoint = transfer.checkpoint,
            let plan = try? ChunkPlan(size: transfer.size, chunkSize: transfer.chunkSize),
            let machine = try? ReceivingMachine(
                plan: plan, checkpoint: checkpoint, sameBoot: transfer.bootID == Self.bootID())
        {
            bytes = machine.bytesInOrder
        }
        return PipedState(
            path: record.partialPath, bytesInOrder: bytes, isComplete: false, isEnded: transfer.state.isEnded)
    }

    /// All of it was written to standard output: the profile keeps nothing.
    public func forgetPiped(_ id: Int64) throws(EngineError) {
        guard let transfer = try transfer(id: id), isPiped(transfer), let path = transfer.path else { return }
        unlink(path)
        try write { db in try db.execute(sql: "UPDATE transfers SET path = '-' WHERE id = ?", arguments: [id]) }
    }
}
