import Glibc

/// One transfer.
struct Measurement {
    let seconds: Double
    /// Of all processes involved, clients and servers of both sides.
    let cpuSeconds: Double
    /// Peak resident memory of the largest process.
    let peakBytes: Int

    /// The longest time between two looks; at first there are more of them, for what is over soon.
    private static let longestSampleMilliseconds = 50

    /// Measures from the start of `start` until all children that it gives have ended with 0.
    ///
    /// `servers` run already; what they use meanwhile counts. Peaks are looked up in between: what wait4 tells of a child
    /// holds the size of this program too.
    static func take(
        servers: [ChildProcess], seconds limit: Int, start: () throws -> [ChildProcess]
    ) throws -> Measurement {
        let trees = servers.map(\.tree)
        for tree in trees { tree.resetPeaks() }
        let before = trees.map(\.cpuSeconds)
        let population = trees.map(\.members.count)
        let clock = ContinuousClock.now
        let children = try start()
        var peak = 0
        var pause = 2
        for child in children {
            while try !child.wait(milliseconds: pause) {
                pause = min(2 * pause, longestSampleMilliseconds)
                for tree in trees + children.filter({ $0.ending == nil }).map(\.tree) {
                    peak = max(peak, tree.peakBytes)
                }
                if ContinuousClock.now - clock > .seconds(limit) {
                    children.forEach { $0.end() }
                    throw BenchmarkError.timedOut(command: child.command, seconds: limit)
                }
            }
        }
        let elapsed = ContinuousClock.now - clock
        let endings = try children.map { try $0.succeeded() }
        peak = trees.reduce(peak) { max($0, $1.peakBytes) }
        if peak == 0 { peak = endings.map(\.peakBytes).max() ?? 0 }
        // A server's process for one connection counts once it has been waited for.
        for _ in 0..<100 where zip(trees, population).contains(where: { $0.members.count > $1 }) {
            try Interruption.pause(milliseconds: 20)
        }
        let used = zip(trees, before).reduce(0) { $0 + $1.0.cpuSeconds - $1.1 }
        return Measurement(
            seconds: elapsed / .seconds(1), cpuSeconds: used + endings.reduce(0) { $0 + $1.cpuSeconds },
            peakBytes: peak)
    }
}
