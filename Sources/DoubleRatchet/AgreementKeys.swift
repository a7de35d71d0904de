public import Primitives

/// The private keys of one party's key agreement: X3DH (smp.md, section 4).
public struct AgreementKeys: Sendable {
    let key1: X448PrivateKey
    let key2: X448PrivateKey

    /// New random keys.
    public init() { self.init(key1: X448PrivateKey(), key2: X448PrivateKey()) }

    /// Given keys.
    public init(key1: X448PrivateKey, key2: X448PrivateKey) {
        self.key1 = key1
        self.key2 = key2
    }

    /// For the link: the whole range of versions.
    public var publicParameters: E2EParameters { publicParameters(version: E2EParameters.versions.upperBound) }

    /// For the confirmation that answers a link: `version` is the joiner's `Ratchet.version`, which both parties have.
    public func publicParameters(version: UInt16) -> E2EParameters {
        E2EParameters(version: version, key1: key1.publicKey, key2: key2.publicKey)
    }

    /// The two raw private keys, 112 bytes.
    public func encoded() -> [UInt8] { key1.raw.bytes + key2.raw.bytes }

    /// Reads `encoded`; nil if it is not 112 bytes of keys.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == 112, let key1 = try? X448PrivateKey(raw: bytes[..<56]),
            let key2 = try? X448PrivateKey(raw: bytes[56...])
        else { return nil }
        self.init(key1: key1, key2: key2)
    }

    /// The ratchet of the party that joins the link of `peer`. `ratchetKey` is its first ratchet key.
    public func joiner(peer: E2EParameters, ratchetKey: X448PrivateKey = X448PrivateKey()) throws(RatchetError)
        -> Ratchet
    {
        do {
            let secrets = [
                try key2.agree(with: peer.key1), try key1.agree(with: peer.key2), try key2.agree(with: peer.key2),
            ]
            let keys = Self.derive(secrets)
            return try Ratchet(
                joinerWith: keys, associatedData: key1.publicKey.raw + peer.key1.raw, ratchetKey: ratchetKey,
                peerRatchetKey: peer.key2, version: min(peer.version, E2EParameters.versions.upperBound))
        } catch {
            throw .malformed("keys of the other side")
        }
    }

    /// The ratchet of the party that made the link which `peer` joined.
    public func initiator(peer: E2EParameters) throws(RatchetError) -> Ratchet {
        do {
            let secrets = [
                try key1.agree(with: peer.key2), try key2.agree(with: peer.key1), try key2.agree(with: peer.key2),
            ]
            return Ratchet(
                initiatorWith: Self.derive(secrets), associatedData: peer.key1.raw + key1.publicKey.raw,
                ratchetKey: key2,
                version: min(peer.version, E2EParameters.versions.upperBound))
        } catch {
            throw .malformed("keys of the other side")
        }
    }

    /// What the agreement gives: header key, next header key, root secret.
    struct Derived { let headerKey, nextHeaderKey, secret: [UInt8] }

    private static func derive(_ secrets: [SecretBytes]) -> Derived {
        let output = HKDF.sha512(
            salt: [UInt8](repeating: 0, count: 64), secret: secrets.flatMap(\.bytes), info: "SimpleXX3DH", count: 96)
        return Derived(
            headerKey: Array(output[..<32]), nextHeaderKey: Array(output[32..<64]), secret: Array(output[64...]))
    }
}
