import Glibc

/// The temporary directory of a run, and every process that was started in it.
final class Workspace {
    let directory: String
    /// How many runs each tool gets.
    let runs: Int
    private var children: [ChildProcess] = []
    private var logs = 0
    private var others: [String] = []

    init(in base: String, runs: Int) throws {
        var template = Array((base + "/sxfile-transfers-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw BenchmarkError.system(call: "make a directory in \(base)", code: errno)
        }
        directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        self.runs = runs
    }

    /// Ends what runs, and removes everything.
    func clear() {
        endAll()
        Files.remove(directory)
        for other in others { rmdir(other) }
    }

    /// An empty directory elsewhere that goes too.
    func removeAtEnd(_ directory: String) { others.append(directory) }

    /// Ends what runs, the latest first.
    func endAll() {
        for child in children.reversed() where child.ending == nil { child.end() }
        children = []
    }

    /// A path in the directory.
    func path(_ name: String) -> String { directory + "/" + name }

    /// A new directory; what was there before is removed.
    func makeDirectory(_ name: String) -> String {
        let path = path(name)
        Files.remove(path)
        mkdir(path, 0o700)
        return path
    }

    /// Starts a command on a host.
    func start(
        _ words: [String], on host: Host = .loopback, environment: [String: String] = [:], input: String? = nil
    ) throws -> ChildProcess {
        logs += 1
        let variables = ["HOME": directory].merging(environment) { $1 }
        let child = try ChildProcess(
            host.command(words), environment: variables, input: input, log: path("log-\(logs)"))
        children.append(child)
        return child
    }

    /// Runs a command to its end and gives its output, without the last line break.
    @discardableResult
    func run(
        _ words: [String], on host: Host = .loopback, environment: [String: String] = [:], input: String? = nil,
        seconds: Int = 60
    ) throws -> String {
        let child = try start(words, on: host, environment: environment, input: input)
        try child.finish(seconds: seconds)
        let output = child.output
        return output.hasSuffix("\n") ? String(output.dropLast()) : output
    }

    /// Starts a server and waits until it listens.
    func startServer(_ words: [String], on host: Host, port: Int) throws -> ChildProcess {
        let server = try start(words, on: host)
        try Interruption.wait(for: server.command, seconds: 20) {
            if try server.wait(milliseconds: 0) {
                _ = try server.succeeded()
                throw BenchmarkError.failed(command: server.command, status: 0, message: "it left at once")
            }
            return server.tree.isListening(on: port)
        }
        return server
    }

    /// A random file of this size; made once, and kept while others of another size are not asked for.
    func source(_ size: ByteSize) throws -> String {
        let path = path("source-\(size.bytes).bin")
        if Files.size(path) == size.bytes { return path }
        for name in Files.names(in: directory) where name.hasPrefix("source-") { Files.remove(self.path(name)) }
        try Files.makeRandom(path, size: size)
        return path
    }
}
