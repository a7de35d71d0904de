import ArgumentParser
import Engine

/// `sxfile connect`.
struct ConnectCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "connect", abstract: "Join the link of a new contact, read from standard input.",
        discussion: "A profile without a relay of its own uses the link's from then on.")
    @Argument(help: ArgumentHelp("- for standard input (the default), or the link itself.", valueName: "link"))
    var link: String = "-"
    @Option(name: .customLong("as"), help: ArgumentHelp("The contact's local name.", valueName: "name"))
    var name: String?
    @Flag(help: "Leave when the answer is with the relay.")
    var noWait = false
    @Option(help: ArgumentHelp("Wait at most that long (30s, 5m, 2h).", valueName: "duration"))
    var timeout: DurationArgument?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        let profile = try session.openProfile()
        var text = link
        if link == "-" {
            text = try StandardInput.text(prompt: "Paste the link, then Enter:", console: session.console)
        } else {
            session.console.complain(
                "warning", "other users of this machine can see the link in the process list; use standard input",
                color: 33)
        }
        let contact = try profile.requestConnect(link: text, as: name)
        let noWait = noWait
        let line = LiveLine(session.console, waiting: "waiting for the maker of the link to come on line")
        defer { line.end() }
        let ending: EngineEnding<Contact>
        do {
            ending = try await session.host(profile).run(
                .wish(.contact(contact.id)), timeout: timeout?.duration,
                until: { profile in
                    if let made = try profile.settledContact(contact.id) { return made }
                    return try noWait && profile.isJoinWithRelay(contact: contact.id)
                        ? profile.contact(id: contact.id) : nil
                })
        } catch {
            // A link that was used is of no use to anybody: nothing is left of it.
            guard let failed = try profile.contact(id: contact.id), failed.state == .failed else { throw error }
            try profile.removeContact(failed.name)
            var failure = CommandFailure(error)
            failure.hint = "ask for a new link, made with `sxfile invite`"
            throw failure
        }
        guard case .fulfilled(let made) = ending else {
            throw CommandFailure.queued("\(contact.name) has not answered yet")
        }
        session.console.result(made.name)
        session.console.json("contact", made.jsonMembers)
    }
}
