import Glibc

/// What is being done, on standard error where that is a terminal.
enum Progress {
    private static let isShown = isatty(STDERR_FILENO) == 1

    static func show(_ text: String) {
        if isShown { Console.error("\r\u{1B}[K\(text) …") }
    }

    static func clear() {
        if isShown { Console.error("\r\u{1B}[K") }
    }
}
