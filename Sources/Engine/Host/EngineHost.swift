public import Logging
public import NIOCore
public import NIOPosix

/// What a waiting command waits for: tells a relay that matters to it from one that does not.
public enum WishSubject: Equatable, Sendable {
    /// A contact's connection.
    case contact(Int64)
    /// A transfer, and its contact.
    case transfer(Int64)
    /// A text to a contact: the message's id.
    case message(Int64)
    /// A group, and who invited to it.
    case group(Int64)
    /// No relay that is down ends the wait.
    case anything
}

/// How a command uses the engine.
public enum EngineMode: Equatable, Sendable {
    /// Until the wish is fulfilled, by this process or by the engine that runs already. A relay that the wish needs and that
    /// cannot be reached at the first try ends it with the relay's error; the wish stays.
    case wish(WishSubject)
    /// Everything that can be done now: leaves when nothing has moved for two seconds, at once if another engine runs.
    /// With `wait`: while something is unfinished, stays up to that long for the other sides.
    case resume(wait: Duration?)
    /// Until cancelled; waits for another engine to leave. Accepts offers of some contacts by itself.
    case daemon(AutoAccept?)
}

/// How `EngineHost.run` ended.
public enum EngineEnding<Outcome: Sendable>: Sendable {
    /// The condition holds.
    case fulfilled(Outcome)
    /// The time-out ran out; the wish stays.
    case timedOut
    /// `resume`: nothing more can be done now.
    case idle
    /// `resume`: another engine runs and does it.
    case otherEngine
}

/// What commands call to have wishes carried out: runs the engine in this process, or joins the one that runs.
public struct EngineHost: Sendable {
    /// How often the database is looked at when nobody says that it changed.
    static let lookInterval: Duration = .milliseconds(500)

    let profile: Profile
    let group: any EventLoopGroup
    let logger: Logger

    /// A host for `profile`; sockets run on `group`.
    public init(
        profile: Profile, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, logger: Logger
    ) {
        self.profile = profile
        self.group = group
        self.logger = logger
    }

    /// Whether an engine runs for this profile at this moment.
    public var isEngineRunning: Bool { EngineLock.isHeld(profile.lockPath) }

    /// Runs or joins the engine until `condition` gives an outcome.
    ///
    /// Cancelling the task makes the engine of this process stop in good order (positions stored, relays left), then throws
    /// `CancellationError`. `progress` is called from any thread, at most ten times a second a transfer.
    /// - Parameters:
    ///   - condition: looks at the profile; called at every change and every half second, never two at a time.
    ///   - timeout: how long to wait; nil for ever.
    /// - Throws: `EngineError`, what `condition` throws, `CancellationError`.
    public func run<Outcome: Sendable>(
        _ mode: EngineMode, timeout: Duration? = nil,
        until condition: @escaping @Sendable (Profile) throws -> Outcome?,
        progress: @escaping @Sendable (ProgressEvent) -> Void = { _ in }
    ) async throws -> EngineEnding<Outcome> {
        let deadline = timeout.map { ContinuousClock.now + $0 }
        let visit = Visit(host: self, mode: mode, deadline: deadline, condition: condition, progress: progress)
        return try await visit.run()
    }

    /// `run` without a condition: for `resume` and `daemon`.
    public func run(
        _ mode: EngineMode, timeout: Duration? = nil, progress: @escaping @Sendable (ProgressEvent) -> Void = { _ in }
    ) async throws -> EngineEnding<Never> {
        try await run(mode, timeout: timeout, until: { _ in nil }, progress: progress)
    }

    /// Wakes the engine that runs, if one does, without waiting for it: for wishes that are done once recorded.
    /// - Returns: whether one runs; if not, the next command or `resume` carries the wish out.
    @discardableResult
    public func wakeRunningEngine() async -> Bool {
        guard isEngineRunning else { return false }
        if let client = try? await EngineSocketClient.connect(to: profile.socketPath, group: group) {
            await client.close()
        }
        return true
    }
}
