import ArgumentParser
import Engine
import QRCode

/// `sxfile invite`.
struct InviteCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "invite", abstract: "Make a one-time link for a new contact.",
        discussion: """
            Give the link to one person, by a way you trust; whoever joins it first becomes the contact. Any later run of \
            sxfile completes the connection.
            """)
    @Option(name: .customLong("as"), help: ArgumentHelp("The contact's local name.", valueName: "name"))
    var name: String?
    @Option(help: ArgumentHelp("Stay that long until the contact is connected (30s, 5m, 2h).", valueName: "duration"))
    var wait: DurationArgument?
    @Flag(help: "Show the link as a QR code too, on standard error.") var qr = false
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        let profile = try session.openProfile()
        let contact = try profile.requestInvite(as: name)
        let link = try await makeLink(contact, profile, session)
        session.console.result(link)
        session.console.json("link", [("link", .string(link)), ("contact", .string(contact.name))])
        if qr { Self.draw(link, session.console) }
        guard let wait else { return }
        let line = LiveLine(session.console, waiting: "waiting for somebody to join the link")
        defer { line.end() }
        let ending = try await session.host(profile).run(
            .wish(.contact(contact.id)), timeout: wait.duration, until: { try $0.settledContact(contact.id) })
        guard case .fulfilled(let made) = ending else {
            throw CommandFailure.queued("nobody has joined the link yet")
        }
        line.end()
        session.console.detail("\(made.name) is connected")
        session.console.json("contact", made.jsonMembers)
    }

    /// Draws the code as large as it has to be, or says why not.
    private static func draw(_ link: String, _ console: Console) {
        guard let code = QRCode(Array(link.utf8)) else {
            return console.complain("warning", "the link is too long for a QR code", color: 33)
        }
        // Less than the four light squares of the standard around it do for most readers where there is no room.
        let room = console.isTerminal ? console.columns : .max
        let zone = [4, 2, 1].first { code.width(quietZone: $0) <= room }
        guard let zone else {
            return console.complain(
                "warning",
                "the QR code needs \(code.width(quietZone: 1)) columns and the terminal has \(room): "
                    + "make it wider, or its letters smaller, and call `sxfile invite --qr` again", color: 33)
        }
        let lines = code.lines(quietZone: zone)
        console.show(console.style.isColored ? lines.map { "\u{1b}[97;40m\($0)\u{1b}[0m" } : lines)
    }

    /// A link that was never shown is of no use: without one the contact goes again.
    private func makeLink(_ contact: Contact, _ profile: Profile, _ session: Session) async throws -> String {
        let line = LiveLine(session.console, waiting: "making a queue at the relay")
        defer { line.end() }
        do {
            let ending = try await session.host(profile).run(
                .wish(.contact(contact.id)),
                until: { profile in
                    if let link = try profile.invitationLink(contact: contact.id) { return link }
                    _ = try profile.settledContact(contact.id, ifRefused: "try again later, or with another relay")
                    return nil
                })
            guard case .fulfilled(let link) = ending else { throw CommandFailure(.failed, "no link was made") }
            return link
        } catch {
            try? profile.removeContact(contact.name)
            if error is CancellationError { throw error }
            var failure = CommandFailure(error)
            guard failure.status == .relay else { throw failure }
            failure.hint = "`sxfile doctor` looks at each relay"
            throw failure
        }
    }
}

extension Profile {
    /// The contact once it is connected; nil before.
    /// - Parameter hint: what to do about a relay that makes no queues now.
    /// - Throws: why it failed, or why it waits for a relay.
    func settledContact(
        _ id: Int64, ifRefused hint: String = "what was asked for is kept, `sxfile resume` tries again"
    ) throws -> Contact? {
        guard let contact = try contact(id: id) else { throw CommandFailure(.notFound, "the contact was removed") }
        switch contact.state {
        case .invited, .connecting:
            // A relay that makes no queues now: whoever waits for one is told.
            guard let reason = contact.reason, let failure = contact.failure else { return nil }
            throw CommandFailure(ExitStatus(failure), reason, hint: hint)
        case .connected: return contact
        case .failed:
            throw CommandFailure(
                ExitStatus(contact.failure ?? .failed), contact.reason ?? "the connection failed",
                hint: "`sxfile contacts remove \(contact.name)` clears it away; ask for a new link")
        case .removed, .member: throw CommandFailure(.notFound, "the contact was removed")
        }
    }
}
