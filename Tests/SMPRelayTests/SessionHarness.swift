import Guarding
import Primitives
import SMPRelay
import WireFormat

/// A relay without sockets: sessions over one hub.
final class SessionHarness {
    let directory = TemporaryDirectory()
    let hub: RelayHub
    let identity: RelayIdentity
    let leaf = Ed25519PrivateKey()
    let password: [UInt8]?
    static let fingerprint = [UInt8](repeating: 7, count: 32)
    static let chain: [[UInt8]] = [[1, 2, 3], [4, 5]]
    private var closeHub = true

    init(limits: QueueLimits = QueueLimits(), password: [UInt8]? = nil) throws {
        hub = RelayHub(core: RelayCore(store: try QueueStore(directory: directory.path), limits: limits)) {
            1_750_000_000
        }
        let leaf = leaf
        identity = RelayIdentity(chain: Self.chain, fingerprint: Self.fingerprint, sign: { leaf.sign($0) })
        self.password = password
    }

    deinit { hub.close() }

    func client(_ version: UInt16, withKey: Bool = true, isProxy: Bool = false, tail: [UInt8] = []) throws -> TestClient
    {
        try TestClient(self, version: version, withKey: withKey, isProxy: isProxy, tail: tail)
    }
}

/// The client's side of a session, written from the protocol alone.
final class TestClient {
    struct Response: Equatable {
        var correlation: [UInt8]
        var entity: [UInt8]
        var command: [UInt8]

        var text: String { String(decoding: command.prefix(40), as: UTF8.self) }
    }

    enum Signing {
        case none
        case ed25519(Ed25519PrivateKey)
        case x25519(X25519PrivateKey)
    }

    final class Inbox: Sendable {
        let events = Guarded<[Push.Event]>([])
    }

    var session: RelaySession
    let version: UInt16
    let sessionID: [UInt8]
    let hello: [UInt8]
    let key: X25519PrivateKey?
    let serverKey: X25519PublicKey
    private let inbox = Inbox()
    private let harness: SessionHarness
    private let connection: ConnectionID
    private var chains: (receiving: [UInt8], sending: [UInt8])?

    init(_ harness: SessionHarness, version: UInt16, withKey: Bool, isProxy: Bool, tail: [UInt8]) throws {
        self.harness = harness
        self.version = version
        sessionID = SecureRandom.bytes(32)
        let inbox = inbox
        guard
            let connection = harness.hub.connect(
                address: [127, 0, 0, 1], limit: 100,
                outlet: { event in
                    inbox.events.withLock { $0.append(event) }
                })
        else { throw RelaySession.Failure.handshake }
        self.connection = connection
        session = RelaySession(
            hub: harness.hub, connection: connection, identity: harness.identity, sessionID: sessionID,
            password: harness.password)
        hello = try session.hello()
        // u16 min, u16 max, S(sessionId), N[L(cert)], L(signedKey): the key's SPKI begins after two SEQs and lengths.
        var reader = WireReader(try WireReader.unpad(hello[...]))
        _ = try reader.take(4)
        _ = try reader.short()
        _ = try reader.list { part throws(WireError) in try part.long() }
        serverKey = try X25519PublicKey(spki: try reader.long().dropFirst(4).prefix(44))
        key = withKey ? X25519PrivateKey() : nil
        var answer = WireWriter()
        answer.u16(version)
        answer.short(SessionHarness.fingerprint)
        if let key { answer.short(key.publicKey.spki) }
        if version >= 14 { answer.bool(isProxy) }
        answer.raw(tail)
        try session.receive(try WireWriter.pad(answer.bytes, to: 16384))
        if let key, version >= 11, !isProxy {
            let keys = HKDF.sha512(
                salt: sessionID, secret: try key.agree(with: serverKey).bytes, info: "SimpleXSbChainInit", count: 64)
            chains = (Array(keys[0..<32]), Array(keys[32..<64]))
        }
    }

    func disconnect() { harness.hub.disconnect(connection) }

    /// Sends one command and gives all that comes back.
    func perform(
        _ command: [UInt8], entity: [UInt8] = [], _ signing: Signing = .none, correlation: [UInt8]? = nil
    ) throws -> [Response] {
        try perform(block: [transmission(command, entity: entity, signing, correlation: correlation)])
    }

    func perform(block transmissions: [[UInt8]]) throws -> [Response] {
        var body = WireWriter()
        body.list(transmissions) { $0.long($1) }
        if let chain = chains?.sending {
            let step = HKDF.sha512(salt: [UInt8](), secret: chain, info: "SimpleXSbChain", count: 88)
            chains?.sending = Array(step[0..<32])
            let padded = try WireWriter.pad(body.bytes, to: 16368)
            try session.receive(BoxKey(sharedSecret: step[32..<64]).seal(padded, nonce: step[64..<88]))
        } else {
            try session.receive(try WireWriter.pad(body.bytes, to: 16384))
        }
        return try responses()
    }

