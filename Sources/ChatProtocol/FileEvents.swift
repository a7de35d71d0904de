import WireFormat

/// x.file: a file is offered.
///
/// Its message has an id, to which chunks and cancellations refer. The seed's example has none; such an offer parses, but
/// nothing can refer to it.
public struct FileInvitation: Hashable, Sendable {
    /// The file's name as the sender calls it. Any text: make one safe path component of it before it meets a disk.
    public var name: String
    /// The size in bytes, below 2⁶³; nil if unknown (`-`).
    public var size: UInt64?
    /// The invitation link of the file connection.
    public var invitation: String
    /// How the bytes will come.
    public var offer: FileOffer

    /// An offer of these parts.
    public init(name: String, size: UInt64?, invitation: String, offer: FileOffer) {
        self.name = name
        self.size = size
        self.invitation = invitation
        self.offer = offer
    }
}

/// x.file.want: what the recipient lacks.
public struct FileWant: Hashable, Sendable {
    /// Grows by one with every want.
    public var number: UInt64
    /// The highest sndMsgId handled on this connection.
    public var seen: Int64
    /// On the direct lane, how many frames of this direct connection were handled; it stands behind `seen` and a dot.
    public var frames: Int64?
    /// The missing chunks.
    public var ranges: ChunkRanges

    /// A want of these parts.
    public init(number: UInt64, seen: Int64, frames: Int64? = nil, ranges: ChunkRanges) {
        self.number = number
        self.seen = seen
        self.frames = frames
        self.ranges = ranges
    }
}

/// x.file.done: all chunks have been sent.
public struct FileDone: Hashable, Sendable {
    /// The number of chunks.
    public var count: UInt64
    /// The size of the file in bytes.
    public var size: UInt64
    /// The root hash, 32 bytes.
    public var root: [UInt8]

    /// A mark of these parts; the counts are below 2⁶³.
    public init(count: UInt64, size: UInt64, root: [UInt8]) {
        self.count = count
        self.size = size
        self.root = root
    }

    init(_ json: JSONValue) throws(ChatProtocolError) {
        let members = try json.members(of: "JSON", event: "x.file.done")
        guard let count = members["chunks"]?.integer.flatMap({ UInt64(exactly: $0) }) else {
            throw .invalid("chunk count", event: "x.file.done")
        }
        guard let size = members["size"]?.integer.flatMap({ UInt64(exactly: $0) }) else {
            throw .invalid("size", event: "x.file.done")
        }
        guard let root = members["root"]?.base64(32) else { throw .invalid("root hash", event: "x.file.done") }
        self.init(count: count, size: size, root: root)
    }

    func json() throws(ChatProtocolError) -> JSONValue {
        guard let count = Int64(exactly: count) else { throw .invalid("chunk count", event: "x.file.done") }
        guard let size = Int64(exactly: size) else { throw .invalid("size", event: "x.file.done") }
        guard root.count == 32 else { throw .invalid("root hash", event: "x.file.done") }
        return .object([
            JSONMember("chunks", .integer(count)), JSONMember("size", .integer(size)),
            JSONMember("root", .string(Base64.encode(root))),
        ])
    }
}

/// x.file.cancel: one side ends a transfer.
public struct FileCancel: Hashable, Sendable {
    /// Why, in one word.
    public enum Code: String, Hashable, Sendable {
        /// By its user.
        case cancelled
        /// Not wanted by the recipient, or over its limit.
        case declined
        /// It cannot go on.
        case failed
    }

    /// The id of the x.file or x.msg.new, on the connection of the offer's contact.
    public var reference: Int64
    /// Why, in one word.
    public var code: Code
    /// Why, in words for the user of the other side; nil if nothing was said.
    public var reason: String?

    /// A cancellation of these parts.
    public init(reference: Int64, code: Code, reason: String? = nil) {
        self.reference = reference
        self.code = code
        self.reason = reason
    }
}

