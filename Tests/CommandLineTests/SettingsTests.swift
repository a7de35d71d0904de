import GRDB
import Glibc
import Testing

/// The configuration file, from the outside.
@Suite(.serialized)
struct SettingsTests {
    private func person(_ stage: Stage) -> Person {
        let alice = Person(name: "alice", stage: stage)
        mkdir(alice.home, 0o700)
        return alice
    }

    @Test("a change keeps the file's comments, and option, environment, file and built-in come in this order")
    func precedence() async throws {
        let stage = try await Stage(withRelay: false)
        let alice = person(stage)
        let file = alice.profile + "/sxfile.toml"
        mkdir(alice.profile, 0o700)
        try "# Mine.\nname = \"Al\" # short\n\n[direct] # careful\ndial-public = true\n".write(to: file)
        chmod(file, 0o600)
        try await alice.succeed("config", "set", "name", "Alice")
        try await alice.succeed("config", "set", "limit-rate", "2M")
        try await alice.succeed("config", "set", "direct.offer-public", "yes")
        #expect(
            String(file: file)
                == """
                # Mine.
                name = "Alice" # short
                limit-rate = "2M"

                [direct] # careful
                dial-public = true
                offer-public = true

                """)
        let listed = try await alice.run("config", "list", environment: ["SXFILE_LIMIT_RATE=1M", "SXFILE_LANE="])
        #expect(
            listed.lines == [
                "relay=\tbuilt-in", "name=Alice\tfile \(file):2", "inline-limit=1048576\tbuilt-in",
                "limit-rate=1M\tenvironment SXFILE_LIMIT_RATE", "proxy=\tbuilt-in", "lane=auto\tbuilt-in",
                "direct.offer-public=yes\tfile \(file):7", "direct.dial-public=yes\tfile \(file):6",
                "hook=\tbuilt-in", "notify=no\tbuilt-in",
            ])
        let object = try #require(try await alice.succeed("config", "get", "name", "--json").objects.first)
        #expect(object.keys == ["v", "type", "name", "value", "origin", "place", "line"])
        #expect(object["origin"] == "file" && object["place"] == file && object["line"] == 2)
        // Set in vain is said.
        let overridden = try await alice.run("config", "set", "lane", "relay", environment: ["SXFILE_LANE=auto"])
        #expect(overridden.status == 0 && overridden.errors.contains("SXFILE_LANE"))
        #expect(try await alice.run("config", "get", "lane", environment: ["SXFILE_LANE=fast"]).status == 2)
        try await alice.succeed("config", "set", "name", "")
        #expect(String(file: file).hasPrefix("# Mine.\n# short\nlimit-rate = \"2M\"\n"))
        #expect(Stage.list(alice.profile).filter { $0.hasPrefix(".sxfile.toml") }.isEmpty)
    }

    @Test("each profile has its own file, at the XDG place")
    func places() async throws {
        let stage = try await Stage(withRelay: false)
        let alice = person(stage)
        let environment = ["SXFILE_HOME=", "XDG_CONFIG_HOME=\(alice.home)/cfg"]
        let set = try await alice.run("config", "set", "name", "A", environment: environment)
        #expect(set.status == 0, "\(set.errors)")
        _ = try await alice.run("--profile", "work", "config", "set", "name", "W", environment: environment)
        #expect(String(file: alice.home + "/cfg/sxfile/default/sxfile.toml") == "name = \"A\"\n")
        #expect(String(file: alice.home + "/cfg/sxfile/work/sxfile.toml") == "name = \"W\"\n")
        #expect(Stage.list(alice.home + "/.local/share/sxfile") == ["default", "work"])
        // A relative place is none.
        _ = try await alice.run(
            "config", "set", "name", "H", environment: ["SXFILE_HOME=", "XDG_CONFIG_HOME=cfg"])
        #expect(String(file: alice.home + "/.config/sxfile/default/sxfile.toml") == "name = \"H\"\n")
        var status = stat()
        #expect(
            stat(alice.home + "/.config/sxfile/default/sxfile.toml", &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    /// A file, and what is said of it.
    static let mistakes = [
        ("relai = 1", "sxfile.toml:1:1: there is no setting 'relai'"),
        ("# x\nname = 7", ":2:8: name is a string, not a whole number"),
        ("name = \"a\"\nname = \"b\"", ":2:1: 'name' is there already"),
        ("lane = \"fast\"", ":1:8: lane is auto or relay"), ("lane = fast", ":1:8: 'fast' is no value"),
        ("limit-rate = 5", ":1:14: limit-rate is bytes a second from 16K"),
        ("relay = [\"smp://x\"]", ":1:9: 'smp://x' is no relay address"),
        ("[hoks]", ":1:1: there is no section [hoks]"),
        ("direct.dial-public = \"yes\"", ":1:22: direct.dial-public is true or false, not a string"),
        ("name = 'a", ":1:8: the string has no end"),
    ]

    @Test("a mistake is told with file, line and column, and the file is left alone", arguments: mistakes)
    func mistake(_ text: String, _ message: String) async throws {
        let stage = try await Stage(withRelay: false)
        let alice = person(stage)
        let file = alice.profile + "/sxfile.toml"
        mkdir(alice.profile, 0o700)
        try text.write(to: file)
        for words in [["config", "list"], ["config", "set", "inline-limit", "1M"], ["invite"], ["doctor"]] {
            let result = try await stage.start(words, home: "alice").wait()
            #expect(result.status == 2, "\(words)")
            #expect((result.errors + result.output).contains(message), "\(words): \(result.errors)")
        }
        #expect(String(file: file) == text)
        // What needs no settings works.
        #expect(try await alice.run("status").status == 0)
    }

    @Test("a file that others can write, or read with a password in it, is refused")
    func permissions() async throws {
        let stage = try await Stage(withRelay: false)
        let alice = person(stage)
        try await alice.succeed("config", "set", "proxy", "socks5://u:p@127.0.0.1:1")
        let file = alice.profile + "/sxfile.toml"
        chmod(file, 0o644)
        let read = try await alice.run("config", "get", "proxy")
        #expect(read.status == 77 && read.errors.contains("chmod 600"))
        chmod(file, 0o620)
        #expect(try await alice.run("config", "get", "name").status == 77)
        chmod(file, 0o600)
        // A link is followed, and stays one.
        rename(file, alice.home + "/real.toml")
        symlink(alice.home + "/real.toml", file)
        try await alice.succeed("config", "set", "proxy", "")
        #expect(String(file: alice.home + "/real.toml").isEmpty)
        var status = stat()
        #expect(lstat(file, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    }

    @Test("settings of the database move to the file once, and what is there stays")
    func carriedOver() async throws {
        let stage = try await Stage(withRelay: false)
        let alice = person(stage)
        #expect(try await alice.run("status").status == 0)
        func store(_ name: String) throws {
            try DatabaseQueue(path: alice.profile + "/sxfile.db").write { db in
                for (key, value) in [
                    ("name", name), ("lane", "relay"), ("direct.dial-public", "yes"), ("inline-limit", "nonsense"),
                ] {
                    try db.execute(
                        sql: "INSERT INTO meta (key, value) VALUES (?, ?)", arguments: ["setting." + key, value])
                }
            }
        }
        let file = alice.profile + "/sxfile.toml"
        try "# Mine.\nlane = \"auto\"\n".write(to: file)
        chmod(file, 0o600)
        try store("Al")
        #expect(try await alice.run("status").status == 0)
        let moved = "# Mine.\nlane = \"auto\"\nname = \"Al\"\n\n[direct]\ndial-public = true\n"
        #expect(String(file: file) == moved)
        // Unset now is unset, whatever the database once said.
        try await alice.succeed("config", "set", "name", "")
        #expect(try await alice.run("config", "get", "name").status == 1)
    }

    @Test("many changes at a time lose none")
    func together() async throws {
        let stage = try await Stage(withRelay: false)
        let alice = person(stage)
        #expect(try await alice.run("status").status == 0)
        let values = [("name", "A"), ("lane", "relay"), ("inline-limit", "1K"), ("limit-rate", "1M")]
        var children: [ChildProcess] = []
        for (key, value) in values { children.append(try alice.start("config", "set", key, value)) }
        for child in children { #expect(try await child.wait().status == 0) }
        for (key, value) in values { #expect(try await alice.succeed("config", "get", key).text == value) }
    }
}
