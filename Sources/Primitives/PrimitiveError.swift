/// What a cryptographic primitive refuses.
public enum PrimitiveError: Error, Equatable, Sendable {
    /// The bytes are no key of the expected kind, or agreement with it gives nothing secret.
    case invalidKey
    /// The authentication tag does not fit: another key, nonce, associated data, or altered bytes.
    case authenticationFailed
    /// OpenSSL refused an operation that should not fail; the text is its own.
    case openSSL(String)
}

extension PrimitiveError: CustomStringConvertible {
    /// One lower-case sentence.
    public var description: String {
        switch self {
        case .invalidKey: "not a usable key"
        case .authenticationFailed: "the message is not authentic"
        case .openSSL(let reason): "OpenSSL: \(reason)"
        }
    }
}
