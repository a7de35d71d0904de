import Primitives

/// A message as the relay keeps it: what the sender sent, with the relay's id and time.
package struct StoredMessage: Sendable {
    package enum Kind: UInt8, Sendable {
        /// A sender's message.
        case message = 1
        /// The mark that a sender was refused; always the last one of a queue.
        case quotaMarker = 2
    }

    package var kind: Kind
    /// The sender's notification flag.
    package var notifies: Bool
    /// 24 random bytes, the same at each delivery.
    package var id: [UInt8]
    /// Seconds since 1970 when the relay took it.
    package var timestamp: Int64
    /// Whose limit it counts against; see `AddressLimits`.
    package var tag: UInt64
    package var body: ArraySlice<UInt8>
}

/// The layout of a spool file: a page of header, then slots of one size, so that a message's place follows from its
/// number and freed slots are whole pages.
///
/// File header (little-endian): `u64 magic, u64 base, u64 head, u64 turn, u64 check`. `head` is the sequence number of the
/// oldest message still wanted. Messages below `turn` stand in the slots from the first one on, which is that of `base`;
/// those from `turn` on begin at the first slot again.
/// Slot: `u32 magic, u8 kind, u8 notifies, u16 body count, u64 sequence, i64 timestamp, id 24, u64 tag, u64 check`, body.
enum SpoolLayout {
    static let fileHeaderCount = 40
    static let firstSlotOffset = 4096
    static let slotCount = 16384
    static let slotHeaderCount = 64
    /// The longest body that fits into a slot, above what any version of SMP lets a sender send.
    static let bodyLimit = slotCount - slotHeaderCount

    private static let oldFileMagic: UInt64 = 0x3130_4c4f_4f50_5853  // "SXPOOL01"
    private static let fileMagic: UInt64 = 0x3230_4c4f_4f50_5853  // "SXPOOL02"
    private static let slotMagic: UInt32 = 0x324d_5853  // "SXM2"
    private static let checkOffset = 56

    /// Where the slot with `index` begins in the file.
    static func offset(ofSlot index: UInt64) -> Int { firstSlotOffset + Int(index) * slotCount }

    /// What the file's header says.
    struct Header: Equatable {
        /// The number of the first slot's message, before the turn.
        var base: UInt64 = 0
        /// The number of the oldest message.
        var head: UInt64 = 0
        /// The number of the message that stands in the first slot again; the greatest number if there is none.
        var turn = UInt64.max
    }

    /// Fills `bytes` (40 of them).
    static func write(_ header: Header, to bytes: UnsafeMutableRawBufferPointer) {
        for (index, value) in [fileMagic, header.base, header.head, header.turn].enumerated() {
            bytes.storeBytes(of: value.littleEndian, toByteOffset: index * 8, as: UInt64.self)
        }
        let check = checksum(UnsafeRawBufferPointer(rebasing: bytes[0..<32]))
        bytes.storeBytes(of: check.littleEndian, toByteOffset: 32, as: UInt64.self)
    }

    /// Nil if these bytes are no header.
    static func header(from bytes: UnsafeRawBufferPointer) -> Header? {
        guard bytes.count >= fileHeaderCount else { return nil }
        // As relays wrote it that knew no turn: the check stands in its place.
        if word(bytes, 0) == oldFileMagic, word(bytes, 24) == checksum(UnsafeRawBufferPointer(rebasing: bytes[0..<24]))
        {
            let header = Header(base: word(bytes, 8), head: word(bytes, 16))
            return header.base <= header.head ? header : nil
        }
        guard word(bytes, 0) == fileMagic else { return nil }
        guard word(bytes, 32) == checksum(UnsafeRawBufferPointer(rebasing: bytes[0..<32])) else { return nil }
        let header = Header(base: word(bytes, 8), head: word(bytes, 16), turn: word(bytes, 24))
        return header.base <= header.head && header.head < header.turn ? header : nil
    }

