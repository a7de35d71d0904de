import SMPProtocol
import TLSTransport

/// Why a relay cannot be used, or a connection to it ended. The texts name the relay where they stand alone.
public enum SMPClientError: Error, Equatable, Sendable {
    /// Nobody answers there; the text is the system's reason.
    case unreachable(String)
    /// Another relay answers than the address names, or one that cannot prove who it is; a whole sentence.
    case identity(String)
    /// No common version of TLS or SMP; a whole sentence.
    case incompatible(String)
    /// What answers does not keep to the protocol; a whole sentence.
    case garbage(String)
    /// No answer within the deadline; the text says to what.
    case timedOut(String)
    /// The connection is closed; the text says by whom or why.
    case closed(String)
}

extension SMPClientError: CustomStringConvertible {
    /// One lower-case sentence.
    public var description: String {
        switch self {
        case .unreachable(let reason): "the relay cannot be reached: \(reason)"
        case .identity(let sentence), .incompatible(let sentence), .garbage(let sentence): sentence
        case .timedOut(let what): "the relay did not answer in time: \(what)"
        case .closed(let reason): "the connection to the relay is closed: \(reason)"
        }
    }
}

extension SMPClientError {
    /// What happened below, on a connection to `server`.
    init(_ error: TLSError, _ server: SMPServer) {
        switch error {
        case .unreachable(_, _, let reason), .proxy(let reason): self = .unreachable(reason)
        case .timedOut: self = .timedOut("\(error)")
        case .fingerprintMismatch:
            self = .identity("the relay at \(server.display) is not the one that its address names")
        case .invalidChain(let defect):
            self = .identity("the certificates of the relay at \(server.display) are not valid: \(defect)")
        case .noCommonVersion, .noCommonProtocol, .noCommonParameters:
            self = .incompatible("the relay at \(server.display) cannot be talked to: \(error)")
        case .notTLS, .protocolViolation, .truncatedBlock:
            self = .garbage("what answers at \(server.display) is no relay: \(error)")
        case .refused, .socket, .closed: self = .closed("\(error)")
        case .closedDuringHandshake: self = .unreachable("\(error)")
        case .file, .openSSL: self = .unreachable("\(error)")
        }
    }

    /// What is wrong with something that `server` said.
    init(_ error: SMPProtocolError, _ server: SMPServer) {
        switch error {
        case .incompatible:
            self = .incompatible("the relay at \(server.display) cannot be talked to: \(error)")
        case .authentication:
            self = .identity("the relay at \(server.display) cannot be trusted: \(error)")
        case .malformed, .badLink, .tooLong:
            self = .garbage("the relay at \(server.display) does not keep to the protocol: \(error)")
        }
    }
}
