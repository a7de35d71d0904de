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