/// x.file.direct: where the sender of this message listens, and the key for it.
public struct DirectOffer: Hashable, Sendable {
    /// An address and a port.
    public struct Endpoint: Hashable, Sendable {
        /// The letters of an IPv4 or IPv6 address without brackets and zone. Whoever dials must still parse it as one.
        public let address: String
        /// From 1024 on.
        public let port: UInt16

        /// An endpoint; nil for other letters than those of an IP literal, or a port below 1024.
        public init?(address: String, port: UInt16) {
            let isIP = address.utf8.allSatisfy { byte in
                Letters.isDigit(byte) || byte == Letters.dot || byte == Letters.colon
                    || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
            }
            let isSeparated = address.utf8.contains(Letters.dot) || address.utf8.contains(Letters.colon)
            guard isIP, isSeparated, address.utf8.count <= 45, port >= 1024 else { return nil }
            self.address = address
            self.port = port
        }

        /// Reads `192.0.2.1:4000` or `[2001:db8::1]:4000`.
        public init?(_ text: String) {
            guard let colon = text.lastIndex(of: ":"), let port = ChatNumber.shortest(text[text.index(after: colon)...])
            else { return nil }
            var address = text[..<colon]
            if address.first == "[", address.last == "]", address.count > 2 {
                address = address.dropFirst().dropLast()
                guard address.contains(":") else { return nil }
            } else if address.contains(":") {
                return nil
            }
            guard let port = UInt16(exactly: port) else { return nil }
            self.init(address: String(address), port: port)
        }

        /// The endpoint as it stands in the JSON.
        public var text: String { address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)" }
    }

    /// Where to dial, at most 8.
    public var endpoints: [Endpoint]
    /// The identity of the pre-shared key, 16 bytes.
    public var identity: [UInt8]
    /// The pre-shared key, 32 bytes.
    public var key: [UInt8]
    /// The identity in the other side's x.file.direct that this one answers, 16 bytes; nil if it answers none.
    public var answers: [UInt8]?

    /// An offer of these parts.
    public init(endpoints: [Endpoint], identity: [UInt8], key: [UInt8], answers: [UInt8]? = nil) {
        self.endpoints = endpoints
        self.identity = identity
        self.key = key
        self.answers = answers
    }

    init(_ json: JSONValue) throws(ChatProtocolError) {
        let members = try json.members(of: "JSON", event: "x.file.direct")
        guard let list = members["endpoints"]?.array, list.count <= ChatLimits.endpoints else {
            throw .invalid("list of endpoints", event: "x.file.direct")
        }
        var endpoints: [Endpoint] = []
        for value in list {
            guard let endpoint = value.string.flatMap({ Endpoint($0) }) else {
                throw .invalid("endpoint", event: "x.file.direct")
            }
            endpoints.append(endpoint)
        }
        guard let identity = members["identity"]?.base64(16), let key = members["key"]?.base64(32) else {
            throw .invalid("key", event: "x.file.direct")
        }
        var answers: [UInt8]?
        if let value = members["answers"] {
            answers = value.base64(16)
            guard answers != nil else { throw .invalid("answered identity", event: "x.file.direct") }
        }
        self.init(endpoints: endpoints, identity: identity, key: key, answers: answers)
    }

    func json() throws(ChatProtocolError) -> JSONValue {
        guard endpoints.count <= ChatLimits.endpoints else {
            throw .invalid("list of endpoints", event: "x.file.direct")
        }
        guard identity.count == 16, key.count == 32, answers?.count ?? 16 == 16 else {
            throw .invalid("key", event: "x.file.direct")
        }
        let members = [
            JSONMember("endpoints", .array(endpoints.map { .string($0.text) })),
            JSONMember("identity", .string(Base64.encode(identity))), JSONMember("key", .string(Base64.encode(key))),
        ]
        return .object(members + (answers.map { [JSONMember("answers", .string(Base64.encode($0)))] } ?? []))
    }
}
