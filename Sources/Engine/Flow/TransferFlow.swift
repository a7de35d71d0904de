import AgentLink

/// What a transfer needs next. A value: decided without a network.
enum TransferStep: Equatable, Sendable {
    /// Nothing now: waits for what it says, or is over (nil).
    case wait(Waiting?)
    /// Send x.file on the contact's connection.
    case offer
    /// Send the announcement or the next chunk of an inline file.
    case sendInline
    /// Everything of an inline file is stored for sending.
    case finishInline
    /// Say x.file.ok for an inline file that is here.
    case confirmInline
    /// Let chunks flow.
    case run
    /// Say x.file.cancel on the contact's connection; the file connection, if there is one, goes in the same transaction.
    case tellContact
    /// Say x.file.cancel on the file connection; it goes once that is delivered.
    case tellPeer
    /// There is nobody to tell.
    case leaveUntold
    /// Remove partial and reservation.
    case discard
    /// Delete the file connection.
    case dropConnection
    /// The file connection ended before its time.
    case fail
    /// The offer was not accepted in time: withdraw it (sender), forget it (recipient).
    case expire
    /// Ask the sender to offer it again: x.file.retry.
    case ask
    /// Answer the recipient's x.file.retry, by a new offer or a refusal.
    case answerRetry
}

/// The facts about one transfer that decide its next step.
struct TransferFacts: Sendable {
    /// How long an ended or sent transfer keeps its connection for the last word, in seconds.
    static let patience: Int64 = 7 * 86_400

    var transfer: Transfer
    /// The file connection; nil if there is none (any more).
    var connection: ConnectionState?
    /// The contact's connection; nil if there is none (any more).
    var contact: ConnectionState?
    /// Whether the relay has the last word on the file connection.
    var isFarewellDelivered: Bool
    /// Whether the contact's relay has all of an inline file.
    var hasInlineParts: Bool
    /// Unix seconds.
    var now: Int64
    /// Whether the offer waits to be encrypted, among other messages of the group.
    var isOfferQueued = false
    /// Whether it is for somebody who is not in the group any more.
    var isMemberGone = false
    /// Whether everything that the other side has said on the file connection was read in this run.
    var isQueueRead = false
    /// Whether relays make no queue for the file connection now.
    var isQueueRefused = false

    var next: TransferStep { transfer.isPaused && !transfer.state.isEnded ? held(step) : step }

    /// Nothing is begun for a transfer that the user holds; what runs holds itself.
    private func held(_ step: TransferStep) -> TransferStep {
        switch step {
        case .wait, .offer, .sendInline, .ask: .wait(.paused)
        case .finishInline, .confirmInline, .run, .tellContact, .tellPeer, .leaveUntold, .discard, .dropConnection,
            .fail, .expire, .answerRetry:
            step
        }
    }

    private var step: TransferStep {
        switch transfer.state {
        case .complete, .declined, .cancelled, .failed: ended
        case .offered: isExpired ? .expire : transfer.direction == .send ? offered : .wait(nil)
        case .accepted: transfer.isAsking ? asking : running(ifConnected: .run)
        case .active, .sent: transfer.isInline ? inline : running(ifConnected: sentTooLong ? .dropConnection : .run)
        }
    }

    private var ended: TransferStep {
        if transfer.destination != nil, transfer.state != .complete { return .discard }
        if transfer.isUntold { return untold }
        if transfer.isAskedAgain, contact == .connected { return .answerRetry }
        guard transfer.connection != nil else { return .wait(nil) }
        switch connection {
        case .failed, .deleting, nil: return .dropConnection
        case .creating, .offered, .confirmed, .allowing, .joining, .joined, .greeting, .connected: break
        }
        if transfer.farewell == nil || isFarewellDelivered || now - transfer.updatedAt > Self.patience {
            return .dropConnection
        }
        return .wait(nil)
    }

    private var untold: TransferStep {
        if connection == .connected { return .tellPeer }
        switch contact {
        case .connected: return transfer.state == .complete ? .confirmInline : .tellContact
        case .failed, .deleting, nil: return .leaveUntold
        case .creating, .offered, .confirmed, .allowing, .joining, .joined, .greeting: return .wait(nil)
        }
    }

    /// An acceptance that was made in time may still be unread.
    private var isExpired: Bool {
        guard let end = transfer.expiresAt, now >= end else { return false }
        return transfer.direction == .receive || transfer.offerMessage == nil || isQueueRead
    }

    private var asking: TransferStep { transfer.offerMessage != nil ? .wait(.peer) : whenContactConnected(.ask) }

    private var offered: TransferStep {
        if transfer.isInline { return inline }
        if isMemberGone { return .fail }
        switch connection {
        case nil, .failed, .deleting: return .fail
        case .creating: return .wait(isQueueRefused ? .relayBusy : .peer)
        case .offered, .confirmed, .allowing, .connected, .joining, .joined, .greeting: break
        }
        guard transfer.offerMessage == nil, !isOfferQueued else { return .wait(.peer) }
        return whenContactConnected(.offer)
    }

    private var inline: TransferStep {
        guard transfer.direction == .send else { return .wait(.peer) }
        if transfer.state == .sent { return .wait(.peer) }
        if transfer.offerMessage != nil, !hasInlineParts { return .finishInline }
        return whenContactConnected(.sendInline)
    }

    private func whenContactConnected(_ step: TransferStep) -> TransferStep {
        switch contact {
        case .connected: step
        case .failed, .deleting, nil: .fail
        case .creating, .offered, .confirmed, .allowing, .joining, .joined, .greeting: .wait(.peer)
        }
    }

    private func running(ifConnected step: TransferStep) -> TransferStep {
        switch connection {
        case .connected: step
        // A sent file whose last word did not come in time has let its connection go.
        case nil: transfer.state == .sent ? .wait(nil) : .fail
        case .failed, .deleting: .fail
        case .creating, .joining: .wait(isQueueRefused ? .relayBusy : .peer)
        case .offered, .confirmed, .allowing, .joined, .greeting: .wait(.peer)
        }
    }

    private var sentTooLong: Bool { transfer.state == .sent && now - transfer.updatedAt > Self.patience }
}
