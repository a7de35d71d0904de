import ArgumentParser

/// Options that every command has.
struct GlobalOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The profile to use.", valueName: "name"))
    var profile: String?

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @Flag(name: .shortAndLong, help: "Say nothing but results and errors.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Log what happens to standard error.")
    var verbose = false

    @Flag(help: "Use no colors.")
    var noColor = false

    /// The options that take no value, and the one that does.
    private static let flags: Set<String> = ["--json", "-q", "--quiet", "-v", "--verbose", "--no-color"]
    private static let groups: Set<String> = ["contacts", "config", "group"]

    /// Moves options given before the command behind it, where the parser looks for them.
    static func normalized(_ arguments: [String]) -> [String] {
        var moved: [String] = []
        var words: [String] = []
        var rest = arguments[...]
        while let next = rest.first {
            if flags.contains(next) || next.hasPrefix("--profile=") {
                moved.append(next)
                rest.removeFirst()
            } else if next == "--profile", rest.count > 1 {
                moved += rest.prefix(2)
                rest = rest.dropFirst(2)
            } else if !next.hasPrefix("-"), words.isEmpty || (words.count == 1 && groups.contains(words[0])) {
                words.append(next)
                rest.removeFirst()
            } else {
                break
            }
        }
        if words.isEmpty { return arguments }
        return words + moved + rest
    }

    /// What can be told of the options before the arguments are parsed: for errors of parsing.
    static func guessed(_ arguments: [String]) -> GlobalOptions {
        var options = GlobalOptions()
        let named = arguments.prefix { $0 != "--" }
        options.profile = nil
        options.json = named.contains("--json")
        options.quiet = named.contains("--quiet") || named.contains("-q")
        options.verbose = false
        options.noColor = named.contains("--no-color")
        return options
    }
}

/// A duration: `30s`, `5m`, `2h`.
struct DurationArgument: ExpressibleByArgument {
    let duration: Duration

    init?(argument: String) {
        guard let unit = argument.last, let number = Int64(argument.dropLast()), number >= 0, number < 1_000_000_000
        else {
            return nil
        }
        switch unit {
        case "s": duration = .seconds(number)
        case "m": duration = .seconds(number * 60)
        case "h": duration = .seconds(number * 3600)
        case "d": duration = .seconds(number * 86_400)
        default: return nil
        }
    }
}
