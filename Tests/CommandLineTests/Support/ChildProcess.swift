import CConfinement
import Glibc
import Testing

/// What a finished command said.
struct CommandResult: Equatable, Sendable {
    var status: Int32
    var output: String
    var errors: String

    /// The lines of standard output.
    var lines: [String] { output.split(separator: "\n").map(String.init) }
    /// Standard output without its last newline.
    var text: String { lines.joined(separator: "\n") }
}

/// What the kernel is to refuse a process.
struct RingRefusal: Sendable {
    var code: Int32
    /// A ring can be set up and not be used.
    var onlyEnter = false
}

/// A process of the program under test. Output goes to files, so that nobody has to read along.
final class ChildProcess: Sendable {
    /// No step of any test takes this long: what does, hangs.
    static let patience: Duration = .seconds(120)

    let id: pid_t
    private let words: [String]
    private let outputPath: String
    private let errorPath: String

    /// Starts `program` with an environment of its own, no blocked and no ignored signals.
    init(
        _ program: String, _ words: [String], environment: [String], input: String?, scratch: String,
        refusal: RingRefusal? = nil, terminal: String? = nil
    ) throws {
        self.words = words
        let number = Int.random(in: 0..<Int.max)
        outputPath = "\(scratch)/\(number).out"
        errorPath = "\(scratch)/\(number).err"
        let inputPath = "\(scratch)/\(number).in"
        try (input ?? "").write(to: inputPath)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let terminal {
            for stream in 0...2 as ClosedRange<Int32> {
                posix_spawn_file_actions_addopen(&actions, stream, terminal, O_RDWR | O_NOCTTY, 0)
            }
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, input == nil ? "/dev/null" : inputPath, O_RDONLY, 0)
            posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
            posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        }
        // Nothing else of this process is its business.
        confined_close_from(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var arguments = ([program] + words).map { strdup($0) } + [nil]
        var variables = environment.map { strdup($0) } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var process: pid_t = 0
        let code =
            if let refusal {
                confined_spawn(
                    refusal.onlyEnter ? 1 : 0, refusal.code, &process, program, &actions, &attributes, &arguments,
                    &variables)
            } else {
                posix_spawn(&process, program, &actions, &attributes, &arguments, &variables)
            }
        try #require(code == 0, "\(program) cannot be started: build the product sxfile first")
        id = process
    }

    /// What it has printed so far.
    var output: String { String(file: outputPath) }
    /// What it has said on standard error so far.
    var errors: String { String(file: errorPath) }

    /// Sends a signal.
    func signal(_ number: Int32) { kill(id, number) }

    /// Waits for the end; kills what hangs.
    @discardableResult
    func wait() async throws -> CommandResult {
        let deadline = ContinuousClock.now + Self.patience
        var status: Int32 = 0
        while waitpid(id, &status, WNOHANG) == 0 {
            if ContinuousClock.now > deadline {
                kill(id, SIGKILL)
                waitpid(id, &status, 0)
                Issue.record("sxfile \(words.joined(separator: " ")) hangs; it said: \(output)\(errors)")
                break
            }
            try? await Task.sleep(for: .milliseconds(3))
        }
        let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
        return CommandResult(status: code, output: output, errors: errors)
    }

    /// Whether it has ended and waits for `wait`.
    var hasEnded: Bool {
        var information = siginfo_t()
        let result = waitid(P_PID, id_t(id), &information, WEXITED | WNOHANG | WNOWAIT)
        return result != 0 || information.si_signo == SIGCHLD
    }

    /// Kills it, if it lives, and waits.
    func end() {
        kill(id, SIGKILL)
        waitpid(id, nil, 0)
    }

    /// Waits until standard output has a whole line, and gives it.
    func firstLine() async throws -> String {
        let deadline = ContinuousClock.now + Self.patience
        while ContinuousClock.now < deadline {
            if let end = output.firstIndex(of: "\n") { return String(output[..<end]) }
            try await Task.sleep(for: .milliseconds(3))
        }
        Issue.record("sxfile \(words.joined(separator: " ")) printed nothing; it said: \(errors)")
        return ""
    }
}

extension String {
    /// The text of a file; empty if there is none.
    init(file path: String) { self = String(decoding: [UInt8](file: path), as: UTF8.self) }

    /// Writes the text to a file.
    func write(to path: String) throws { try Array(utf8).write(to: path) }
}

extension [UInt8] {
    /// The bytes of a file; none if there is none.
    init(file path: String) {
        self = []
        guard let file = fopen(path, "re") else { return }
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { self += buffer[..<count] }
    }

    /// Writes the bytes to a file.
    func write(to path: String) throws {
        let file = try #require(fopen(path, "we"))
        defer { fclose(file) }
        try #require(fwrite(self, 1, count, file) == count)
    }
}
