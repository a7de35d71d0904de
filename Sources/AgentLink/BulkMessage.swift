import DoubleRatchet
import Primitives
import SMPProtocol

/// A bulk message on its way out, in pieces, cut into agent messages that are made where they are encrypted.
struct BulkMessage: Sendable {
    /// What goes into one agent message.
    struct Part: Sendable {
        /// The segment's header; empty for a message that is sent whole.
        let header: [UInt8]
        /// Bytes of the message.
        let count: Int
    }

    private let pieces: [[UInt8]]
    private let total: Int
    private let first: Int64
    private var left: Int
    private var number = 0
    private var piece = 0
    private var offset = 0

    /// `count` bytes in `pieces`, to be sent from the agent message number `first` on.
    init(pieces: [[UInt8]], count: Int, first: Int64) {
        self.pieces = pieces
        self.first = first
        total = Segment.count(for: count)
        left = count
    }

    /// The next agent message's part; `copy` gives its bytes.
    mutating func next() -> Part? {
        guard number < total else { return nil }
        defer { number += 1 }
        guard total > 1 else { return Part(header: [], count: left) }
        return Part(
            header: Segment.header(first: first, number: number, total: total), count: min(Segment.payloadCount, left))
    }

    /// Fills `room` with the bytes that follow the ones given before.
    mutating func copy(to room: UnsafeMutableBufferPointer<UInt8>) {
        var filled = 0
        while filled < room.count {
            let taken = min(room.count - filled, pieces[piece].count - offset)
            pieces[piece].withUnsafeBufferPointer { bytes in
                _ = room[filled...].update(fromContentsOf: bytes[offset..<offset + taken])
            }
            filled += taken
            offset += taken
            if offset == pieces[piece].count { (piece, offset) = (piece + 1, 0) }
        }
        left -= room.count
    }
}

extension AgentLink {
    /// Encrypts the next agent message of a bulk message; gives the same bytes as `encrypt` of the whole in an `AMessage`.
    /// - Returns: the SEND body. The ratchet and the row have moved on, in memory.
    func encrypt(
        _ part: BulkMessage.Part, of message: inout BulkMessage, on connection: Connection
    ) throws(AgentLinkError) -> [UInt8] {
        guard let overhead = connection.ratchet?.overhead, let send = connection.send else { throw .noConnection }
        let number = connection.row.sentID + 1
        let previous = connection.row.sentHash
        var hash: [UInt8] = []
        do {
            let wire = try send.seal(count: 3 + overhead + AgentEnvelope.messagePadding) { envelope in
                var writer = MemoryWriter(envelope)
                writer.integer(connection.row.agentVersion)
                writer.byte(UInt8(ascii: "M"))
                let encrypted = UnsafeMutableBufferPointer(rebasing: envelope[3...])
                writer = MemoryWriter(UnsafeMutableBufferPointer(rebasing: encrypted[overhead...]))
                let plainCount = 1 + 8 + 1 + previous.count + 1 + part.header.count + part.count
                writer.integer(UInt16(plainCount))
                writer.byte(UInt8(ascii: "M"))
                writer.integer(number)
                writer.byte(UInt8(previous.count))
                writer.bytes(previous)
                writer.byte(UInt8(ascii: "M"))
                writer.bytes(part.header)
                message.copy(to: writer.room(part.count))
                hash = SHA256.hash(
                    UnsafeBufferPointer(rebasing: encrypted[(overhead + 2)..<(overhead + 2 + plainCount)]))
                writer.fill(with: UInt8(ascii: "#"))
                try connection.ratchet?.encrypt(inPlace: encrypted)
            }
            connection.row.sentID = number
            connection.row.sentHash = hash
            return wire
        } catch {
            throw .ratchet("\(error)")
        }
    }
}

/// Writes the layouts of the protocols into memory that is there.
private struct MemoryWriter {
    private var rest: UnsafeMutableBufferPointer<UInt8>

    init(_ memory: UnsafeMutableBufferPointer<UInt8>) { rest = memory }

    /// The next `count` bytes, to be written by the caller.
    mutating func room(_ count: Int) -> UnsafeMutableBufferPointer<UInt8> {
        defer { rest = UnsafeMutableBufferPointer(rebasing: rest[count...]) }
        return UnsafeMutableBufferPointer(rebasing: rest[..<count])
    }

    mutating func byte(_ value: UInt8) { room(1)[0] = value }

    mutating func bytes(_ value: [UInt8]) { _ = room(value.count).update(fromContentsOf: value) }

    /// Big-endian.
    mutating func integer(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes in _ = room(bytes.count).update(fromContentsOf: bytes) }
    }

    mutating func fill(with value: UInt8) { rest.update(repeating: value) }
}