    /// `S(auth) S(corrId) S(entityId) command`.
    func transmission(
        _ command: [UInt8], entity: [UInt8], _ signing: Signing, correlation: [UInt8]? = nil
    ) throws -> [UInt8] {
        let correlation = correlation ?? SecureRandom.bytes(24)
        var tail = WireWriter()
        tail.short(correlation)
        tail.short(entity)
        tail.raw(command)
        let authorized = [UInt8(sessionID.count)] + sessionID + tail.bytes
        var writer = WireWriter()
        switch signing {
        case .none: writer.short([])
        case .ed25519(let key): writer.short(key.sign(authorized))
        case .x25519(let key):
            writer.short(try BoxKey(key, serverKey).seal(SHA512.hash(authorized), nonce: correlation))
        }
        writer.raw(tail.bytes)
        return writer.bytes
    }

    /// Everything the relay has for us.
    func responses() throws -> [Response] {
        for event in inbox.events.withLock({ events in
            defer { events = [] }
            return events
        }) { session.push(event) }
        var responses: [Response] = []
        while let block = session.takeBlock() {
            guard block.count == 16384 else { throw RelaySession.Failure.block }
            var padded = block
            if let chain = chains?.receiving {
                let step = HKDF.sha512(salt: [UInt8](), secret: chain, info: "SimpleXSbChain", count: 88)
                chains?.receiving = Array(step[0..<32])
                padded = try BoxKey(sharedSecret: step[32..<64]).open(block, nonce: step[64..<88])
            }
            var reader = WireReader(try WireReader.unpad(padded[...]))
            let parts = try reader.list { part throws(WireError) in try part.long() }
            try reader.end()
            for part in parts {
                var fields = WireReader(part)
                guard try fields.short().isEmpty else { throw RelaySession.Failure.block }
                responses.append(
                    Response(
                        correlation: Array(try fields.short()), entity: Array(try fields.short()),
                        command: Array(fields.rest())))
            }
        }
        return responses
    }
}

/// A queue made through a session, with all keys of both sides.
struct TestQueue {
    enum Kind { case ed25519, x25519 }

    let recipientID: [UInt8]
    let senderID: [UInt8]
    let recipient: TestClient.Signing
    let sender: TestClient.Signing
    let senderKey: AuthKey
    let box: BoxKey

    init(
        on client: TestClient, _ kind: Kind = .ed25519, subscribing: Bool = true, senderCanSecure: Bool = true,
        password: [UInt8]? = nil
    ) throws {
        let recipientKey: AuthKey
        switch kind {
        case .ed25519:
            let keys = (Ed25519PrivateKey(), Ed25519PrivateKey())
            (recipient, sender) = (.ed25519(keys.0), .ed25519(keys.1))
            (recipientKey, senderKey) = (.ed25519(keys.0.publicKey), .ed25519(keys.1.publicKey))
        case .x25519:
            let keys = (X25519PrivateKey(), X25519PrivateKey())
            (recipient, sender) = (.x25519(keys.0), .x25519(keys.1))
            (recipientKey, senderKey) = (.x25519(keys.0.publicKey), .x25519(keys.1.publicKey))
        }
        let deliveryKey = X25519PrivateKey()
        let command = Self.command(
            recipientKey, deliveryKey.publicKey, subscribing: subscribing, senderCanSecure: senderCanSecure,
            password: password)
        let response = try client.perform(command, recipient).first
        var reader = WireReader(response?.command ?? [])
        try reader.expect("IDS ")
        recipientID = Array(try reader.short())
        senderID = Array(try reader.short())
        box = try BoxKey(deliveryKey, try X25519PublicKey(spki: try reader.short()))
        guard try reader.bool() == senderCanSecure else { throw RelaySession.Failure.block }
        try reader.end()
    }

    static func command(
        _ recipientKey: AuthKey, _ deliveryKey: X25519PublicKey, subscribing: Bool, senderCanSecure: Bool,
        password: [UInt8]?
    ) -> [UInt8] {
        var writer = WireWriter()
        writer.tag("NEW ")
        writer.short(recipientKey.spki)
        writer.short(deliveryKey.spki)
        writer.maybe(password) { $0.short($1) }
        writer.tag(subscribing ? "S" : "C")
        writer.bool(senderCanSecure)
        return writer.bytes
    }

    /// SKEY on `client`.
    func secure(on client: TestClient) throws -> String? {
        try client.perform(Array("SKEY ".utf8) + [44] + senderKey.spki, entity: senderID, sender).first?.text
    }

    /// Id and content of a MSG.
    func open(_ response: TestClient.Response?) throws -> (id: [UInt8], body: [UInt8]) {
        var reader = WireReader(response?.command ?? [])
        try reader.expect("MSG ")
        let id = Array(try reader.short())
        let padded = try box.open(reader.rest(), nonce: id)
        return (id, Array(try WireReader.unpad(padded[...])))
    }
}
