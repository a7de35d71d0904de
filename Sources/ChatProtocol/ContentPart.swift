import WireFormat

/// What a content part says about itself: `type ":" size [":" hash]`. Also a parameter that announces a part.
public struct ContentDescription: Hashable, Sendable {
    /// The type.
    public let type: ContentType
    /// The size in bytes, as written.
    public let sizeNumber: ChatNumber
    /// The SHA-256 of the body, 32 bytes; written in padded standard base64.
    public let hash: [UInt8]?

    /// The size in bytes.
    public var size: Int64 { sizeNumber.value }

    /// A description. A hash of another length than 32 bytes, or a negative size, is our own mistake and traps.
    public init(_ type: ContentType, size: Int64, hash: [UInt8]? = nil) {
        precondition(hash.map { $0.count == 32 } ?? true, "a content hash has 32 bytes")
        self.type = type
        sizeNumber = ChatNumber(size)
        self.hash = hash
    }

    /// Reads a parameter that announces a part, as `i.image/jpg:150000`; nil if it is none.
    public init?(_ text: String) {
        var cursor = ChatCursor(Array(text.utf8)[...])
        guard let description = try? ContentDescription(&cursor), cursor.isAtEnd else { return nil }
        self = description
    }

    /// Consumes a description.
    init(_ cursor: inout ChatCursor) throws(ChatProtocolError) {
        type = try ContentType(&cursor)
        guard cursor.skip(Letters.colon) else { throw .malformed(.contentSize, offset: cursor.offset) }
        sizeNumber = try cursor.number(.contentSize)
        guard cursor.skip(Letters.colon) else {
            hash = nil
            return
        }
        hash = try ContentDescription.hash(&cursor)
    }

    /// Consumes 44 letters of base64. Their count and the decoder leave one spelling for each hash.
    static func hash(_ cursor: inout ChatCursor) throws(ChatProtocolError) -> [UInt8] {
        let start = cursor.offset
        let letters = cursor.run(while: Letters.isBase64)
        guard letters.count == 44, let hash = Base64.decode(letters), hash.count == 32 else {
            throw .malformed(.contentHash, offset: start)
        }
        return hash
    }

    func append(to bytes: inout [UInt8]) {
        bytes.append(contentsOf: type.text.utf8)
        bytes.append(Letters.colon)
        sizeNumber.append(to: &bytes)
        guard let hash else { return }
        bytes.append(Letters.colon)
        bytes.append(contentsOf: Base64.encode(hash).utf8)
    }

    /// The description as it stands in a message.
    public var encoded: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A content part: its description, and its body unless that comes later in chunks.
public struct ContentPart: Hashable, Sendable {
    /// Type, size and hash.
    public let description: ContentDescription
    /// The bytes, as many as the description's size; nil if the part is only announced.
    public let body: ArraySlice<UInt8>?

    /// The type.
    public var type: ContentType { description.type }
    /// The size in bytes.
    public var size: Int64 { description.size }

    /// A part with its body.
    public init(_ type: ContentType, body: ArraySlice<UInt8>, hash: [UInt8]? = nil) {
        description = ContentDescription(type, size: Int64(body.count), hash: hash)
        self.body = body
    }

    /// A part with its body.
    public init(_ type: ContentType, body: [UInt8], hash: [UInt8]? = nil) {
        self.init(type, body: body[...], hash: hash)
    }

    /// A part whose bytes come later, in x.msg.file.
    public init(announcing description: ContentDescription) {
        self.description = description
        body = nil
    }

    init(_ description: ContentDescription, body: ArraySlice<UInt8>?) {
        self.description = description
        self.body = body
    }

    /// A text part.
    public static func text(_ text: String) -> ContentPart { ContentPart(.text, body: Array(text.utf8)) }

    /// The same part with the hash that `digest` (SHA-256) gives for its body; an announced part is left as it is.
    public func hashed(by digest: (ArraySlice<UInt8>) -> [UInt8]) -> ContentPart {
        guard let body else { return self }
        return ContentPart(type, body: body, hash: digest(body))
    }

    /// Whether `digest` (SHA-256) agrees with the hash; true for a part without a hash or without a body.
    public func isIntact(by digest: (ArraySlice<UInt8>) -> [UInt8]) -> Bool {
        guard let body, let hash = description.hash else { return true }
        return digest(body) == hash
    }
}
