/// A content part's namespace and type: `x.text`, `i.image/png`, `c.json`, or one that this version does not know.
public struct ContentType: Hashable, Sendable {
    /// The whole type, namespace included.
    public let text: String

    /// Reads a type; nil unless it is `1*ALPHA "." …`, where after `i.` and `m.` a MIME type stands, and after any other
    /// namespace names of letters, joined by dots.
    public init?(_ text: String) {
        var cursor = ChatCursor(Array(text.utf8)[...])
        guard let type = try? ContentType(&cursor), cursor.isAtEnd else { return nil }
        self = type
    }

    private init(known text: String) { self.text = text }

    /// Consumes a type.
    init(_ cursor: inout ChatCursor) throws(ChatProtocolError) {
        let start = cursor.position
        let namespace = cursor.run(while: Letters.isAlpha)
        guard !namespace.isEmpty, cursor.skip(Letters.dot) else {
            throw .malformed(.contentType, offset: cursor.offset)
        }
        if namespace.elementsEqual("i".utf8) || namespace.elementsEqual("m".utf8) {
            try ContentType.skipMIMEName(&cursor)
            guard cursor.skip(Letters.slash) else { throw .malformed(.contentType, offset: cursor.offset) }
            try ContentType.skipMIMEName(&cursor)
        } else {
            repeat {
                guard !cursor.run(while: Letters.isAlpha).isEmpty else {
                    throw .malformed(.contentType, offset: cursor.offset)
                }
            } while cursor.skip(Letters.dot)
        }
        text = String(decoding: cursor.bytes[start..<cursor.position], as: UTF8.self)
    }

    /// A MIME name: 1 to 127 letters, the first a letter or digit.
    private static func skipMIMEName(_ cursor: inout ChatCursor) throws(ChatProtocolError) {
        guard let first = cursor.peek, Letters.isAlpha(first) || Letters.isDigit(first) else {
            throw .malformed(.contentType, offset: cursor.offset)
        }
        let start = cursor.offset
        guard cursor.run(while: Letters.isMIME).count <= 127 else { throw .malformed(.contentType, offset: start) }
    }

    /// What stands before the first dot: `i`, `m`, `x`, `c`, or an unknown one.
    public var namespace: Substring { text.prefix { $0 != "." } }

    /// The MIME type of the namespaces `i` and `m`; nil for others.
    public var mime: Substring? { namespace == "i" || namespace == "m" ? text.dropFirst(2) : nil }

    /// Text, UTF-8: `x.text`.
    public static let text = ContentType(known: "x.text")
    /// JSON of this protocol: `x.json`.
    public static let json = ContentType(known: "x.json")
    /// The bytes of a file, or one chunk of them: `x.file`.
    public static let file = ContentType(known: "x.file")
    /// The parents of a group message: `x.dag`.
    public static let parents = ContentType(known: "x.dag")
}
