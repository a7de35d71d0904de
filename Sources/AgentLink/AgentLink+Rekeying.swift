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
/// the initiator's part; the other one can send at once and says so (`E`).
extension AgentLink {
    /// Renews the ratchets of all connections that stand.
    public func rekey() throws(AgentLinkError) {
        for connection in connections.values where connection.row.state == .connected {
            let keys = AgreementKeys()
            connection.row.agreementKeys = keys.encoded()
            try sendRatchetKey(keys, on: connection)
        }
    }

    /// The peer sent parameters: answers with ours unless they are on their way, and starts the new ratchet.
    func handleRatchetKey(
        _ parameters: ArraySlice<UInt8>, version: UInt16, on connection: Connection
    ) throws(AgentLinkError) {
        let peer: E2EParameters
        do { peer = try E2EParameters(decoding: parameters) } catch { throw .peer("new keys that cannot be read") }
        let keys: AgreementKeys
        if let started = connection.row.agreementKeys.flatMap(AgreementKeys.init) {
            keys = started
        } else {
            keys = AgreementKeys()
            try sendRatchetKey(keys, on: connection)
        }
        let isInitiator = Self.hash(keys.publicParameters).lexicographicallyPrecedes(Self.hash(peer))
        do {
            connection.ratchet = isInitiator ? try keys.initiator(peer: peer) : try keys.joiner(peer: peer)
        } catch {
            throw .peer("new keys that cannot be used")
        }
        connection.row.agreementKeys = nil
        connection.syncRow()
        let row = connection.row
        try storage(durable: true) { db in try row.update(db) }
        logger.notice("connection \(row.id) has new keys")
        if !isInitiator { try store([.ready(lastID: row.sequence.last)], on: connection) }
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
