import Glibc
import Guarding

/// A relay's upkeep, and what there is to know about it.
final class RelayWatch: Sendable {
    private struct State {
        var syncs = Histogram(bounds: [0.001, 0.01, 0.1, 1, 10])
        /// What the last turn of upkeep found wrong.
        var problem: String?
        /// Failures of the store that are known already.
        var failures = 0
        var isStopping = false
    }

    private let records: RecordSync
    private let hub: RelayHub
    private let directory: String
    private let version: String
    private let startedAt = Int64(time(nil))
    private let state = Guarded(State())

    init(records: RecordSync, hub: RelayHub, configuration: RelayConfiguration) {
        self.records = records
        self.hub = hub
        directory = configuration.directory
        version = configuration.version
    }

    /// One turn of upkeep; what went wrong, for the log.
    func keepUp() -> [RelayError] {
        var failures: [RelayError] = []
        if let failure = hub.maintain() { failures.append(failure) }
        let start = ContinuousClock.now
        do throws(RelayError) { try records.sync() } catch { failures.append(error) }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let count = hub.look { $0.counters.storageFailures } ?? 0
        state.withLock { state in
            state.syncs.observe(seconds)
            // A failure that a command met counts for as long as the turn in which it happened.
            state.problem = failures.first?.description
            if state.problem == nil, count > state.failures { state.problem = "messages could not be stored or read" }
            state.failures = count
        }
        return failures
    }

    /// The relay stops: it is no longer healthy.
    func stop() { state.withLock { $0.isStopping = true } }

    /// Has the disk keep the records and, as far as the time allows, the messages.
    /// - Returns: whether it keeps all of them.
    func sync(within time: Duration) -> Bool {
        do throws(RelayError) { try records.sync() } catch { return false }
        return SpoolSync(directory: directory + "/spool", deadline: ContinuousClock.now + time).run()
    }

    /// How the relay is now.
    func status() -> RelayStatus {
        let core = hub.look { $0.status }
        let (syncs, problem) = state.withLock { ($0.syncs, $0.isStopping ? "stopping" : $0.problem) }
        return RelayStatus(
            core: core ?? RelayStatus.Core(), version: version, syncs: syncs,
            process: ProcessFigures(startedAt: startedAt), diskFree: diskFree(), problem: problem)
    }

    private func diskFree() -> Int? {
        var room = statvfs()
        guard statvfs(directory, &room) == 0 else { return nil }
        return Int(clamping: UInt64(room.f_bavail) * UInt64(room.f_frsize))
    }
}
