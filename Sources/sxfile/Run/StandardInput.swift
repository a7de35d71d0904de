import Glibc
import Primitives

/// Standard input, for links and settings that are nobody else's business.
enum StandardInput {
    /// More than any link.
    private static let limit = 65_536

    /// Whether somebody can type.
    static var isTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    /// Asks a person; nil for anything but yes and no.
    static func answer(_ question: String, _ console: Console) throws -> Bool? {
        console.ask(question)
        let line = Signals.whileReading { read(isTerminal: true) }
        switch String(decoding: line, as: UTF8.self).filter({ !$0.isWhitespace }).lowercased() {
        case "y", "yes": return true
        case "n", "no": return false
        default: return nil
        }
    }

    /// A passphrase from the first line of a file, or typed without an echo; `isNew`: twice, and long enough to keep somebody
    /// busy.
    static func passphrase(file: String?, isNew: Bool, _ console: Console) throws -> SecretBytes {
        if let file {
            guard let stream = fopen(file, "re") else {
                throw CommandFailure(.notFound, "the passphrase file \(file) cannot be read")
            }
            defer { fclose(stream) }
            var bytes = [UInt8](repeating: 0, count: 4096)
            let count = fread(&bytes, 1, bytes.count, stream)
            return try checked(bytes.prefix(count).prefix { $0 != 0x0A && $0 != 0x0D }, isNew: isNew)
        }
        guard isTerminal, console.isTerminal else {
            throw CommandFailure.usage(
                "there is no terminal to ask for the passphrase", hint: "--passphrase-file names a file with it")
        }
        let first = try checked(hidden("Passphrase:", console), isNew: isNew)
        if isNew, try SecretBytes(hidden("The same again:", console)) != first {
            throw CommandFailure.usage("the two are not the same")
        }
        return first
    }

    /// The least length of a passphrase that is made up now.
    private static let leastPassphrase = 8

    private static func checked(_ bytes: some Collection<UInt8>, isNew: Bool) throws -> SecretBytes {
        guard !bytes.isEmpty else { throw CommandFailure.usage("the passphrase is empty") }
        if isNew, bytes.count < leastPassphrase {
            throw CommandFailure.usage(
                "the passphrase is too short: at least \(leastPassphrase) bytes; six words or so are good")
        }
        return SecretBytes(bytes)
    }

    /// A line that is typed without being shown.
    private static func hidden(_ question: String, _ console: Console) throws -> ArraySlice<UInt8> {
        console.ask(question)
        var before = termios()
        guard tcgetattr(STDIN_FILENO, &before) == 0 else {
            throw CommandFailure.usage("the terminal cannot be used", hint: "--passphrase-file names a file with it")
        }
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO)
        let line = Signals.whileReading(restoring: before) {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
            defer { tcsetattr(STDIN_FILENO, TCSAFLUSH, &before) }
            return read(isTerminal: true)
        }
        console.endAnswer()
        return line.prefix { $0 != 0x0A && $0 != 0x0D }
    }

    /// All of it, or on a terminal its first line that is not empty.
    /// - Throws: `CommandFailure` when there is nothing, or too much.
    static func text(prompt: String, console: Console) throws -> String {
        if isTerminal, console.isTerminal { console.note(prompt) }
        let bytes = Signals.whileReading { read(isTerminal: isTerminal) }
        guard bytes.count <= limit else { throw CommandFailure.usage("standard input is too long for this") }
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.contains(where: { !$0.isWhitespace }) else {
            throw CommandFailure.usage(
                "nothing on standard input",
                hint: "pipe it in, as in `sxfile connect < FILE`, or call this at a terminal")
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
