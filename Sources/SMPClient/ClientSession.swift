package import NIOCore
package import Primitives
package import SMPProtocol
import WireFormat

/// One connection's talk with a relay: blocks in, blocks out. No socket, no clock.
///
/// A `Ticket` is what the caller knows a command by; it comes back once, with the answer or from `close`.
package struct ClientSession<Ticket> {
    /// What an arriving block means.
    package enum Event {
        /// The answer to the command with this ticket; nil for a PING of our own.
        case answer(Ticket?, ServerResponse)
        /// Something about a queue.
        case push(SMPPush)
    }

    /// What the hellos have agreed on.
    package struct Agreed: Sendable {
        /// The SMP version.
        package let version: UInt16
        /// The TLS session id.
        package let sessionID: [UInt8]
        /// The relay's key of this connection.
        package let serverKey: X25519PublicKey
        /// Unacknowledged messages of a queue that may be under way: one in plain SMP.
        package let window: Int
        /// Whether one authorized command on a queue binds it to the connection.
        package let bindsQueues: Bool
    }

    private enum State {
        /// To open when the relay's hello comes.
        case awaitingHello
        /// To closed by `close`.
        case open(Agreed)
        case closed
    }

    private struct Outstanding {
        let ticket: Ticket?
        let entity: [UInt8]
        let command: CommandKind
        let submitted: NIODeadline
    }

    private let server: SMPServer
    private let sessionID: [UInt8]
    private let leafKey: AuthKey
    private let versions: ClosedRange<UInt16>
    private let handshakeKey: X25519PrivateKey?
    private let timeouts: SMPClient.Timeouts
    private let window: UInt16

    private var state = State.awaitingHello
    private var cipher = BlockCipher()
    private var outstanding: [CorrelationID: Outstanding] = [:]
    /// Agreements of queue keys with the relay's key: each costs more than the rest of a command.
    private var agreements: [X25519PublicKey: BoxKey] = [:]
    /// Queues on which a command was authorized: SEND and ACK need no more of it, if the relay has agreed to that.
    private var bound: Set<[UInt8]> = []
    /// How many were ever bound: the relay does not count again either.
    private var bindings = 0
    private var lastHeard: NIODeadline
    private var lastAnswer: NIODeadline
    /// Queues whose messages come several at a time, and what is to be told because of them.
    private var windows = QueueWindows()
    private var local: [Event] = []
    /// Acknowledgements that wait for others of their queue.
    private var late: [[UInt8]: Ticket?] = [:]
    // The block being filled, and the queues it is about.
    private var builder = BlockBuilder()
    private var entities: [[UInt8]] = []
    private var sealed: [[UInt8]] = []

    /// A session over the TLS session `sessionID`, whose server proved to have `leafKey`. Without `handshakeKey` nothing but
    /// TLS encrypts the blocks. `window` is the most that is agreed on where the relay has a delivery window.
    package init(
        server: SMPServer, sessionID: [UInt8], leafKey: AuthKey, versions: ClosedRange<UInt16>,
        timeouts: SMPClient.Timeouts, window: UInt16 = DeliveryWindow.offered.messages, now: NIODeadline,
        handshakeKey: X25519PrivateKey? = X25519PrivateKey()
    ) {
        self.server = server
        self.sessionID = sessionID
        self.leafKey = leafKey
        self.versions = versions
        self.timeouts = timeouts
        self.window = window
        self.handshakeKey = handshakeKey
        lastHeard = now
        lastAnswer = now
    }

    /// What was agreed on, while the session is open.
    package var agreed: Agreed? { if case .open(let agreed) = state { agreed } else { nil } }

    // MARK: Handshake

    /// Takes the relay's hello and gives ours.
    package mutating func agree(_ block: [UInt8], now: NIODeadline) throws(SMPClientError) -> [UInt8] {
        lastHeard = now
        do throws(SMPProtocolError) {
            let hello = try ServerHello(Self.unpadded(block))
            let version = try SMP.negotiate(versions, hello.versions)
            guard hello.sessionID == sessionID else { throw .authentication("the TLS session id in its hello") }
            let serverKey = try SignedKey.open(hello.signedKey, leaf: leafKey)
            let ours = DeliveryWindow(messages: self.window, flags: DeliveryWindow.offered.flags)
            let window = DeliveryWindow(tail: hello.tail)?.common(with: ours)
            // A relay of ours: TLS encrypts already, a second layer between the same two would only cost time.
            if window == nil, version >= 11, let handshakeKey {
                guard let secret = try? handshakeKey.agree(with: serverKey) else { throw .malformed("session key") }
                cipher = BlockCipher(sharedSecret: secret, sessionID: sessionID, side: .client)
            }
            let answer = ClientHello(
                version: version, fingerprint: server.fingerprint, key: window == nil ? handshakeKey?.publicKey : nil,
                tail: window?.encoded() ?? [])
            state = .open(
                Agreed(
                    version: version, sessionID: sessionID, serverKey: serverKey, window: Int(window?.messages ?? 1),
                    bindsQueues: (window?.flags ?? 0) & DeliveryWindow.bindsQueues != 0))
            return try Self.padded(answer.encoded())
        } catch {
            throw SMPClientError(error, server)
        }
    }

    private static func unpadded(_ block: [UInt8]) throws(SMPProtocolError) -> ArraySlice<UInt8> {
        do { return try WireReader.unpad(block[...]) } catch { throw .malformed("hello of the relay: \(error)") }
    }

    private static func padded(_ hello: [UInt8]) throws(SMPProtocolError) -> [UInt8] {
        do { return try WireWriter.pad(hello, to: SMP.blockSize) } catch {
            throw .tooLong(count: hello.count, limit: SMP.blockSize - 2)
        }
    }

    // MARK: Commands

    /// Puts a command into a block; `takeBlock` gives it out.
    ///
    /// Blocks are written in the order of the commands. Only commands about different queues share one: relays from 6.4 on
    /// carry out the commands of a block last to first.
    /// - Returns: false, with nothing done, if the command does not fit into a block or exceeds the relay's limit.
    package mutating func submit(
        _ command: ClientCommand, entity: [UInt8], authorization: Authorization, ticket: Ticket?, now: NIODeadline,
        correlationID: [UInt8]? = nil
    ) throws(SMPClientError) -> Bool {
        guard case .open(let agreed) = state else { throw .closed("nothing can be sent") }
        if agreed.window > 1 {
            // What is put off about this queue goes before what changes it.
            if CommandKind(command).resetsWindow { writeLate(entity, now: now, agreed) }
            switch windows.submit(command, entity: entity, authorization: authorization) {
            case .sent: break
            case .last:
                settle(late.updateValue(ticket, forKey: entity))
                if windows.isDue(entity) { writeLate(entity, now: now, agreed) }
                return true
            case .kept(let next):
                local.append(.answer(ticket, next.map { .message(id: $0.id, body: $0.body) } ?? .ok))
                if let next {
                    local.append(.push(SMPPush(entity: entity, event: .message(id: next.id, body: next.body))))
                }
                if windows.isDue(entity) { writeLate(entity, now: now, agreed) }
                return true
            }
        }
        return try write(
            command, entity: entity, authorization: authorization, ticket: ticket, now: now,
            correlationID: correlationID, agreed)
    }

    /// Whether acknowledgements wait for others.
    package var hasLate: Bool { !late.isEmpty }

    /// Writes the acknowledgements that have waited for others.
    package mutating func writeLate(now: NIODeadline) {
        guard case .open(let agreed) = state else { return }
        for entity in late.keys { writeLate(entity, now: now, agreed) }
    }

    /// Acknowledges what was handled of a queue; the relay's OK answers what has waited for it.
    private mutating func writeLate(_ entity: [UInt8], now: NIODeadline, _ agreed: Agreed) {
        let ticket = late.removeValue(forKey: entity)
        guard let handled = windows.takeHandled(entity) else { return settle(ticket) }
        _ = try? write(
            .acknowledge(handled.id[...]), entity: entity, authorization: handled.authorization,
            ticket: ticket ?? nil, now: now, correlationID: nil, agreed)
    }

    /// Answers an acknowledgement in whose place a later one goes.
    private mutating func settle(_ ticket: Ticket??) {
        if let ticket { local.append(.answer(ticket, .ok)) }
    }

    /// The reader of a queue wants its next message and will acknowledge the last one later.
    package mutating func readOn(_ entity: [UInt8]) {
        guard let next = windows.readOn(entity) else { return }
        local.append(.push(SMPPush(entity: entity, event: .message(id: next.id, body: next.body))))
    }

    /// What has been decided without asking the relay: answers to acknowledgements that a window holds back, and the
    /// messages that follow them.
    package mutating func takeLocal() -> [Event] {
        defer { local.removeAll(keepingCapacity: true) }
        return local
    }

    /// Acknowledges everything that was handled, before the connection is closed in order.
    package mutating func acknowledgeHandled(now: NIODeadline) {
        guard case .open(let agreed) = state else { return }
        for (entity, handled) in windows.takeHandled() {
            _ = try? write(
                .acknowledge(handled.id[...]), entity: entity, authorization: handled.authorization, ticket: nil,
                now: now, correlationID: nil, agreed)
        }
    }

    private mutating func write(
        _ command: ClientCommand, entity: [UInt8], authorization: Authorization, ticket: Ticket?, now: NIODeadline,
        correlationID: [UInt8]?, _ agreed: Agreed
    ) throws(SMPClientError) -> Bool {
        let correlationID = correlationID ?? SecureRandom.nonce(SMP.nonceSize)
        if case .send(_, let body) = command, body.count > SMP.maximumMessageSize(agreed.version) { return false }
        let kind = CommandKind(command)
        if !kind.sharesBlocks || entities.contains(entity) { closeBlock() }
        let session = BlockBuilder.Session(
            id: agreed.sessionID, serverKey: agreed.serverKey, version: agreed.version)
        do throws(PrimitiveError) {
            let authorization = try needed(authorization, for: kind, on: entity, agreed)
            var isAdded = try builder.append(
                command, correlationID: correlationID, entityID: entity, authorization: authorization,
                session: session)
            if !isAdded, !builder.isEmpty {
                closeBlock()
                isAdded = try builder.append(
                    command, correlationID: correlationID, entityID: entity, authorization: authorization,
                    session: session)
            }
            guard isAdded else { return false }
        } catch {
            throw .garbage("the session key of the relay at \(server.display) is unusable: \(error)")
        }
        if kind.binds, authorization.size > 0 { bind(entity, agreed) }
        outstanding[CorrelationID(correlationID)] = Outstanding(
            ticket: ticket, entity: entity, command: kind, submitted: now)
        if kind.sharesBlocks { entities.append(entity) } else { closeBlock() }
        return true
    }

    /// What the command carries: nothing on a queue that is bound to the connection.
    private mutating func needed(
        _ authorization: Authorization, for command: CommandKind, on entity: [UInt8], _ agreed: Agreed
    ) throws(PrimitiveError) -> Authorization {
        if command.goesBound, authorization.size > 0, bound.contains(entity) { return .none }
        return try cached(authorization, agreed.serverKey)
    }

    /// The relay carries commands out in this order: when it comes to the next one the queue is bound there too.
    private mutating func bind(_ entity: [UInt8], _ agreed: Agreed) {
        guard agreed.bindsQueues, bindings < DeliveryWindow.boundQueueLimit else { return }
        if bound.insert(entity).inserted { bindings += 1 }
    }

    private mutating func cached(
        _ authorization: Authorization, _ serverKey: X25519PublicKey
    ) throws(PrimitiveError) -> Authorization {
        guard case .x25519(let key) = authorization else { return authorization }
        if let box = agreements[key.publicKey] { return .box(box) }
        let box = try BoxKey(key, serverKey)
        if agreements.count >= agreementLimit { agreements.removeAll(keepingCapacity: true) }
        agreements[key.publicKey] = box
        return .box(box)
    }

    private mutating func closeBlock() {
        guard !builder.isEmpty else { return }
        sealed.append(cipher.seal(&builder))
        entities.removeAll(keepingCapacity: true)
    }

    /// The blocks to write now, in order.
    package mutating func takeBlocks() -> [[UInt8]] {
        closeBlock()
        defer { sealed.removeAll(keepingCapacity: true) }
        return sealed
    }

    // MARK: Answers

    /// Takes a block of the relay.
    package mutating func receive(_ block: [UInt8], now: NIODeadline) throws(SMPClientError) -> [Event] {
        guard case .open(let agreed) = state else { throw .closed("nothing is expected") }
        lastHeard = now
        do throws(SMPProtocolError) {
            var events: [Event] = []
            for part in try BlockBody.decode(try cipher.open(block)) {
                try receive(try Transmission(part, version: agreed.version), agreed, into: &events, now: now)
            }
            return events
        } catch {
            throw SMPClientError(error, server)
        }
    }

    private mutating func receive(
        _ transmission: Transmission, _ agreed: Agreed, into events: inout [Event], now: NIODeadline
    ) throws(SMPProtocolError) {
        guard !transmission.correlationID.isEmpty else {
            guard let push = try push(transmission, agreed) else { return }
            // After an end or a deletion nothing is acknowledged any more.
            if !push.isMessage, let ticket = late.removeValue(forKey: push.entity) {
                events.append(.answer(ticket, .ok))
            }
            if agreed.window == 1 || windows.take(push) { events.append(.push(push)) }
            return
        }
        // What answers no command of ours is left alone.
        guard let command = outstanding.removeValue(forKey: CorrelationID(transmission.correlationID)) else { return }
        let response = try ServerResponse(transmission.command, version: agreed.version)
        guard transmission.entityID.elementsEqual(command.entity) || response.isError && transmission.entityID.isEmpty
        else { throw .malformed("answer: it is about another queue") }
        lastAnswer = now
        // Not authorized after all: a later command has to be.
        if case .error(.auth) = response { bound.remove(command.entity) }
        if case .message(let id, let body) = response, command.command.deliversMessages {
            events.append(.push(SMPPush(entity: command.entity, event: .message(id: id, body: body))))
        }
        events.append(.answer(command.ticket, response))
    }

    private func push(_ transmission: Transmission, _ agreed: Agreed) throws(SMPProtocolError) -> SMPPush? {
        // Words that later versions may push are left alone.
        guard let response = try? ServerResponse(transmission.command, version: agreed.version) else { return nil }
        let entity = Array(transmission.entityID)
        switch response {
        case .message(let id, let body): return SMPPush(entity: entity, event: .message(id: id, body: body))
        case .end: return SMPPush(entity: entity, event: .end)
        case .deleted: return SMPPush(entity: entity, event: .deleted)
        // A block that the relay could not read: its commands will never be answered.
        case .error(let error): throw .malformed("push: ERR \(error.text)")
        case .ids, .ok, .subscribed, .pong, .forwarded: return nil
        }
    }

    // MARK: Time

    /// What is to be done at this time.
    package enum Due: Equatable {
        /// Nothing before this time.
        case nothing(until: NIODeadline)
        /// The relay has been silent: a PING.
        case ping
        /// A command was not answered in time; its name.
        case overdue(String)
    }

    /// What is to be done `now`.
    package func due(_ now: NIODeadline) -> Due {
        guard let oldest = outstanding.values.min(by: { $0.submitted < $1.submitted }) else {
            let next = lastHeard + timeouts.silence
            return now >= next ? .ping : .nothing(until: next)
        }
        // Answers that go on coming show that the commands before this one are only being worked through, but not for ever.
        let next = min(
            max(oldest.submitted, lastAnswer) + timeouts.command, oldest.submitted + timeouts.command * patience)
        return now >= next ? .overdue(oldest.command.name) : .nothing(until: next)
    }

    /// Ends the session; the tickets of all commands without an answer.
    package mutating func close() -> [Ticket] {
        state = .closed
        defer { (outstanding, late) = ([:], [:]) }
        return outstanding.values.compactMap(\.ticket) + late.values.compactMap { $0 }
    }
}

/// More queue keys than this at a time are agreed on again.
private let agreementLimit = 4096
/// How many times its deadline a command may wait while others are answered: enough for 4 MiB at 35 KB/s.
private let patience = 8

extension ServerResponse {
    fileprivate var isError: Bool { if case .error = self { true } else { false } }
}

extension SMPPush {
    fileprivate var isMessage: Bool { if case .message = event { true } else { false } }
}
