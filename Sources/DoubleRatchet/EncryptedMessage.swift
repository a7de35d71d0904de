import Primitives
import WireFormat

/// The plaintext of a header: `u16 maxVersion, PK(ratchet key), [v ≥ 3: M(kem)], u32 PN, u32 Ns`.
struct RatchetHeader {
    let maximumVersion: UInt16
    /// DER SubjectPublicKeyInfo; looked at only where a chain begins.
    let ratchetKey: ArraySlice<UInt8>
    /// How many messages the sending chain before this one had.
    let previousCount: UInt32
    let number: UInt32

    /// Without post-quantum keys every header is padded to this.
    static let paddedSize = 88

    /// The padded plaintext, in the layout of `version`.
    func padded(version: UInt16) throws(WireError) -> [UInt8] {
        var writer = WireWriter(capacity: Self.paddedSize)
        writer.u16(maximumVersion)
        writer.short(ratchetKey)
        if version >= 3 { writer.tag("0") }
        writer.u32(previousCount)
        writer.u32(number)
        return try WireWriter.pad(writer.bytes, to: Self.paddedSize)
    }
}

extension RatchetHeader {
    /// Reads the padded plaintext of any size; bytes behind the known fields are left for later versions.
    init(padded: [UInt8], version: UInt16) throws(RatchetError) {
        do {
            var reader = WireReader(try WireReader.unpad(padded[...]))
            maximumVersion = try reader.u16()
            ratchetKey = try reader.short()
            if version >= 3 { try KeyEncapsulation.skip(&reader) }
            previousCount = try reader.u32()
            number = try reader.u32()
        } catch {
            throw .malformed("header: \(error)")
        }
    }
}

/// A message taken apart: `vl(emHeader), tag16, ciphertext`, where emHeader is `u16 version, iv16, tag16, vl(header)`.
///
/// `vl` is a 16-bit length from version 3 on, else one byte. No header is shorter than 32 or longer than 8191 bytes, so the
/// first byte tells which it is.
struct EncryptedMessage {
    private let emHeader: ArraySlice<UInt8>
    private let version: UInt16
    private let headerIV, headerTag, sealedHeader: ArraySlice<UInt8>
    private let tag, ciphertext: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) throws(RatchetError) {
        do throws(WireError) {
            var reader = WireReader(bytes)
            emHeader = try Self.variable(&reader)
            tag = try reader.take(AES256GCM.tagCount)
            ciphertext = reader.rest()
            var header = WireReader(emHeader)
            version = try header.u16()
            headerIV = try header.take(16)
            headerTag = try header.take(AES256GCM.tagCount)
            sealedHeader = try Self.variable(&header)
            try header.end()
        } catch {
            throw .malformed("message: \(error)")
        }
    }

    private static func variable(_ reader: inout WireReader) throws(WireError) -> ArraySlice<UInt8> {
        (reader.peek ?? 0) < 32 ? try reader.long() : try reader.short()
    }

    /// The header, or nil if `key` is not its key; throws for an authentic one that cannot be read.
    func openHeader(_ key: [UInt8], _ associatedData: [UInt8]) throws(RatchetError) -> RatchetHeader? {
        var padded = Array(sealedHeader)
        do throws(PrimitiveError) {
            try padded.withUnsafeMutableBufferPointer { padded throws(PrimitiveError) in
                try headerTag.withUnsafeBufferPointer { tag throws(PrimitiveError) in
                    try key.withUnsafeBufferPointer { key throws(PrimitiveError) in
                        try headerIV.withUnsafeBufferPointer { iv throws(PrimitiveError) in
                            try associatedData.withUnsafeBufferPointer { data throws(PrimitiveError) in
                                try AES256GCM.open(
                                    padded, tag: tag, key: key, iv: iv, associatedData: data,
                                    and: UnsafeBufferPointer(start: nil, count: 0))
                            }
                        }
                    }
                }
            }
        } catch { return nil }
        return try RatchetHeader(padded: padded, version: version)
    }

    /// The plaintext, if key and tag fit.
    func open(_ keys: MessageKeys, _ associatedData: [UInt8]) throws(RatchetError) -> ArraySlice<UInt8> {
        try keys.key.withUnsafeBufferPointer { key throws(RatchetError) in
            try keys.iv.withUnsafeBufferPointer { iv throws(RatchetError) in try open(key: key, iv: iv, associatedData)
            }
        }
    }

    /// The plaintext, if key and tag fit.
    func open(
        key: UnsafeBufferPointer<UInt8>, iv: UnsafeBufferPointer<UInt8>, _ associatedData: [UInt8]
    ) throws(RatchetError) -> ArraySlice<UInt8> {
        var padded = Array(ciphertext)
        do throws(PrimitiveError) {
            try padded.withUnsafeMutableBufferPointer { padded throws(PrimitiveError) in
                try tag.withUnsafeBufferPointer { tag throws(PrimitiveError) in
                    try associatedData.withUnsafeBufferPointer { data throws(PrimitiveError) in
                        try emHeader.withUnsafeBufferPointer { emHeader throws(PrimitiveError) in
                            try AES256GCM.open(padded, tag: tag, key: key, iv: iv, associatedData: data, and: emHeader)
                        }
                    }
                }
            }
        } catch {
            throw .undecryptable
        }
        do { return try WireReader.unpad(padded[...]) } catch { throw .malformed("padding: \(error)") }
    }

}

