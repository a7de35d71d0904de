public import SMPProtocol

/// The row of a connection in the profile's database.
public struct ConnectionID: RawRepresentable, Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The row id.
    public let rawValue: Int64
    /// From a row id.
    public init(rawValue: Int64) { self.rawValue = rawValue }
    /// The row id as text.
    public var description: String { "\(rawValue)" }
    /// By age.
    public static func < (left: ConnectionID, right: ConnectionID) -> Bool { left.rawValue < right.rawValue }
}

/// What a connection is for; subscriptions start in this order.
public enum ConnectionKind: String, Sendable, CaseIterable {
    /// A contact's connection.
    case contact
    /// A connection between two members of a group.
    case group
    /// The connection of one x.file transfer.
    case file
}

/// Where the making of a connection stands. Persisted: a connection goes on from here after a crash.
public enum ConnectionState: String, Sendable {
    /// Initiator: the queue is to be made. → offered
    case creating
    /// Initiator: the link can be given away. → confirmed
    case offered
    /// Initiator: the joiner's confirmation is here and waits for `allow`. → allowing
    case confirmed
    /// Initiator: allowed; the joiner's queue is to be secured and our confirmation sent. → connected
    case allowing
    /// Joiner: the link's queue is to be secured, ours made, our confirmation sent. → joined
    case joining
    /// Joiner: our confirmation is with the relay. → connected
    case joined
    /// Slow flow only: confirmations are exchanged, the peer's HELLO is awaited. → connected
    case greeting
    /// Messages flow both ways.
    case connected
    /// The queue is to be deleted at its relay, then the row.
    case deleting
    /// Ended for good; the row says why.
    case failed
}

/// How a message stands in the peer's sequence (numbers and a hash chain, protected by the ratchet).
public enum Integrity: Equatable, Sendable {
    /// The next number and the right hash of the one before.
    case ok
    /// The numbers in between never came (until now).
    case skipped(ClosedRange<Int64>)
    /// A number known as missing came late.
    case late
    /// A number that was used before with other bytes.
    case badID(expected: Int64, got: Int64)
    /// The hash of the message before does not fit.
    case badHash
}

/// A bulk message (part of a file's chunk stream) handed over and not yet acknowledged to the relay.
public struct BulkToken: Hashable, Sendable {
    let connection: ConnectionID
    let serial: UInt64
}

/// What the link tells the engine. Hints: the database is the truth, and what still counts is told again after a start.
public enum AgentEvent: Sendable {
    /// The invitation link of an initiator's connection exists (state offered).
    case linkReady(ConnectionID, link: String)
    /// A joiner confirmed with `info`; answer with `allow` or `delete` (state confirmed; told again at each start).
    case confirmation(ConnectionID, info: [UInt8])
    /// Messages flow; `info` is the peer's connection information.
    case connected(ConnectionID, info: [UInt8])
    /// A whole message, stored as row `inbound` and acknowledged to the relay. Told again at each start until the engine
    /// deletes that row, in the transaction that handles it: `AgentStore.deleteInbound`.
    case message(ConnectionID, inbound: Int64, messageID: Int64, integrity: Integrity, body: [UInt8])
    /// A whole bulk message, in memory only: `acknowledge` it once its bytes are safe. `ids` are its segments' numbers.
    case bulk(ConnectionID, ids: ClosedRange<Int64>, integrity: Integrity, body: [UInt8], BulkToken)
    /// Numbers are missing, or one came late, on a bulk message that is not whole yet.
    case gap(ConnectionID, Integrity)
    /// A message that the ratchet cannot decrypt; it is gone.
    case undecryptable(ConnectionID)
    /// Somebody asks at our contact address to be connected by `link`.
    case contactRequest(ConnectionID, link: String, info: [UInt8])
    /// Another program with the same keys took the subscription: a copied profile.
    case subscriptionTaken(ConnectionID)
    /// Every number up to `messageID` is with the relay.
    case delivered(ConnectionID, messageID: Int64)
    /// The peer's queue is full (`true`), or takes messages again.
    case quota(ConnectionID, full: Bool)
    /// Our queue holds nothing more at this moment.
    case drained(ConnectionID)
    /// No relay makes a queue for this connection now; the link tries again after `retryIn` seconds, until `queueMade`.
    case queueRefused(ConnectionID, AgentLinkError, retryIn: Int)
    /// Our queue of this connection exists, after it was refused.
    case queueMade(ConnectionID)
    /// Ended for good: state failed.
    case failed(ConnectionID, AgentLinkError)
    /// A relay answers.
    case relayUp(SMPServer)
    /// A relay does not; the link tries again after `retryIn` seconds.
    case relayDown(SMPServer, AgentLinkError, retryIn: Int)
}

/// Why a connection ended, or a relay cannot be used.
public enum AgentLinkError: Error, Equatable, Sendable {
    /// The relay does not answer, or not in time; the text says where.
    case relayUnreachable(String)
    /// The relay's certificate is not the one its address names.
    case relayIdentity(String)
    /// No common version with the relay, or it speaks something else.
    case relayIncompatible(String)
    /// The relay refuses to make a queue.
    case relayRefused(String)
    /// The relay makes no queues now, for anybody or for this network: it may later.
    case relayBusy(String)
    /// The link was used before, or its queue is gone.
    case linkUsed
    /// The link is damaged or of a kind that cannot be joined.
    case badLink(String)
    /// The peer's queue is gone: it deleted the connection.
    case queueGone
    /// The ratchet cannot decrypt what comes; `doctor --rekey` renews the keys.
    case ratchet(String)
    /// The peer did what the protocol forbids.
    case peer(String)
    /// No such connection, or not in a state for this.
    case noConnection
    /// A message longer than 4 MiB + 64 KiB.
    case messageTooLong(Int)
    /// The database refused.
    case storage(String)
    /// The link was stopped.
    case stopped
    /// What waited for room was told to wait no longer.
    case withdrawn
}

extension AgentLinkError: CustomStringConvertible {
    /// One lower-case sentence.
    public var description: String {
        switch self {
        case .relayUnreachable(let what): what
        case .relayIdentity(let what): what
        case .relayIncompatible(let what): what
        case .relayRefused(let what), .relayBusy(let what): what
        case .linkUsed: "the link was used already or has expired; ask for a new one"
        case .badLink(let what): "the link cannot be used: \(what)"
        case .queueGone: "the recipient's queue is gone"
        case .ratchet(let what):
            "the keys of this connection do not fit (\(what)); run `sxfile doctor --rekey` on both sides"
        case .peer(let what): "the other side broke the protocol: \(what)"
        case .noConnection: "no such connection"
        case .messageTooLong(let count): "a message of \(count) bytes is too long"
        case .storage(let what): "the database refused: \(what)"
        case .stopped: "the engine is stopping"
        case .withdrawn: "it goes another way"
        }
    }
}

/// What the link is doing at this moment: the engine's measure of "nothing more can be done now".
public struct LinkStatus: Sendable {
    /// Relays being connected to for the first time since start.
    public var connecting: Int
    /// Commands (SEND, ACK, NEW …) without an answer, and subscriptions whose queue is not drained yet.
    public var outstanding: Int
    /// Messages stored or held for sending that their relay has not taken: the queue is full, or the relay is down.
    public var unsent: Int
    /// Relays that failed, with the reason.
    public var down: [String: AgentLinkError]
    /// Grows with everything that moves.
    public var activity: UInt64
}
