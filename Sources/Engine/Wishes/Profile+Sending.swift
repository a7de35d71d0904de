import AgentLink
import Database
import GRDB
import TransferCore

/// What the user wants to send.
public struct SendRequest: Sendable {
    /// The contact's local name, or `#` and that of a group.
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
    /// - Throws: `noSuchContact`, `noSuchFile`, `notRegular`, `unreadable`, `contactFailed`, `noSuchGroup`,
    ///   `nobodyInGroup`, `tooLargeInline`, `usage`.
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
            source.map {
                request.isInline
                    ?? (!request.contact.hasPrefix("#") && request.text != nil && $0.size <= Self.inlineByDefault)
            } ?? false
        if request.expires != nil, isInline || source == nil {
            throw .usage("--expires goes with the offer of a file, not with what travels inside a message")
        }
        if request.preview != nil, !isInline { throw .usage("--preview goes with --inline only") }
        let content =
            try isInline ? source.map { source throws(EngineError) in try inlineContent(source, request) } : nil
        if request.contact.hasPrefix("#"), isInline || request.preview != nil {
            throw .usage("--inline is for one contact: to a group the file goes as an offer to each member")
        }
        return try write { db in
            var receipt = SendReceipt()
            if request.contact.hasPrefix("#"), source == nil, let text = request.text {
                receipt.message = try Group.named(db, request.contact).insertText(db, text)
                return receipt
            }
            let recipient = try Recipient(db, request.contact)
            receipt.message = try recipient.insertText(db, request.text)
            guard let source else { return receipt }
            if let content, case .contact(let contact) = recipient {
                let transfer = try Self.insertInline(db, source, content, to: contact, request, receipt.message)
                receipt.transfer = transfer.id
                // Its text travels in the message that announces it.
                receipt.message = nil
                return receipt
            }
            receipt.transfer =
                try recipient.insertOffer(db, name: request.name ?? source.name, size: source.size) { transfer in
                    transfer.setSource(source)
                    transfer.isSparse = source.isSparse
                    transfer.message = receipt.message
                    transfer.laneWish = request.lane
                    transfer.expiresAt = request.expiresAt
                }.id
            return receipt
        }
    }

    func checkLane(_ lane: String) throws(EngineError) {
        if lane == "direct", try proxy() != nil {
            throw .usage("there is no direct lane with a proxy, which it would give away")
        }
    }

    /// Checks that something can be sent to a contact of this name, or to a group behind `#`.
    /// - Throws: `noSuchContact`, `contactFailed`, `noSuchGroup`, `nobodyInGroup`.
    public func checkRecipient(_ name: String) throws(EngineError) { try read { db in _ = try Recipient(db, name) } }

    static func usableContact(_ db: GRDB.Database, _ name: String) throws -> Contact {
        try checkUsable(Contact.named(db, name))
    }

    static func checkUsable(_ contact: Contact) throws -> Contact {
        guard contact.state != .failed else {
            throw EngineError.contactFailed(contact.name, contact.reason ?? "its connection failed")
        }
        return contact
    }

    private static func insertInline(
        _ db: GRDB.Database, _ source: SourceFile, _ content: InlineContent, to contact: Contact,
        _ request: SendRequest, _ message: Int64?
    ) throws -> Transfer {
        var transfer = Transfer(
            id: try Meta.nextID(db), direction: .send, contact: contact, isInline: true,
            name: request.name ?? source.name, size: source.size, chunkSize: ChunkPlan.inlineChunkSize, now: unixNow())
        transfer.setSource(source)
        transfer.root = content.root
        transfer.message = message
        transfer.laneWish = request.lane
        transfer.state = .active
        try transfer.insert(db)
        try content.store(db, transfer: transfer.id)
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
