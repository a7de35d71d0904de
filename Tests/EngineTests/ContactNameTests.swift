import Testing

@testable import Engine

/// What a peer calls itself becomes a plain name: visible, of one word, like no option, group or path.
@Suite struct ContactNameTests {
    @Test(arguments: [
        ("Alice", "Alice"), ("Alice B.", "Alice-B."), ("\u{301}\u{301}a", "a"), ("a\u{202e}b", "ab"), ("#root", "root"),
        ("-rf", "rf"), ("../etc", "..etc"), ("a b\u{9b}31m", "a-b31m"), ("\u{1b}[2J", "2J"), ("\u{200b}", "contact"),
        ("", "contact"), ("a\n1\tbob", "a1bob"), ("\u{301}", "contact"), ("名前", "名前"),
    ])
    func made(_ text: String, _ name: String) {
        #expect(ContactName.made(from: text) == name)
        #expect(ContactName.isValid(name))
    }

    @Test func longNamesAreCut() {
        #expect(ContactName.made(from: String(repeating: "b", count: 100)).count == 32)
        #expect(ContactName.isValid(ContactName.made(from: "a" + String(repeating: "\u{301}", count: 500))))
    }

    @Test(arguments: ["", "a b", "#a", "-a", "@a", "a/b", "\u{301}a", "a\u{7}"])
    func refused(_ name: String) { #expect(!ContactName.isValid(name)) }
}
