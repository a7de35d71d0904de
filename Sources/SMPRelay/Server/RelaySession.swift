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

    private let identity: RelayIdentity
    private let sessionID: [UInt8]
    private var state = State.awaitingHello
    private var cipher = BlockCipher()
    /// Encoded transmissions not yet in a block.
    private var pending: Deque<[UInt8]> = []
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
        case .message(let message): push(message.response, queue: message.queue)
        case .ended(let queue): push(.end, queue: queue)
        case .deleted(let queue): if agreed.version >= 10 { push(.deleted, queue: queue) }
        }
    }

    /// Whether there is something to send.
    package var hasBlocks: Bool { !pending.isEmpty }

    /// The next block to send, with as many answers as fit; nil if there are none.
    package mutating func takeBlock() throws(Failure) -> [UInt8]? {
        guard !pending.isEmpty else { return nil }
        var (count, room) = (0, SMP.bodyCapacity)
        while count < pending.count, count < BlockBody.maximumCount, pending[count].count + 2 <= room {
            room -= pending[count].count + 2
            count += 1
        }
        // Our own answers fit into a block, each by itself.
        precondition(count > 0, "an answer of \(pending[0].count) bytes")
        let body = BlockBody.encode(Array(pending.prefix(count)))
        pending.removeFirst(count)
        do { return try cipher.seal(body) } catch { throw .block }
    }

    /// The failures of the store since the last call, for the log.
    package mutating func takeStoreFailures() -> [RelayError] {
        defer { storeFailures = [] }
        return storeFailures
    }

    /// Keeps what the store could not do.
    mutating func note(_ failure: RelayError) { storeFailures.append(failure) }

    // MARK: - Inside

    private mutating func agree(_ block: [UInt8]) throws(Failure) -> Agreed {
        guard let content = try? WireReader.unpad(block[...]), let hello = try? ClientHello(content),
            SMP.relayVersions.contains(hello.version), hello.fingerprint == identity.fingerprint
        else { throw .handshake }
        if offersWindow, let window = DeliveryWindow(tail: hello.tail) {
            hub.open(connection, window: Int(min(window.messages, DeliveryWindow.offered.messages)))
        }
        guard let key = hello.key else { return Agreed(version: hello.version) }
        guard let secret = try? sessionKey.agree(with: key) else { throw .handshake }
        if hello.version >= 11, !hello.isProxy {
            cipher = BlockCipher(sharedSecret: secret, sessionID: sessionID, side: .server)
        }
        return Agreed(version: hello.version, forwarding: BoxKey(sharedSecret: secret))
    }

    private mutating func receive(_ bytes: ArraySlice<UInt8>, _ agreed: Agreed) {
        guard let transmission = try? Transmission(bytes, version: agreed.version) else {
            return pending.append(Transmission.response(.error(.block), correlationID: [], entityID: []))
        }
        let answer = answer(transmission, agreed)
        pending.append(
            Transmission.response(
                answer.response, correlationID: transmission.correlationID, entityID: transmission.entityID))
        for push in answer.pushes { self.push(push.event) }
    }

    private mutating func push(_ response: ServerResponse, queue: QueueID) {
        pending.append(Transmission.response(response, correlationID: [], entityID: queue.bytes[...]))
    }
}

extension OutgoingMessage {
    /// Sealed for the recipient.
    var response: ServerResponse {
        let content: Delivery
        switch message.kind {
        case .message: content = .message(sentAt: message.timestamp, notify: message.notifies, body: message.body)
        case .quotaMarker: content = .quota(at: message.timestamp)
        }
        guard let sealed = try? content.sealed(box, messageID: message.id) else {
            preconditionFailure("a stored message exceeds what SEND may carry")
        }
        return .message(id: message.id, body: sealed[...])
    }
}
