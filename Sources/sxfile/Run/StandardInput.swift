import Glibc

/// Standard input, for links and settings that are nobody else's business.
enum StandardInput {
    /// More than any link.
    private static let limit = 65_536

    /// All of it, or on a terminal its first line that is not empty.
    /// - Throws: `CommandFailure` when there is nothing, or too much.
    static func text(prompt: String, console: Console) throws -> String {
        let isTerminal = isatty(STDIN_FILENO) == 1
        if isTerminal, console.isTerminal { console.note(prompt) }
        let bytes = Signals.whileReading { read(isTerminal: isTerminal) }
        guard bytes.count <= limit else { throw CommandFailure.usage("standard input is too long for this") }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw CommandFailure.usage("nothing on standard input")
        }
        return text
    }

    private static func read(isTerminal: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while bytes.count <= limit {
            let count = Glibc.read(STDIN_FILENO, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += buffer[..<count]
            if isTerminal, buffer[..<count].last == UInt8(ascii: "\n"), bytes.contains(where: { $0 > 0x20 }) { break }
        }
        return bytes
    }
}
