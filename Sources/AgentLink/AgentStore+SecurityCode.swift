import DoubleRatchet
public import GRDB

extension AgentStore {
    /// The security code of a connection: equal on both sides, from SHA-256 of the key agreement's associated data; nil
    /// before the keys are agreed on. Needs no running link.
    public static func securityCode(_ db: GRDB.Database, _ connection: ConnectionID) throws -> String? {
        guard let encoded = try ConnectionRow.fetch(db, connection)?.ratchet else { return nil }
        return try SecurityCode.text(associatedData: Ratchet(decoding: encoded).associatedData)
    }
}
