import Database
public import GRDB
import Logging
import NIOCore
import SMPClient
import SMPProtocol

/// What tells a relay that it may forget a message: only after what the message brought is safe, and in the relay's order.
extension AgentLink {
    /// Everything after a bulk message is acknowledged after it. What comes is decrypted while the engine writes.
    func waitFor(_ held: HeldBulk, on connection: Connection) {
        guard let relayID = connection.unacknowledged else { return }
        connection.behind.append(Delivered(relayID: relayID, token: held.token))
        readOn(connection)
    }

    /// Asks for the next message while earlier ones are not acknowledged, unless the engine has enough of them.
    private func readOn(_ connection: Connection) {
        // Field by field: a copy of the whole queue costs more than the rest of this.
        guard connection.unacknowledged != nil, !connection.holdsEnough, let server = connection.receive?.server,
            let id = connection.receive?.row.recipientID, let client = slot(server).client, client.canReadOn
        else { return }
        connection.unacknowledged = nil
        client.readOn(id)
    }

    /// The bytes of a bulk message are safe: lets the relay drop it.
    ///
    /// `checkpoint` runs inside the transaction that stores the receiving chain, when one is due (every 128 messages).
    public func acknowledge(
        _ token: BulkToken, checkpoint: @Sendable (GRDB.Database) throws -> Void = { _ in }
    ) throws(AgentLinkError) {
        guard let connection = connections[token.connection] else { return }
        let held = connection.held.first { $0.token == token }
        let storedFirst = held.flatMap { $0.isStored ? $0.first : nil }
        // Early, so that the checkpoint of whole chunks goes with it.
        if connection.receivedSinceStored >= Self.storedEvery * 3 / 4 || storedFirst != nil {
            let id = connection.row.id
            try storePosition(connection) { db in
                if let storedFirst { try SegmentRow.delete(db, id, first: storedFirst) }
                try checkpoint(db)
            }
        }
        guard let held else { return }
        connection.held.removeAll { $0.token == held.token }
        // After a lost connection it is acknowledged when the relay delivers it again.
        guard let place = connection.behind.firstIndex(where: { $0.token == held.token }) else { return }
        connection.behind[place].token = nil
        acknowledgeBehind(connection)
    }

    /// Acknowledges what stands before the first message that the engine still has, and goes on if it has little.
    private func acknowledgeBehind(_ connection: Connection) {
        let done = connection.behind.prefix { $0.token == nil }
        if let last = done.last {
            connection.behind.removeFirst(done.count)
            if connection.unacknowledged == last.relayID { connection.unacknowledged = nil }
            acknowledge(last.relayID, on: connection, then: done.flatMap(\.then))
        }
        readOn(connection)
    }

    /// The message that the relay delivered last is handled: it is acknowledged now, or after what the engine has.
    /// `then` runs after the relay's OK.
    func acknowledge(_ connection: Connection, then: (@Sendable (isolated AgentLink) -> Void)? = nil) {
        guard let relayID = connection.unacknowledged else { return }
        let then = then.map { [$0] } ?? []
        guard !connection.behind.isEmpty else {
            connection.unacknowledged = nil
            return acknowledge(relayID, on: connection, then: then)
        }
        if let last = connection.behind.last, last.token == nil, last.then.isEmpty { connection.behind.removeLast() }
        connection.behind.append(Delivered(relayID: relayID, then: then))
        readOn(connection)
    }

    private func acknowledge(
        _ relayID: [UInt8], on connection: Connection, then: [@Sendable (isolated AgentLink) -> Void]
    ) {
        guard let receive = connection.receive else { return }
        let slot = slot(receive.server)
        guard let client = slot.client else { return }
        let id = connection.row.id
        let generation = slot.generation
        commandsOutstanding += 1
        connection.acknowledging += 1
        client.submit(.acknowledge(relayID[...]), entity: receive.row.recipientID, authorization: .x25519(receive.auth))
            .whenComplete { [weak self] outcome in
                self?.assumeIsolated { link in
                    link.commandsOutstanding -= 1
                    link.connections[id]?.acknowledging -= 1
                    link.acknowledged(id, outcome, generation: generation)
                    if case .success = outcome { for next in then { next(link) } }
                }
            }
    }

    private func acknowledged(_ id: ConnectionID, _ outcome: Result<ServerResponse, any Error>, generation: Int) {
        guard let connection = connections[id], let receive = connection.receive,
            slot(receive.server).generation == generation
        else { return }
        activity &+= 1
        switch outcome {
        case .success(.ok): lookForDrain(connection)
        case .success(.message): break  // the next one; it comes as a push too
        case .success(.error(.noMessage)):
            // Not the message that the relay has under way on this connection: ask again from the start.
            guard connection.subscription == .draining || connection.subscription == .idle else { break }
            connection.unsubscribed()
            subscribe(connection)
        case .success(.error(.auth)): if connection.row.state != .deleting { fail(id, .queueGone) }
        case .success(let other):
            logger.error("a relay answered ACK with \(other.name)")
            subscribeLater(connection)
        case .failure: slot(receive.server).client?.close()
        }
    }
}
