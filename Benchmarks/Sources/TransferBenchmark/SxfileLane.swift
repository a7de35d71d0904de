/// How sxfile is asked to send a file.
enum SxfileLane: String, CaseIterable {
    case direct
    case relay

    /// Runs `body`; a version that does not know the lane is `unavailable`.
    func explainingRefusal<Result>(_ body: () throws -> Result) throws -> Result {
        do { return try body() } catch BenchmarkError.failed(_, 2, _) where self == .direct {
            throw BenchmarkError.unavailable("this version does not have `--lane direct` yet")
        }
    }

    /// Throws `unavailable` if `send --json` told of the other lane only.
    func requireUse(in output: String) throws {
        let others = SxfileLane.allCases.filter { $0 != self }
        if !isNamed(in: output), others.contains(where: { $0.isNamed(in: output) }) {
            throw BenchmarkError.unavailable("it went by another lane")
        }
    }

    private func isNamed(in output: String) -> Bool { output.contains("\"lane\":\"\(rawValue)\"") }
}
