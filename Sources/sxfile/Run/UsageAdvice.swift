import ArgumentParser
import Engine
import Glibc

/// What the parser says of wrong words, with what to write instead.
enum UsageAdvice {
    /// What values look like whose names stand in the parser's messages.
    private static let shapes = [
        ("<duration>", "a duration is a number and a unit: 30s, 5m, 2h, 7d"),
        ("<id", "an id is a number: `sxfile status` and `sxfile inbox` show them"),
        ("<changes>", "accept=always, accept=ask, max=10G, dir=PATH; an empty value takes max and dir back"),
    ]

    static func failure(_ message: String, _ arguments: [String]) -> CommandFailure {
        if let word = unknownCommand(arguments) {
            let near = commands.min { distance($0, word) < distance($1, word) }
            let hint = near.flatMap { distance($0, word) <= 2 ? "did you mean `sxfile \($0)`? " : nil } ?? ""
            return .usage("there is no command '\(word)'", hint: hint + "`sxfile help` lists the commands")
        }
        let shape = shapes.first { message.contains($0.0) }?.1
        return .usage(message, hint: shape ?? "`sxfile help` lists the commands, `sxfile help COMMAND` its options")
    }

    /// Whether there is such a contact; if not, what may have been meant.
    static func check(contact: String, _ profile: Profile) throws {
        // A group.
        if contact.hasPrefix("#") { return }
        do throws(EngineError) { _ = try profile.contact(named: contact) } catch {
            var failure = CommandFailure(error)
            if case .noSuchContact = error {
                let near = try profile.contacts().map(\.name).first {
                    distance($0, contact) <= max(1, contact.count / 3)
                }
                if access(contact, F_OK) == 0 {
                    failure.hint = "the contact comes first: `sxfile send CONTACT PATH`"
                } else if let near {
                    failure.hint = "did you mean '\(PlainText.escaped(near))'? `sxfile contacts` lists all"
                }
            }
            throw failure
        }
    }

    private static let commands: [String] = {
        var names: [String] = []
        for group in RootCommand.configuration.groupedSubcommands {
            for command in group.subcommands {
                if let name = command.configuration.commandName { names.append(name) }
            }
        }
        return names
    }()

    /// The first word, if it is one and no command.
    private static func unknownCommand(_ arguments: [String]) -> String? {
        guard let word = GlobalOptions.normalized(arguments).first, !word.hasPrefix("-"), word != "help",
            !commands.contains(word)
        else { return nil }
        return PlainText.escaped(word)
    }

    /// Letters to be changed, left out, put in or exchanged with their neighbours, from one word to the other.
    static func distance(_ left: String, _ right: String) -> Int {
        let (a, b) = (Array(left), Array(right))
        var rows = [Array(0...b.count)]
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var least = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { least = min(least, rows[i - 1][j - 1] + 1) }
                row.append(least)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
