import Glibc
import Guarding

/// The temporary directory and the processes of a demonstration: the program itself, as its users run it.
final class DemoStage: Sendable {
    let directory: String
    private let console: Console
    private let program: String
    private let running = Guarded<[pid_t]>([])

    /// A process that goes on, with its output.
    struct Player {
        let process: pid_t
        let output: Int32
    }

    init(_ session: Session) throws {
        console = session.console
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        guard count > 0 else { throw CommandFailure(.failed, "the program cannot find itself") }
        program = String(decoding: path.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let base = session.environment["TMPDIR"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp"
        var template = (base + "/sxfile-demo-XXXXXX").utf8CString.map { $0 }
        guard mkdtemp(&template) != nil else {
            throw CommandFailure(.destination, "no directory can be made in \(base)")
        }
        directory = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        mkdir(directory + "/received", 0o700)
    }

    /// Ends what runs, and removes the directory.
    func clear() {
        for process in running.withLock({ $0 }) {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
        Self.removeAll(directory)
    }

    /// Removes a directory and what is in it; follows no links.
    private static func removeAll(_ path: String) {
        if let entries = opendir(path) {
            while let entry = readdir(entries) {
                let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name == "." || name == ".." { continue }
                let inner = path + "/" + name
                if entry.pointee.d_type == UInt8(DT_DIR) { removeAll(inner) } else { unlink(inner) }
            }
            closedir(entries)
        }
        rmdir(path)
    }

    /// The path of a file that exists.
    func existing(_ path: String) throws -> String {
        var status = stat()
        guard stat(path, &status) == 0 else { throw CommandFailure(.notFound, "there is no file \(path)") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw CommandFailure(.failed, "\(path) is no regular file") }
        return path
    }

    /// Makes a file of 32 MiB that no compression would shorten.
    func makeFile() throws -> String {
        let path = directory + "/photo.raw"
        guard let file = fopen(path, "we"), let source = fopen("/dev/urandom", "re") else {
            throw CommandFailure(.destination, "\(path) cannot be made")
        }
        defer {
            fclose(file)
            fclose(source)
        }
        var block = [UInt8](repeating: 0, count: 1 << 16)
        for _ in 0..<512 {
            guard fread(&block, 1, block.count, source) == block.count else { continue }
            guard fwrite(block, 1, block.count, file) == block.count else {
                throw CommandFailure(.destination, "\(path) cannot be written")
            }
        }
        return path
    }

    static func size(of path: String) -> UInt64 {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(max(status.st_size, 0)) : 0
    }

    /// Compares two files byte for byte.
    func compare(_ left: String, _ right: String) throws {
        let differ = CommandFailure(.integrity, "the received file differs from the one sent")
        guard let first = fopen(left, "re"), let second = fopen(right, "re") else { throw differ }
        defer {
            fclose(first)
            fclose(second)
        }
        var (one, other) = ([UInt8](repeating: 0, count: 1 << 16), [UInt8](repeating: 0, count: 1 << 16))
        while true {
            let count = fread(&one, 1, one.count, first)
            guard fread(&other, 1, other.count, second) == count, one[..<count] == other[..<count] else { throw differ }
            if count == 0 { return }
        }
    }

    // MARK: - Processes

    /// Starts a command of `who`, showing it.
    func start(_ who: String, _ words: [String], input: String? = nil) throws -> Player {
        show(who, words, input: input)
        var output: [Int32] = [-1, -1]
        var source: [Int32] = [-1, -1]
        guard pipe(&output) == 0, pipe(&source) == 0 else { throw CommandFailure(.failed, "no pipe can be made") }
        for end in output + source { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let process = try spawn(who, words, input: source[0], output: output[1])
        close(output[1])
        close(source[0])
        if let input { _ = write(source[1], input + "\n", input.utf8.count + 1) }
        close(source[1])
        running.withLock { $0.append(process) }
        return Player(process: process, output: output[0])
    }

    /// Runs a command of `who` to its end; gives its output.
    func run(_ who: String, _ words: [String], input: String? = nil, accepting: Set<Int32> = [0]) throws -> String {
        let player = try start(who, words, input: input)
        var bytes: [UInt8] = []
        while let more = read(player.output) { bytes += more }
        let status = wait(player)
        guard accepting.contains(status) else {
            throw CommandFailure(.failed, "`sxfile \(words.joined(separator: " "))` ended with \(status)")
        }
        var text = String(decoding: bytes, as: UTF8.self)
        while text.last?.isNewline == true { text.removeLast() }
        return text
    }

    /// The first line that a process prints.
    func firstLine(of player: Player) throws -> String {
        var bytes: [UInt8] = []
        while !bytes.contains(0x0A) {
            guard let more = read(player.output) else { throw CommandFailure(.failed, "the relay did not start") }
            bytes += more
        }
        return String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
    }

    /// Asks a process to end, and waits for it.
    func stop(_ player: Player) {
        kill(player.process, SIGTERM)
        wait(player)
    }

    /// Waits for a process; gives its exit status.
    @discardableResult
    func wait(_ player: Player) -> Int32 {
        var status: Int32 = 0
        while waitpid(player.process, &status, 0) < 0, errno == EINTR {}
        running.withLock { $0.removeAll { $0 == player.process } }
        close(player.output)
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }

    private func show(_ who: String, _ words: [String], input: String?) {
        let shown = words.map { $0.hasPrefix("smp:") ? "smp://…" : $0 }
        let line = "\(who)$ sxfile " + shown.joined(separator: " ") + (input == nil ? "" : " < link")
        console.result(PlainText.escaped(line))
    }

    private func spawn(_ who: String, _ words: [String], input: Int32, output: Int32) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        var environment = ["SXFILE_HOME=\(directory)/\(who)", "HOME=\(directory)/\(who)"]
        for name in ["PATH", "TERM", "NO_COLOR", "SXFILE_IO"] {
            if let value = getenv(name) { environment.append("\(name)=\(String(cString: value))") }
        }
        var arguments = ([program] + words).map { strdup($0) } + [nil]
        var variables = environment.map { strdup($0) } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var process: pid_t = 0
        let code = posix_spawn(&process, program, &actions, nil, &arguments, &variables)
        guard code == 0 else { throw CommandFailure(.failed, "\(program) cannot be started") }
        return process
    }

    private func read(_ descriptor: Int32) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            return count > 0 ? Array(buffer[..<count]) : nil
        }
    }
}
