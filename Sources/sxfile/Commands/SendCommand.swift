import ArgumentParser
import Engine
import Glibc

/// `sxfile send`.
struct SendCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "send", abstract: "Offer files or a folder to a contact or a group, and send them once accepted.",
        discussion: """
            Several paths, or a folder, go as one transfer and arrive in a folder. \
            Prints the transfer's id at once, then waits until the recipient has the file. Interrupted, it goes on with \
            `sxfile resume`. With only -m a message is sent. To '#group' the offer goes to every member who can be reached now, \
            under one id.
            """)
    @Argument(help: "The contact, or '#group'.", completion: .recipients) var contact: String
    @Argument(help: "Files and folders.", completion: .file()) var paths: [String] = []
    @Option(
        name: .customShort("m"),
        help: ArgumentHelp("A message to go with it; '-' reads it from standard input.", valueName: "text"))
    var message: String?
    @Option(
        help: ArgumentHelp(
            "Leave out what has this name, or path below the folder; may be repeated.", valueName: "pattern"))
    var exclude: [String] = []
    @Flag(name: [.customShort("n"), .long], help: "Only show what would be sent.") var dryRun = false
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
        try UsageAdvice.check(contact: contact, profile)
        if dryRun { return try show(profile, session.console) }
        var request = SendRequest(contact: contact)
        if isFolder {
            request.folder = FolderRequest(paths: paths, excluded: exclude)
        } else {
            request.path = paths.first
        }
        request.name = name
        request.text = try message.map { try session.messageText($0) }
        request.isInline = inline ? true : nil
        request.preview = preview
        request.lane = lane.rawValue
        request.expires = expires?.duration
        if paths == ["-"] { return try await sendInput(request, profile, session) }
        let receipt = try profile.requestSend(request)
        if let look = receipt.look { session.console.warn(of: look) }
        if let id = receipt.transfer {
            try await Sending(session: session, profile: profile, id: id).run(
                noWait: noWait, timeout: timeout?.duration)
        } else if let id = receipt.message {
            session.console.result("\(id)")
            try await MessageSending(session: session, profile: profile, id: id).run(timeout: timeout?.duration)
        }
    }

    private func checkSupported() throws {
        if paths.contains("-"), paths.count > 1 || dryRun {
            throw CommandFailure.usage("'-' is standard input, which goes alone; a file of that name is './-'")
        }
        if paths.contains("-"), message == "-" {
            throw CommandFailure.usage("standard input cannot be both the file and the message")
        }
        if paths.isEmpty, message == nil {
            throw CommandFailure.usage("nothing to send: name a file, or a text with -m")
        }
        if !exclude.isEmpty, !isFolder, !dryRun {
            throw CommandFailure.usage("--exclude is for folders")
        }
    }

    /// Whether what is to be sent arrives in a folder.
    private var isFolder: Bool {
        guard let path = paths.first, paths.count == 1 else { return !paths.isEmpty }
        if path == "-" { return false }
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private func sendInput(_ request: SendRequest, _ profile: Profile, _ session: Session) async throws {
        var request = request
        request.path = nil
        request.folder = nil
        let input = try profile.requestStream(request)
        let copy = InputCopy(input, profile: profile, isBounded: !noWait)
        do {
            // Whoever leaves before the end of the input takes the rest with him.
            if noWait { try await copy.wait() }
            let sending = Sending(session: session, profile: profile, id: input.transfer)
            do {
                try await sending.run(noWait: noWait, timeout: timeout?.duration)
            } catch let failure as CommandFailure where failure.status == .queued {
                try await copy.wait()
                throw failure
            }
        } catch {
            if !copy.isOver {
                try? profile.requestCancel(input.transfer, reason: "standard input was not read to its end")
            }
            throw error
        }
    }

    private func show(_ profile: Profile, _ console: Console) throws {
        try profile.checkRecipient(contact)
        guard !paths.isEmpty else { throw CommandFailure.usage("--dry-run wants files or folders") }
        let look = try Profile.look(at: FolderRequest(paths: paths, excluded: exclude)) { entry in
            console.result(entry.listLine)
            console.json("entry", entry.jsonMembers)
        }
        console.warn(of: look)
        console.note("nothing was sent: \(look.totals.shown)")
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
            let members = transfer.isToGroup ? ", \(transfer.members.count) members" : ""
            session.console.detail("offering \(transfer.name) to \(transfer.peer)\(members)")
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
        guard let transfer = try profile.transfer(id: id) else { throw EngineError.noSuchTransfer(id) }
        guard case .fulfilled = ending else {
            return try session.console.raise(transfer.endedFailures + [.queued(transfer.queuedText)])
        }
        session.console.json("transfer", transfer.jsonMembers)
        try session.console.raise(transfer.endedFailures)
        session.console.warn(of: transfer)
        session.console.detail(transfer.doneText)
    }
}
