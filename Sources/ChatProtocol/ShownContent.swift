/// What of a message's parts a terminal shows, and what is kept as files.
public struct ShownContent: Hashable, Sendable {
    /// The text; nil if no part is one.
    public var text: String?
    /// The parts that are neither text nor this protocol's own, with their bodies.
    public var files: [ContentPart]

    /// x.text, text/plain and text/markdown say the same: the first of them in this order is the text.
    public init(_ parts: [ContentPart]) {
        let whole = parts.filter { $0.body != nil }
        text = whole.compactMap(Self.text).min { $0.rank < $1.rank }?.text
        files = whole.filter { Self.rank($0.type) == nil && $0.type != .parents }
    }

    /// Input for a program is shown and never run: where no part is a text, the first that can be read as one.
    public static func source(_ parts: [ContentPart]) -> ShownContent {
        var shown = ShownContent(parts)
        guard shown.text == nil else { return shown }
        for (index, part) in shown.files.enumerated() {
            guard let text = part.validText else { continue }
            shown.text = text
            shown.files.remove(at: index)
            break
        }
        return shown
    }

    private static func text(_ part: ContentPart) -> (rank: Int, text: String)? {
        guard let rank = rank(part.type), let text = part.validText else { return nil }
        return (rank, text)
    }

    private static func rank(_ type: ContentType) -> Int? {
        if type == .text { return 0 }
        return switch type.mime?.lowercased() {
        case "text/plain": 1
        case "text/markdown": 2
        default: nil
        }
    }
}

extension ContentPart {
    fileprivate var validText: String? { body.flatMap { String(validating: $0, as: UTF8.self) } }

    /// A name for the part as a file: by its type.
    public var fileName: String {
        let kind: Substring =
            (type.mime ?? type.text[...]).split { $0 == "/" || type.mime == nil && $0 == "." }.last ?? ""
        let endings = ["plain": "txt", "markdown": "md", "jpeg": "jpg", "svg+xml": "svg", "file": "bin"]
        return "file." + (endings[kind.lowercased()] ?? kind.lowercased())
    }
}

extension NewMessage {
    /// What is shown and kept. What describes announced files, and their preview, is neither.
    public var shown: ShownContent {
        let preview = announced.isEmpty && parts.allSatisfy { $0.body != nil } ? nil : preview
        return ShownContent(
            parts.filter { part in !(kind == .file && part.type == .json) && (preview == nil || part != preview) })
    }
}
