public import WireFormat

/// One parent of a group message in the part `x.dag`: 32 octets.
public struct MessageParent: Hashable, Sendable {
    /// Octets of one parent.
    public static let count = 32

    /// Who sent the parent.
    public let member: MemberID
    /// The parent's number among the sender's messages, big-endian on the wire.
    public let message: UInt64
    /// The first 16 octets of the SHA-256 of the parent's message body.
    public let hash: [UInt8]

    /// A parent. A hash of another length than 16 is our own mistake and traps.
    public init(member: MemberID, message: UInt64, hash: [UInt8]) {
        precondition(hash.count == 16, "a parent's hash has 16 bytes")
        self.member = member
        self.message = message
        self.hash = hash
    }

    /// Reads the body of an `x.dag`; nil unless it is a multiple of 32 octets (then it is opaque).
    public static func list(_ body: ArraySlice<UInt8>) -> [MessageParent]? {
        guard body.count % count == 0 else { return nil }
        var reader = WireReader(body)
        var parents: [MessageParent] = []
        while !reader.isAtEnd {
            guard let parent = try? MessageParent(&reader) else { return nil }
            parents.append(parent)
        }
        return parents
    }

    /// Reads one parent.
    public init(_ reader: inout WireReader) throws(WireError) {
        let offset = reader.offset
        guard let member = MemberID(try reader.take(MemberID.count)) else { throw .unexpected(offset: offset) }
        self.member = member
        message = try reader.integer()
        hash = Array(try reader.take(16))
    }

    /// The body of an `x.dag`.
    public static func encode(_ parents: [MessageParent]) -> [UInt8] {
        var writer = WireWriter(capacity: parents.count * count)
        for parent in parents {
            writer.raw(parent.member.bytes)
            writer.integer(parent.message)
            writer.raw(parent.hash)
        }
        return writer.bytes
    }
}

extension ChatMessage {
    /// The parents in all parts `x.dag` that can be read; other bodies of that type stay opaque parts.
    public var parents: [MessageParent] {
        parts.filter { $0.type == .parents }.flatMap { $0.body.flatMap(MessageParent.list) ?? [] }
    }
}