    /// Fills `header` (64 bytes) for `message`.
    static func write(_ message: StoredMessage, sequence: UInt64, to header: UnsafeMutableRawBufferPointer) {
        header.storeBytes(of: slotMagic.littleEndian, toByteOffset: 0, as: UInt32.self)
        header[4] = message.kind.rawValue
        header[5] = message.notifies ? 1 : 0
        header.storeBytes(of: UInt16(message.body.count).littleEndian, toByteOffset: 6, as: UInt16.self)
        header.storeBytes(of: sequence.littleEndian, toByteOffset: 8, as: UInt64.self)
        header.storeBytes(of: message.timestamp.littleEndian, toByteOffset: 16, as: Int64.self)
        UnsafeMutableRawBufferPointer(rebasing: header[24..<48]).copyBytes(from: message.id)
        header.storeBytes(of: message.tag.littleEndian, toByteOffset: 48, as: UInt64.self)
        var check = checksum(UnsafeRawBufferPointer(rebasing: header[0..<checkOffset]))
        message.body.withUnsafeBytes { check = checksum($0, from: check) }
        header.storeBytes(of: check.littleEndian, toByteOffset: checkOffset, as: UInt64.self)
    }

    /// The sequence number that a slot's header names; nil if these bytes are no slot.
    static func sequence(ofSlot bytes: UnsafeRawBufferPointer) -> UInt64? {
        guard bytes.count >= slotHeaderCount, UInt32(truncatingIfNeeded: word(bytes, 0)) == slotMagic else {
            return nil
        }
        return word(bytes, 8)
    }

    /// The tag that a slot's header names.
    static func tag(ofSlot bytes: UnsafeRawBufferPointer) -> UInt64 { word(bytes, 48) }

    /// The message in a slot that has been read; nil unless it is whole and has this sequence number.
    static func message(in slot: [UInt8], sequence expected: UInt64) -> StoredMessage? {
        slot.withUnsafeBytes { bytes -> StoredMessage? in
            guard sequence(ofSlot: bytes) == expected, let kind = StoredMessage.Kind(rawValue: bytes[4]) else {
                return nil
            }
            let count = Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 6, as: UInt16.self)))
            guard count <= bytes.count - slotHeaderCount else { return nil }
            let end = slotHeaderCount + count
            var check = checksum(UnsafeRawBufferPointer(rebasing: bytes[0..<checkOffset]))
            check = checksum(UnsafeRawBufferPointer(rebasing: bytes[slotHeaderCount..<end]), from: check)
            guard check == word(bytes, checkOffset) else { return nil }
            return StoredMessage(
                kind: kind, notifies: bytes[5] == 1, id: Array(bytes[24..<48]),
                timestamp: Int64(bitPattern: word(bytes, 16)), tag: word(bytes, 48), body: slot[slotHeaderCount..<end])
        }
    }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// A check against torn and stale writes, not against an adversary: words multiplied and folded, in four lanes so that
    /// no multiplication waits for the last one.
    private static func checksum(_ bytes: UnsafeRawBufferPointer, from start: UInt64 = 0x9e37_79b9_7f4a_7c15) -> UInt64
    {
        var value = start ^ UInt64(bytes.count)
        var offset = 0
        if bytes.count >= 32 {
            var (first, second, third, fourth) = (value, value &+ 1, value &+ 2, value &+ 3)
            while offset + 32 <= bytes.count {
                first = fold(first, word(bytes, offset))
                second = fold(second, word(bytes, offset + 8))
                third = fold(third, word(bytes, offset + 16))
                fourth = fold(fourth, word(bytes, offset + 24))
                offset += 32
            }
            value = fold(fold(fold(first, second), third), fourth)
        }
        while offset + 8 <= bytes.count {
            value = fold(value, word(bytes, offset))
            offset += 8
        }
        while offset < bytes.count {
            value = (value ^ UInt64(bytes[offset])) &* 0xc4ce_b9fe_1a85_ec53
            value ^= value >> 29
            offset += 1
        }
        return value
    }

    @inline(__always)
    private static func fold(_ value: UInt64, _ word: UInt64) -> UInt64 {
        let product = (value ^ word) &* 0xff51_afd7_ed55_8ccd
        return product ^ product >> 32
    }
}
