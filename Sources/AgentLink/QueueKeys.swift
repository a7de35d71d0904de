import Primitives
import SMPProtocol

/// The queue that we receive from, with its keys ready for use.
struct ReceiveQueue: Sendable {
    var row: QueueRow
    let server: SMPServer
    let auth: X25519PrivateKey
    private let serverBox: BoxKey
    private let endToEndKey: X25519PrivateKey
    private var endToEndBox: BoxKey?

    /// A push of the relay, opened down to the agent envelope.
    enum Opened {
        /// The queue was full here and is empty again when this is acknowledged.
        case quota
        /// An envelope, the keys that the first message of a sender brings, and when the relay took it (Unix seconds).
        case envelope(AgentEnvelope, senderEndToEndKey: X25519PublicKey?, senderKey: AuthKey?, sentAt: Int64)
    }

    init(_ row: QueueRow) throws {
        self.row = row
        server = try SMPServer(row.server)
        auth = try X25519PrivateKey(raw: row.authKey)
        serverBox = BoxKey(sharedSecret: row.serverSecret)
        endToEndKey = try X25519PrivateKey(raw: row.endToEndKey)
        if !row.peerKey.isEmpty { endToEndBox = try BoxKey(endToEndKey, X25519PublicKey(raw: row.peerKey)) }
    }

    /// A queue that the relay has just made.
    static func new(
        connection: ConnectionID, server: SMPServer, auth: X25519PrivateKey, agreement: X25519PrivateKey,
        ids: ServerResponse.QueueIDs
    ) throws -> ReceiveQueue {
        try ReceiveQueue(
            QueueRow(
                connection: connection, direction: .receive, server: server.description, recipientID: ids.recipientID,
                senderID: ids.senderID, authKey: auth.raw.bytes,
                serverSecret: try agreement.agree(with: ids.serverKey).bytes, endToEndKey: X25519PrivateKey().raw.bytes,
                messagingMode: ids.isSenderSecured))
    }

    var address: RecipientAddress { RecipientAddress(server: server.identity, id: row.recipientID) }

    /// As the peer names it to the relay.
    var senderAddress: QueueAddress {
        QueueAddress(
            server: SMPServer(fingerprint: server.fingerprint, hosts: server.hosts, port: server.port),
            senderID: row.senderID)
    }

    /// For a link.
    var uri: QueueURI {
        QueueURI(address: senderAddress, key: endToEndKey.publicKey, isSenderSecured: row.messagingMode)
    }

    /// For a confirmation.
    func queueInfo(version: UInt16) -> SMPQueueInfo {
        SMPQueueInfo(
            version: version, address: senderAddress, key: endToEndKey.publicKey, isSenderSecured: row.messagingMode)
    }

    /// The sender's key of the end-to-end layer, once its confirmation has proved authentic.
    mutating func use(peerKey: X25519PublicKey) {
        row.peerKey = peerKey.raw
        endToEndBox = try? BoxKey(endToEndKey, peerKey)
    }

    /// A ratchet message, opened down to what the ratchet decrypts.
    typealias OpenedMessage = (bytes: [UInt8], encrypted: Range<Int>, sentAt: Int64)

    /// Opens, in one copy, what nearly every push is: a ratchet message of a sender whose key is known.
    ///
    /// - Returns: nil for everything else, and for what is not authentic: `open` takes it, or says why not.
    func openMessage(_ body: ArraySlice<UInt8>, relayID: [UInt8]) -> OpenedMessage? {
        guard let endToEndBox else { return nil }
        var bytes = Array(body)
        let found = bytes.withUnsafeMutableBufferPointer { bytes -> (Range<Int>, Int64)? in
            // A length, then so many bytes.
            func content(at offset: Int, in end: Int) -> Range<Int>? {
                guard offset + 2 <= end else { return nil }
                let count = Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
                return offset + 2 + count <= end ? offset + 2..<offset + 2 + count : nil
            }
            guard relayID.withUnsafeBufferPointer({ try? serverBox.open(inPlace: bytes, nonce: $0) }) != nil,
                let delivery = content(at: BoxKey.tagCount, in: bytes.count),
                // Time, flag, space; version, no key, nonce, tag.
                delivery.count > 10 + 27 + BoxKey.tagCount, bytes[delivery.lowerBound + 9] == UInt8(ascii: " "),
                [UInt8(ascii: "T"), UInt8(ascii: "F")].contains(bytes[delivery.lowerBound + 8]),
                bytes[delivery.lowerBound + 12] == UInt8(ascii: "0")
            else { return nil }
            let nonce = UnsafeBufferPointer(
                rebasing: bytes[(delivery.lowerBound + 13)..<(delivery.lowerBound + 37)])
            let box = delivery.lowerBound + 37..<delivery.upperBound
            guard
                (try? endToEndBox.open(inPlace: UnsafeMutableBufferPointer(rebasing: bytes[box]), nonce: nonce)) != nil,
                let envelope = content(at: box.lowerBound + BoxKey.tagCount, in: box.upperBound),
                // No key, version, kind.
                envelope.count > 4, bytes[envelope.lowerBound] == UInt8(ascii: "_"),
                bytes[envelope.lowerBound + 3] == UInt8(ascii: "M")
            else { return nil }
            let sentAt = bytes[delivery.lowerBound..<delivery.lowerBound + 8].reduce(0 as UInt64) {
                $0 << 8 | UInt64($1)
            }
            return (envelope.lowerBound + 4..<envelope.upperBound, Int64(bitPattern: sentAt))
        }
        return found.map { (bytes, $0.0, $0.1) }
    }

