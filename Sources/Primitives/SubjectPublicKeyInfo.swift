/// The fixed DER head of a key kind's SubjectPublicKeyInfo (RFC 8410): the raw key follows it.
struct SubjectPublicKeyInfo: Sendable {
    let prefix: [UInt8]
    let keyCount: Int

    static let x25519 = SubjectPublicKeyInfo(objectIdentifier: 0x6e, keyCount: 32)
    static let x448 = SubjectPublicKeyInfo(objectIdentifier: 0x6f, keyCount: 56)
    static let ed25519 = SubjectPublicKeyInfo(objectIdentifier: 0x70, keyCount: 32)
    static let ed448 = SubjectPublicKeyInfo(objectIdentifier: 0x71, keyCount: 57)

    /// `objectIdentifier` is the last byte of 1.3.101.x.
    private init(objectIdentifier: UInt8, keyCount: Int) {
        self.keyCount = keyCount
        prefix = [
            0x30, UInt8(keyCount + 10), 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, objectIdentifier, 0x03, UInt8(keyCount + 1),
            0,
        ]
    }

    /// Whether `bytes` is a key of this kind.
    func matches(_ bytes: some Collection<UInt8>) -> Bool {
        bytes.count == prefix.count + keyCount
            && bytes.withBytes { UnsafeBufferPointer(start: $0.start, count: prefix.count).elementsEqual(prefix) }
    }

    /// The raw key in `bytes`.
    func rawKey(_ bytes: some Collection<UInt8>) throws(PrimitiveError) -> [UInt8] {
        guard matches(bytes) else { throw .invalidKey }
        return Array(bytes.dropFirst(prefix.count))
    }
}

/// A key that authorizes commands on a queue, or signs a server's session key.
public enum AuthKey: Hashable, Sendable {
    /// Ed25519 signatures, 64 bytes.
    case ed25519(Ed25519PublicKey)
    /// Ed448 signatures, 114 bytes.
    case ed448(Ed448PublicKey)
    /// X25519 authenticators, 80 bytes.
    case x25519(X25519PublicKey)

    /// Takes a DER SubjectPublicKeyInfo (RFC 8410) of one of the three kinds.
    public init(spki: some Collection<UInt8>) throws(PrimitiveError) {
        if SubjectPublicKeyInfo.ed25519.matches(spki) {
            self = .ed25519(try Ed25519PublicKey(spki: spki))
        } else if SubjectPublicKeyInfo.x25519.matches(spki) {
            self = .x25519(try X25519PublicKey(spki: spki))
        } else {
            self = .ed448(try Ed448PublicKey(spki: spki))
        }
    }

    /// The DER SubjectPublicKeyInfo.
    public var spki: [UInt8] {
        switch self {
        case .ed25519(let key): key.spki
        case .ed448(let key): key.spki
        case .x25519(let key): key.spki
        }
    }
}
