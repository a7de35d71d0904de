/// Why a direct connection could not be made, or ended.
public enum DirectError: Error, Equatable, Sendable {
    /// A socket call failed.
    case socket(operation: String, errno: Int32)
    /// The handshake failed: a stranger, another key, or no TLS.
    case handshake(String)
    /// Something was not done in time.
    case timedOut(String)
    /// The other side broke the frame format.
    case badFrame(String)
    /// The other side closed the connection.
    case closedByPeer
    /// Decryption or encryption failed.
    case tls(String)
}

extension DirectError: CustomStringConvertible {
    /// One lower-case sentence.
    public var description: String {
        switch self {
        case .socket(let operation, let errno): "\(operation) failed: \(describe(errno: errno))"
        case .handshake(let what): "the direct handshake failed: \(what)"
        case .timedOut(let what): "\(what) took too long"
        case .badFrame(let what): "the other side broke the direct lane: \(what)"
        case .closedByPeer: "the other side closed the direct connection"
        case .tls(let what): "the direct connection broke: \(what)"
        }
    }
}
