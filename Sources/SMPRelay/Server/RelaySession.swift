import DequeModule
import Primitives
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
        case open(Open)
    }

    /// What the hello has agreed on.
    struct Open {
        let version: UInt16
        var incoming: BlockChain?
        var outgoing: BlockChain?
        /// Opens forwarded commands, if the client gave a key.
        let forwarding: BoxKey?
    }

    let hub: RelayHub
    let connection: ConnectionID
    let password: [UInt8]?
    let sessionKey = X25519PrivateKey()
    var authorizer: Authorizer
    /// Agreements with clients behind a proxy.
    var forwardedBoxes: [X25519PublicKey: BoxKey] = [:]
    /// Failures of the store that the last block met, for the log.
    package private(set) var storeFailures: [RelayError] = []

    private let identity: RelayIdentity
    private let sessionID: [UInt8]
    private var state = State.awaitingHello
    /// Encoded transmissions not yet in a block.
    private var pending: Deque<[UInt8]> = []

    /// What fits into a block of transmissions and their length prefixes, in bytes.
    private static let blockCapacity = 16365

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
        guard
            let hello = SessionHandshake.serverHello(
                sessionID: sessionID, identity: identity, key: sessionKey.publicKey)
        else { throw .identity }
        return hello
    }

    /// Takes a block of the client; answers wait in `takeBlocks`.
    package mutating func receive(_ block: [UInt8]) throws(Failure) {
        switch state {
        case .awaitingHello:
            state = .open(try open(block))
        case .open(var open):
            let padded: [UInt8]
            if open.incoming == nil {
                padded = block
            } else {
                guard let opened = open.incoming?.open(block) else { throw .block }
                padded = opened
                state = .open(open)
            }
            try receive(body: padded, version: open.version, forwarding: open.forwarding)
        }
    }

    /// Takes something that another connection has caused.
    package mutating func push(_ event: Push.Event) {
        guard case .open(let open) = state else { return }
        switch event {
        case .message(let delivery): enqueue(delivery.queue, ServerWord.message(delivery))
        case .ended(let queue): enqueue(queue, ServerWord.end)
        case .deleted(let queue): if open.version >= 10 { enqueue(queue, ServerWord.deleted) }
        }
    }

    /// Whether there is something to send.
    package var hasBlocks: Bool { !pending.isEmpty }

    /// The next block to send, with as many answers as fit; nil if there are none.
    package mutating func takeBlock() throws(Failure) -> [UInt8]? {
        guard case .open(var open) = state, !pending.isEmpty else { return nil }
        var body = WireWriter(capacity: SessionHandshake.blockSize)
        var (count, room) = (0, Self.blockCapacity)
        while count < pending.count, count < 255, pending[count].count + 2 <= room {
            room -= pending[count].count + 2
            count += 1
        }
        body.u8(UInt8(count))
        for transmission in pending.prefix(count) { body.long(transmission) }
        pending.removeFirst(count)
        do throws(WireError) {
            guard let block = try open.outgoing?.seal(body.bytes) else {
                return try WireWriter.pad(body.bytes, to: SessionHandshake.blockSize)
            }
            state = .open(open)
            return block
        } catch { throw .block }
    }

    /// The failures of the store since the last call.
    package mutating func takeStoreFailures() -> [RelayError] {
        defer { storeFailures = [] }
        return storeFailures
    }

    // MARK: - Inside

    private func open(_ block: [UInt8]) throws(Failure) -> Open {
        guard let hello = try? SessionHandshake.clientHello(block),
            SessionHandshake.versions.contains(hello.version), hello.fingerprint.elementsEqual(identity.fingerprint)
        else { throw .handshake }
        guard let key = hello.key else { return Open(version: hello.version, forwarding: nil) }
        guard let secret = try? sessionKey.agree(with: key) else { throw .handshake }
        let forwarding = BoxKey(sharedSecret: secret)
        guard hello.version >= 11, !hello.isProxy else { return Open(version: hello.version, forwarding: forwarding) }
        let chains = BlockChain.pair(sessionID: sessionID, secret: secret)
        return Open(
            version: hello.version, incoming: chains.toServer, outgoing: chains.toClient, forwarding: forwarding)
    }

    private mutating func receive(body padded: [UInt8], version: UInt16, forwarding: BoxKey?) throws(Failure) {
        let parts: [ArraySlice<UInt8>]
        do throws(WireError) {
            parts = try Transmission.split(try WireReader.unpad(padded[...]))
        } catch { throw .block }
        for part in parts {
            guard let transmission = try? Transmission(part) else {
                pending.append(Transmission.encode(correlation: [], entity: [], command: ServerWord.block))
                continue
            }
            let answer = answer(transmission, version: version, forwarding: forwarding)
            pending.append(
                Transmission.encode(
                    correlation: transmission.correlation, entity: transmission.entity, command: answer.command))
            for push in answer.pushes { self.push(push.event) }
        }
    }

    private mutating func enqueue(_ queue: QueueID, _ command: [UInt8]) {
        pending.append(Transmission.encode(correlation: [], entity: queue.bytes[...], command: command))
    }

    /// Keeps what the store could not do for the log.
    mutating func note(_ outcome: Outcome) {
        if let failure = outcome.failure { storeFailures.append(failure) }
    }
}
