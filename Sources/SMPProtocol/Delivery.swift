public import Primitives
import WireFormat

/// What a relay delivers, inside its own layer of encryption for the recipient (smp.md, section 4).
public enum Delivery: Equatable, Sendable {
    /// A SEND body, when the relay took it (Unix seconds), and the sender's notification flag.
    case message(sentAt: Int64, notify: Bool, body: ArraySlice<UInt8>)
    /// The queue was full at this point: a sender was refused.
    case quota(at: Int64)

    /// Seals it for the recipient; `messageID` is the nonce. 16122 bytes.
    public func sealed(_ key: BoxKey, messageID: [UInt8]) throws(SMPProtocolError) -> [UInt8] {
        var writer = WireWriter(capacity: SMP.deliveredSize + SMP.tagSize)
        try write(sealedWith: key, messageID: messageID, to: &writer)
        return writer.bytes
    }

    /// Writes what `sealed` gives, and encrypts it where it stands. After an error the writer's end is undefined.
    func write(
        sealedWith key: BoxKey, messageID: [UInt8], to writer: inout WireWriter
    ) throws(SMPProtocolError) {
        let start = writer.bytes.count
        writer.reserve(SMP.tagSize)
        let padded = writer.bytes.count
        writer.reserve(2)
        switch self {
        case .message(let sentAt, let notify, let body):
            writer.i64(sentAt)
            writer.bool(notify)
            writer.tag(" ")
            writer.raw(body)
        case .quota(let at):
            writer.tag("QUOTA ")
            writer.i64(at)
        }
        let count = writer.bytes.count - padded - 2
        guard count <= SMP.deliveredSize - 2 else { throw .tooLong(count: count, limit: SMP.deliveredSize - 2) }
        writer.overwrite(
            at: padded, with: [UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)])
        writer.fill(to: padded + SMP.deliveredSize)
        writer.edit(from: start) { key.seal(inPlace: $0, nonce: messageID) }
    }

    /// Opens what came as MSG; throws `authentication` or `malformed`.
    public static func open(
        _ sealed: ArraySlice<UInt8>, key: BoxKey, messageID: [UInt8]
    ) throws(SMPProtocolError) -> Delivery {
        let padded: ArraySlice<UInt8>
        do { padded = try key.opened(sealed, nonce: messageID[...]) } catch {
            throw .authentication("a delivered message")
        }
        do throws(WireError) {
            var reader = WireReader(try WireReader.unpad(padded))
            if reader.skip("QUOTA ") { return .quota(at: try reader.i64()) }
            let sentAt = try reader.i64()
            let notify = try reader.bool()
            // Later versions may add flags before the space.
            _ = try reader.until(UInt8(ascii: " "))
            return .message(sentAt: sentAt, notify: notify, body: reader.rest())
        } catch {
            throw .malformed("delivered message: \(error)")
        }
    }
}