// MARK: - Making

extension EncryptedMessage {
    /// Where things stand in a message of `version` without post-quantum keys, from its first byte.
    struct Layout {
        let lengthCount: Int
        var emHeader: Range<Int> { lengthCount..<lengthCount + 2 + 16 + 16 + lengthCount + RatchetHeader.paddedSize }
        var headerIV: Range<Int> { lengthCount + 2..<lengthCount + 18 }
        var headerTag: Range<Int> { headerIV.upperBound..<headerIV.upperBound + AES256GCM.tagCount }
        var header: Range<Int> { headerTag.upperBound + lengthCount..<emHeader.upperBound }
        var tag: Range<Int> { emHeader.upperBound..<emHeader.upperBound + AES256GCM.tagCount }

        init(version: UInt16) { lengthCount = version >= 3 ? 2 : 1 }

        /// The layout of a message that is there; nil if it is none of these.
        init?(of message: UnsafeMutableBufferPointer<UInt8>) {
            guard let first = message.first else { return nil }
            lengthCount = first == 0 ? 2 : 1
            guard message.count > tag.upperBound, message[lengthCount - 1] == UInt8(emHeader.count),
                message[header.lowerBound - 1] == UInt8(header.count),
                lengthCount == 1 || message[headerTag.upperBound] == 0
            else { return nil }
        }
    }

    /// Bytes in front of the ciphertext.
    static func overhead(version: UInt16) -> Int { Layout(version: version).tag.upperBound }

    /// Encrypts the padded plaintext where it stands, behind `overhead` bytes that are filled in the layout of `version`.
    static func seal(
        inPlace message: UnsafeMutableBufferPointer<UInt8>, header: RatchetHeader, version: UInt16, headerKey: [UInt8],
        keys: KeyDerivation.Step, associatedData: [UInt8]
    ) throws {
        let layout = Layout(version: version)
        func part(_ range: Range<Int>) -> UnsafeMutableBufferPointer<UInt8> {
            UnsafeMutableBufferPointer(rebasing: message[range])
        }
        func write(_ bytes: [UInt8], at offset: Int) { _ = part(offset..<offset + bytes.count).update(from: bytes) }
        // A length of two bytes begins with a zero: no header is that long.
        write(layout.lengthCount == 2 ? [0, UInt8(layout.emHeader.count)] : [UInt8(layout.emHeader.count)], at: 0)
        write([UInt8(version >> 8), UInt8(truncatingIfNeeded: version)], at: layout.emHeader.lowerBound)
        _ = part(layout.headerIV).update(from: keys.headerIV)
        let length = layout.lengthCount == 2 ? [0, UInt8(layout.header.count)] : [UInt8(layout.header.count)]
        write(length, at: layout.headerTag.upperBound)
        write(try header.padded(version: version), at: layout.header.lowerBound)
        try associatedData.withUnsafeBufferPointer { data in
            try headerKey.withUnsafeBufferPointer { headerKey in
                try AES256GCM.seal(
                    part(layout.header), tag: part(layout.headerTag), key: headerKey, iv: keys.headerIV,
                    associatedData: data, and: UnsafeBufferPointer(start: nil, count: 0))
            }
            try AES256GCM.seal(
                part(layout.tag.upperBound..<message.count), tag: part(layout.tag), key: keys.key, iv: keys.iv,
                associatedData: data, and: UnsafeBufferPointer(part(layout.emHeader)))
        }
    }
}
