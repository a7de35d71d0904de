/// Outcomes as a table.
struct Report {
    let outcomes: [Outcome]
    let size: ByteSize

    /// Seconds, rate, CPU, memory, and ratios to the medians of the outcomes with these names.
    func printOut(ratiosTo bases: [String]) {
        let isLarge = size.bytes >= 1 << 20
        var table = Table(
            ["tool", "seconds", "min–max"] + (isLarge ? ["MB/s"] : []) + ["CPU s", "peak MB"]
                + bases.map { "/ \($0.prefix { $0 != " " })" } + ["synced"])
        for outcome in outcomes where !outcome.measurements.isEmpty {
            let seconds = outcome.measurements.map(\.seconds)
            let median = Report.median(seconds)
            let extremes = "\(Number.seconds(seconds.min() ?? 0))–\(Number.seconds(seconds.max() ?? 0))"
            let peak = outcome.measurements.map(\.peakBytes).max() ?? 0
            table.add(
                [outcome.name, Number.seconds(median), extremes]
                    + (isLarge ? [Number.rate(size, median)] : [])
                    + [
                        Number.text(Report.median(outcome.measurements.map(\.cpuSeconds)), decimals: 2),
                        Number.text(ByteSize(peak).megabytes, decimals: 0),
                    ] + bases.map { Number.ratio(median, to: self.median(of: $0)) }
                    + [outcome.isSynced ? "yes" : "no"])
        }
        table.printOut()
        Report.printReasons(outcomes)
    }

    /// What is not in the table, or not whole, and why.
    static func printReasons(_ outcomes: [Outcome]) {
        for outcome in outcomes {
            guard let reason = outcome.reason else { continue }
            Console.line("\(outcome.name): \(outcome.measurements.isEmpty ? "not measured" : "ended early"): \(reason)")
        }
    }

    private func median(of name: String) -> Double? {
        let seconds = outcomes.first { $0.name == name }?.measurements.map(\.seconds) ?? []
        return seconds.isEmpty ? nil : Report.median(seconds)
    }

    /// The middle value; 0 of none.
    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        if sorted.isEmpty { return 0 }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
