import CBenchmark
import Glibc

/// A command that runs, in a process group of its own.
final class ChildProcess {
    /// How it ended and what it used, the descendants that it waited for included.
    struct Ending {
        let status: Int32
        let cpuSeconds: Double
        let peakBytes: Int
    }

    let id: pid_t
    /// Its first words, for messages.
    let command: String
    private let outputPath: String
    private let errorPath: String
    private(set) var ending: Ending?

    var tree: ProcessTree { ProcessTree(root: id) }
    /// What it has printed so far.
    var output: String { Files.text(outputPath) }
    /// What it has said on standard error so far.
    var errors: String { Files.text(errorPath) }

    /// Starts `words`, the program first, looked up in PATH. Output and errors go to files beginning with `log`.
    init(_ words: [String], environment: [String: String] = [:], input: String? = nil, log: String) throws {
        let program = words[0].split(separator: "/").last.map(String.init) ?? words[0]
        command = ([program] + words.dropFirst().prefix(1)).joined(separator: " ") + (words.count > 2 ? " …" : "")
        outputPath = log + ".out"
        errorPath = log + ".err"
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let writing = O_WRONLY | O_CREAT | O_TRUNC
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input ?? "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, outputPath, writing, 0o600)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errorPath, writing, 0o600)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP))

        var variables = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"]
        variables.merge(environment) { $1 }
        var arguments = words.map { strdup($0) } + [nil]
        var settings = variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in arguments + settings { free(text) } }
        var process: pid_t = 0
        let code = posix_spawnp(&process, words[0], &actions, &attributes, &arguments, &settings)
        guard code == 0 else {
            if code == ENOENT { throw BenchmarkError.unavailable("\(words[0]) is not installed") }
            throw BenchmarkError.system(call: "start \(words[0])", code: code)
        }
        id = process
    }

    /// Waits at most that long, looking up now and then; whether it has ended.
    func wait(milliseconds: Int) throws -> Bool {
        try Interruption.check()
        if collect() { return true }
        let descriptor = sx_pidfd_open(id)
        guard descriptor >= 0 else {
            try Interruption.pause(milliseconds: 1)
            return collect()
        }
        defer { close(descriptor) }
        var events = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&events, 1, Int32(milliseconds))
        return collect()
    }

    /// Waits for the end, kills after `seconds`, and throws unless the status is 0.
    @discardableResult
    func finish(seconds: Int) throws -> Ending {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while try !wait(milliseconds: 100) {
            guard ContinuousClock.now < deadline else {
                end()
                throw BenchmarkError.timedOut(command: command, seconds: seconds)
            }
        }
        return try succeeded()
    }

    /// How it ended; throws unless the status is 0.
    func succeeded() throws -> Ending {
        guard let ending else { preconditionFailure("asked before its end") }
        guard ending.status == 0 else {
            let last = errors.split(whereSeparator: \.isNewline).last.map(String.init) ?? ""
            throw BenchmarkError.failed(command: command, status: ending.status, message: last)
        }
        return ending
    }

    /// Sends a signal, if it lives.
    func signal(_ number: Int32) {
        if ending == nil { kill(id, number) }
    }

    /// Asks it to end, and kills its whole group if it does not within 5 s.
    func end() {
        signal(SIGTERM)
        for _ in 0..<500 where !collect() { usleep(10_000) }
        kill(-id, SIGKILL)
        while !collect() { usleep(1_000) }
    }

    /// Waits for the end of what takes no time.
    func waitUninterrupted() {
        for _ in 0..<500 where !collect() { usleep(10_000) }
        end()
    }

    private func collect() -> Bool {
        if ending != nil { return true }
        var status: Int32 = 0
        var usage = rusage()
        guard wait4(id, &status, WNOHANG, &usage) == id else { return false }
        let cpuTimes = [usage.ru_utime, usage.ru_stime]
        ending = Ending(
            status: status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F),
            cpuSeconds: cpuTimes.reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 },
            peakBytes: usage.ru_maxrss << 10)
        return true
    }
}
