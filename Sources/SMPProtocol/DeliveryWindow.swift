import WireFormat

/// The delivery window between our own client and relay (sxfile-protocol(7), DELIVERY WINDOW): several messages of a queue
/// under way at a time, where SMP has one a round trip.
///
/// Offered by the relay, then answered by the client, in bytes after the hellos' own fields, which others leave alone:
/// `"SXFW" u8 length, u16 messages, u8 flags`.
public struct DeliveryWindow: Equatable, Sendable {
    /// Unacknowledged messages of a queue, at most.
    public var messages: UInt16
    /// What else the two agree on: `bindsQueues`, or 0. Other bits are for what is to come.
    public var flags: UInt8

    /// Flag: one authorized command on a queue binds it to the connection; SEND and ACK go without authorization then.
    public static let bindsQueues: UInt8 = 1
    /// So many queues are bound on a connection, the first ones; commands on others go on being authorized.
    public static let boundQueueLimit = 1024
    /// What our relay offers: two mebibytes a queue, enough for 100 Mbit/s over a round trip of 150 ms.
    public static let offered = DeliveryWindow(messages: 128, flags: bindsQueues)
    /// OKs to SEND are held back while more messages than this, or half the quota, wait for a recipient at work: few enough
    /// that the relay hands on what it has just stored, most of the time.
    public static let messagesAhead = 96
    /// Unacknowledged messages of all queues of a connection, 16 KiB each: beyond them a queue has one at a time.
    public static let messagesOfConnection = 512
    /// The client acknowledges at the latest after so many messages.
    public static let acknowledgedEvery = 16

    /// From its parts.
    public init(messages: UInt16, flags: UInt8 = 0) {
        self.messages = messages
        self.flags = flags
    }

    /// What both sides have: an answer to `offer`, and what the relay makes of an answer.
    public func common(with offer: DeliveryWindow) -> DeliveryWindow {
        DeliveryWindow(messages: min(messages, offer.messages), flags: flags & offer.flags)
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
