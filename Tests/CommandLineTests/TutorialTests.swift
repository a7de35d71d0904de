import Glibc
import Testing

/// The tutorial's commands, one after the other, as its reader types them.
@Suite(.serialized)
struct TutorialTests {
    @Test("every command of the tutorial works, from an empty directory")
    func tutorial() async throws {
        let stage = try await Stage(withRelay: false)
        let page = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/man/sxfile-tutorial.7"
        var lines = String(file: page).split(separator: "\n").filter { $0.hasPrefix("$ ") }.map {
            String($0.dropFirst(2))
        }
        try #require(lines.count > 20, "no commands in \(page)")
        lines = lines.map { line in
            // A port that is free, and no sooner on than the relay has said where it is.
            line == "sxfile relay > address &"
                ? "sxfile relay --listen 127.0.0.1:0 > address & until [ -s address ]; do sleep 0.1; done" : line
        }
        let place = stage.directory + "/place"
        for path in [place, stage.directory + "/bin"] { mkdir(path, 0o755) }
        symlink(stage.program, stage.directory + "/bin/sxfile")
        // Whatever fails, what runs in the background ends with the shell.
        let script = (["set -ex", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", "cd \(place)"] + lines).joined(
            separator: "\n")
        let result = try await ChildProcess(
            "/bin/bash", ["-c", script],
            environment: ["PATH=\(stage.directory)/bin:/usr/bin:/bin", "HOME=\(stage.directory)"], input: nil,
            scratch: stage.directory + "/scratch"
        ).wait()
        #expect(result.status == 0, "\(result.output)\n\(result.errors)")
        #expect(result.output.contains("bob\tconnected") && result.output.contains("note.txt"))
    }
}
