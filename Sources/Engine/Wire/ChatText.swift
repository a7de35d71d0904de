import ChatProtocol
import TransferCore

/// What the engine says, as the bytes of chat messages.
///
/// What comes from the user was checked when the wish was recorded, so that every one of these can be said.
enum ChatText {
    /// What contacts see of a profile that has no name.
    static let namelessProfile = "contact"
    /// The most bytes of a reason that are sent.
    static let longestReason = 1024

    /// x.info, the connection information between contacts.
    static func info(_ profile: ChatProtocol.Profile) -> [UInt8] { encoded(.info(profile)) }

    /// x.file.acpt, the connection information of a recipient's join.
    static func acceptance(name: String) -> [UInt8] { encoded(.fileAccept(name: name)) }

    /// x.ok.
    static func ok() -> [UInt8] { encoded(.ok) }

    /// x.file.
    static func offer(ref: Int64, _ file: OfferedFile) -> [UInt8] { encoded(offer(file), id: ref) }

    /// x.file, without its number.
    static func offer(_ file: OfferedFile) -> ChatEvent {
        let kind: FileOffer.Kind = file.folder != nil ? .tree : file.isStream ? .stream : .file
        var offer =
            FileOffer(
                chunkSize: UInt64(file.chunkSize), kind: kind,
                modified: file.modifiedAt.flatMap { FileTime(seconds: $0) }, mode: file.mode.map { UInt16($0 & 0o777) },
                entries: file.folder?.json) ?? .plain
        offer.expires = file.expiresAt.flatMap { FileTime(seconds: $0) }
        offer.retries = file.retries
        offer.isSparse = file.isSparse
        return .fileOffer(
            FileInvitation(name: file.name, size: file.size, invitation: file.invitation, offer: offer))
    }

    /// x.msg.new with a text.
    static func text(ref: Int64, _ text: String) -> [UInt8] { encoded(.newMessage(NewMessage(text: text)), id: ref) }

    /// x.msg.update: another text for the message `reference`.
    static func update(ref: Int64, _ reference: Int64, _ text: String) -> [UInt8] {
        encoded(.messageUpdate(reference: reference, parts: [.text(text)]), id: ref)
    }

    /// x.msg.delete.
    static func deletion(ref: Int64, _ reference: Int64) -> [UInt8] {
        encoded(.messageDelete(reference: reference), id: ref)
    }

    /// x.msg.new with files that follow in chunks.
    static func announcement(ref: Int64, _ message: AnnouncedMessage) -> [UInt8] {
        let files = message.files.map { file in
            OutgoingInlineFile(name: file.name, size: Int64(clamping: file.size), root: file.root ?? [])
        }
        let preview = message.preview.flatMap { preview in
            ContentType(preview.type).map { ContentPart($0, body: preview.bytes) }
        }
        return encoded(.newMessage(NewMessage(files: files, text: message.text, preview: preview)), id: ref)
    }

    /// x.msg.file with a chunk of an inline file.
    static func inlineChunk(
        id: Int64, ref: Int64, part: Int, number: UInt64, hash: [UInt8], body: [UInt8]
    ) -> [UInt8] {
        FileChunk(id: id, reference: ref, part: UInt64(part), number: number, length: body.count, hash: hash).header
            + body
    }

    /// x.msg.file on a file connection, up to the chunk's bytes, which follow.
    static func chunkHeader(ref: Int64, number: UInt64, length: Int, hash: [UInt8]) -> [UInt8] {
        FileChunk(reference: ref, number: number, length: length, hash: hash).header
    }

    /// x.file.want.
    static func want(_ want: Want) -> [UInt8] {
        encoded(.fileWant(FileWant(number: want.number, seen: want.seen, frames: want.frames, ranges: want.ranges)))
    }

    /// x.file.direct.
    static func direct(_ offer: DirectOffer) -> [UInt8] { encoded(.fileDirect(offer)) }

    /// x.file.done.
    static func done(_ mark: DoneMark) -> [UInt8] {
        encoded(.fileDone(FileDone(count: mark.count, size: mark.size, root: mark.root)))
    }

    /// x.file.ok.
    static func fileOK(root: [UInt8]) -> [UInt8] { encoded(.fileComplete(root: root)) }

    /// x.file.retry.
    static func retry(ref: Int64) -> [UInt8] { encoded(.fileRetry(reference: ref)) }

    /// x.file.cancel.
    static func cancel(ref: Int64, _ code: EndCode, reason: String) -> [UInt8] {
        let word: FileCancel.Code =
            switch code {
            case .cancelled: .cancelled
            case .declined: .declined
            case .failed: .failed
            }
        // Cut between characters.
        var short = reason
        while short.utf8.count > longestReason { short.removeLast() }
        return encoded(.fileCancel(FileCancel(reference: ref, code: word, reason: short.isEmpty ? nil : short)))
    }

    private static func encoded(_ event: ChatEvent, id: Int64? = nil) -> [UInt8] {
        do { return try event.message(id: id).encoded() } catch {
            preconditionFailure("\(event.name) cannot be said: \(error)")
        }
    }
}
