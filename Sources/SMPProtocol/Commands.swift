public import Primitives
public import WireFormat

/// A command of a client (smp.md, section 3).
public enum ClientCommand: Equatable, Sendable {
    /// NEW: makes a queue.
    case new(NewQueue)
    /// SUB
    case subscribe
    /// KEY: the recipient secures the queue with the sender's key.
    case secure(AuthKey)
    /// SKEY: the sender secures the queue with its own key.
    case secureBySender(AuthKey)
    /// SEND
    case send(notify: Bool, body: ArraySlice<UInt8>)
    /// ACK of a delivered message.
    case acknowledge(ArraySlice<UInt8>)
    /// GET
    case get
    /// OFF
    case suspend
    /// DEL
    case delete
    /// PING
    case ping
    /// RFWD: a proxy forwards one command, encrypted for us.
    case forwarded(ArraySlice<UInt8>)

    /// The arguments of NEW.
    public struct NewQueue: Equatable, Sendable {
        /// Authorizes the recipient's commands.
        public var recipientKey: AuthKey
        /// For the relay's layer of encryption.
        public var agreementKey: X25519PublicKey
        /// The relay's password, if it wants one.
        public var password: String?
        /// Whether to subscribe at once.
        public var subscribe: Bool
        /// Whether the sender may secure the queue (mode M); a contact address is not.
        public var isSenderSecured: Bool

        /// From its parts.
        public init(
            recipientKey: AuthKey, agreementKey: X25519PublicKey, password: String? = nil, subscribe: Bool = true,
            isSenderSecured: Bool = true
        ) {
            self.recipientKey = recipientKey
            self.agreementKey = agreementKey
            self.password = password
            self.subscribe = subscribe
            self.isSenderSecured = isSenderSecured
        }
    }

    /// The bytes in `version`.
    public func write(_ writer: inout WireWriter, version: UInt16) {
        switch self {
        case .new(let queue): Self.write(queue, &writer, version: version)
        case .subscribe: writer.tag("SUB")
        case .secure(let key):
            writer.tag("KEY ")
            writer.short(key.spki)
        case .secureBySender(let key):
            writer.tag("SKEY ")
            writer.short(key.spki)
        case .send(let notify, let body):
            writer.tag("SEND ")
            writer.bool(notify)
            writer.tag(" ")
            writer.raw(body)
        case .acknowledge(let id):
            writer.tag("ACK ")
            writer.short(id)
        case .get: writer.tag("GET")
        case .suspend: writer.tag("OFF")
        case .delete: writer.tag("DEL")
        case .ping: writer.tag("PING")
        case .forwarded(let body):
            writer.tag("RFWD ")
            writer.raw(body)
        }
    }

    private static func write(_ queue: NewQueue, _ writer: inout WireWriter, version: UInt16) {
        writer.tag("NEW ")
        writer.short(queue.recipientKey.spki)
        writer.short(queue.agreementKey.spki)
        if version >= 9 {
            writer.maybe(queue.password) { $0.short($1.utf8) }
        } else if let password = queue.password {
            writer.tag("A")
            writer.short(password.utf8)
        }
        writer.tag(queue.subscribe ? "S" : "C")
        if version >= 15 {
            // queueReqData of a queue without link data.
            writer.tag(queue.isSenderSecured ? "1M0" : "1C0")
            if version >= 17 { writer.tag("0") }
        } else if version >= 9 {
            writer.bool(queue.isSenderSecured)
        }
    }

    /// Reads what `write` writes, for versions 9 to 14 (what our relay speaks).
    ///
    /// - Throws: `unknown` for another word, `syntax` for wrong arguments or bytes behind them.
    public init(_ bytes: ArraySlice<UInt8>) throws(CommandSyntax) {
        var reader = WireReader(bytes)
        do {
            self = try Self.read(&reader)
        } catch let error as CommandSyntax {
            throw error
        } catch {
            throw .syntax
        }
    }

    /// Why a command is not one.
    public enum CommandSyntax: Error, Equatable, Sendable {
        /// No command of this name.
        case unknown
        /// Its arguments do not parse.
        case syntax
    }

    private static func read(_ reader: inout WireReader) throws -> ClientCommand {
        if reader.skip("SEND ") {
            let notify = try reader.bool()
            try reader.expect(" ")
            return .send(notify: notify, body: reader.rest())
        }
        if reader.skip("RFWD ") { return .forwarded(reader.rest()) }
        let command = try readWithEnd(&reader)
        try reader.end()
        return command
    }

    private static func readWithEnd(_ reader: inout WireReader) throws -> ClientCommand {
        if reader.skip("ACK ") { return .acknowledge(try reader.short()) }
        if reader.skip("NEW ") { return .new(try readNew(&reader)) }
        if reader.skip("KEY ") { return .secure(try AuthKey(spki: try reader.short())) }
        if reader.skip("SKEY ") { return .secureBySender(try AuthKey(spki: try reader.short())) }
        let words: [(StaticString, ClientCommand)] = [
            ("SUB", .subscribe), ("GET", .get), ("OFF", .suspend), ("DEL", .delete), ("PING", .ping),
        ]
        for (word, command) in words where reader.skip(word) { return command }
        throw CommandSyntax.unknown
    }

