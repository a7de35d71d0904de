/// Bytes a second over the last seconds, and when to say so. A value: the clock is an argument.
struct RateMeter: Sendable {
    /// Over how long the rate is taken.
    static let window: Duration = .seconds(5)
    /// The shortest time between two reports.
    static let reportInterval: Duration = .milliseconds(100)
    /// The longest time between two updates of the row while something moves.
    static let storeInterval: Duration = .seconds(1)

    private var samples: [(time: Duration, bytes: UInt64)] = []
    private var reportedAt: Duration?
    private var storedAt: Duration?
    private var stored: (bytes: UInt64, rate: UInt64?)?

    /// Bytes a second between the oldest sample in the window and the newest; nil before half a second has passed.
    private(set) var bytesPerSecond: UInt64?

    /// Takes in how many bytes there are at `time`.
    mutating func record(_ bytes: UInt64, at time: Duration) {
        // What is wanted again was not moved: the count begins anew.
        if let last = samples.last, bytes < last.bytes { samples.removeAll() }
        if let last = samples.last, samples.count > 1, time - last.time < .milliseconds(50) {
            samples[samples.count - 1].bytes = bytes
        } else {
            samples.append((time, bytes))
        }
        while samples.count > 2, time - samples[1].time > Self.window { samples.removeFirst() }
        guard let first = samples.first, time - first.time >= .milliseconds(500) else { return }
        let milliseconds = max((time - first.time) / .milliseconds(1), 1)
        bytesPerSecond = UInt64(Double(bytes - first.bytes) * 1000 / milliseconds)
    }

    /// Whether it is time for a report; says yes at most ten times a second.
    mutating func isReportDue(at time: Duration) -> Bool {
        Self.isDue(&reportedAt, Self.reportInterval, at: time)
    }

    /// Whether it is time to update the row; says yes at most once a second.
    mutating func isStoreDue(at time: Duration) -> Bool {
        Self.isDue(&storedAt, Self.storeInterval, at: time)
    }

    /// Whether the row says something else; says yes once for the same.
    mutating func isNews(_ bytes: UInt64) -> Bool {
        if let stored, stored.bytes == bytes, stored.rate == bytesPerSecond { return false }
        stored = (bytes, bytesPerSecond)
        return true
    }

    private static func isDue(_ last: inout Duration?, _ interval: Duration, at time: Duration) -> Bool {
        if let before = last, time - before < interval { return false }
        last = time
        return true
    }
}

/// Time since the process started counting, for meters and looks.
enum Monotonic {
    private static let start = ContinuousClock.now

    static var now: Duration { start.duration(to: .now) }
}
