import SMPClient
import SMPProtocol

extension AgentLinkError {
    /// A client's error; its text names the relay.
    init(_ error: SMPClientError) {
        switch error {
        case .unreachable(let what), .timedOut(let what), .closed(let what): self = .relayUnreachable(what)
        case .identity(let what): self = .relayIdentity(what)
        case .incompatible(let what): self = .relayIncompatible(what)
        }
    }
}
