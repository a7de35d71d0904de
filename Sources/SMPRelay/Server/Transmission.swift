import Primitives
import WireFormat

/// A command as it comes: `S(auth) S(corrId) S(entityId) command`.
struct Transmission {
    let authorization: ArraySlice<UInt8>
    let correlation: ArraySlice<UInt8>
    let entity: ArraySlice<UInt8>
    let command: ArraySlice<UInt8>
    /// Everything behind the authorization: with the session id in front, what it is over.
    let authorized: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) throws(WireError) {
        var reader = WireReader(bytes)
        authorization = try reader.short()
        authorized = bytes[(bytes.startIndex + reader.offset)...]
        correlation = try reader.short()
        entity = try reader.short()
        command = reader.rest()
    }

    /// Answers to a transmission have its ids and no authorization.
    static func encode(
        correlation: ArraySlice<UInt8>, entity: ArraySlice<UInt8>, command: [UInt8]
    ) -> [UInt8] {
        var writer = WireWriter(capacity: 3 + correlation.count + entity.count + command.count)
        writer.u8(0)
        writer.short(correlation)
        writer.short(entity)
        writer.raw(command)
        return writer.bytes
    }

    /// The transmissions of a block's body: `u8 count, count × L(transmission)`, nothing behind.
    static func split(_ body: ArraySlice<UInt8>) throws(WireError) -> [ArraySlice<UInt8>] {
        var reader = WireReader(body)
        let parts = try reader.list { part throws(WireError) in try part.long() }
        try reader.end()
        guard !parts.isEmpty else { throw .unexpected(offset: 0) }
        return parts
    }
}

/// The commands that the relay knows, in versions 9 to 14.
enum ClientCommand {
    case make(NewQueue)
    case recipient(RecipientCommand)
    case secureBySender(AuthKey)
    case send(notifies: Bool, body: ArraySlice<UInt8>)
    case ping
    case forward(ArraySlice<UInt8>)

    /// The fields of NEW.
    struct NewQueue {
        let recipientKey: AuthKey
        let deliveryKey: X25519PublicKey
        let password: ArraySlice<UInt8>?
        let isSubscribing: Bool
        let senderCanSecure: Bool
    }

    /// Why bytes are no command.
    enum Defect: Error {
        case unknown
        case syntax
    }

    /// Longest body of SEND in bytes.
    static func bodyLimit(version: UInt16) -> Int { version >= 11 ? 16048 : 16064 }

    init(_ bytes: ArraySlice<UInt8>) throws(Defect) {
        var reader = WireReader(bytes)
        let command: ClientCommand?
        do throws(WireError) {
            command = try Self.command(&reader)
            if command != nil { try reader.end() }
        } catch { throw .syntax }
        guard let command else { throw .unknown }
        self = command
    }

    private static func command(_ reader: inout WireReader) throws(WireError) -> ClientCommand? {
        if reader.skip("SEND ") {
            let notifies = try reader.bool()
            // Flags may become longer; they end with a space.
            _ = try reader.until(UInt8(ascii: " "))
            return .send(notifies: notifies, body: reader.rest())
        }
        if reader.skip("ACK ") { return .recipient(.acknowledge(try reader.short())) }
        if reader.skip("NEW ") { return .make(try newQueue(&reader)) }
        if reader.skip("SKEY ") { return .secureBySender(try key(&reader)) }
        if reader.skip("KEY ") { return .recipient(.secure(try key(&reader))) }
        if reader.skip("RFWD ") { return .forward(reader.rest()) }
        if reader.skip("SUB") { return .recipient(.subscribe) }
        if reader.skip("GET") { return .recipient(.get) }
        if reader.skip("OFF") { return .recipient(.turnOff) }
        if reader.skip("DEL") { return .recipient(.delete) }
        return reader.skip("PING") ? .ping : nil
    }

    private static func newQueue(_ reader: inout WireReader) throws(WireError) -> NewQueue {
        let recipientKey = try key(&reader)
        let at = reader.offset
        guard let deliveryKey = try? X25519PublicKey(spki: try reader.short()) else { throw .unexpected(offset: at) }
        let password = try reader.maybe { field throws(WireError) in try field.short() }
        let isSubscribing = reader.skip("S")
        if !isSubscribing { try reader.expect("C") }
        return NewQueue(
            recipientKey: recipientKey, deliveryKey: deliveryKey, password: password, isSubscribing: isSubscribing,
            senderCanSecure: try reader.bool())
    }

    private static func key(_ reader: inout WireReader) throws(WireError) -> AuthKey {
        let at = reader.offset
        let bytes = try reader.short()
        guard let key = try? AuthKey(spki: bytes) else { throw .unexpected(offset: at) }
        return key
    }
}
