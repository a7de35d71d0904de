import Primitives
import SMPProtocol

/// Verifies the commands of one session, with the agreements it has made so far.
struct Authorizer {
    private let sessionID: [UInt8]
    private let sessionKey: X25519PrivateKey
    /// X25519 agreements of the session's key with queue keys: each costs more than the rest of a command.
    private var boxes: [X25519PublicKey: BoxKey] = [:]

    /// More queues than this at a time are agreed on again.
    private static let cacheLimit = 4096
    private static let dummyKey = AuthKey.ed25519(Ed25519PrivateKey().publicKey)
    private static let dummyAgreement = AuthKey.x25519(X25519PrivateKey().publicKey)
    private static let dummyBox = BoxKey(sharedSecret: SecretBytes.random(32))

    init(sessionID: [UInt8], sessionKey: X25519PrivateKey) {
        self.sessionID = sessionID
        self.sessionKey = sessionKey
    }

    /// Whether `key` has authorized `transmission`. Without a key a dummy is verified, so that time does not tell.
    mutating func verifies(_ transmission: Transmission, by key: AuthKey?) -> Bool {
        let count = transmission.authorization.count
        switch (key, count) {
        case (.ed25519(_)?, 64), (.ed448(_)?, 114):
            guard let key else { return false }
            return transmission.isAuthorized(by: key, sessionID: sessionID, box: nil)
        case (.x25519(let agreement)?, 80):
            let box = box(with: agreement)
            return transmission.isAuthorized(by: .x25519(agreement), sessionID: sessionID, box: box)
        default:
            let dummy = count == 80 ? Self.dummyAgreement : Self.dummyKey
            _ = transmission.isAuthorized(by: dummy, sessionID: sessionID, box: Self.dummyBox)
            return false
        }
    }

    private mutating func box(with key: X25519PublicKey) -> BoxKey? {
        if let box = boxes[key] { return box }
        guard let box = try? BoxKey(sessionKey, key) else { return nil }
        if boxes.count >= Self.cacheLimit { boxes.removeAll(keepingCapacity: true) }
        boxes[key] = box
        return box
    }
}
