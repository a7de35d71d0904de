import Primitives
import WireFormat

/// The relay's words.
enum ServerWord {
    static let ok = Array("OK".utf8)
    static let pong = Array("PONG".utf8)
    static let end = Array("END".utf8)
    static let deleted = Array("DELD".utf8)
    static let authorization = error("AUTH")
    static let quota = error("QUOTA")
    static let noMessage = error("NO_MSG")
    static let largeMessage = error("LARGE_MSG")
    static let crypto = error("CRYPTO")
    static let block = error("BLOCK")
    static let internalError = error("INTERNAL")
    static let unknown = error("CMD UNKNOWN")
    static let syntax = error("CMD SYNTAX")
    static let prohibited = error("CMD PROHIBITED")
    static let noAuthorization = error("CMD NO_AUTH")
    static let hasAuthorization = error("CMD HAS_AUTH")
    static let noEntity = error("CMD NO_ENTITY")

    private static func error(_ text: String) -> [UInt8] { Array("ERR \(text)".utf8) }

    /// The bytes of `refusal`.
    static func refusal(_ refusal: Refusal) -> [UInt8] {
        switch refusal {
        case .authorization: authorization
        case .prohibited: prohibited
        case .quota: quota
        case .noMessage: noMessage
        case .storage: internalError
        }
    }

    /// `"IDS " S(rcvId) S(sndId) PK(srvDh) Bool(sender can secure)`, as in versions 9 to 14.
    static func queueMade(
        recipientID: QueueID, senderID: QueueID, deliveryKey: X25519PublicKey, senderCanSecure: Bool
    ) -> [UInt8] {
        var writer = WireWriter(capacity: 100)
        writer.tag("IDS ")
        writer.short(recipientID.bytes)
        writer.short(senderID.bytes)
        writer.short(deliveryKey.spki)
        writer.bool(senderCanSecure)
        return writer.bytes
    }

    private static let sealedBodyCount = 16106

    /// `"MSG " S(msgId) box(pad(body, 16106))`, body = `i64 time, flags, ' ', sent body` or `"QUOTA " i64 time`.
    static func message(_ delivery: Delivery) -> [UInt8] {
        let message = delivery.message
        var body = WireWriter(capacity: 10 + message.body.count)
        switch message.kind {
        case .message:
            body.i64(message.timestamp)
            body.bool(message.notifies)
            body.u8(UInt8(ascii: " "))
            body.raw(message.body)
        case .quotaMarker:
            body.tag("QUOTA ")
            body.i64(message.timestamp)
        }
        guard let padded = try? WireWriter.pad(body.bytes, to: sealedBodyCount) else {
            preconditionFailure("a stored message exceeds what SEND may carry")
        }
        var writer = WireWriter(capacity: 5 + message.id.count + sealedBodyCount + BoxKey.tagCount)
        writer.tag("MSG ")
        writer.short(message.id)
        writer.raw(delivery.box.seal(padded, nonce: message.id))
        return writer.bytes
    }
}
