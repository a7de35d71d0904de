import ChatProtocol
import Primitives
import TransferCore

/// What the engine hears: the events that it acts on.
enum Incoming: Equatable, Sendable {
    /// x.info: who the peer is.
    case info(ChatProtocol.Profile)
    /// x.file.acpt in connection information: the name that is accepted.
    case acceptance(name: String)
    /// x.ok.
    case ok
    /// x.file.
    case offer(ref: Int64, OfferedFile)
    /// x.msg.new: a text, files that follow in chunks, a preview.
    case message(ref: Int64?, AnnouncedMessage)
    /// x.msg.update: what the message says now.
    case update(reference: Int64, AnnouncedMessage)
    /// x.msg.delete.
    case delete(reference: Int64)
    /// x.msg.eval: input for a program, which nobody runs.
    case evaluate(ref: Int64?, AnnouncedMessage)
    /// x.msg.file: the range of the body is that of the chunk's bytes.
    case chunk(IncomingChunk)
    /// x.file.want.
    case want(Want)
    /// x.file.done.
    case done(DoneMark)
    /// x.file.ok.
    case fileOK(root: [UInt8])
    /// x.file.direct.
    case direct(DirectOffer)
    /// x.file.cancel.
    case cancel(ref: Int64, EndCode, reason: String)
    /// x.file.retry.
    case retry(ref: Int64)
    /// x.grp.inv, x.info.probe.check or x.info.probe.ok: what groups say on a contact's connection.
    case group(ChatEvent)
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
    /// Whether it is a directory with a manifest.
    var isFolder = false
    /// What its offer says of that; nil if that cannot be.
    var folder: OfferedFolder?
    var expiresAt: Int64?
    /// The number of the offer that this one repeats.
    var retries: Int64?
    /// Whether it has holes.
    var isSparse = false
    /// Whether the size is not known.
    var isStream: Bool { size == nil }
}

/// What an x.msg.new brings and announces.
struct AnnouncedMessage: Equatable, Sendable {
    var text: String?
    /// Files that follow in chunks.
    var files: [File] = []
    var preview: Part?
    /// Parts that came whole, and are no text.
    var parts: [Part] = []

    struct File: Equatable, Sendable {
        var name: String
        var size: UInt64
        var root: [UInt8]?
    }

    /// A part with its bytes.
    struct Part: Equatable, Sendable {
        /// The content type, as `i.image/png`.
        var type: String
        /// A name for it as a file.
        var name = ""
        var bytes: [UInt8]
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
    /// Whether a message that begins with `bytes` is part of a file connection's chunk stream.
    static func isBulk(_ bytes: ArraySlice<UInt8>) -> Bool { FileChunk.parseHeader(bytes) != nil }

    /// Reads a whole chunk message; nil if it is none.
    init?(_ bytes: [UInt8]) {
        guard let (chunk, body) = FileChunk.parse(bytes[...]) else { return nil }
        self.init(chunk, body)
    }

    fileprivate init(_ chunk: FileChunk, _ body: ArraySlice<UInt8>) {
        // A sender that gives no hash has the file's root alone.
        self.init(
            ref: chunk.reference, part: chunk.part, number: chunk.number, hash: chunk.hash ?? SHA256.hash(body),
            body: body.indices)
    }
}

extension Incoming {
    /// Reads a whole message.
    init(_ bytes: [UInt8]) {
        do {
            let message = try ChatMessage(parsing: bytes)
            self = try Self.read(try ChatEvent(message), id: message.id)
        } catch {
            self = .unreadable("\(error)")
        }
    }

    private static func read(_ event: ChatEvent, id: Int64?) throws(ChatProtocolError) -> Incoming {
        switch event {
        case .info(let profile): .info(profile)
        case .ok: .ok
        case .newMessage(let message): .message(ref: id, try AnnouncedMessage(message))
        case .fileAccept(let name): .acceptance(name: name)
        case .fileOffer(let invitation): offer(invitation, id: id)
        case .fileChunk(let chunk, let body): .chunk(IncomingChunk(chunk, body))
        case .fileWant(let want):
            .want(Want(number: want.number, seen: want.seen, frames: want.frames, ranges: want.ranges))
        case .fileDone(let done): .done(DoneMark(count: done.count, size: done.size, root: done.root))
        case .fileComplete(let root): .fileOK(root: root)
        case .fileDirect(let offer): .direct(offer)
        case .fileCancel(let cancel):
            .cancel(ref: cancel.reference, EndCode(cancel.code), reason: cancel.reason ?? "")
        case .fileRetry(let reference): .retry(ref: reference)
        case .messageUpdate(let reference, let parts):
            .update(reference: reference, AnnouncedMessage(ShownContent(parts)))
        case .messageDelete(let reference): .delete(reference: reference)
        case .messageEvaluate(_, let parts): .evaluate(ref: id, AnnouncedMessage(ShownContent.source(parts)))
        case .groupInvite, .probeCheck, .probeConfirm: .group(event)
        case .probe, .groupAccept, .groupLeave, .groupDelete, .memberNew, .memberIntroduce, .memberInvite,
            .memberForward, .memberInfo, .memberConnected, .memberConnectedToAll, .memberDelete, .earlierForm, .unknown:
            .ignored(event: event.name)
        }
    }

    private static func offer(_ invitation: FileInvitation, id: Int64?) -> Incoming {
        guard let id else { return .unreadable("an offer without a number, to which nothing can refer") }
        let offer = invitation.offer
        return .offer(
            ref: id,
            OfferedFile(
                name: invitation.name, size: invitation.size, invitation: invitation.invitation,
                chunkSize: Int(offer.chunkSize), mode: offer.mode.map { UInt32($0) },
                modifiedAt: offer.modified?.seconds, isFolder: offer.kind == .tree,
                folder: offer.kind == .tree ? OfferedFolder(offer.entries) : nil, expiresAt: offer.expires?.seconds,
                retries: offer.retries, isSparse: offer.isSparse))
    }
}

extension EndCode {
    fileprivate init(_ code: FileCancel.Code) {
        switch code {
        case .cancelled: self = .cancelled
        case .declined: self = .declined
        case .failed: self = .failed
        }
    }
}

extension AnnouncedMessage {
    fileprivate init(_ content: ShownContent) {
        text = content.text
        parts = content.files.compactMap { part in
            part.body.map { Part(type: part.type.text, name: part.fileName, bytes: Array($0)) }
        }
    }

    fileprivate init(_ message: NewMessage) throws(ChatProtocolError) {
        self.init(message.shown)
        files = try message.inlineFiles().map { file in
            // What is announced without a name gets one by its type.
            let part = ContentPart(announcing: file.description)
            return File(name: file.name ?? part.fileName, size: UInt64(file.description.size), root: file.root)
        }
        guard !files.isEmpty, let part = message.preview, let body = part.body else { return }
        preview = Part(type: part.type.text, bytes: Array(body))
    }
}
