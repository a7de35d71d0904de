import Primitives
import WireFormat

extension Ratchet {
    private static let format: UInt8 = 1
    private static let keyCount = 32
    private static let ivCount = 16
    private static let skippedKeyCount = 4 + keyCount + ivCount

    /// The whole state for storage, secret: at most 383 bytes, 34 more for each receiving chain that is remembered (up to
    /// 9, and others only while messages of theirs are missing), 52 for each skipped key.
    ///
    /// `u8 1, u16 version, AD112, X448 key56, root32, next sending and receiving header key32, M(sending chain32, header32),
    /// M(receiving chain32), u32 Ns, u32 PN, u32 Nr, u32 steps, u16 chains, each header32, u16 keys, each u32 number, key32,
    /// iv16`.
    public func encoded() -> [UInt8] {
        var writer = WireWriter(
            capacity: 416 + known.count * (Self.keyCount + 2) + skippedCount * Self.skippedKeyCount)
        writer.u8(Self.format)
        writer.u16(version)
        writer.raw(associatedData)
        ratchetKey.raw.withUnsafeBytes { writer.raw($0) }
        writer.raw(rootKey)
        writer.raw(nextSendingHeaderKey)
        writer.raw(nextReceivingHeaderKey)
        writer.maybe(sending) {
            $0.raw($1.chainKey)
            $0.raw($1.headerKey)
        }
        writer.maybe(receivingChainKey) { $0.raw($1) }
        for number in [sendingNumber, previousCount, receivingNumber, receivingSteps] { writer.u32(number) }
        writer.u16(UInt16(known.count))
        for chain in known {
            writer.raw(chain.headerKey)
            writer.u16(UInt16(chain.skipped.count))
            for skipped in chain.skipped {
                writer.u32(skipped.number)
                writer.raw(skipped.keys.key)
                writer.raw(skipped.keys.iv)
            }
        }
        return writer.bytes
    }

    /// Reads `encoded`; throws `malformed`.
    public init(decoding bytes: [UInt8]) throws(RatchetError) {
        do {
            var reader = WireReader(bytes)
            guard try reader.u8() == Self.format else { throw WireError.unexpected(offset: 0) }
            version = try reader.u16()
            guard E2EParameters.versions.contains(version) else { throw WireError.unexpected(offset: 1) }
            associatedData = Array(try reader.take(112))
            ratchetKey = try X448PrivateKey(raw: try reader.take(56))
            rootKey = try Self.key(&reader)
            nextSendingHeaderKey = try Self.key(&reader)
            nextReceivingHeaderKey = try Self.key(&reader)
            sending = try reader.maybe { (inner) throws(WireError) in
                SendingChain(chainKey: try Self.key(&inner), headerKey: try Self.key(&inner))
            }
            receivingChainKey = try reader.maybe { (inner) throws(WireError) in try Self.key(&inner) }
            sendingNumber = try reader.u32()
            previousCount = try reader.u32()
            receivingNumber = try reader.u32()
            receivingSteps = try reader.u32()
            known = try Self.chains(&reader)
            guard known.isEmpty == (receivingChainKey == nil) else {
                throw WireError.unexpected(offset: reader.offset)
            }
            try reader.end()
        } catch {
            throw .malformed("stored state: \(error)")
        }
    }

    private static func key(_ reader: inout WireReader) throws(WireError) -> [UInt8] {
        Array(try reader.take(keyCount))
    }

    private static func chains(_ reader: inout WireReader) throws(WireError) -> [KnownChain] {
        var chains: [KnownChain] = []
        for _ in 0..<(try reader.u16()) {
            var chain = KnownChain(headerKey: try key(&reader))
            let count = Int(try reader.u16())
            guard count <= skippedLimit else { throw .tooLong(count: count, limit: skippedLimit) }
            for _ in 0..<count {
                chain.skipped.append(
                    SkippedKey(
                        number: try reader.u32(),
                        keys: MessageKeys(key: try key(&reader), iv: Array(try reader.take(ivCount)))))
            }
            chains.append(chain)
        }
        return chains
    }
}
