import ArgumentParser
import Engine
import Glibc

/// `sxfile send`.
struct SendCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "send", abstract: "Offer a file to a contact, and send it once accepted.",
        discussion: """
            Prints the transfer's id at once, then waits until the recipient has the file. Interrupted, it goes on with \
            `sxfile resume`. With only -m a message is sent.
            """)
    @Argument(help: "The contact.", completion: .contacts) var contact: String
    @Argument(help: "The file.", completion: .file()) var paths: [String] = []
    @Option(name: .customShort("m"), help: ArgumentHelp("A message to go with it.", valueName: "text"))
    var message: String?
    @Option(help: ArgumentHelp("The name that the recipient sees.", valueName: "name")) var name: String?
    @Flag(help: "Leave when the offer is with the relay.") var noWait = false
    @Option(help: ArgumentHelp("Wait at most that long (30s, 5m, 2h).", valueName: "duration"))
    var timeout: DurationArgument?
    @Option(help: "How the file travels: auto, relay or direct.") var lane: Lane = .auto
    @Option(help: ArgumentHelp("Withdraw the offer if it is not accepted by then (1h, 3d).", valueName: "duration"))
    var expires: DurationArgument?
    @Flag(help: "Send a small file inside the message itself.") var inline = false
    @Option(
        help: ArgumentHelp("A small picture shown with an inline file.", valueName: "file"), completion: .file())
    var preview: String?
    @Option(help: ArgumentHelp("Bytes a second at most, each way, as 500K or 2M.", valueName: "rate"))
    var limitRate: String?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    /// How a file travels.
    enum Lane: String, ExpressibleByArgument, CaseIterable {
        case auto
        case relay
        case direct
    }

    func run(_ session: Session) async throws {
        try checkSupported()
        let profile = try session.openProfile(limitRate: limitRate)
        var request = SendRequest(contact: contact)
        request.path = paths.first
        request.name = name
        request.text = message
        request.isInline = inline ? true : nil
        request.preview = preview
        request.lane = lane.rawValue
        request.expires = expires?.duration
        let receipt = try profile.requestSend(request)
        if let id = receipt.transfer {
            try await Sending(session: session, profile: profile, id: id).run(
                noWait: noWait, timeout: timeout?.duration)
        } else if let id = receipt.message {
            try await follow(message: id, profile, session)
        }
    }

    private func checkSupported() throws {
        if contact.hasPrefix("#") { throw CommandFailure.notYet("sending to groups") }
        if paths.contains("-") { throw CommandFailure.notYet("reading standard input") }
        if paths.count > 1 { throw CommandFailure.notYet("sending several files at once") }
        if paths.isEmpty, message == nil {
            throw CommandFailure.usage("nothing to send: name a file, or a text with -m")
        }
        if let path = paths.first {
            var status = stat()
            if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
                throw CommandFailure.notYet("sending a directory")
            }
        }
    }

    private func follow(message id: Int64, _ profile: Profile, _ session: Session) async throws {
        session.console.result("\(id)")
        let line = LiveLine(session.console, waiting: "taking the message to the relay")
        defer { line.end() }
        let ending = try await session.host(profile).run(
            .wish(.message(id)), timeout: timeout?.duration,
            until: { try $0.isWithRelay(message: id) ? true : nil })
        guard case .fulfilled = ending else { throw CommandFailure.queued("the message is not with the relay yet") }
        if let message = try profile.message(id: id) { session.console.json("message", message.jsonMembers) }
    }
}

/// Waits for a file that is offered, and tells how far it is.
struct Sending {
    let session: Session
    let profile: Profile
    let id: Int64

    func run(noWait: Bool, timeout: Duration?) async throws {
        let id = id
        session.console.result("\(id)")
        let reporter = ProgressReporter(console: session.console, profile: profile)
        if let transfer = try profile.transfer(id: id) {
            reporter.look(transfer)
            session.console.detail("offering \(transfer.name) to \(transfer.peer)")
        }
        let ending = try await session.host(profile).run(
            .wish(.transfer(id)), timeout: timeout,
            until: { profile in
                guard let transfer = try profile.transfer(id: id) else { throw EngineError.noSuchTransfer(id) }
                if transfer.isFinished { return transfer }
                reporter.look(transfer)
                return try noWait && profile.isOfferWithRelay(id) ? transfer : nil
            }, progress: { reporter.take($0) })
        reporter.end()
        guard case .fulfilled = ending, let transfer = try profile.transfer(id: id) else {
            throw CommandFailure.queued(try profile.transfer(id: id)?.queuedText ?? "transfer \(id) goes on later")
        }
        session.console.json("transfer", transfer.jsonMembers)
        if let failure = transfer.endedFailure { throw failure }
        session.console.detail(transfer.doneText)
    }
}
