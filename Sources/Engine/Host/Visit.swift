import Logging
import NIOCore

/// One call of `EngineHost.run`: is the engine, or watches the one that runs, until there is an ending.
struct Visit<Outcome: Sendable>: Sendable {
    let host: EngineHost
    let mode: EngineMode
    let deadline: ContinuousClock.Instant?
    let condition: @Sendable (Profile) throws -> Outcome?
    let progress: @Sendable (ProgressEvent) -> Void

    private var profile: Profile { host.profile }

    func run() async throws -> EngineEnding<Outcome> {
        while true {
            if let outcome = try condition(profile) { return .fulfilled(outcome) }
            try Task.checkCancellation()
            if let lock = try EngineLock.take(profile.lockPath) {
                if let ending = try await beEngine(lock) { return ending }
            } else {
                if case .resume = mode { return .otherEngine }
                if let ending = try await watch() { return ending }
            }
        }
    }

    // MARK: - Being the engine

    private func beEngine(_ lock: consuming EngineLock) async throws -> EngineEnding<Outcome>? {
        var autoAccept: AutoAccept?
        if case .daemon(let accept) = mode { autoAccept = accept }
        let engine = try Engine(
            profile: profile, group: host.group, logger: host.logger, autoAccept: autoAccept)
        let result: Result<EngineEnding<Outcome>?, any Error>
        do { result = .success(try await serve(engine)) } catch { result = .failure(error) }
        let seen = await engine.seenVersion
        release(lock)
        if case .success(.some) = result { try await serveLatecomers(since: seen) }
        return try result.get()
    }

    private func release(_ lock: consuming EngineLock) { _ = consume lock }

    /// Someone may have wished while we were leaving, and seen the lock held: look once more.
    private func serveLatecomers(since seen: Int64) async throws {
        guard !Task.isCancelled, try profile.dataVersion() != seen, try profile.hasOpenWishes(),
            let lock = try EngineLock.take(profile.lockPath)
        else { return }
        let visit = Visit<Never>(
            host: host, mode: .resume(wait: nil), deadline: .now + .seconds(30), condition: { _ in nil },
            progress: { _ in })
        if let engine = try? Engine(profile: profile, group: host.group, logger: host.logger) {
            _ = try? await visit.serve(engine)
        }
        release(lock)
    }

    /// Runs the engine with the lock held; nil if another has to follow.
    func serve(_ engine: Engine) async throws -> EngineEnding<Outcome>? {
        do {
            try await engine.start(progress: progress)
            let ending = try await follow(engine)
            await Self.stop(engine)
            return ending
        } catch {
            await Self.stop(engine)
            throw error
        }
    }

    /// An orderly stop is not itself cut short by the cancellation that caused it.
    private static func stop(_ engine: Engine) async {
        await Task { await engine.stop() }.value
    }

    private func follow(_ engine: Engine) async throws -> EngineEnding<Outcome>? {
        let started = ContinuousClock.now
        var idle = IdleWatch()
        for await _ in engine.changes {
            try Task.checkCancellation()
            if let outcome = try condition(profile) { return .fulfilled(outcome) }
            if let deadline, ContinuousClock.now >= deadline { return .timedOut }
            if let error = await engine.fatalError { throw error }
            if await engine.isOutdated { return nil }
            switch mode {
            case .daemon: break
            case .wish(let subject):
                if let error = await engine.firstFailure(for: subject) { throw error }
            case .resume(let wait):
                let isIdle = idle.look(await engine.activity(), at: Monotonic.now)
                guard isIdle else { continue }
                guard let wait, ContinuousClock.now - started < wait, try profile.unfinishedCount() > 0 else {
                    return .idle
                }
            }
        }
        throw CancellationError()
    }

    // MARK: - Watching the engine that runs

    /// Watches until there is an ending, or the engine leaves (nil).
    private func watch() async throws -> EngineEnding<Outcome>? {
        let client = try? await EngineSocketClient.connect(to: profile.socketPath, group: host.group)
        let ending: EngineEnding<Outcome>?
        do { ending = try await look(client) } catch {
            await client?.close()
            throw error
        }
        await client?.close()
        return ending
    }

    private enum Sight: Sendable {
        case line(EngineLine)
        case tick
    }

    private func look(_ client: EngineSocketClient?) async throws -> EngineEnding<Outcome>? {
        guard let client else {
            // It is just starting or leaving, or cannot listen: look, then try the lock.
            if let deadline, ContinuousClock.now >= deadline { return .timedOut }
            try await Task.sleep(for: EngineHost.lookInterval)
            return nil
        }
        let (sights, continuation) = AsyncStream.makeStream(of: Sight.self, bufferingPolicy: .bufferingNewest(512))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await line in client.lines { continuation.yield(.line(line)) }
                continuation.finish()
            }
            group.addTask {
                while true {
                    try await Task.sleep(for: EngineHost.lookInterval)
                    continuation.yield(.tick)
                }
            }
            defer { group.cancelAll() }
            for await sight in sights {
                if let ending = try see(sight) { return ending }
            }
            try Task.checkCancellation()
            return nil
        }
    }

    private func see(_ sight: Sight) throws -> EngineEnding<Outcome>? {
        switch sight {
        case .line(.progress(let event)): progress(event)
        case .line(.down(let server, let kind, let what)):
            if case .wish(let subject) = mode, try profile.needs(server, for: subject) {
                if let outcome = try condition(profile) { return .fulfilled(outcome) }
                throw EngineError.relay(kind, what)
            }
        case .line(.changed), .line(.up), .line(.leaving), .line(.wake), .line(.watch), .tick: break
        }
        if let outcome = try condition(profile) { return .fulfilled(outcome) }
        if let deadline, ContinuousClock.now >= deadline { return .timedOut }
        return nil
    }
}

/// Whether nothing has moved for two seconds. A value: what the engine does and the time are arguments.
struct IdleWatch: Sendable {
    /// How long nothing may move.
    static let quiet: Duration = .seconds(2)

    private var last: UInt64?
    private var since: Duration = .zero

    /// Takes in what the engine is doing; true once it has done nothing for long enough.
    mutating func look(_ activity: EngineActivity, at time: Duration) -> Bool {
        if activity.isBusy || activity.count != last {
            last = activity.count
            since = time
            return false
        }
        return time - since >= Self.quiet
    }
}

/// What the engine is doing at a moment.
struct EngineActivity: Equatable, Sendable {
    /// A relay has not answered yet, a command has no answer, a file is being synced.
    var isBusy: Bool
    /// Grows with everything that moves.
    var count: UInt64
}
