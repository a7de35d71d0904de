import CConfinement
import Glibc
import Guarding
import Testing

/// A process with a terminal for its input and both its outputs, and everything that it has written there.
final class Terminal: Sendable {
    let child: ChildProcess
    private let screen: Screen

    private final class Screen: Sendable {
        let bytes = Guarded<[UInt8]>([])
        let descriptor: Int32

        init(_ descriptor: Int32) { self.descriptor = descriptor }
        deinit { close(descriptor) }

        /// Until nobody has the other end open any more.
        func read() {
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = Glibc.read(descriptor, &buffer, buffer.count)
                if count > 0 {
                    bytes.withLock { $0 += buffer[..<count] }
                } else if count == 0 || errno != EINTR {
                    return
                }
            }
        }
    }

    /// Starts a command of `person`.
    init(_ person: Person, columns: Int, term: String = "xterm", _ words: String...) throws {
        var path = [CChar](repeating: 0, count: 256)
        let descriptor = confined_open_terminal(Int32(columns), &path, path.count)
        try #require(descriptor >= 0, "there is no terminal: \(errno)")
        let name = String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let screen = Screen(descriptor)
        self.screen = screen
        child = try person.stage.start(words, home: person.name, environment: ["TERM=\(term)"], terminal: name)
        startThread { screen.read() }
    }

    /// What was written so far.
    var text: String { String(decoding: screen.bytes.withLock { $0 }, as: UTF8.self) }

    /// The lines as they were drawn, each for itself, without what erases.
    var drawn: [String] {
        let breaks: Set<Character> = ["\r", "\n", "\r\n"]
        var lines: [String] = []
        for piece in text.split(whereSeparator: { breaks.contains($0) }) {
            let line = String(piece).replacing("\u{1b}[K", with: "")
            if line.contains(where: { $0 != " " }) { lines.append(line) }
        }
        return lines
    }

    /// Waits until something was written.
    func waits(for what: String) async throws {
        try await eventually("'\(what)' on the terminal, which has: \(text.suffix(400))") {
            self.text.contains(what) || self.child.hasEnded
        }
        #expect(text.contains(what), "\(text)")
    }
}
