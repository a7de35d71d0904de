import Glibc

/// What the process uses, under the names that Prometheus's own clients give these.
struct ProcessFigures: Sendable {
    var cpuSeconds: Double
    var residentBytes: Int?
    var openFiles: Int?
    var openFilesLimit: Int?
    /// Unix time.
    var startedAt: Int64

    /// The figures now of a process that has started then.
    init(startedAt: Int64) {
        self.startedAt = startedAt
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        cpuSeconds = Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime)
        residentBytes = Self.residentPages().map { $0 * Int(sysconf(Int32(_SC_PAGESIZE))) }
        openFiles = Self.countOfFiles()
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            openFilesLimit = Int(clamping: limit.rlim_cur)
        }
    }

    /// Writes them as metrics; leaves out what the system did not tell.
    func write(to text: inout MetricsText) {
        text.counter("process_cpu_seconds_total", "Seconds of CPU used.", cpuSeconds)
        if let residentBytes {
            text.gauge("process_resident_memory_bytes", "Bytes of memory in use.", residentBytes)
        }
        if let openFiles { text.gauge("process_open_fds", "Open file descriptors.", openFiles) }
        if let openFilesLimit { text.gauge("process_max_fds", "File descriptors that may be open.", openFilesLimit) }
        text.gauge("process_start_time_seconds", "When it started, in Unix time.", Int(startedAt))
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

    private static func residentPages() -> Int? {
        guard let file = fopen("/proc/self/statm", "re") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 128)
        let count = fread(&bytes, 1, bytes.count, file)
        let fields = String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? Int(fields[1]) : nil
    }

    private static func countOfFiles() -> Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // Neither "." and ".." nor the directory itself.
        return count - 3
    }
}
