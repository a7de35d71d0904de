import ChatProtocol
import TransferCore

/// What the engine says, as the bytes of chat messages.
enum ChatText {
    /// x.info, the connection information between contacts.
    static func info(displayName: String?) -> [UInt8] {
        PlainMessage.print(nil, "x.info", [], [("x.json", PlainMessage.json(["displayName": displayName ?? ""]), nil)])
    }

    /// x.file.acpt, the connection information of a recipient's join.
    static func acceptance(name: String) -> [UInt8] {
        PlainMessage.print(nil, "x.file.acpt", [PlainMessage.escape(name)])
    }

    /// x.ok.
    static func ok() -> [UInt8] { PlainMessage.print(nil, "x.ok") }

    /// x.file.
    static func offer(ref: Int64, _ file: OfferedFile) -> [UInt8] {
        var offer: [String: Any] = ["chunk": file.chunkSize, "hash": "sha256", "kind": "file"]
        offer["mode"] = file.mode.map { Int($0) }
        offer["mtime"] = file.modifiedAt
        return PlainMessage.print(
            ref, "x.file", [PlainMessage.escape(file.name), file.size.map { "\($0)" } ?? "-"],
            [("x.text", Array(file.invitation.utf8), nil), ("x.json", PlainMessage.json(offer), nil)])
    }

    /// x.msg.new with a text.
    static func text(ref: Int64, _ text: String) -> [UInt8] {
        PlainMessage.print(ref, "x.msg.new", ["c.text"], [("x.text", Array(text.utf8), nil)])
    }

    /// x.msg.new with files that follow in chunks.
    static func announcement(ref: Int64, _ message: AnnouncedMessage) -> [UInt8] {
        var parameters = ["c.file"]
        var parts: [(type: String, body: [UInt8], hash: [UInt8]?)] = []
        if let text = message.text { parts.append(("x.text", Array(text.utf8), nil)) }
        for file in message.files {
            parameters.append("x.file:\(file.size)")
            var entry: [String: Any] = ["name": file.name]
            entry["root"] = file.root.map(PlainMessage.base64)
            parts.append(("x.json", PlainMessage.json(entry), nil))
        }
        if let preview = message.preview { parts.append((preview.type, preview.bytes, nil)) }
        return PlainMessage.print(ref, "x.msg.new", parameters, parts)
    }

    /// x.msg.file with a chunk of an inline file.
    static func inlineChunk(
        id: Int64, ref: Int64, part: Int, number: UInt64, hash: [UInt8], body: [UInt8]
    ) -> [UInt8] {
        PlainMessage.print(id, "x.msg.file", ["\(ref)", "\(part).\(number)"], [("x.file", body, hash)])
    }

    /// x.msg.file on a file connection, up to the chunk's bytes, which follow.
    static func chunkHeader(ref: Int64, number: UInt64, length: Int, hash: [UInt8]) -> [UInt8] {
        Array(" x.msg.file \(ref),1.\(number) x.file:\(length):\(PlainMessage.base64(hash)) ".utf8)
    }

    /// x.file.want.
    static func want(_ want: Want) -> [UInt8] {
        let ranges = want.ranges.ranges.map { range in
            range.upperBound == UInt64.max
                ? "\(range.lowerBound)-"
                : range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
        }
        return PlainMessage.print(nil, "x.file.want", ["\(want.number)", "\(want.seen)"] + ranges)
    }

    /// x.file.done.
    static func done(_ mark: DoneMark) -> [UInt8] {
        let json = PlainMessage.json([
            "count": mark.count, "size": mark.size, "root": PlainMessage.base64(mark.root),
        ])
        return PlainMessage.print(nil, "x.file.done", [], [("x.json", json, nil)])
    }

    /// x.file.ok.
    static func fileOK(root: [UInt8]) -> [UInt8] {
        PlainMessage.print(nil, "x.file.ok", [PlainMessage.base64(root)])
    }

    /// x.file.cancel.
    static func cancel(ref: Int64, _ code: EndCode, reason: String) -> [UInt8] {
        let parts: [(type: String, body: [UInt8], hash: [UInt8]?)] =
            reason.isEmpty ? [] : [("x.text", Array(reason.utf8), nil)]
        return PlainMessage.print(nil, "x.file.cancel", ["\(ref)", code.rawValue], parts)
    }
}
