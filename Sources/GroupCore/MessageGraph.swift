public import ChatProtocol
import Primitives
import WireFormat

/// The messages of a group as each refers to those that its sender had seen last: gaps and forks in their order.
///
/// A message is known by its sender and number, and by the hash of its bytes, parents included. Only the latest are kept:
/// `window` of them.
public struct MessageGraph: Hashable, Sendable {
    /// The most messages that are remembered.
    public static let window = 1024
    /// The most parents that are missed at a time.
    public static let mostMissing = 256
    /// The most parents that a message of ours refers to; a later one refers to the rest.
    public static let mostParents = 16

    /// What a message says about the order.
    public enum Finding: Hashable, Sendable {
        /// The message is known already.
        case repeated
        /// The same number with other content: the sender told different members different things, or has lost its state.
        case contradicts(MemberID, number: UInt64)
        /// A parent that has not come.
        case gap(MemberID, number: UInt64)
        /// A parent that was missed has come.
        case filled(MemberID, number: UInt64)
        /// A parent has come with other bytes than the sender of this message saw.
        case wrongParent(MemberID, number: UInt64)
        /// There are now several messages that nothing follows: somebody had not seen all.
        case fork(heads: Int)
        /// One message follows them all again.
        case joined
    }

    struct Key: Hashable, Comparable, Sendable {
        let member: MemberID
        let number: UInt64

        static func < (left: Key, right: Key) -> Bool {
            left.member == right.member ? left.number < right.number : left.member < right.member
        }
    }

    /// The messages that nothing follows, with their hashes, oldest first.
    private(set) var heads: [MessageParent] = []
    /// The hashes of the messages in the window, and the order in which they came.
    var hashes: [Key: [UInt8]] = [:]
    var arrivals: [Key] = []
    /// The parents that have not come, with the hashes that they must have.
    var absent: [Key: [UInt8]] = [:]
    /// The first number that came from each sender: what is before that was before our time.
    var first: [MemberID: UInt64] = [:]

    /// No messages.
    public init() {}

    /// The parents of our next message: pass them with `GroupWish.send`, then `record` what was sent.
    public var parents: [MessageParent] { Array(heads.prefix(Self.mostParents)) }

    /// The parents that are missed, in the order of their senders and numbers.
    public var missing: [(member: MemberID, number: UInt64)] {
        absent.keys.sorted().map { ($0.member, $0.number) }
    }

    /// The first half of the hash of a message's bytes.
    public static func hash(_ message: some Collection<UInt8>) -> [UInt8] { Array(SHA256.hash(message).prefix(16)) }

    /// Takes in a message to all, of somebody's or our own.
    /// - Parameter message: its bytes, as they travelled.
    public mutating func record(
        from member: MemberID, number: UInt64, parents: [MessageParent], message: some Collection<UInt8>
    ) -> [Finding] {
        let (key, hash) = (Key(member: member, number: number), Self.hash(message))
        // More than a message of ours refers to is nobody's order.
        let parents = parents.prefix(Self.mostParents)
        if let known = hashes[key] { return [known == hash ? .repeated : .contradicts(member, number: number)] }
        var findings: [Finding] = []
        let wasForked = heads.count > 1
        if let expected = absent.removeValue(forKey: key) {
            findings.append(
                expected == hash ? .filled(member, number: number) : .wrongParent(member, number: number))
            // Something follows it already.
        } else {
            heads.append(MessageParent(member: member, message: number, hash: hash))
        }
        remember(key, hash)
        for parent in parents { findings += take(parent) }
        heads.removeAll { head in parents.contains { $0.member == head.member && $0.message == head.message } }
        if heads.count > 1, !wasForked { findings.append(.fork(heads: heads.count)) }
        if heads.count <= 1, wasForked { findings.append(.joined) }
        return findings
    }

    private mutating func take(_ parent: MessageParent) -> [Finding] {
        let key = Key(member: parent.member, number: parent.message)
        if let known = hashes[key] {
            return known == parent.hash ? [] : [.wrongParent(parent.member, number: parent.message)]
        }
        if let start = first[parent.member], parent.message < start { return [] }
        guard absent[key] == nil, absent.count < Self.mostMissing else { return [] }
        absent[key] = parent.hash
        return [.gap(parent.member, number: parent.message)]
    }

    private mutating func remember(_ key: Key, _ hash: [UInt8]) {
        hashes[key] = hash
        arrivals.append(key)
        if first[key.member] == nil {
            first[key.member] = key.number
            absent = absent.filter { $0.key.member != key.member || $0.key.number > key.number }
        }
        guard arrivals.count > Self.window else { return }
        let oldest = arrivals.removeFirst()
        hashes[oldest] = nil
        heads.removeAll { $0.member == oldest.member && $0.message == oldest.number }
        // What refers to it from now on refers to what we do not know any more.
        first[oldest.member] = max(first[oldest.member] ?? 0, oldest.number &+ 1)
    }
}

extension MessageGraph {
    /// Everything that `record` depends on.
    public func checkpoint() -> [UInt8] {
        var writer = WireWriter(capacity: 64 + arrivals.count * 32)
        writer.u8(GroupCheckpointCoding.version)
        writer.data(MessageParent.encode(heads))
        writer.items(arrivals) { writer, key in writer.entry(key, hashes[key] ?? []) }
        writer.items(absent.sorted { $0.key < $1.key }) { $0.entry($1.key, $1.value) }
        writer.items(first.sorted { $0.key < $1.key }) { writer, entry in
            writer.member(entry.key)
            writer.integer(entry.value)
        }
        return writer.bytes
    }

    /// The graph whose checkpoint this is.
    /// - Throws: `checkpointDamaged`, `checkpointNewer`.
    public init(checkpoint: [UInt8]) throws(GroupRefusal) {
        self = try GroupCheckpointCoding.decode(checkpoint) { reader throws(WireError) in
            var graph = MessageGraph()
            let at = reader.offset
            guard let heads = MessageParent.list(try reader.data()[...]) else { throw .unexpected(offset: at) }
            graph.heads = heads
            for (key, hash) in try reader.items({ reader throws(WireError) in try reader.entry() }) {
                graph.arrivals.append(key)
                graph.hashes[key] = hash
            }
            for (key, hash) in try reader.items({ reader throws(WireError) in try reader.entry() }) {
                graph.absent[key] = hash
            }
            let first = try reader.items { reader throws(WireError) in
                (try reader.member(), try reader.integer(UInt64.self))
            }
            for (member, number) in first { graph.first[member] = number }
            return graph
        }
    }
}

extension WireWriter {
    fileprivate mutating func entry(_ key: MessageGraph.Key, _ hash: [UInt8]) {
        member(key.member)
        integer(key.number)
        raw(hash)
    }
}

extension WireReader {
    fileprivate mutating func entry() throws(WireError) -> (MessageGraph.Key, [UInt8]) {
        (MessageGraph.Key(member: try member(), number: try integer()), Array(try take(16)))
    }
}
