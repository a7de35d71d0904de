/// How the time of sxfile grows with the size of the file; one run of each.
struct GrowthSection {
    let workspace: Workspace
    let options: Options

    func run() throws {
        Console.line("sxfile by size, over loopback, one run of each")
        Console.line()
        var table = Table(["size", "tool", "seconds", "MB/s", "CPU s", "CPU s/GiB", "peak MB"])
        var skipped: [String] = []
        var failed: [Outcome] = []
        for size in options.sizes {
            guard options.hasSpace(for: size, in: workspace) else {
                skipped.append("\(size)")
                continue
            }
            let contenders = SxfileLane.allCases
                .filter { lane in !failed.contains { $0.name.hasSuffix(lane.rawValue) } }
                .map { SxfileContender(workspace, program: options.program, lane: $0) }
                .filter { options.includes($0.name) }
            let rounds = Rounds(workspace: workspace, secondsLimit: options.secondsLimit(for: size))
            for outcome in try rounds.run(contenders, source: try workspace.source(size), times: 1) {
                if outcome.reason != nil { failed.append(outcome) }
                guard let measurement = outcome.measurements.first else { continue }
                table.add(GrowthSection.row(outcome.name, size, measurement))
            }
        }
        table.printOut()
        Report.printReasons(failed)
        if !skipped.isEmpty {
            Console.line("left out for want of space on the disk: \(skipped.joined(separator: ", "))")
        }
    }

    private static func row(_ name: String, _ size: ByteSize, _ measurement: Measurement) -> [String] {
        [
            "\(size)", name, Number.seconds(measurement.seconds),
            Number.rate(size, measurement.seconds),
            Number.text(measurement.cpuSeconds, decimals: 2),
            Number.text(measurement.cpuSeconds / Double(size.bytes) * Double(1 << 30), decimals: 2),
            Number.text(ByteSize(measurement.peakBytes).megabytes, decimals: 0),
        ]
    }
}
