import ChatProtocol
import TransferCore

/// What the engine hears: the events that it acts on.
enum Incoming: Equatable, Sendable {
    /// x.info: the peer's display name.
    case info(displayName: String?)
    /// x.file.acpt in connection information: the name that is accepted.
    case acceptance(name: String)
    /// x.ok.
    case ok
    /// x.file.
    case offer(ref: Int64, OfferedFile)
    /// x.msg.new: a text, files that follow in chunks, a preview.
    case message(ref: Int64?, AnnouncedMessage)
    /// x.msg.file: the range of the body is that of the chunk's bytes.
    case chunk(IncomingChunk)
    /// x.file.want.
    case want(Want)
    /// x.file.done.
    case done(DoneMark)
    /// x.file.ok.
    case fileOK(root: [UInt8])
    /// x.file.cancel.
    case cancel(ref: Int64, EndCode, reason: String)
    /// Known, and nothing to be done about it in this version, or unknown: its name.
    case ignored(event: String)
    /// No message of the grammar, or parameters that cannot be: why.
    case unreadable(String)
}

/// A file that is offered by x.file.
struct OfferedFile: Equatable, Sendable {
    var name: String
    var size: UInt64?
    var invitation: String
    var chunkSize: Int
    var mode: UInt32?
    var modifiedAt: Int64?
}

/// What an x.msg.new brings and announces.
struct AnnouncedMessage: Equatable, Sendable {
    var text: String?
    var files: [File]
    var preview: (type: String, bytes: [UInt8])?

    struct File: Equatable, Sendable {
        var name: String
        var size: UInt64
        var root: [UInt8]?
    }

    static func == (left: AnnouncedMessage, right: AnnouncedMessage) -> Bool {
        left.text == right.text && left.files == right.files && left.preview?.type == right.preview?.type
            && left.preview?.bytes == right.preview?.bytes
    }
}

/// The header of an x.msg.file.
struct IncomingChunk: Equatable, Sendable {
    var ref: Int64
    /// Which announced file, from 1.
    var part: UInt64
    /// From 1.
    var number: UInt64
    var hash: [UInt8]
    /// Where the chunk's bytes are in the message.
    var body: Range<Int>
}

extension IncomingChunk {
    private static let prefix = Array(" x.msg.file ".utf8)

    /// Whether a message that begins with `bytes` is part of a file connection's chunk stream.
    static func isBulk(_ bytes: ArraySlice<UInt8>) -> Bool { bytes.starts(with: prefix) }

    init?(_ bytes: [UInt8]) {
        guard case .chunk(let chunk) = Incoming(bytes) else { return nil }
        self = chunk
    }
}

extension Incoming {
    /// Reads a whole message.
    init(_ bytes: [UInt8]) {
        guard let message = PlainMessage(bytes) else {
            self = .unreadable("no message of the grammar")
            return
        }
        self = Self.read(message, bytes) ?? .unreadable("\(message.event) with parameters that cannot be")
    }

    private static func read(_ message: PlainMessage, _ bytes: [UInt8]) -> Incoming? {
        func text(_ type: String) -> String? {
            message.parts.first { $0.type == type }?.body.map { String(decoding: bytes[$0], as: UTF8.self) }
        }
        func json() -> [String: Any] {
            message.parts.first { $0.type == "x.json" }?.body.map { PlainMessage.json(bytes[$0]) } ?? [:]
        }
        let parameters = message.parameters
        switch message.event {
        case "x.info": return .info(displayName: json()["displayName"] as? String)
        case "x.file.acpt": return parameters.first.map { .acceptance(name: PlainMessage.unescape($0)) }
        case "x.ok": return .ok
        case "x.file":
            guard let ref = message.ref, parameters.count == 2, let invitation = text("x.text") else { return nil }
            let offer = json()
            return .offer(
                ref: ref,
                OfferedFile(
                    name: PlainMessage.unescape(parameters[0]), size: UInt64(parameters[1]), invitation: invitation,
                    chunkSize: offer["chunk"] as? Int ?? ChunkPlan.defaultChunkSize,
                    mode: (offer["mode"] as? Int).map { UInt32(truncatingIfNeeded: $0) },
                    modifiedAt: (offer["mtime"] as? Int).map { Int64($0) }))
        case "x.msg.new":
            var files: [AnnouncedMessage.File] = []
            let descriptions = message.parts.filter { $0.type == "x.json" }
            for parameter in parameters.dropFirst() {
                let fields = parameter.split(separator: ":")
                guard fields.count == 2, let size = UInt64(fields[1]) else { continue }
                let entry =
                    files.count < descriptions.count
                    ? descriptions[files.count].body.map { PlainMessage.json(bytes[$0]) } ?? [:] : [:]
                files.append(
                    .init(
                        name: entry["name"] as? String ?? "file", size: size,
                        root: (entry["root"] as? String).flatMap { PlainMessage.bytes(base64: $0) }))
            }
            let preview = message.parts.first { $0.type.hasPrefix("i.") }
            return .message(
                ref: message.ref,
                AnnouncedMessage(
                    text: text("x.text"), files: files,
                    preview: preview.flatMap { part in part.body.map { (part.type, Array(bytes[$0])) } }))
        case "x.msg.file":
            guard parameters.count == 2, let ref = Int64(parameters[0]), let part = message.parts.first,
                let hash = part.hash, let body = part.body
            else { return nil }
            let numbers = parameters[1].split(separator: ".").compactMap { UInt64($0) }
            guard numbers.count == 2 else { return nil }
            return .chunk(IncomingChunk(ref: ref, part: numbers[0], number: numbers[1], hash: hash, body: body))
        case "x.file.want":
            guard parameters.count >= 2, let number = UInt64(parameters[0]), let seen = Int64(parameters[1]) else {
                return nil
            }
            var ranges = ChunkRanges()
            for text in parameters.dropFirst(2) {
                let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt64($0) }
                guard let first = ends.first ?? nil else { return nil }
                ranges.insert(first...(ends.count == 1 ? first : ends[1] ?? UInt64.max))
            }
            return .want(Want(number: number, seen: seen, ranges: ranges))
        case "x.file.done":
            let mark = json()
            guard let count = mark["count"] as? UInt64, let size = mark["size"] as? UInt64,
                let root = (mark["root"] as? String).flatMap({ PlainMessage.bytes(base64: $0) })
            else { return nil }
            return .done(DoneMark(count: count, size: size, root: root))
        case "x.file.ok":
            return parameters.first.flatMap { PlainMessage.bytes(base64: $0) }.map { .fileOK(root: $0) }
        case "x.file.cancel":
            guard parameters.count >= 2, let ref = Int64(parameters[0]), let code = EndCode(rawValue: parameters[1])
            else { return nil }
            return .cancel(ref: ref, code, reason: text("x.text") ?? "")
        default: return .ignored(event: message.event)
        }
    }
}
