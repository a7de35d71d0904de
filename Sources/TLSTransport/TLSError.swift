internal import COpenSSL

/// What can go wrong between two ends of a TLS connection, and with the certificates of one.
public enum TLSError: Error, Equatable, Sendable {
    /// Nobody could be reached under this name and port; `reason` says what the system answered.
    case unreachable(host: String, port: Int, reason: String)
    /// The proxy on the way cannot be used; a whole sentence.
    case proxy(String)
    /// A deadline passed in this step.
    case timedOut(TLSStep)
    /// The peer showed another certificate authority: SHA-256 of the certificate at chain index 1, 32 bytes each.
    case fingerprintMismatch(expected: [UInt8], got: [UInt8])
    /// The peer's certificate chain breaks a rule.
    case invalidChain(ChainDefect)
    /// The two ends share no version of TLS (1.2 and 1.3 are spoken).
    case noCommonVersion
    /// The two ends share no application protocol (ALPN).
    case noCommonProtocol
    /// The two ends share no cipher, group or signature algorithm.
    case noCommonParameters
    /// The bytes that came are not TLS.
    case notTLS
    /// The peer ended the connection with this fatal alert (its name).
    case refused(alert: String)
    /// The peer closed the connection before it was set up.
    case closedDuringHandshake
    /// The connection is closed; what was still to be written was not.
    case closed
    /// The peer closed in the middle of a block: `got` of `expected` bytes had come.
    case truncatedBlock(got: Int, expected: Int)
    /// The peer broke the protocol, by OpenSSL's words.
    case protocolViolation(String)
    /// The socket failed, by the system's words.
    case socket(String)
    /// A certificate or key file cannot be used.
    case file(path: String, reason: String)
    /// OpenSSL failed in a way that is not the peer's doing.
    case openSSL(String)
}

/// A step of setting up a connection that has a deadline.
public enum TLSStep: Equatable, Sendable {
    /// Finding the address, and the TCP connection.
    case connecting
    /// The TLS handshake.
    case handshake
}

/// What is wrong with a certificate chain; `index` counts from the leaf, 0.
public enum ChainDefect: Equatable, Sendable {
    /// A chain is 2 to 4 certificates long.
    case length(Int)
    /// Not a certificate, or one with a critical extension that is not known.
    case unusable(index: Int)
    /// Its time is over.
    case expired(index: Int)
    /// Its time has not come yet.
    case notYetValid(index: Int)
    /// It was not issued by the certificate behind it.
    case notIssuedByNext(index: Int)
    /// The signature on it does not verify.
    case badSignature(index: Int)
    /// It may not issue certificates.
    case notAnAuthority(index: Int)
    /// The leaf is not of X.509 version 3, or its key is neither Ed25519 nor Ed448.
    case unsuitableLeaf
}

extension TLSError: CustomStringConvertible {
    /// One lower-case sentence a user can act on.
    public var description: String {
        switch self {
        case .unreachable(let host, let port, let reason): "\(host):\(port) cannot be reached: \(reason)"
        case .proxy(let sentence): sentence
        case .timedOut(.connecting): "no connection was made in time"
        case .timedOut(.handshake): "the peer did not finish the TLS handshake in time"
        case .fingerprintMismatch: "the server's identity is not the one in its address"
        case .invalidChain(let defect): "the server's certificates are not valid: \(defect)"
        case .noCommonVersion: "the peer speaks neither TLS 1.3 nor 1.2"
        case .noCommonProtocol: "the peer does not speak this protocol"
        case .noCommonParameters: "the peer shares no cipher, group or signature algorithm"
        case .notTLS: "the peer does not speak TLS"
        case .refused(let alert): "the peer refused the connection: \(alert)"
        case .closedDuringHandshake: "the peer closed the connection before it was set up"
        case .closed: "the connection is closed"
        case .truncatedBlock(let got, let expected): "the peer closed after \(got) of \(expected) bytes of a block"
        case .protocolViolation(let text): "the peer broke the TLS protocol: \(text)"
        case .socket(let text): "the connection failed: \(text)"
        case .file(let path, let reason): "\(path): \(reason)"
        case .openSSL(let text): "openssl failed: \(text)"
        }
    }
}

extension ChainDefect: CustomStringConvertible {
    /// A few lower-case words.
    public var description: String {
        switch self {
        case .length(let count): "a chain of \(count)"
        case .unusable(let index): "number \(index) cannot be read"
        case .expired(let index): "number \(index) has expired"
        case .notYetValid(let index): "number \(index) is not valid yet (is the clock right?)"
        case .notIssuedByNext(let index): "number \(index) is not issued by the next one"
        case .badSignature(let index): "the signature on number \(index) is wrong"
        case .notAnAuthority(let index): "number \(index) may not issue certificates"
        case .unsuitableLeaf: "the first one is of an unsuitable kind"
        }
    }
}

extension TLSError {
    /// What OpenSSL's error queue says about our own use of it; empties the queue.
    static func fromQueue(_ doing: String) -> TLSError {
        let code = ERR_peek_last_error()
        ERR_clear_error()
        return .openSSL(code == 0 ? doing : "\(doing): \(text(of: code))")
    }

    /// What OpenSSL's error queue says about the peer; empties the queue.
    static func ofPeer() -> TLSError {
        let code = ERR_peek_error()
        ERR_clear_error()
        guard code != 0 else { return .protocolViolation("no reason given") }
        let reason = ERR_GET_REASON(code)
        if reason > SSL_AD_REASON_OFFSET, reason <= SSL_AD_REASON_OFFSET + 255 {
            return ofAlert(reason - SSL_AD_REASON_OFFSET)
        }
        switch reason {
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_NO_PROTOCOLS_AVAILABLE, SSL_R_VERSION_TOO_LOW, SSL_R_WRONG_SSL_VERSION:
            return .noCommonVersion
        case SSL_R_NO_APPLICATION_PROTOCOL:
            return .noCommonProtocol
        case SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM,
            SSL_R_NO_SHARED_GROUPS, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, SSL_R_NO_SUITABLE_GROUPS,
            SSL_R_WRONG_SIGNATURE_TYPE:
            return .noCommonParameters
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_PACKET_LENGTH_TOO_LONG,
            SSL_R_ENCRYPTED_LENGTH_TOO_LONG, SSL_R_RECORD_LENGTH_MISMATCH, SSL_R_BAD_RECORD_TYPE:
            return .notTLS
        default:
            return .protocolViolation(text(of: code))
        }
    }

    private static func ofAlert(_ alert: Int32) -> TLSError {
        switch alert {
        case TLS1_AD_PROTOCOL_VERSION: .noCommonVersion
        case TLS1_AD_NO_APPLICATION_PROTOCOL: .noCommonProtocol
        case SSL3_AD_HANDSHAKE_FAILURE, TLS1_AD_INSUFFICIENT_SECURITY: .noCommonParameters
        default: .refused(alert: SSL_alert_desc_string_long(alert).map { String(cString: $0) } ?? "number \(alert)")
        }
    }

    private static func text(of code: UInt) -> String {
        ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
