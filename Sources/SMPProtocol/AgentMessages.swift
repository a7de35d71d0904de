import WireFormat

/// What agents put into a queue's message: one letter after the agent version (smp.md, section 4).
public enum AgentEnvelope: Equatable, Sendable {
    /// The agent versions that are spoken.
    public static let versions: ClosedRange<UInt16> = 2...7
    /// What the ratchet pads connection information to, without post-quantum keys.
    public static let confirmationPadding = 14_832
    /// What the ratchet pads messages to, without post-quantum keys.
    public static let messagePadding = 15_840

    /// `C`: a party joins (with key agreement parameters) or lets in (without).
    case confirmation(version: UInt16, parameters: ArraySlice<UInt8>?, encrypted: ArraySlice<UInt8>)
    /// `M`: a ratchet message.
    case message(version: UInt16, encrypted: ArraySlice<UInt8>)
    /// `I`: a request at a contact address, with the requester's invitation.
    case invitation(version: UInt16, link: String, info: ArraySlice<UInt8>)
    /// `R`: new key agreement parameters, to set up the ratchet anew.
    case ratchetKey(version: UInt16, parameters: ArraySlice<UInt8>, info: ArraySlice<UInt8>)

    /// The bytes.
    public func encoded() -> [UInt8] {
        var writer = WireWriter(capacity: 16_100)
        switch self {
        case .confirmation(let version, let parameters, let encrypted):
            writer.u16(version)
            writer.tag("C")
            writer.maybe(parameters) { $0.raw($1) }
            writer.raw(encrypted)
        case .message(let version, let encrypted):
            writer.u16(version)
            writer.tag("M")
            writer.raw(encrypted)
        case .invitation(let version, let link, let info):
            writer.u16(version)
            writer.tag("I")
            writer.long(link.utf8)
            writer.raw(info)
        case .ratchetKey(let version, let parameters, let info):
            writer.u16(version)
            writer.tag("R")
            writer.raw(parameters)
            writer.raw(info)
        }
        return writer.bytes
    }

    /// Reads an envelope; throws `malformed`.
    public init(_ bytes: ArraySlice<UInt8>) throws(SMPProtocolError) {
        do throws(WireError) {
            var reader = WireReader(bytes)
            let version = try reader.u16()
            switch try reader.u8() {
            case UInt8(ascii: "C"):
                let parameters = try reader.maybe { (inner) throws(WireError) in try Self.parameters(&inner) }
                self = .confirmation(version: version, parameters: parameters, encrypted: reader.rest())
            case UInt8(ascii: "M"): self = .message(version: version, encrypted: reader.rest())
            case UInt8(ascii: "I"):
                guard let link = String(validating: try reader.long(), as: UTF8.self) else {
                    throw .unexpected(offset: 3)
                }
                self = .invitation(version: version, link: link, info: reader.rest())
            case UInt8(ascii: "R"):
                let parameters = try Self.parameters(&reader)
                self = .ratchetKey(version: version, parameters: parameters, info: reader.rest())
            default: throw .unexpected(offset: 2)
            }
        } catch {
            throw .malformed("agent envelope: \(error)")
        }
    }

    /// Takes key agreement parameters as one stretch: `u16 v, PK, PK`, from v 3 on an optional KEM part.
    private static func parameters(_ reader: inout WireReader) throws(WireError) -> ArraySlice<UInt8> {
        var ahead = reader
        let version = try ahead.u16()
        _ = try ahead.short()
        _ = try ahead.short()
        if version >= 3 {
            _ = try ahead.maybe { (inner) throws(WireError) in
                let at = inner.offset
                switch try inner.u8() {
                case UInt8(ascii: "P"): _ = try inner.long()
                case UInt8(ascii: "A"):
                    _ = try inner.long()
                    _ = try inner.long()
                default: throw .unexpected(offset: at)
                }
            }
        }
        return try reader.take(ahead.offset - reader.offset)
    }
}

