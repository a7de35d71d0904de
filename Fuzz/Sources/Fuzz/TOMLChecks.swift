import TOML

/// What is read is printed as it was, and says the same after a change of something else; the comments stay.
func checkTOML(_ bytes: [UInt8]) {
    guard let document = try? TOMLDocument(bytes) else { return }
    expect(Array(document.text.utf8) == bytes, "a file prints otherwise")
    let path = ["group", "key"]
    var changed = document
    guard (try? changed.set(path, to: .string("a\"\n"))) != nil else { return }
    expect(changed[path]?.value == .string("a\"\n"), "a value is not what was set")
    let others = { (some: TOMLDocument) in some.entries.filter { $0.path != path }.map { ($0.path, $0.value) } }
    expect(others(changed).elementsEqual(others(document), by: { $0 == $1 }), "another value changed")
    expect((try? changed.set(path, to: nil)) != nil, "a value cannot be taken out")
    expect(others(changed).elementsEqual(others(document), by: { $0 == $1 }), "another value changed by taking one out")
}
