import WireFormat

/// The delivery window between our own client and relay (sxfile-protocol(7), DELIVERY WINDOW): several messages of a queue
/// under way at a time, where SMP has one a round trip.
///
/// Offered by the relay, then answered by the client, in bytes after the hellos' own fields, which others leave alone:
/// `"SXFW" u8 length, u16 messages, u8 flags`.
public struct DeliveryWindow: Equatable, Sendable {
    /// Unacknowledged messages of a queue, at most.
    public var messages: UInt16
    /// For what is to come; 0.
    public var flags: UInt8

    /// What our relay offers: half a mebibyte a queue.
    public static let offered = DeliveryWindow(messages: 32)
    /// The client acknowledges at the latest after so many messages.
    public static let acknowledgedEvery = 16

    /// From its parts.
    public init(messages: UInt16, flags: UInt8 = 0) {
        self.messages = messages
        self.flags = flags
    }

    /// The bytes after a hello.
    public func encoded() -> [UInt8] {
        var writer = WireWriter()
        writer.tag("SXFW")
        writer.u8(3)
        writer.u16(messages)
        writer.u8(flags)
        return writer.bytes
    }

    /// Reads the bytes after a hello; nil if they are none or another's.
    public init?(tail: [UInt8]) {
        var reader = WireReader(tail)
        guard reader.skip("SXFW"), let content = try? reader.short() else { return nil }
        var fields = WireReader(content)
        guard let messages = try? fields.u16(), messages > 0, let flags = try? fields.u8() else { return nil }
        self.init(messages: messages, flags: flags)
    }
}
