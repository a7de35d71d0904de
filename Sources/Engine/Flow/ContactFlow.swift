import AgentLink

/// What a contact needs next, by its row and its connection. A value: decided without a network.
enum ContactStep: Equatable, Sendable {
    /// The link works on it, or the other side has to.
    case wait
    /// Messages flow: take the peer's name.
    case connect
    /// The connection ended.
    case fail

    static func next(_ contact: Contact, connection: ConnectionState?) -> ContactStep {
        switch contact.state {
        case .connected:
            switch connection {
            case .failed, nil: .fail
            case .creating, .offered, .confirmed, .allowing, .joining, .joined, .greeting, .connected, .deleting: .wait
            }
        case .invited, .connecting:
            switch connection {
            case .connected: .connect
            case .failed, nil: .fail
            case .creating, .offered, .confirmed, .allowing, .joining, .joined, .greeting, .deleting: .wait
            }
        case .failed, .removed, .member: .wait
        }
    }
}
