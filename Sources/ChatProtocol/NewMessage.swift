import WireFormat

/// x.msg.new: a message to show, with or without files.
public struct NewMessage: Hashable, Sendable {
    /// What the message is, its first parameter.
    public enum Kind: Hashable, Sendable {
        /// `c.text`
        case text
        /// `c.image`
        case image
        /// `c.file`
        case file
        /// Another one, as the seed's `app/v1`; written as it stands in the parameter.
        case other(String)

        init(_ parameter: String) {
            switch parameter {
            case "c.text": self = .text
            case "c.image": self = .image
            case "c.file": self = .file
            default: self = .other(parameter)
            }
        }

        var parameter: String {
            switch self {
            case .text: "c.text"
            case .image: "c.image"
            case .file: "c.file"
            case .other(let parameter): parameter
            }
        }
    }

    /// What the message is.
    public var kind: Kind
    /// The parts that parameters announce, in order: they come in x.msg.file.
    public var announced: [ContentDescription]
    /// The parameters behind the first that announce nothing, as they stand.
    public var otherParameters: [String]
    /// The content parts.
    public var parts: [ContentPart]

    /// A message of these parts.
    public init(
        kind: Kind, announced: [ContentDescription] = [], otherParameters: [String] = [], parts: [ContentPart] = []
    ) {
        self.kind = kind
        self.announced = announced
        self.otherParameters = otherParameters
        self.parts = parts
    }

    /// A text message.
    public init(text: String) { self.init(kind: .text, parts: [.text(text)]) }

    /// The text, the first `x.text`; nil if there is none.
    public var text: String? {
        parts.first { $0.type == .text && $0.body != nil }?.body.map { String(decoding: $0, as: UTF8.self) }
    }

    /// The preview, the first image part with a body; nil if there is none.
    public var preview: ContentPart? {
        parts.first { $0.type.namespace == "i" && $0.type.text.hasPrefix("i.image/") && $0.body != nil }
    }
}

/// A file whose chunks come on the same connection, in x.msg.file.
public struct InlineFile: Hashable, Sendable {
    /// Which part of the message it is, counted from 1: the `1` of `N,1.k`.
    public let part: UInt64
    /// Type and size.
    public let description: ContentDescription
    /// The name as the sender calls it, any text; nil if the message does not say.
    public let name: String?
    /// The root hash, 32 bytes; nil if the message does not say.
    public let root: [UInt8]?
}

/// A file to announce: its name, its size in bytes, below 2⁶³, its root hash, 32 bytes.
public struct OutgoingInlineFile: Hashable, Sendable {
    /// The name.
    public var name: String
    /// The size in bytes.
    public var size: Int64
    /// The root hash, 32 bytes.
    public var root: [UInt8]

    /// A file.
    public init(name: String, size: Int64, root: [UInt8]) {
        self.name = name
        self.size = size
        self.root = root
    }
}

extension NewMessage {
    /// A message that announces files: `c.file,x.file:SIZE…`, one x.json a file in the same order, then the text and the
    /// preview, an image part, if there are any.
    public init(files: [OutgoingInlineFile], text: String? = nil, preview: ContentPart? = nil) {
        var parts = files.map { file in
            let members = [
                JSONMember("name", .string(file.name)), JSONMember("root", .string(Base64.encode(file.root))),
            ]
            return ContentPart(.json, body: JSONValue.object(members).encoded())
        }
        if let text { parts.append(.text(text)) }
        if let preview { parts.append(preview) }
        self.init(kind: .file, announced: files.map { ContentDescription(.file, size: $0.size) }, parts: parts)
    }

    /// Everything that is announced and comes in chunks: first what parameters announce, then content parts without a body,
    /// numbered from 1. In a `c.file`, the k-th x.json names the k-th file; it must be right.
    public func inlineFiles() throws(ChatProtocolError) -> [InlineFile] {
        let descriptions = announced + parts.filter { $0.body == nil }.map(\.description)
        let names = kind == .file ? parts.filter { $0.type == .json }.compactMap(\.body) : []
        var files: [InlineFile] = []
        for (index, description) in descriptions.enumerated() {
            var name: String?
            var root: [UInt8]?
            if index < names.count {
                let members = try JSONValue(parsing: names[index]).members(of: "file", event: "x.msg.new")
                name = members["name"]?.string
                root = members["root"]?.base64(32)
                guard let name, !name.isEmpty else { throw .invalid("file name", event: "x.msg.new") }
                guard root != nil else { throw .invalid("root hash", event: "x.msg.new") }
            }
            files.append(
                InlineFile(part: UInt64(index) + 1, description: description, name: name, root: root))
        }
        return files
    }
}
