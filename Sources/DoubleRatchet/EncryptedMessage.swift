import Primitives
import WireFormat

/// The plaintext of a header: `u16 maxVersion, PK(ratchet key), [v ≥ 3: M(kem)], u32 PN, u32 Ns`.
struct RatchetHeader {
    let maximumVersion: UInt16
    let ratchetKey: X448PublicKey
    /// How many messages the sending chain before this one had.
    let previousCount: UInt32
    let number: UInt32

    /// Without post-quantum keys every header is padded to this.
    static let paddedSize = 88

    /// The padded plaintext, in the layout of `version`.
    func padded(version: UInt16) throws(WireError) -> [UInt8] {
        var writer = WireWriter(capacity: Self.paddedSize)
        writer.u16(maximumVersion)
        writer.short(ratchetKey.spki)
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
            ratchetKey = try X448PublicKey(spki: try reader.short())
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
        guard
            let padded = try? AES256GCM.open(
                sealedHeader, tag: headerTag, key: key, iv: headerIV, associatedData: associatedData)
        else { return nil }
        return try RatchetHeader(padded: padded, version: version)
    }

    /// The plaintext, if key and tag fit.
    func open(_ keys: MessageKeys, _ associatedData: [UInt8]) throws(RatchetError) -> [UInt8] {
        let padded: [UInt8]
        do {
            padded = try AES256GCM.open(
                ciphertext, tag: tag, key: keys.key, iv: keys.iv, associatedData: associatedData + emHeader)
        } catch {
            throw .undecryptable
        }
        do { return Array(try WireReader.unpad(padded[...])) } catch { throw .malformed("padding: \(error)") }
    }

    /// Encrypts `padded` behind `header`, in the layout of `version`.
    static func seal(
        _ padded: [UInt8], header: RatchetHeader, version: UInt16, headerKey: [UInt8], keys: MessageKeys,
        headerIV: [UInt8],
        associatedData: [UInt8]
    ) throws -> [UInt8] {
        let sealedHeader = try AES256GCM.seal(
            try header.padded(version: version), key: headerKey, iv: headerIV, associatedData: associatedData)
        var emHeader = WireWriter(capacity: 128)
        emHeader.u16(version)
        emHeader.raw(headerIV)
        emHeader.raw(sealedHeader.tag)
        write(sealedHeader.ciphertext, version: version, to: &emHeader)
        let sealed = try AES256GCM.seal(
            padded, key: keys.key, iv: keys.iv, associatedData: associatedData + emHeader.bytes)
        var message = WireWriter(capacity: 2 + emHeader.bytes.count + sealed.tag.count + sealed.ciphertext.count)
        write(emHeader.bytes, version: version, to: &message)
        message.raw(sealed.tag)
        message.raw(sealed.ciphertext)
        return message.bytes
    }

    private static func write(_ value: [UInt8], version: UInt16, to writer: inout WireWriter) {
        if version >= 3 { writer.long(value) } else { writer.short(value) }
    }
}
