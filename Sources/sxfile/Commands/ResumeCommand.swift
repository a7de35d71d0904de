import ArgumentParser
import Engine

/// `sxfile resume`.
struct ResumeCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Do everything that can be done now, then leave.",
        discussion: """
            For cron: silent, leaves at once if another run is at work, ends with 75 while something still waits. Ids name \
            paused transfers that are to go on.
            """)
    @Argument(help: "Paused transfers that go on from now.", completion: .transfers) var ids: [Int64] = []
    @Option(help: ArgumentHelp("Work at most that long (30s, 5m, 2h).", valueName: "duration"))
    var timeout: DurationArgument?
    @Option(
        help: ArgumentHelp(
            "While anything is unfinished, stay up to that long for the other sides.", valueName: "duration"))
    var wait: DurationArgument?
    @Option(help: ArgumentHelp("Bytes a second at most, each way, as 500K or 2M.", valueName: "rate"))
    var limitRate: String?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        let profile = try session.openProfile(limitRate: limitRate)
        try profile.requestUnpause(ids)
        let before = try Picture(profile)
        let reporter = ProgressReporter(console: session.console, profile: profile, followsAll: true)
        let ending = try await session.host(profile).run(
            .resume(wait: wait?.duration), timeout: timeout?.duration, progress: { reporter.take($0) })
        reporter.end()
        if case .otherEngine = ending {
            await session.host(profile).wakeRunningEngine()
            session.console.detail("another sxfile is at work for this profile")
            return
        }
        try report(from: before, to: Picture(profile), session)
    }

    private func report(from before: Picture, to after: Picture, _ session: Session) throws {
        var failures: [CommandFailure] = []
        for transfer in after.transfers where before.isOpen(transfer.id) || !before.knows(transfer.id) {
            let isNews = before.state(transfer.id) != transfer.state
            if isNews || (transfer.waiting == .space && !transfer.isFinished) {
                session.console.json("transfer", transfer.jsonMembers)
            }
            if transfer.isFinished {
                // An offer that was withdrawn before anybody decided is news, no failure of this run.
                if before.isUndecided(transfer.id), transfer.outcome == .cancelled {
                    for failure in transfer.endedFailures { session.console.detail(failure.message) }
                } else {
                    failures += transfer.endedFailures
                }
                if isNews, transfer.state == .complete { session.console.detail(transfer.doneText) }
            } else if !transfer.waitsForUser {
                if transfer.waiting == .relayFull {
                    session.console.note("\(transfer.id): \(transfer.waitingText ?? "")")
                }
                if transfer.waiting == .space {
                    failures.append(transfer.pausedFailure)
                } else {
                    session.console.detail(transfer.queuedText)
                }
            }
        }
        for contact in after.contacts where contact.state == .failed && before.isOpen(contact: contact.id) {
            let why = contact.reason ?? "its connection failed"
            failures.append(CommandFailure(ExitStatus(contact.failure ?? .failed), "contact '\(contact.name)': \(why)"))
        }
        let worst = ExitStatus.worst(of: failures.map(\.status))
        for failure in failures where failure.status != worst { session.console.report(failure) }
        let told = failures.filter { $0.status == worst }
        for failure in told.dropLast() { session.console.report(failure) }
        if let last = told.last { throw last }
        if after.isWaiting { throw ExitCode75.failure(session.console) }
    }
}

/// Something waits: cron hears of it by the exit code alone.
private enum ExitCode75 {
    static func failure(_ console: Console) -> any Error {
        if console.style.isVerbose || console.isTerminal || console.style.isJSON {
            return CommandFailure(.queued, "something still waits", hint: "`sxfile status` shows what")
        }
        return ExitCode(ExitStatus.queued.rawValue)
    }
}

/// What a profile had to do at a moment.
private struct Picture {
    let transfers: [Transfer]
    let contacts: [Contact]
    let isWaiting: Bool
    private let byID: [Int64: Transfer]
    private let openContacts: Set<Int64>

    init(_ profile: Profile) throws {
        transfers = try profile.transfers(.all)
        contacts = try profile.contacts()
        byID = Dictionary(uniqueKeysWithValues: transfers.map { ($0.id, $0) })
        openContacts = Set(contacts.filter { $0.state == .invited || $0.state == .connecting }.map(\.id))
        // What waits for the user's own decision does not wait for another run.
        let undecided = transfers.filter { $0.waitsForUser && !$0.isPaused }.count
        isWaiting = try profile.unfinishedCount() > undecided || contacts.contains { $0.state == .connecting }
    }

    func knows(_ id: Int64) -> Bool { byID[id] != nil }
    func isOpen(_ id: Int64) -> Bool { byID[id].map { !$0.isFinished } ?? false }
    func state(_ id: Int64) -> TransferState? { byID[id]?.state }
    func isUndecided(_ id: Int64) -> Bool { byID[id]?.waitsForUser ?? true }
    func isOpen(contact id: Int64) -> Bool { openContacts.contains(id) }
}
