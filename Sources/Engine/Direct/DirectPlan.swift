/// When to try the direct lane. A value: the clock is an argument.
///
/// The sender tries first, once the recipient has joined; after a failure either side tries again in answer to a message of
/// the other, with pauses that grow.
struct DirectPlan: Sendable, Equatable {
    /// How old the message may be that x.file.direct answers, in seconds.
    static let freshness: Int64 = 30
    /// How long both sides may take to meet.
    static let patience: Duration = .seconds(10)
    /// The first pause after a failure; then twice that, up to `longestPause`.
    static let firstPause: Duration = .seconds(5)
    static let longestPause: Duration = .seconds(300)
    /// The same where nothing else carries the transfer, and somebody waits for it.
    static let longestPauseOfOnlyLane: Duration = .seconds(30)

    enum State: Sendable, Equatable {
        /// Not wanted, by the user or the settings.
        case off
        /// → meeting, when a fresh message comes from this time on
        case idle(notBefore: Duration)
        /// x.file.direct is said. → up, idle
        case meeting(until: Duration)
        /// → idle
        case up
    }

    private(set) var state: State
    private var failures = 0
    private let longestPause: Duration

    /// - Parameters:
    ///   - isOnlyLane: no other lane may carry the transfer.
    ///   - notBefore: the recipient leaves the first try to the sender.
    init(isWanted: Bool, isOnlyLane: Bool = false, notBefore: Duration) {
        state = isWanted ? .idle(notBefore: notBefore) : .off
        longestPause = isOnlyLane ? Self.longestPauseOfOnlyLane : Self.longestPause
    }

    /// Whether a fresh message would be answered by x.file.direct.
    func isDue(at now: Duration) -> Bool {
        if case .idle(let notBefore) = state { return now >= notBefore }
        return false
    }

    /// Whether what the relay took at `heardAt` is fresh by this machine's clock, both in Unix seconds.
    static func isFresh(_ heardAt: Int64?, at time: Int64) -> Bool {
        heardAt.map { (time - freshness...time + freshness).contains($0) } ?? false
    }

    /// x.file.direct is said.
    mutating func begin(at now: Duration) { state = .meeting(until: now + Self.patience) }

    mutating func met() {
        state = .up
        failures = 0
    }

    /// Whether the two have not met in time.
    mutating func gaveUp(at now: Duration) -> Bool {
        guard case .meeting(let until) = state, now >= until else { return false }
        failed(at: now)
        return true
    }

    /// What was up, or was to be, is not.
    mutating func failed(at now: Duration) {
        guard state != .off else { return }
        let pause = min(Self.firstPause * (1 << min(failures, 8)), longestPause)
        failures += 1
        state = .idle(notBefore: now + pause)
    }
}
