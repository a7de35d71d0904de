import AgentLink
import Database
import GRDB
import TransferCore

/// What the user wants to send.
public struct SendRequest: Sendable {
    /// The contact's local name.
    public var contact: String
    /// The file; nil if it is only a text.
    public var path: String?
    /// A folder, or several files and folders that go as one; not together with `path`.
    public var folder: FolderRequest?
    /// The name that the recipient sees; nil: the file's own.
    public var name: String?
    /// A text to go with it, or alone.
    public var text: String?
    /// Whether the file travels inside messages; nil: up to 64 KiB with a text it does.
    public var isInline: Bool?
    /// A small picture to be shown with an inline file.
    public var preview: String?
    /// `auto` or `relay`.
    public var lane = "auto"
    /// How long the offer stands without being accepted; nil for ever.
    public var expires: Duration?

    /// When the offer is withdrawn, in Unix seconds.
    var expiresAt: Int64? { expires.map { unixNow() + max(1, $0.components.seconds) } }

    /// A request to `contact`.
    public init(contact: String) { self.contact = contact }
}

/// What a request to send made.
public struct SendReceipt: Equatable, Sendable {
    /// The transfer, if there is a file.
    public var transfer: Int64?
    /// The text, if it goes as a message of its own.
    public var message: Int64?
    /// What was found in a folder.
    public var look: FolderLook?

    /// Whether both made the same.
    public static func == (left: SendReceipt, right: SendReceipt) -> Bool {
        left.transfer == right.transfer && left.message == right.message
    }
}

extension Profile {
    /// The largest file that goes inside a message by itself when a text comes with it, in bytes.
    public static let inlineByDefault: UInt64 = 65_536
    /// The longest text, in bytes.
    public static let textLimit = 65_536
    /// The largest preview, in bytes.
    public static let previewLimit: UInt64 = 65_536

    /// Records what is to be sent; nothing is hashed or read but an inline file.
    /// - Throws: `noSuchContact`, `noSuchFile`, `notRegular`, `unreadable`, `contactFailed`, `tooLargeInline`, `usage`.
    public func requestSend(_ request: SendRequest) throws(EngineError) -> SendReceipt {
        guard request.path != nil || request.folder != nil || !(request.text ?? "").isEmpty else {
            throw .usage("nothing to send: name a file or a text")
        }
        if let text = request.text { try Self.checkLength(text) }
        if let name = request.name, name.isEmpty || name.utf8.count > 255 || name.utf8.contains(0) {
            throw .usage("a name has 1 to 255 bytes")
        }
        try checkLane(request.lane)
        if let folder = request.folder { return try requestSend(folder, request) }
        var source: SourceFile?
        if let path = request.path { source = try SourceFile(path: path) }
        let isInline =
            source.map { request.isInline ?? (request.text != nil && $0.size <= Self.inlineByDefault) } ?? false
        if request.expires != nil, isInline || source == nil {
            throw .usage("--expires goes with the offer of a file, not with what travels inside a message")
        }
        if request.preview != nil, !isInline { throw .usage("--preview goes with --inline only") }
        let content =
            try isInline ? source.map { source throws(EngineError) in try inlineContent(source, request) } : nil
        return try write { db in
            var receipt = SendReceipt()
            if request.contact.hasPrefix("#"), source == nil, let text = request.text {
                receipt.message = try Group.named(db, request.contact).insertText(db, text)
                return receipt
            }
            let contact = try Self.usableContact(db, request.contact)
            if let text = request.text, !text.isEmpty {
                receipt.message = try TextMessage.insert(
                    db, direction: .send, contact: contact.id, ref: nil, text: text, state: .queued, now: unixNow())
            }
            guard let source else { return receipt }
            var transfer = try Self.makeTransfer(db, source, content: content, to: contact, request)
            transfer.message = receipt.message
            if !isInline { transfer.connection = try AgentStore.insertInitiator(db, kind: .file, now: unixNow()) }
            try transfer.insert(db)
            try db.execute(
                sql: "UPDATE transfers SET laneWish = ? WHERE id = ?", arguments: [request.lane, transfer.id])
            try content?.store(db, transfer: transfer.id)
            receipt.transfer = transfer.id
            // The text of an inline file travels in the message that announces it.
            if isInline { receipt.message = nil }
            return receipt
        }
    }

    func checkLane(_ lane: String) throws(EngineError) {
        if lane == "direct", try proxy() != nil {
            throw .usage("there is no direct lane with a proxy, which it would give away")
        }
    }

    static func usableContact(_ db: GRDB.Database, _ name: String) throws -> Contact {
        let contact = try Contact.named(db, name)
        guard contact.state != .failed else {
            throw EngineError.contactFailed(contact.name, contact.reason ?? "its connection failed")
        }
        return contact
    }

    private static func makeTransfer(
        _ db: GRDB.Database, _ source: SourceFile, content: InlineContent?, to contact: Contact, _ request: SendRequest
    ) throws -> Transfer {
        var transfer = Transfer(
            id: try Meta.nextID(db), direction: .send, contact: contact, isInline: content != nil,
            name: request.name ?? source.name, size: source.size,
            chunkSize: content == nil ? ChunkPlan.defaultChunkSize : ChunkPlan.inlineChunkSize, now: unixNow())
        transfer.path = source.path
        transfer.sourceIdentity = source.identity
        transfer.mode = source.mode
        transfer.modifiedAt = source.modifiedAt
        transfer.isSparse = source.isSparse
        transfer.root = content?.root
        transfer.expiresAt = request.expiresAt
        if content != nil { transfer.state = .active }
        return transfer
    }

    private func inlineContent(_ source: SourceFile, _ request: SendRequest) throws(EngineError) -> InlineContent {
        let limit = try inlineLimit()
        guard source.size <= limit else { throw .tooLargeInline(source.size, limit) }
        var preview: SourceFile?
        if let path = request.preview {
            let file = try SourceFile(path: path)
            guard file.size <= Self.previewLimit else { throw .tooLargeInline(file.size, Self.previewLimit) }
            preview = file
        }
        return try InlineContent(file: source.contents(), preview: preview)
    }
}
