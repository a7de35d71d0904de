import ArgumentParser
import Engine

/// `sxfile decline`.
struct DeclineCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "decline", abstract: "Decline an offer; after acceptance, cancel it.")
    @Argument(help: "The offer.", completion: .offers) var id: Int64
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        let profile = try session.openProfile()
        try profile.requestDecline(id)
        try await Telling(session: session, profile: profile, id: id).run()
    }
}

/// `sxfile cancel`.
struct CancelCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "End a transfer in any state, and tell the other side.",
        discussion: "Done once recorded: if a relay is down, the other side is told by a later run.")
    @Argument(help: "The transfer.", completion: .transfers) var id: Int64
    @Option(help: ArgumentHelp("Of what goes to a group: for this member only.", valueName: "name")) var member: String?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        let profile = try session.openProfile()
        try profile.requestCancel(id, member: member)
        try await Telling(session: session, profile: profile, id: id).run()
    }
}

/// Tells the other side that a transfer is over: a moment is given to it, the wish stays in any case.
private struct Telling {
    static let patience: Duration = .seconds(5)

    let session: Session
    let profile: Profile
    let id: Int64

    func run() async throws {
        let id = id
        let line = LiveLine(session.console, waiting: "telling the other side")
        defer { line.end() }
        do {
            _ = try await session.host(profile).run(
                .wish(.transfer(id)), timeout: Self.patience, until: { try $0.isEndingTold(id) ? true : nil })
        } catch let error as EngineError {
            session.console.detail("recorded; the other side is told later: \(error)")
        }
        if let transfer = try profile.transfer(id: id) { session.console.json("transfer", transfer.jsonMembers) }
    }
}
