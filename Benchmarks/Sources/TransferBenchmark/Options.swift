import ArgumentParser

/// What the sections share.
struct Options: ParsableArguments {
    @Option(name: .customLong("sxfile"), help: ArgumentHelp("The program to measure.", valueName: "path"))
    var program: String
    @Option(help: "The size of the file in `tools` and `resend`.") var size = ByteSize(1 << 30)
    @Option(help: "How often each tool runs.") var runs = 3
    @Option(parsing: .upToNextOption, help: "The sizes of `growth`.")
    var sizes = [64, 256, 1024, 2048, 4096, 8192].map { ByteSize($0 << 20) }
    @Option(help: "The size of the file in `network` without loss.") var networkSize = ByteSize(128 << 20)
    @Option(help: "The size of the file in `network` with loss.") var lossySize = ByteSize(16 << 20)
    @Option(help: ArgumentHelp("Only the tools whose name begins so; may be repeated.", valueName: "name"))
    var only: [String] = []
    @Option(help: ArgumentHelp("Where the temporary directory is made.", valueName: "directory"))
    var directory = "/var/tmp"

    func validate() throws {
        if runs < 1 { throw ValidationError("at least one run") }
    }

    /// Whether a tool is to run.
    func includes(_ name: String) -> Bool { only.isEmpty || only.contains { name.hasPrefix($0) } }

    /// How long one transfer over loopback may take: no tool is slower than 4 MiB/s.
    func secondsLimit(for size: ByteSize) -> Int { 60 + size.bytes / (4 << 20) }

    /// Whether the file, what a relay keeps of it, and what arrives fit on the disk.
    func hasSpace(for size: ByteSize, in workspace: Workspace) -> Bool {
        size.bytes / 2 * 7 + (256 << 20) <= Files.freeBytes(workspace.directory)
    }

    /// Throws `unavailable` if not.
    func requireSpace(for size: ByteSize, in workspace: Workspace) throws {
        guard hasSpace(for: size, in: workspace) else {
            throw BenchmarkError.unavailable("\(directory) has no room for three times \(size)")
        }
    }
}
