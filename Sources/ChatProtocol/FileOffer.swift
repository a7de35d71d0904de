import WireFormat

/// A time of a file: seconds since 1970 and a fraction.
public struct FileTime: Hashable, Sendable {
    /// The last second that is taken from a peer: the end of 2100.
    static let lastSecond: Int64 = 4_133_980_799

    /// Seconds since 1970-01-01 UTC, until the end of 2100.
    public let seconds: Int64
    /// 0 to 999,999,999.
    public let nanoseconds: Int32

    /// A time; nil outside 1970–2100 or for nanoseconds out of their range.
    public init?(seconds: Int64, nanoseconds: Int32 = 0) {
        guard (0...FileTime.lastSecond).contains(seconds), (0...999_999_999).contains(nanoseconds) else { return nil }
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// Reads seconds with or without a fraction of up to nine digits; nil for another value.
    init?(_ value: JSONValue) {
        switch value {
        case .integer(let seconds): self.init(seconds: seconds)
        case .decimal(let text):
            let halves = text.split(separator: ".", omittingEmptySubsequences: false)
            guard halves.count == 2, halves[1].utf8.count <= 9, let seconds = ChatNumber.shortest(halves[0]),
                let fraction = ChatNumber(digits: halves[1].utf8)
            else { return nil }
            var nanoseconds = fraction.value
            for _ in halves[1].utf8.count..<9 { nanoseconds *= 10 }
            self.init(seconds: seconds, nanoseconds: Int32(nanoseconds))
        case .null, .bool, .string, .array, .object: return nil
        }
    }

    var json: JSONValue {
        guard nanoseconds > 0 else { return .integer(seconds) }
        let digits = String(nanoseconds)
        return .decimal("\(seconds).\(String(repeating: "0", count: 9 - digits.utf8.count))\(digits)")
    }
}

/// The JSON of an x.file: how the bytes will come, and what to do with them. The size is x.file's own parameter.
public struct FileOffer: Hashable, Sendable {
    /// What is offered.
    public enum Kind: String, Hashable, Sendable {
        /// One file.
        case file
        /// A directory with `entries`.
        case tree
        /// Bytes whose number may be unknown.
        case stream
    }

    /// The chunk size when nothing else is said, in bytes.
    public static let defaultChunkSize: UInt64 = 256 << 10

    /// Bytes of every chunk but the last: a power of two from 16 KiB to 1 MiB.
    public let chunkSize: UInt64
    /// What is offered.
    public var kind: Kind
    /// The modification time; nil if unknown or outside 1970–2100.
    public var modified: FileTime?
    /// The permission bits, at most 0o777; nil if unknown.
    public var mode: UInt16?
    /// The manifest of a tree, not interpreted here.
    public var entries: JSONValue?
    /// When the offer ends unless it is accepted; nil if never.
    public var expires: FileTime?
    /// Whether the file has holes, which the recipient may leave in it too.
    public var isSparse = false
    /// The id of the offer, which is over, that this one repeats; nil if it is new.
    public var retries: Int64?

    /// An offer; nil unless `chunkSize` is a power of two from 16 KiB to 1 MiB. Of `mode` the lowest nine bits are kept.
    public init?(
        chunkSize: UInt64 = FileOffer.defaultChunkSize, kind: Kind = .file, modified: FileTime? = nil,
        mode: UInt16? = nil, entries: JSONValue? = nil
    ) {
        guard chunkSize.nonzeroBitCount == 1, (16 << 10...UInt64(ChatLimits.chunk)).contains(chunkSize) else {
            return nil
        }
        self.init(valid: chunkSize, kind: kind, modified: modified, mode: mode.map { $0 & 0o777 }, entries: entries)
    }

    private init(valid chunkSize: UInt64, kind: Kind, modified: FileTime?, mode: UInt16?, entries: JSONValue?) {
        self.chunkSize = chunkSize
        self.kind = kind
        self.modified = modified
        self.mode = mode
        self.entries = entries
    }

    /// One file in chunks of 256 KiB, nothing else known: what an x.file without JSON means.
    public static let plain = FileOffer(
        valid: defaultChunkSize, kind: .file, modified: nil, mode: nil, entries: nil)

    /// Reads the JSON of an offer. Missing members have the values of `plain`; unknown members, a time outside 1970–2100
    /// and bits of the mode above 0o777 are ignored.
    public init(parsing json: ArraySlice<UInt8>) throws(ChatProtocolError) {
        let value = try JSONValue(parsing: json)
        let members = try value.members(of: "offer", event: "x.file")
        entries = members["entries"]
        guard entries != nil || json.count <= ChatLimits.offerJSON else {
            throw .json(.tooLong, offset: ChatLimits.offerJSON)
        }
        if let hash = members["hash"] {
            guard hash == .string("sha256") else { throw .invalid("hash algorithm", event: "x.file") }
        }
        var offer = FileOffer.plain
        if let chunk = members["chunk"] {
            guard let size = chunk.integer.flatMap({ UInt64(exactly: $0) }), let sized = FileOffer(chunkSize: size)
            else { throw .invalid("chunk size", event: "x.file") }
            offer = sized
        }
        chunkSize = offer.chunkSize
        kind = .file
        if let name = members["kind"] {
            guard let known = name.string.flatMap(Kind.init) else { throw .invalid("kind", event: "x.file") }
            kind = known
        }
        modified = members["mtime"].flatMap(FileTime.init)
        if let bits = members["mode"] {
            guard let bits = bits.integer, bits >= 0 else { throw .invalid("mode", event: "x.file") }
            mode = UInt16(bits & 0o777)
        }
        expires = members["expires"].flatMap(FileTime.init)
        retries = members["retry"]?.integer
        isSparse = members["sparse"] == .bool(true)
    }

    /// The offer as JSON.
    public func encoded() -> [UInt8] {
        var members = [
            JSONMember("chunk", .integer(Int64(chunkSize))), JSONMember("hash", .string("sha256")),
            JSONMember("kind", .string(kind.rawValue)),
        ]
        if let modified { members.append(JSONMember("mtime", modified.json)) }
        if let mode { members.append(JSONMember("mode", .integer(Int64(mode)))) }
        if let expires { members.append(JSONMember("expires", expires.json)) }
        if let retries { members.append(JSONMember("retry", .integer(retries))) }
        if isSparse { members.append(JSONMember("sparse", .bool(true))) }
        if let entries { members.append(JSONMember("entries", entries)) }
        return JSONValue.object(members).encoded()
    }
}

extension JSONValue {
    /// The value itself if it is an object.
    func members(of what: String, event: String) throws(ChatProtocolError) -> JSONValue {
        guard case .object = self else { throw .invalid(what, event: event) }
        return self
    }

    /// A hash or key of `count` bytes in base64; nil for anything else.
    func base64(_ count: Int) -> [UInt8]? {
        string.flatMap { Base64.decode($0) }.flatMap { $0.count == count ? $0 : nil }
    }
}
