import Primitives
import WireFormat

extension Ratchet {
    private static let format: UInt8 = 1

    /// The whole state in a compact form, for storage: secret.
    public func encoded() -> [UInt8] {
        var writer = WireWriter(capacity: 512 + skipped.count * 84)
        writer.u8(Self.format)
        writer.short(associatedData)
        writer.u16(version)
        writer.short(ratchetKey.raw.bytes)
        writer.short(rootKey)
        writer.maybe(sending) {
            $0.short($1.chainKey)
            $0.short($1.headerKey)
        }
        writer.maybe(receiving) {
            $0.short($1.chainKey)
            $0.short($1.headerKey)
        }
        writer.short(nextSendingHeaderKey)
        writer.short(nextReceivingHeaderKey)
        for number in [sendingNumber, previousCount, receivingNumber, receivingSteps] { writer.u32(number) }
        writer.u32(UInt32(skipped.count))
        for key in skipped {
            writer.short(key.headerKey)
            writer.u32(key.number)
            writer.short(key.messageKey)
            writer.short(key.messageIV)
        }
        return writer.bytes
    }

    /// Reads `encoded`.
    public init(decoding bytes: [UInt8]) throws(RatchetError) {
        do {
            var reader = WireReader(bytes)
            guard try reader.u8() == Self.format else { throw WireError.unexpected(offset: 0) }
            associatedData = Array(try reader.short())
            version = try reader.u16()
            ratchetKey = try X448PrivateKey(raw: try reader.short())
            rootKey = Array(try reader.short())
            sending = try reader.maybe { (inner) throws(WireError) in
                SendingChain(chainKey: Array(try inner.short()), headerKey: Array(try inner.short()))
            }
            receiving = try reader.maybe { (inner) throws(WireError) in
                ReceivingChain(chainKey: Array(try inner.short()), headerKey: Array(try inner.short()))
            }
            nextSendingHeaderKey = Array(try reader.short())
            nextReceivingHeaderKey = Array(try reader.short())
            sendingNumber = try reader.u32()
            previousCount = try reader.u32()
            receivingNumber = try reader.u32()
            receivingSteps = try reader.u32()
            skipped = []
            for _ in 0..<(try reader.u32()) {
                skipped.append(
                    SkippedKey(
                        headerKey: Array(try reader.short()), number: try reader.u32(),
                        messageKey: Array(try reader.short()), messageIV: Array(try reader.short())))
            }
            try reader.end()
        } catch {
            throw .malformed("stored state: \(error)")
        }
    }
}
