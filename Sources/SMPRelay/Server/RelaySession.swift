import DequeModule
import Primitives
import SMPProtocol
import WireFormat

/// One connection's talk: blocks in, blocks out. No socket, no clock; used by one event loop.
package struct RelaySession {
    /// Why a connection is closed.
    package enum Failure: Error, Equatable, Sendable {
        /// The hello is malformed, of a version that is not spoken, or meant for another relay.
        case handshake
        /// A block does not decrypt or its content is malformed.
        case block
        /// The certificates cannot sign.
        case identity
    }

    /// Where the talk stands.
    private enum State {
        /// To open with the client's hello; any failure ends the session.
        case awaitingHello
        /// Commands are answered.
        case open(Agreed)
    }

    /// What the hello has agreed on.
    struct Agreed {
        let version: UInt16
        /// Opens forwarded commands, if the client gave a key.
        var forwarding: BoxKey?
        /// The delivery window, if the client took it.
        var window: DeliveryWindow?
    }

    /// What is to be sent.
    private enum Item {
        case answer(ServerResponse, correlation: [UInt8], entity: [UInt8])
        /// Sealed where it stands in its block.
        case delivery(OutgoingMessage)
    }

    let hub: RelayHub
    let connection: ConnectionID
    let password: [UInt8]?
    let sessionKey = X25519PrivateKey()
    var authorizer: Authorizer
    /// Whether the hello offers a delivery window.
    var offersWindow = true
    /// Agreements with clients behind a proxy.
    var forwardedBoxes: [X25519PublicKey: BoxKey] = [:]
    /// Queues whose SEND and ACK are authorized by this connection, with the key that showed it.
    private var bound: [QueueID: AuthKey] = [:]

    /// So many OKs go without waiting for more.
    private static let okaysTogether = 32

    private let identity: RelayIdentity
    private let sessionID: [UInt8]
    private var state = State.awaitingHello
    private var cipher = BlockCipher()
    private var builder = BlockBuilder()
    /// Not yet in a block.
    private var pending: Deque<Item> = []
    /// Whether all of `pending` are OKs that may wait a moment for company.
    private var maySendLater = true
    /// OKs that wait until a queue has room again.
    private var heldBack: [QueueID: [Item]] = [:]
    private var storeFailures: [RelayError] = []

    /// A session over the TLS session `sessionID`; `password` is what NEW must carry.
    package init(
        hub: RelayHub, connection: ConnectionID, identity: RelayIdentity, sessionID: [UInt8], password: [UInt8]?
    ) {
        self.hub = hub
        self.connection = connection
        self.identity = identity
        self.sessionID = sessionID
        self.password = password
        authorizer = Authorizer(sessionID: sessionID, sessionKey: sessionKey)
    }

    /// Whether the client's hello has been taken.
    package var isOpen: Bool { if case .open = state { true } else { false } }

    /// The first block: the relay speaks first.
    package func hello() throws(Failure) -> [UInt8] {
        guard let signedKey = identity.signed(sessionKey.publicKey) else { throw .identity }
        let hello = ServerHello(
            versions: SMP.relayVersions, sessionID: sessionID, chain: identity.chain, signedKey: signedKey,
            tail: offersWindow ? DeliveryWindow.offered.encoded() : [])
        do { return try WireWriter.pad(hello.encoded(), to: SMP.blockSize) } catch { throw .identity }
    }

    /// Takes a block of the client; answers wait in `takeBlock`.
    package mutating func receive(_ block: [UInt8]) throws(Failure) {
        switch state {
        case .awaitingHello:
            state = .open(try agree(block))
        case .open(let agreed):
            let transmissions: [ArraySlice<UInt8>]
            do { transmissions = try BlockBody.decode(try cipher.open(block)) } catch { throw .block }
            for bytes in transmissions { receive(bytes, agreed) }
        }
    }

    /// Takes something that another connection has caused.
    package mutating func push(_ event: Push.Event) {
        guard case .open(let agreed) = state else { return }
        switch event {
        case .message(let message): put(.delivery(message))
        case .ended(let queue): push(.end, queue: queue)
        case .deleted(let queue): if agreed.version >= 10 { push(.deleted, queue: queue) }
        case .room(let queue): pending.append(contentsOf: heldBack.removeValue(forKey: queue) ?? [])
        }
    }

    /// Whether OKs are held back.
    package var hasHeldBack: Bool { !heldBack.isEmpty }

    /// Gives up waiting for room: the OKs go.
    package mutating func releaseHeldBack() {
        for items in heldBack.values { pending.append(contentsOf: items) }
        heldBack = [:]
    }

    /// Whether there is something to send.
    package var hasBlocks: Bool { !pending.isEmpty }

    /// Whether what there is to send had better wait a moment for more: a few OKs, to a client that has many open.
    package var isBlockWorthWaiting: Bool { maySendLater && pending.count < Self.okaysTogether }

    /// The next block to send, with as many answers as fit; nil if there are none.
    package mutating func takeBlock() -> [UInt8]? {
        while let item = pending.first, append(item) { pending.removeFirst() }
        guard !builder.isEmpty else {
            // Our own answers fit into a block, each by itself.
            precondition(pending.isEmpty, "an answer longer than a block")
            return nil
        }
        if pending.isEmpty { maySendLater = true }
        return cipher.seal(&builder)
    }

    private mutating func append(_ item: Item) -> Bool {
        switch item {
        case .answer(let response, let correlation, let entity):
            return builder.append(response, correlationID: correlation[...], entityID: entity[...])
        case .delivery(let message):
            do throws(SMPProtocolError) {
                return try builder.append(
                    message.delivery, key: message.box, messageID: message.message.id, entityID: message.queue.bytes)
            } catch { preconditionFailure("a stored message exceeds what SEND may carry") }
        }
    }

    /// The failures of the store since the last call, for the log.
    package mutating func takeStoreFailures() -> [RelayError] {
        defer { storeFailures = [] }
        return storeFailures
    }

    /// Keeps what the store could not do.
    mutating func note(_ failure: RelayError) { storeFailures.append(failure) }

    /// The key that authorizes SEND and ACK to this queue on this connection without being shown again.
    func boundKey(of id: QueueID) -> AuthKey? { bound[id] }

    /// A command on the queue was authorized by `key`.
    mutating func bind(_ id: QueueID, to key: AuthKey) {
        guard case .open(let agreed) = state, let flags = agreed.window?.flags,
            flags & DeliveryWindow.bindsQueues != 0, bound.count < DeliveryWindow.boundQueueLimit
        else { return }
        bound[id] = key
    }

    // MARK: - Inside

    private mutating func agree(_ block: [UInt8]) throws(Failure) -> Agreed {
        guard let content = try? WireReader.unpad(block[...]), let hello = try? ClientHello(content),
            SMP.relayVersions.contains(hello.version), hello.fingerprint == identity.fingerprint
        else { throw .handshake }
        let window = offersWindow ? DeliveryWindow(tail: hello.tail)?.common(with: .offered) : nil
        if let window { hub.open(connection, window: Int(window.messages)) }
        guard let key = hello.key else { return Agreed(version: hello.version, window: window) }
        guard let secret = try? sessionKey.agree(with: key) else { throw .handshake }
        if hello.version >= 11, !hello.isProxy {
            cipher = BlockCipher(sharedSecret: secret, sessionID: sessionID, side: .server)
        }
        return Agreed(version: hello.version, forwarding: BoxKey(sharedSecret: secret), window: window)
    }

    private mutating func receive(_ bytes: ArraySlice<UInt8>, _ agreed: Agreed) {
        guard let transmission = try? Transmission(bytes, version: agreed.version) else {
            hub.refused(SMPServerError.block)
            return put(.answer(.error(.block), correlation: [], entity: []))
        }
        let answer = answer(transmission, agreed)
        if case .error(let error) = answer.response { hub.refused(error) }
        // Copied out of the block, which is not kept for them.
        let item = Item.answer(
            answer.response, correlation: Array(transmission.correlationID), entity: Array(transmission.entityID))
        if answer.isHeldBack, let queue = QueueID(transmission.entityID) {
            heldBack[queue, default: []].append(item)
        } else if agreed.window != nil, answer.response == .ok, Self.isRepeated(transmission.command) {
            pending.append(item)
        } else {
            put(item)
        }
        for push in answer.pushes { self.push(push.event) }
    }

    /// Whether it is one of the commands that come in long rows.
    private static func isRepeated(_ command: ArraySlice<UInt8>) -> Bool {
        command.starts(with: "SEND".utf8) || command.starts(with: "ACK".utf8)
    }

    private mutating func push(_ response: ServerResponse, queue: QueueID) {
        put(.answer(response, correlation: [], entity: queue.bytes))
    }

    /// To be sent at once.
    private mutating func put(_ item: Item) {
        pending.append(item)
        maySendLater = false
    }
}

extension OutgoingMessage {
    /// Sealed for the recipient.
    var response: ServerResponse {
        guard let sealed = try? delivery.sealed(box, messageID: message.id) else {
            preconditionFailure("a stored message exceeds what SEND may carry")
        }
        return .message(id: message.id, body: sealed[...])
    }

    fileprivate var delivery: Delivery {
        switch message.kind {
        case .message: .message(sentAt: message.timestamp, notify: message.notifies, body: message.body)
        case .quotaMarker: .quota(at: message.timestamp)
        }
    }
}
