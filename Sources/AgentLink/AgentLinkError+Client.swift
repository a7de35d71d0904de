import SMPClient
import SMPProtocol

extension AgentLinkError {
    /// A client's error, with the relay it is about.
    init(_ error: SMPClientError, _ server: SMPServer) {
        switch error {
        case .unreachable(let what): self = .relayUnreachable("relay \(server.display) cannot be reached: \(what)")
        case .identity(let what): self = .relayIdentity(what)
        case .incompatible(let what): self = .relayIncompatible(what)
        case .timedOut(let what): self = .relayUnreachable("relay \(server.display) did not answer in time: \(what)")
        case .closed(let what): self = .relayUnreachable("relay \(server.display) closed the connection: \(what)")
        }
    }
}
