import Glibc

/// What /proc says of a process and everything that descends from it.
struct ProcessTree {
    let root: pid_t

    /// The living processes of the tree, the root first.
    var members: [pid_t] {
        var found = [root]
        var next = 0
        while next < found.count {
            let process = found[next]
            next += 1
            for thread in Files.names(in: "/proc/\(process)/task") {
                let children = Files.text("/proc/\(process)/task/\(thread)/children").split(separator: " ")
                found += children.compactMap { pid_t($0) }
            }
        }
        return found
    }

    /// CPU seconds of the tree, those of descendants that have ended included.
    var cpuSeconds: Double {
        let ticks = members.reduce(0) { $0 + ProcessTree.ticks(of: $1) }
        return Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The peak resident memory of the largest living process, in bytes.
    var peakBytes: Int { members.map(ProcessTree.peakBytes).max() ?? 0 }

    /// Peaks are counted from here.
    func resetPeaks() {
        for process in members { Files.write("5", to: "/proc/\(process)/clear_refs") }
    }

    private static func ticks(of process: pid_t) -> Int {
        // The name, in parentheses, may hold spaces; utime is the 12th field after it.
        let fields = Files.text("/proc/\(process)/stat").split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 14 else { return 0 }
        return fields[11...14].reduce(0) { $0 + (Int($1) ?? 0) }
    }

    private static func peakBytes(of process: pid_t) -> Int {
        let lines = Files.text("/proc/\(process)/status").split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix("VmHWM:") }) else { return 0 }
        return (line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) << 10
    }

    /// Whether the process, or another in its network namespace, listens on the TCP port.
    func isListening(on port: Int) -> Bool {
        let hexadecimal = String(port, radix: 16, uppercase: true)
        let suffix = ":" + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
        return Files.text("/proc/\(root)/net/tcp").split(separator: "\n").contains { line in
            let fields = line.split(separator: " ")
            return fields.count > 3 && fields[1].hasSuffix(suffix) && fields[3] == "0A"
        }
    }

    /// Bytes that went out through a device of the process's network namespace.
    func deviceBytes(_ device: String) -> Int {
        for line in Files.text("/proc/\(root)/net/dev").split(separator: "\n") {
            let fields = line.split { $0 == " " || $0 == ":" }
            if fields.count > 9, fields[0] == device { return Int(fields[9]) ?? 0 }
        }
        return 0
    }
}
