/// Which side of a transfer did something.
public enum Party: String, Hashable, Sendable, CaseIterable {
    /// This side.
    case me
    /// The other side.
    case peer
}

/// The code in x.file.cancel.
public enum EndCode: String, Hashable, Sendable, CaseIterable {
    /// A user does not want it any more.
    case cancelled
    /// The recipient does not want it.
    case declined
    /// It cannot be finished; the text says why.
    case failed
}

/// Why a transfer failed.
public enum TransferFailure: Hashable, Sendable {
    /// This chunk came with bytes that do not fit its hash, three times.
    case damagedChunk(UInt64)
    /// More than this many different chunks came damaged.
    case manyDamagedChunks(Int)
    /// All chunks fit their hashes, but together they are not the file that the sender hashed.
    case wrongRoot
    /// The message sequence of the file connection was tampered with; the text says how.
    case messageIntegrity(String)
    /// The other side did what the protocol forbids.
    case violation(String)
    /// The source changed, shrank, vanished or cannot be read.
    case source(String)
    /// The destination cannot be written.
    case destination(String)
    /// The other side's queue does not exist any more.
    case queueGone
    /// Another reason, in the other side's words.
    case other(String)

    /// How often a chunk may come damaged: the transfer fails this time.
    public static let damagedChunkLimit = 3

    /// Whether a hash, ratchet or sequence check failed (exit code 5).
    public var isIntegrity: Bool {
        switch self {
        case .damagedChunk, .manyDamagedChunks, .wrongRoot, .messageIntegrity: true
        case .violation, .source, .destination, .queueGone, .other: false
        }
    }

    /// Reads the reason in an x.file.cancel with code `failed`. The checks that fail a transfer on both sides keep their
    /// meaning on the way, so that both sides exit with the same code; everything else is `other`.
    public init(peerReason text: String) {
        let damaged = Self.damagedChunk(0).description.split(separator: "0", maxSplits: 1)
        if text == Self.wrongRoot.description {
            self = .wrongRoot
        } else if text.hasPrefix(damaged[0]), text.hasSuffix(damaged[1]),
            let chunk = UInt64(text.dropFirst(damaged[0].count).dropLast(damaged[1].count)), chunk > 0
        {
            self = .damagedChunk(chunk)
        } else {
            self = .other(text)
        }
    }
}

extension TransferFailure: CustomStringConvertible {
    /// One lower-case sentence.
    public var description: String {
        switch self {
        case .damagedChunk(let chunk): "chunk \(chunk) came damaged three times"
        case .manyDamagedChunks(let count): "more than \(count) chunks came damaged"
        case .wrongRoot: "the received file is not the one that was sent: its root hash differs"
        case .messageIntegrity(let what): "the message sequence is broken: \(what)"
        case .violation(let what): "the other side broke the protocol: \(what)"
        case .source(let what), .destination(let what), .other(let what): what
        case .queueGone: "the recipient's queue is gone"
        }
    }
}

extension TransferFailure {
    /// The sentence for the other side: where files are here is nobody else's business.
    public var told: String {
        switch self {
        case .source: "the file has changed, or cannot be read any more"
        case .destination: "the file cannot be written any more"
        case .other(let what): what.contains("/") ? "it cannot go on" : what
        case .damagedChunk, .manyDamagedChunks, .wrongRoot, .messageIntegrity, .violation, .queueGone: description
        }
    }
}

/// How a transfer ended.
public enum TransferEnding: Hashable, Sendable {
    /// The recipient has the whole file, synced, under its final name.
    case complete
    /// The recipient did not want it.
    case declined(by: Party, reason: String)
    /// One side ended it.
    case cancelled(by: Party, reason: String)
    /// It could not be finished; `by` is the side that found out.
    case failed(TransferFailure, by: Party)

    /// The word for the user: complete, declined, cancelled, failed.
    public var name: String {
        switch self {
        case .complete: "complete"
        case .declined: "declined"
        case .cancelled: "cancelled"
        case .failed: "failed"
        }
    }

    /// The side that ended it; nil when it is complete.
    public var by: Party? {
        switch self {
        case .complete: nil
        case .declined(let by, _), .cancelled(let by, _), .failed(_, let by): by
        }
    }

    /// The reason given, unescaped (it may come from the other side); nil when there is none.
    public var reason: String? {
        switch self {
        case .complete: nil
        case .declined(_, let reason), .cancelled(_, let reason): reason.isEmpty ? nil : reason
        case .failed(let failure, _): failure.description
        }
    }

    /// What an x.file.cancel with `code` and `reason` from the other side means.
    /// - Parameter accepted: whether the offer was accepted before: a decline then acts as cancel.
    init(peerCode code: EndCode, reason: String, accepted: Bool) {
        switch code {
        case .cancelled: self = .cancelled(by: .peer, reason: reason)
        case .declined:
            self = accepted ? .cancelled(by: .peer, reason: reason) : .declined(by: .peer, reason: reason)
        case .failed: self = .failed(TransferFailure(peerReason: reason), by: .peer)
        }
    }
}