    func open(_ body: ArraySlice<UInt8>, relayID: [UInt8]) throws -> Opened {
        switch try Delivery.open(body, key: serverBox, messageID: relayID) {
        case .quota: return .quota
        case .message(let sentAt, _, let sent):
            let envelope = try QueueEnvelope(sent)
            let box = try envelope.senderKey.map { try BoxKey(endToEndKey, $0) } ?? endToEndBox
            guard let box else { throw SMPProtocolError.malformed("a message before any confirmation") }
            let content = try envelope.open(box)
            return .envelope(
                try AgentEnvelope(content.envelope), senderEndToEndKey: envelope.senderKey,
                senderKey: content.authorizationKey, sentAt: sentAt)
        }
    }
}

/// The queue that we send to, with its keys ready for use.
struct SendQueue: Sendable {
    var row: QueueRow
    let server: SMPServer
    let auth: X25519PrivateKey
    private let endToEndKey: X25519PrivateKey
    private let endToEndBox: BoxKey

    init(_ row: QueueRow) throws {
        self.row = row
        server = try SMPServer(row.server)
        auth = try X25519PrivateKey(raw: row.authKey)
        endToEndKey = try X25519PrivateKey(raw: row.endToEndKey)
        endToEndBox = try BoxKey(endToEndKey, X25519PublicKey(raw: row.peerKey))
    }

    /// For a queue of a link.
    static func new(connection: ConnectionID, _ queue: QueueURI) throws(AgentLinkError) -> SendQueue {
        try new(
            connection: connection, queue.address, key: queue.key, isSenderSecured: queue.isSenderSecured,
            version: queue.versions.upperBound)
    }

    /// For a queue of a confirmation.
    static func new(connection: ConnectionID, _ queue: SMPQueueInfo) throws(AgentLinkError) -> SendQueue {
        try new(
            connection: connection, queue.address, key: queue.key, isSenderSecured: queue.isSenderSecured,
            version: queue.version)
    }

    private static func new(
        connection: ConnectionID, _ address: QueueAddress, key: X25519PublicKey, isSenderSecured: Bool,
        version: UInt16
    ) throws(AgentLinkError) -> SendQueue {
        do {
            var row = QueueRow(
                connection: connection, direction: .send, server: address.server.description,
                senderID: address.senderID, authKey: X25519PrivateKey().raw.bytes,
                endToEndKey: X25519PrivateKey().raw.bytes, peerKey: key.raw, messagingMode: isSenderSecured)
            row.version = min(version, QueueEnvelope.versions.upperBound)
            return try SendQueue(row)
        } catch {
            throw .badLink("its key is unusable")
        }
    }

    /// A SEND body around `envelope`.
    func seal(_ envelope: [UInt8]) throws(SMPProtocolError) -> [UInt8] {
        try QueueEnvelope.seal(envelope, key: endToEndBox, version: row.version)
    }

    /// A SEND body around an envelope of `count` bytes that `fill` writes.
    func seal(count: Int, _ fill: (UnsafeMutableBufferPointer<UInt8>) throws -> Void) throws -> [UInt8] {
        try QueueEnvelope.seal(count: count, key: endToEndBox, version: row.version, fill)
    }

    /// The SEND body of the first message: it brings our keys.
    func sealFirst(_ envelope: [UInt8], senderKey: AuthKey?) throws(SMPProtocolError) -> [UInt8] {
        try QueueEnvelope.seal(
            envelope, key: endToEndBox, senderKey: endToEndKey.publicKey, authorizationKey: senderKey,
            version: row.version)
    }
}

/// A number that two people compare: equal on both sides if nobody stands between.
enum SecurityCode {
    /// Ten groups of five digits from SHA-256 of the key agreement's associated data.
    static func text(associatedData: [UInt8]) -> String {
        let digest = SHA256.hash(associatedData) + SHA256.hash(SHA256.hash(associatedData))
        return (0..<10).map { group in
            let value = digest[(group * 4)..<(group * 4 + 4)].reduce(0 as UInt32) { $0 << 8 | UInt32($1) } % 100_000
            let digits = String(value)
            return String(repeating: "0", count: 5 - digits.count) + digits
        }.joined(separator: " ")
    }
}
