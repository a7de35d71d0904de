public import Primitives

/// The pre-shared key of one side's listener: good towards it only, for one transfer and run.
public struct DirectKey: Equatable, Sendable {
    /// The length of an identity, in bytes.
    public static let identityLength = 16
    /// The length of a key, in bytes.
    public static let keyLength = 32

    /// What names the key in the open part of the handshake, 16 bytes.
    public let identity: [UInt8]
    /// 32 bytes.
    public let key: SecretBytes

    /// A key that came from the other side; nil if a length is wrong.
    public init?(identity: [UInt8], key: [UInt8]) {
        guard identity.count == Self.identityLength, key.count == Self.keyLength else { return nil }
        self.identity = identity
        self.key = SecretBytes(key)
    }

    private init(identity: [UInt8], key: SecretBytes) {
        self.identity = identity
        self.key = key
    }

    /// A new key.
    public static func random() -> DirectKey {
        DirectKey(identity: SecureRandom.bytes(identityLength), key: .random(keyLength))
    }
}
