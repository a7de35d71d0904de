public import Primitives

/// What a finished handshake established. Fired through the pipeline as a user inbound event, once, before any plaintext.
public struct TLSSession: Sendable {
    /// The client's Finished verify_data, the same on both sides: 32 bytes under TLS 1.3, 12 under TLS 1.2.
    public let sessionID: [UInt8]
    /// The server's DER certificates on both sides, the leaf first. On a client they have been checked.
    public let certificates: [[UInt8]]
    /// The key of the server's leaf, Ed25519 or Ed448: what signs the server's session key.
    public let leafKey: AuthKey
    /// The application protocol that was agreed on.
    public let applicationProtocol: String
    /// The version of TLS.
    public let version: TLSVersion
    /// On a server, the credentials this connection was made with (they may have been renewed since); nil on a client.
    public let credentials: TLSCredentials?
}

/// The versions of TLS that are spoken.
public enum TLSVersion: Sendable, Equatable {
    /// TLS 1.2 (RFC 5246).
    case tls12
    /// TLS 1.3 (RFC 8446).
    case tls13
}
