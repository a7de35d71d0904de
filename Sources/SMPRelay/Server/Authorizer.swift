import Primitives

/// Verifies the commands of one session, with the agreements it has made so far.
struct Authorizer {
    private let sessionID: [UInt8]
    private let sessionKey: X25519PrivateKey
    /// X25519 agreements of the session's key with queue keys: each costs more than the rest of a command.
    private var boxes: [X25519PublicKey: BoxKey] = [:]

    /// More queues than this at a time are agreed on again.
    private static let cacheLimit = 4096
    private static let dummyKey = AuthKey.ed25519(Ed25519PrivateKey().publicKey)
    private static let dummyBox = BoxKey(sharedSecret: SecretBytes.random(32))

    init(sessionID: [UInt8], sessionKey: X25519PrivateKey) {
        self.sessionID = sessionID
        self.sessionKey = sessionKey
    }

    /// Whether `key` has authorized `transmission`. Without a key a dummy is verified, so that time does not tell.
    mutating func verifies(_ transmission: Transmission, by key: AuthKey?) -> Bool {
        let authorization = transmission.authorization
        var authorized: [UInt8] = []
        authorized.reserveCapacity(1 + sessionID.count + transmission.authorized.count)
        authorized.append(UInt8(sessionID.count))
        authorized += sessionID
        authorized += transmission.authorized
        switch (key, authorization.count) {
        case (.ed25519(let key), 64): return key.isValid(signature: authorization, for: authorized)
        case (.ed448(let key), 114): return key.isValid(signature: authorization, for: authorized)
        case (.x25519(let key), 80):
            guard let box = box(with: key) else { return false }
            return Self.opens(transmission, box, authorized)
        default:
            if authorization.count == 80 {
                _ = Self.opens(transmission, Self.dummyBox, authorized)
            } else if case .ed25519(let key) = Self.dummyKey {
                let signature = authorization.count == 64 ? Array(authorization) : [UInt8](repeating: 1, count: 64)
                _ = key.isValid(signature: signature, for: authorized)
            }
            return false
        }
    }

    private static func opens(_ transmission: Transmission, _ box: BoxKey, _ authorized: [UInt8]) -> Bool {
        guard transmission.correlation.count == BoxKey.nonceCount else { return false }
        let hash = SHA512.hash(authorized)
        guard let opened = try? box.open(transmission.authorization, nonce: transmission.correlation) else {
            return false
        }
        return constantTimeEquals(opened, hash)
    }

    private mutating func box(with key: X25519PublicKey) -> BoxKey? {
        if let box = boxes[key] { return box }
        guard let box = try? BoxKey(sessionKey, key) else { return nil }
        if boxes.count >= Self.cacheLimit { boxes.removeAll(keepingCapacity: true) }
        boxes[key] = box
        return box
    }
}
