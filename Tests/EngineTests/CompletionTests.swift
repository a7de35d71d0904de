import Foundation
import Testing

@testable import Engine

/// What is said to other programs when a transfer is complete.
@Suite struct CompletionTests {
    @Test(arguments: [
        ("/bin/true", ["/bin/true"]), ("  /bin/echo  a\tb ", ["/bin/echo", "a", "b"]),
        (#"/bin/echo "a b" "" c"d e"f"#, ["/bin/echo", "a b", "", "cd ef"]),
        (#"/opt/my\ hook \" \\ '$x'"#, ["/opt/my hook", "\"", "\\", "'$x'"]),
    ])
    func words(_ text: String, _ words: [String]) throws {
        #expect(try HookCommand(text).words == words)
    }

    @Test(arguments: ["", "   ", "true", "./hook", #"/bin/echo "a"#, #"/bin/echo \"#, "\"\" /bin/true"])
    func wrong(_ text: String) { #expect(throws: EngineError.self) { try HookCommand(text) } }

    @Test func namesAreNoMarkup() {
        #expect(
            Completions.markup("<b>a</b> & \u{1b}[31m\u{202e}b") == "&lt;b&gt;a&lt;/b&gt; &amp; \u{FFFD}[31m\u{FFFD}b")
    }

    @Test func policies() {
        var policy = AcceptPolicy()
        #expect(!policy.accepts(1))
        policy.isAlways = true
        #expect(policy.accepts(nil) && policy.accepts(.max))
        policy.limit = 10
        #expect(policy.accepts(10) && !policy.accepts(11) && !policy.accepts(nil))
    }
}
