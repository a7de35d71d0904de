import Glibc
import Guarding

/// One run of the `openssl` command. Nothing but its own pipes is handed down, so that many may run at once.
final class ToolProcess: @unchecked Sendable {
    // Unchecked: one test uses it at a time.
    private let process: pid_t
    private let output: Int32
    private var input: Int32
    private var status: Int32?

    init(_ arguments: [String], in directory: String) throws {
        // Between making a pipe and marking it no other process may be started.
        let result = try Self.starting.withLock { _ in try Self.start(arguments, in: directory) }
        (process, input, output) = result
    }

    private static let starting = Guarded(())

    private static func start(_ arguments: [String], in directory: String) throws -> (pid_t, Int32, Int32) {
        var toChild: [Int32] = [0, 0]
        var fromChild: [Int32] = [0, 0]
        guard pipe(&toChild) == 0, pipe(&fromChild) == 0 else { throw OpenSSLTool.Failure(output: "no pipe") }
        for descriptor in toChild + fromChild { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
        posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
        posix_spawn_file_actions_adddup2(&actions, fromChild[1], 2)
        var words: [UnsafeMutablePointer<CChar>?] =
            (["env", "-C", directory, "openssl"] + arguments).map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var process: pid_t = 0
        let result = posix_spawnp(&process, "env", &actions, nil, &words, environ)
        close(toChild[0])
        close(fromChild[1])
        guard result == 0 else { throw OpenSSLTool.Failure(output: "openssl cannot be run: \(result)") }
        return (process, toChild[1], fromChild[0])
    }

    deinit {
        closeInput()
        close(output)
        if status == nil {
            // Threads of the test runner block the gentler signals, and a child inherits that.
            kill(process, SIGKILL)
            _ = wait()
        }
    }

    func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(input, bytes, bytes.count)
    }

    func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    /// The next piece of output; nil at its end.
    func readSome() -> String? {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(output, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }

    func readToEnd() -> String {
        var text = ""
        while let part = readSome() { text += part }
        return text
    }

    /// The exit status, or a negative signal number.
    func wait() -> Int32 {
        if let status { return status }
        var raw: Int32 = 0
        while waitpid(process, &raw, 0) < 0, errno == EINTR {}
        let result = raw & 0x7f == 0 ? raw >> 8 & 0xff : -(raw & 0x7f)
        status = result
        return result
    }
}

/// A running `openssl s_server` on a port of its own choice.
final class OpenSSLServer: Sendable {
    let port: Int
    private let process: ToolProcess

    init(_ arguments: [String], in directory: String) throws {
        process = try ToolProcess(["s_server", "-accept", "127.0.0.1:0"] + arguments, in: directory)
        var text = ""
        while let part = process.readSome() {
            text += part
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            guard let line = lines.first(where: { $0.hasPrefix("ACCEPT ") }) else { continue }
            guard let port = line.split(separator: ":").last.flatMap({ Int($0) }) else { break }
            self.port = port
            return
        }
        throw OpenSSLTool.Failure(output: text)
    }
}
