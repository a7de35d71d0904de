import Glibc

/// What was measured on, in words.
struct Machine {
    let workspace: Workspace

    /// Processor, cores, memory, kernel, Swift.
    func describe() -> String {
        let cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        let memory = ByteSize(sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)))
        let kernel = Files.text("/proc/sys/kernel/osrelease").prefix { $0 != "\n" }
        let swift = (try? workspace.run(["swift", "--version"])) ?? ""
        let version = swift.split(separator: "\n").first { $0.contains("Swift version") } ?? "Swift of unknown version"
        return "\(processor), \(cores) cores, \(memory) of memory; Linux \(kernel); \(version)"
    }

    private var processor: String {
        let line = Files.text("/proc/cpuinfo").split(separator: "\n").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":").last.map { String($0.trimmingPrefix(" ")) } ?? "unknown processor"
    }

    /// The versions of the other tools.
    func describeTools() -> String {
        let packages = ["openssh-server", "rsync", "nginx", "curl", "magic-wormhole", "libssl3"]
        let listed = try? workspace.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n"] + packages)
        return (listed ?? "").split(separator: "\n").joined(separator: ", ")
    }
}