/// What the ratchet encrypts (smp.md, section 4).
public enum AgentMessage: Equatable, Sendable {
    /// `I`: connection information of the party that lets in.
    case confirmation(info: ArraySlice<UInt8>)
    /// `D`: queues for the answer, and connection information of the party that joins.
    case confirmationWithQueues([SMPQueueInfo], info: ArraySlice<UInt8>)
    /// `R`: information with a ratchet key.
    case ratchetInfo(ArraySlice<UInt8>)
    /// `M`: a numbered message with the hash of the one before.
    case message(id: Int64, previousHash: ArraySlice<UInt8>, AMessage)

    /// The bytes.
    public func encoded() -> [UInt8] {
        var writer = WireWriter(capacity: 15_900)
        switch self {
        case .confirmation(let info):
            writer.tag("I")
            writer.raw(info)
        case .confirmationWithQueues(let queues, let info):
            writer.tag("D")
            writer.list(queues) { $1.write(&$0) }
            writer.raw(info)
        case .ratchetInfo(let info):
            writer.tag("R")
            writer.raw(info)
        case .message(let id, let previousHash, let message):
            writer.tag("M")
            writer.i64(id)
            writer.short(previousHash)
            message.write(&writer)
        }
        return writer.bytes
    }

    /// Reads a message; throws `malformed`.
    public init(_ bytes: ArraySlice<UInt8>) throws(SMPProtocolError) {
        var reader = WireReader(bytes)
        do {
            switch try reader.u8() {
            case UInt8(ascii: "I"): self = .confirmation(info: reader.rest())
            case UInt8(ascii: "D"):
                var queues: [SMPQueueInfo] = []
                for _ in 0..<(try reader.u8()) { queues.append(try SMPQueueInfo(&reader)) }
                self = .confirmationWithQueues(queues, info: reader.rest())
            case UInt8(ascii: "R"): self = .ratchetInfo(reader.rest())
            case UInt8(ascii: "M"):
                let id = try reader.i64()
                let hash = try reader.short()
                self = .message(id: id, previousHash: hash, try AMessage(&reader))
            default: throw WireError.unexpected(offset: 0)
            }
        } catch {
            throw .malformed("agent message: \(error)")
        }
    }
}

/// The content of a numbered agent message.
public enum AMessage: Equatable, Sendable {
    /// `H`: slow flow, the connection works.
    case hello
    /// `M`: a message of the application, at most 15795 bytes.
    case message(ArraySlice<UInt8>)
    /// `V`: receipts; read and left alone.
    case receipts(ArraySlice<UInt8>)
    /// `QC`: the queue named has room again.
    case queueContinue(QueueAddress)
    /// `QA`, `QK`, `QU`, `QT`: a change of queues; the letter and the rest. Not followed.
    case rotation(kind: UInt8, ArraySlice<UInt8>)
    /// `E`: the ratchet set up anew is ready.
    case ready(lastID: Int64)
    /// Anything else.
    case unknown(ArraySlice<UInt8>)

    func write(_ writer: inout WireWriter) {
        switch self {
        case .hello: writer.tag("H")
        case .message(let body):
            writer.tag("M")
            writer.raw(body)
        case .receipts(let rest):
            writer.tag("V")
            writer.raw(rest)
        case .queueContinue(let address):
            writer.tag("QC")
            address.write(&writer)
        case .rotation(let kind, let rest):
            writer.tag("Q")
            writer.u8(kind)
            writer.raw(rest)
        case .ready(let lastID):
            writer.tag("E")
            writer.i64(lastID)
        case .unknown(let rest): writer.raw(rest)
        }
    }

    init(_ reader: inout WireReader) throws {
        if reader.skip("M") {
            self = .message(reader.rest())
        } else if reader.skip("H") {
            self = .hello
        } else if reader.skip("V") {
            self = .receipts(reader.rest())
        } else if reader.skip("QC") {
            self = .queueContinue(try QueueAddress(&reader))
        } else if reader.skip("Q") {
            self = .rotation(kind: try reader.u8(), reader.rest())
        } else if reader.skip("E") {
            self = .ready(lastID: try reader.i64())
        } else {
            self = .unknown(reader.rest())
        }
    }
}
