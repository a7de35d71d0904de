import Database
import DoubleRatchet
import GRDB
import Logging
import Primitives
import SMPProtocol

/// The first message of either side, which brings its keys.
extension AgentLink {
    /// A confirmation: a joiner's, or the initiator's answer to ours.
    func handleConfirmation(
        on connection: Connection, version: UInt16, parameters: ArraySlice<UInt8>?, _ encrypted: ArraySlice<UInt8>,
        senderEndToEndKey: X25519PublicKey?, senderKey: AuthKey?
    ) throws(AgentLinkError) {
        switch (connection.row.state, parameters) {
        case (.offered, .some(let parameters)):
            try handleJoiner(
                connection, version: version, parameters, encrypted, senderEndToEndKey: senderEndToEndKey,
                senderKey: senderKey)
        // We asked at a contact address; its owner is faster than the relay's answer to us.
        case (.joining, .some(let parameters)) where connection.send == nil:
            try handleJoiner(
                connection, version: version, parameters, encrypted, senderEndToEndKey: senderEndToEndKey,
                senderKey: senderKey)
        case (.joined, nil), (.joining, nil):
            try handleAnswer(
                connection, version: version, encrypted, senderEndToEndKey: senderEndToEndKey, senderKey: senderKey)
        default: logger.info("connection \(connection.row.id): a repeated confirmation is ignored")
        }
    }

    /// Initiator: somebody joined. The engine decides whether to let them in.
    private func handleJoiner(
        _ connection: Connection, version: UInt16, _ parameters: ArraySlice<UInt8>, _ encrypted: ArraySlice<UInt8>,
        senderEndToEndKey: X25519PublicKey?, senderKey: AuthKey?
    ) throws(AgentLinkError) {
        guard let keys = connection.row.agreementKeys.flatMap(AgreementKeys.init), let senderEndToEndKey,
            var receive = connection.receive
        else { throw .peer("a confirmation without keys") }
        var ratchet: Ratchet
        let plain: [UInt8]
        let queue: SMPQueueInfo
        let info: [UInt8]
        do {
            ratchet = try keys.initiator(peer: try E2EParameters(decoding: parameters))
            plain = try ratchet.decrypt(encrypted)
            guard case .confirmationWithQueues(let queues, let peerInfo) = try AgentMessage(plain[...]),
                let first = queues.first
            else { throw AgentLinkError.peer("a confirmation without a queue for the answer") }
            (queue, info) = (first, Array(peerInfo))
        } catch {
            throw .peer("a confirmation that cannot be read: \(error)")
        }
        let send = try SendQueue.new(connection: connection.row.id, queue)
        receive.use(peerKey: senderEndToEndKey)
        receive.row.senderKey = senderKey?.spki ?? []
        connection.row.agreementKeys = nil
        connection.row.role = .initiator
        connection.row.agentVersion = min(version, AgentEnvelope.versions.upperBound)
        connection.row.sequence = .confirmed(hash: SHA256.hash(plain))
        connection.row.peerInfo = info
        connection.row.state = .confirmed
        connection.row.ratchet = ratchet.encoded()
        let (row, receiveRow) = (connection.row, receive.row)
        try storage(durable: true) { db in
            try row.update(db)
            try receiveRow.save(db)
            try send.row.save(db)
        }
        (connection.ratchet, connection.receive, connection.send) = (ratchet, receive, send)
        tell(.confirmation(connection.row.id, info: info))
    }

    /// Joiner: the initiator let us in.
    private func handleAnswer(
        _ connection: Connection, version: UInt16, _ encrypted: ArraySlice<UInt8>, senderEndToEndKey: X25519PublicKey?,
        senderKey: AuthKey?
    ) throws(AgentLinkError) {
        guard var ratchet = connection.ratchet, var receive = connection.receive, connection.send != nil else {
            throw .peer("a confirmation before ours")
        }
        let plain: [UInt8]
        let info: [UInt8]
        do {
            plain = try ratchet.decrypt(encrypted)
            guard case .confirmation(let peerInfo) = try AgentMessage(plain[...]) else {
                throw AgentLinkError.peer("an answer of the wrong kind")
            }
            info = Array(peerInfo)
        } catch {
            throw .peer("a confirmation that cannot be read: \(error)")
        }
        if let senderEndToEndKey { receive.use(peerKey: senderEndToEndKey) }
        receive.row.senderKey = senderKey?.spki ?? []
        // Which flow it is the peer decided, by the mode of the queue that we made: with a key, we are to secure it.
        let isFast = senderKey == nil
        connection.row.sequence = .confirmed(hash: SHA256.hash(plain))
        connection.row.peerInfo = info
        connection.row.state = isFast ? .connected : .greeting
        connection.row.ratchet = ratchet.encoded()
        let (row, receiveRow) = (connection.row, receive.row)
        try storage(durable: true) { db in
            try row.update(db)
            try receiveRow.save(db)
        }
        (connection.ratchet, connection.receive) = (ratchet, receive)
        if isFast {
            tell(.connected(connection.row.id, info: info))
        } else {
            advance(connection)
        }
    }
}
