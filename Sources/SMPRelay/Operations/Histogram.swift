/// How long something took, many times over: counts below bounds, as Prometheus adds them up.
struct Histogram: Sendable, Equatable {
    /// Upper bounds in seconds; what is above all of them counts in the total alone.
    let bounds: [Double]
    /// Observations up to each bound, those up to lower ones included.
    private(set) var counts: [Int]
    private(set) var total = 0
    private(set) var sum = 0.0

    init(bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count)
    }

    /// Counts one that took so many seconds.
    mutating func observe(_ seconds: Double) {
        for place in bounds.indices where seconds <= bounds[place] { counts[place] += 1 }
        total += 1
        sum += seconds
    }
}
