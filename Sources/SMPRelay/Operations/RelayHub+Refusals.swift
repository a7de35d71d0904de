import SMPProtocol

/// Counting what connections refuse. What the core refuses for want of room it counts itself: it knows which room.
extension RelayHub {
    /// Counts an error that a client is answered.
    func refused(_ error: SMPServerError) {
        let reason: RefusalReason
        switch error {
        case .auth: reason = .authorization
        case .quota: return
        case .noMessage: reason = .noMessage
        case .internal: reason = .storage
        case .command(.prohibited): reason = .prohibited
        default: reason = .syntax
        }
        count(reason)
    }

    /// Counts a connection that is closed for what its client said.
    func refused(_ failure: RelaySession.Failure) {
        switch failure {
        case .handshake, .identity: count(.handshake)
        case .block: count(.syntax)
        }
    }

    private func count(_ reason: RefusalReason) { _ = look { $0.counters.refuse(reason) } }
}

/// The user event that tells a connection to answer what is in hand and to leave.
struct RelayStop: Sendable {}
