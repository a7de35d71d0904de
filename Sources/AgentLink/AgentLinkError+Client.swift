import SMPClient
import SMPProtocol

extension AgentLinkError {
    /// A client's error, with the relay it is about.
    init(_ error: SMPClientError, _ server: SMPServer) {
        switch error {
        case .unreachable(let reason): self = .relayUnreachable("relay \(server.display) cannot be reached: \(reason)")
        case .timedOut(let what): self = .relayUnreachable("relay \(server.display) did not answer in time: \(what)")
        case .closed(let reason): self = .relayUnreachable("relay \(server.display) closed the connection: \(reason)")
        case .identity(let sentence): self = .relayIdentity(sentence)
        case .incompatible(let sentence), .garbage(let sentence): self = .relayIncompatible(sentence)
        }
    }
}
