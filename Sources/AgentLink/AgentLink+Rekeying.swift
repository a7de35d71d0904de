import Database
import DoubleRatchet
import GRDB
import Logging
import Primitives
import SMPProtocol

/// Setting up a ratchet anew (agent envelope 'R', smp.md section 4): after a copied or restored profile the old one must not
/// be used again.
///
/// Both parties send key agreement parameters outside of the ratchet. The party whose keys have the smaller SHA-256 takes
/// the initiator's part; the other one can send at once and says so (`E`). Parameters that
/// come twice are answered once.
extension AgentLink {
    /// Renews the ratchets of all connections that stand, unless that is under way. Until the peer has answered, `send`
    /// refuses: what the old ratchet still encrypts might come after the new keys.
    public func rekey() throws(AgentLinkError) {
        for connection in connections.values where connection.row.state == .connected && !connection.isRekeying {
            let keys = AgreementKeys()
            let before = connection.row
            connection.row.agreementKeys = keys.encoded()
            do throws(AgentLinkError) { try sendRatchetKey(keys, on: connection) } catch {
                connection.row = before
                throw error
            }
        }
    }

    /// The peer sent parameters: answers with ours unless they are on their way, and starts the new ratchet.
    func handleRatchetKey(
        _ parameters: ArraySlice<UInt8>, version: UInt16, on connection: Connection
    ) throws(AgentLinkError) {
        guard connection.row.state == .connected else { throw .peer("new keys before a connection") }
        let peer: E2EParameters
        do { peer = try E2EParameters(decoding: parameters) } catch { throw .peer("new keys that cannot be read") }
        // It is outside of the ratchet, which would know what comes twice; to answer again would start an endless exchange.
        let peerHash = Self.hash(peer)
        guard connection.row.peerKeysHash != peerHash else { return }
        let started = connection.row.agreementKeys.flatMap(AgreementKeys.init)
        let keys = started ?? AgreementKeys()
        let isInitiator = Self.hash(keys.publicParameters).lexicographicallyPrecedes(peerHash)
        let ratchet: Ratchet
        do {
            ratchet = isInitiator ? try keys.initiator(peer: peer) : try keys.joiner(peer: peer)
        } catch {
            throw .peer("new keys that cannot be used")
        }
        let before = (connection.ratchet, connection.row)
        connection.ratchet = ratchet
        connection.row.agreementKeys = nil
        connection.row.peerKeysHash = peerHash
        do throws(AgentLinkError) {
            // Our answer and the ratchet that it leads to are one step.
            if started == nil {
                try sendRatchetKey(keys, on: connection)
            } else {
                connection.syncRow()
                let row = connection.row
                try storage(durable: true) { db in try row.update(db) }
            }
        } catch {
            (connection.ratchet, connection.row) = before
            throw error
        }
        logger.notice("connection \(connection.row.id) has new keys")
        if !isInitiator { try store([.ready(lastID: connection.row.sequence.last)], on: connection) }
        connection.resumeRoomWaiters()
    }

    private func sendRatchetKey(_ keys: AgreementKeys, on connection: Connection) throws(AgentLinkError) {
        guard let send = connection.send else { throw .noConnection }
        let envelope = AgentEnvelope.ratchetKey(
            version: connection.row.agentVersion, parameters: keys.publicParameters.encoded()[...], info: [])
        let body: [UInt8]
        do { body = try send.seal(envelope.encoded()) } catch { throw .ratchet("\(error)") }
        // It has no number of its own: it goes in front of the next one.
        connection.row.sentID += 1
        let item = SendWindow.Item(id: connection.row.sentID, body: body, isStored: true, isAuthorized: true)
        connection.syncRow()
        let row = connection.row
        try storage(durable: true) { db in
            try row.update(db)
            try OutboxRow.insert(db, row.id, item)
        }
        connection.window.append(item)
        flush(connection)
    }

    private static func hash(_ parameters: E2EParameters) -> [UInt8] {
        SHA256.hash(parameters.key1.raw + parameters.key2.raw)
    }
}
