/// What an unfinished transfer is said to wait for.
enum WaitingFlow {
    /// - Parameters:
    ///   - isFull: the peer's queue takes no more.
    ///   - isDown: a relay that the transfer needs does not answer.
    static func waiting(_ state: TransferState, direction: Direction, isFull: Bool, isDown: Bool) -> Waiting? {
        switch (state, direction) {
        case (.complete, _), (.declined, _), (.cancelled, _), (.failed, _): nil
        case (_, _) where isDown: .relayDown
        case (.active, .send): isFull ? .relayFull : nil
        case (.offered, .receive), (.active, .receive): nil
        case (.offered, .send), (.accepted, _), (.sent, _): .peer
        }
    }
}
