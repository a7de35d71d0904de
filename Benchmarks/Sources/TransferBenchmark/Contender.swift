import Glibc

/// A tool that brings a file from one side to the other.
protocol Contender: AnyObject {
    var name: String { get }
    /// Whether the bytes are on the disk when it says that it is done.
    var isSynced: Bool { get }
    /// Starts what has to run before the clock does; throws `unavailable` where it cannot be had.
    func prepare() throws
    /// Brings `source` over, and gives the path of what arrived.
    func transfer(_ source: String, seconds: Int) throws -> (measurement: Measurement, received: String)
}

/// What one tool did.
struct Outcome {
    let name: String
    let isSynced: Bool
    var measurements: [Measurement] = []
    /// Why there is no more of them.
    var reason: String?
}

/// Lets tools take turns with one file.
struct Rounds {
    let workspace: Workspace
    /// How long one transfer may take.
    let secondsLimit: Int

    /// Runs all contenders in turn, as many times as the workspace says, and stops everything.
    func run(_ contenders: [any Contender], source: String, times: Int? = nil) throws -> [Outcome] {
        defer { workspace.endAll() }
        var outcomes = contenders.map { Outcome(name: $0.name, isSynced: $0.isSynced) }
        for (index, contender) in contenders.enumerated() {
            try guarded(&outcomes[index]) { _ in try contender.prepare() }
        }
        for round in 1...(times ?? workspace.runs) {
            for (index, contender) in contenders.enumerated() where outcomes[index].reason == nil {
                Progress.show("\(contender.name), run \(round)")
                try guarded(&outcomes[index]) { outcome in
                    outcome.measurements.append(try measure(contender, source))
                }
            }
        }
        Progress.clear()
        return outcomes
    }

    private func measure(_ contender: any Contender, _ source: String) throws -> Measurement {
        // What earlier runs left for the disk to do is not this run's.
        sync()
        let (measurement, received) = try contender.transfer(source, seconds: secondsLimit)
        guard try Files.areEqual(source, received) else { throw BenchmarkError.differs(contender.name) }
        Files.remove(received)
        return measurement
    }

    /// A tool that fails leaves the others running.
    private func guarded(_ outcome: inout Outcome, _ body: (inout Outcome) throws -> Void) throws {
        do { try body(&outcome) } catch BenchmarkError.interrupted {
            throw BenchmarkError.interrupted
        } catch {
            outcome.reason = "\(error)"
        }
    }
}
