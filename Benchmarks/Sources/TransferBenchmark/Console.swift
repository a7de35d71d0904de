import Glibc

/// Standard output and error, unbuffered: sections take minutes.
enum Console {
    /// A line of the result.
    static func line(_ text: String = "") { write(text + "\n", to: STDOUT_FILENO) }

    /// Text beside the result.
    static func error(_ text: String) { write(text, to: STDERR_FILENO) }

    private static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while case let count = Glibc.write(descriptor, rest.baseAddress, rest.count), count > 0, count < rest.count
            {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }
}