    private static func readNew(_ reader: inout WireReader) throws -> NewQueue {
        let recipientKey = try AuthKey(spki: try reader.short())
        let agreementKey = try X25519PublicKey(spki: try reader.short())
        let password = try reader.maybe { (inner) throws(WireError) in
            let at = inner.offset
            guard let password = String(validating: try inner.short(), as: UTF8.self) else {
                throw .unexpected(offset: at)
            }
            return password
        }
        let subscribe: Bool
        switch try reader.u8() {
        case UInt8(ascii: "S"): subscribe = true
        case UInt8(ascii: "C"): subscribe = false
        default: throw CommandSyntax.syntax
        }
        return NewQueue(
            recipientKey: recipientKey, agreementKey: agreementKey, password: password, subscribe: subscribe,
            isSenderSecured: try reader.bool())
    }
}

/// What a server says: the answer to a command, or a push (smp.md, section 3).
public enum ServerResponse: Equatable, Sendable {
    /// IDS: the queue was made.
    case ids(QueueIDs)
    /// OK
    case ok
    /// SOK: subscribed (v ≥ 16).
    case subscribed
    /// MSG: id and encrypted body.
    case message(id: [UInt8], body: ArraySlice<UInt8>)
    /// END: another connection subscribed.
    case end
    /// DELD: the queue was deleted.
    case deleted
    /// PONG
    case pong
    /// RRES: the answer to a forwarded command.
    case forwarded(ArraySlice<UInt8>)
    /// ERR
    case error(SMPServerError)

    /// The ids and key of a new queue.
    public struct QueueIDs: Equatable, Sendable {
        /// For the recipient's commands, 24 bytes.
        public var recipientID: [UInt8]
        /// For the sender's commands, 24 bytes.
        public var senderID: [UInt8]
        /// The relay's key for its layer of encryption.
        public var serverKey: X25519PublicKey
        /// Whether the sender may secure the queue.
        public var isSenderSecured: Bool

        /// From its parts.
        public init(recipientID: [UInt8], senderID: [UInt8], serverKey: X25519PublicKey, isSenderSecured: Bool) {
            self.recipientID = recipientID
            self.senderID = senderID
            self.serverKey = serverKey
            self.isSenderSecured = isSenderSecured
        }
    }

    /// The word of the response, for messages about an unexpected one.
    public var name: String {
        switch self {
        case .ids: "IDS"
        case .ok: "OK"
        case .subscribed: "SOK"
        case .message: "MSG"
        case .end: "END"
        case .deleted: "DELD"
        case .pong: "PONG"
        case .forwarded: "RRES"
        case .error(let error): "ERR \(error.text)"
        }
    }

    /// How many bytes it carries beside words and keys.
    var payloadCount: Int {
        switch self {
        case .message(_, let body), .forwarded(let body): body.count
        case .ids, .ok, .subscribed, .end, .deleted, .pong, .error: 0
        }
    }

    /// The bytes, in the layout of versions 9 to 14.
    public func write(_ writer: inout WireWriter) {
        switch self {
        case .ids(let ids):
            writer.tag("IDS ")
            writer.short(ids.recipientID)
            writer.short(ids.senderID)
            writer.short(ids.serverKey.spki)
            writer.bool(ids.isSenderSecured)
        case .ok: writer.tag("OK")
        case .subscribed: writer.tag("SOK 0")
        case .message(let id, let body):
            writer.tag("MSG ")
            writer.short(id)
            writer.raw(body)
        case .end: writer.tag("END")
        case .deleted: writer.tag("DELD")
        case .pong: writer.tag("PONG")
        case .forwarded(let body):
            writer.tag("RRES ")
            writer.raw(body)
        case .error(let error):
            writer.tag("ERR ")
            writer.raw(error.text.utf8)
        }
    }

    /// Reads a response in `version`; throws `malformed`.
    public init(_ bytes: ArraySlice<UInt8>, version: UInt16) throws(SMPProtocolError) {
        var reader = WireReader(bytes)
        do {
            self = try Self.read(&reader, version: version)
        } catch {
            throw .malformed("answer of the relay: \(error)")
        }
    }

    private static func read(_ reader: inout WireReader, version: UInt16) throws -> ServerResponse {
        if reader.skip("MSG ") { return .message(id: Array(try reader.short()), body: reader.rest()) }
        if reader.skip("OK") {
            try reader.end()
            return .ok
        }
        if reader.skip("IDS ") { return .ids(try readIDs(&reader, version: version)) }
        if reader.skip("SOK ") {
            _ = try reader.maybe { (inner) throws(WireError) in try inner.short() }
            return .subscribed
        }
        if reader.skip("ERR ") {
            return .error(SMPServerError(text: String(decoding: reader.rest().prefix(1024), as: UTF8.self)))
        }
        if reader.skip("RRES ") { return .forwarded(reader.rest()) }
        // Later versions may say more behind these words.
        if reader.skip("END") { return .end }
        if reader.skip("DELD") { return .deleted }
        if reader.skip("PONG") { return .pong }
        throw SMPProtocolError.malformed("word")
    }

    private static func readIDs(_ reader: inout WireReader, version: UInt16) throws -> QueueIDs {
        let recipientID = Array(try reader.short())
        let senderID = Array(try reader.short())
        let serverKey = try X25519PublicKey(spki: try reader.short())
        var isSenderSecured = false
        if version >= 15 {
            let mode = try reader.maybe { (inner) throws(WireError) in try inner.u8() }
            isSenderSecured = mode == UInt8(ascii: "M")
            _ = try reader.maybe { (inner) throws(WireError) in try inner.short() }
            if version >= 16 { _ = try reader.maybe { (inner) throws(WireError) in try inner.short() } }
            if version >= 17 { _ = reader.rest() }
        } else if version >= 9 {
            isSenderSecured = try reader.bool()
        }
        return QueueIDs(
            recipientID: recipientID, senderID: senderID, serverKey: serverKey, isSenderSecured: isSenderSecured)
    }
}
