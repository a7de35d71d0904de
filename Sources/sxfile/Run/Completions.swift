import ArgumentParser
import Engine

/// What a shell asks the program for while a command is typed.
extension CompletionKind {
    /// Ids of transfers that ended.
    static var ended: CompletionKind { asked { $0.transfers(.ended) } }

    /// Names of contacts.
    static var contacts: CompletionKind { asked { $0.contacts() } }

    /// Names of contacts, and of groups behind `#`.
    static var recipients: CompletionKind {
        asked { suggestions in
            suggestions.contacts()
                + suggestions.groups().map { Suggestions.Entry(word: "#" + $0.word, about: $0.about) }
        }
    }

    /// Names of groups.
    static var groups: CompletionKind { asked { $0.groups() } }

    /// Ids of unfinished transfers, with the names of their files where the shell shows them.
    static var transfers: CompletionKind { asked { $0.transfers(.unfinished) } }

    /// Ids of what waits in the inbox.
    static var offers: CompletionKind { asked { $0.transfers(.offers) } }

    /// Ids of one's own messages, with how they begin where the shell shows that.
    static var ownMessages: CompletionKind { asked { $0.messages(.own) } }

    /// Ids of everything that waits in the inbox.
    static var inbox: CompletionKind { asked { $0.messages(.new) + $0.transfers(.offers) } }

    /// Names of settings, with what they are for.
    static var settings: CompletionKind {
        .custom { _, _, _ in
            Setting.allCases.compactMap { line(Suggestions.Entry(word: $0.rawValue, about: $0.summary)) }
        }
    }

    private static func asked(_ look: @escaping @Sendable (Suggestions) -> [Suggestions.Entry]) -> CompletionKind {
        .custom { words, _, _ in
            look(Suggestions(profile: profile(in: words), environment: Session.environment())).compactMap(line)
        }
    }

    /// The profile that the words typed so far name.
    private static func profile(in words: [String]) -> String? {
        for (index, word) in words.enumerated() {
            if word.hasPrefix("--profile=") { return String(word.dropFirst("--profile=".count)) }
            if word == "--profile", index + 1 < words.count { return words[index + 1] }
        }
        return nil
    }

    /// An entry as the shell that asks takes it; bash knows words only. nil for a word that is better typed by hand.
    private static func line(_ entry: Suggestions.Entry) -> String? {
        let about = PlainText.escaped(entry.about)
        guard !entry.word.contains("\\") else { return nil }
        switch CompletionShell.requesting {
        case .zsh?:
            return entry.word.split(separator: ":", omittingEmptySubsequences: false).joined(separator: "\\:") + ":"
                + about
        case .fish?: return entry.word + "\t" + about
        // The list is expanded there: a contact that calls itself `$(command)` would have it run.
        default: return entry.word.unicodeScalars.allSatisfy(isPlain) ? entry.word : nil
        }
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
            .spacingMark, .decimalNumber, .letterNumber, .otherNumber:
            true
        default: "_-.+@,:=%/".unicodeScalars.contains(scalar)
        }
    }
}
