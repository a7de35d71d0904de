import CFuzzer
import Glibc

/// libFuzzer around one of the targets: `FUZZ_TARGET=chat Fuzz [libFuzzer's options] [corpus directories or files]`.
///
/// The variable, and not an argument, because libFuzzer starts itself again with its arguments.
@main
enum Program {
    static let target: FuzzTarget = {
        if let target = getenv("FUZZ_TARGET").flatMap({ FuzzTarget(rawValue: String(cString: $0)) }) { return target }
        complain("FUZZ_TARGET is one of: \(FuzzTarget.allCases.map(\.rawValue).joined(separator: " "))")
        exit(64)
    }()

    static func main() {
        _ = target
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        exit(
            LLVMFuzzerRunDriver(&count, &arguments) { start, count in
                Program.target.check(Array(UnsafeBufferPointer(start: start, count: count)))
                return 0
            })
    }
}

/// Writes a line to standard error.
func complain(_ text: String) {
    let line = Array("\(text)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
}

/// Ends the run as a finding unless `condition` holds.
func expect(_ condition: Bool, _ what: @autoclosure () -> String, line: Int = #line, file: String = #fileID) {
    if condition { return }
    complain("\(file):\(line): \(what())")
    abort()
}
