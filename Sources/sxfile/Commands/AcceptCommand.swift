import ArgumentParser
import Engine

/// `sxfile accept`.
struct AcceptCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept", abstract: "Accept offers, and receive the files.",
        discussion: """
            Prints each file's final path. An existing directory after -o takes the files under their own names; anything \
            else is the exact path of one file. Without -o they go to ~/Downloads. Nothing is ever overwritten. \
            With -o - one file is written to standard output as it comes, each part once it is checked.
            """)
    @Argument(help: "Offers, by id.", completion: .offers) var ids: [Int64] = []
    @Flag(help: "All that wait.") var all = false
    @Option(help: ArgumentHelp("With --all: only from this contact.", valueName: "contact"), completion: .contacts)
    var from: String?
    @Option(
        name: .shortAndLong, help: ArgumentHelp("A directory, or the exact path.", valueName: "path"),
        completion: .file())
    var output: String?
    @Flag(help: "Leave when the acceptance is with the relay.") var noWait = false
    @Option(help: ArgumentHelp("Wait at most that long (30s, 5m, 2h).", valueName: "duration"))
    var timeout: DurationArgument?
    @Option(help: ArgumentHelp("Bytes a second at most, each way, as 500K or 2M.", valueName: "rate"))
    var limitRate: String?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    var isJSONOnStandardError: Bool { output == "-" }

    func run(_ session: Session) async throws {
        let profile = try session.openProfile(limitRate: limitRate)
        let chosen = try choose(profile)
        guard let first = chosen.first else { return }
        if output == "-" {
            guard chosen.count == 1, !noWait else {
                throw CommandFailure.usage("-o - is for one file, and waits for it")
            }
            return try await writeOut(first, profile, session)
        }
        // Of all that waited, another command or the sender may have ended some by now: those do not wait any more.
        if !all { try profile.checkAcceptable(chosen) }
        var receiving = Receiving(session: session, profile: profile)
        for id in chosen {
            do {
                try await profile.requestAccept(
                    id, into: output, requiresDirectory: chosen.count > 1, mayBeExecutable: !all)
                receiving.open.append(id)
            } catch EngineError.wrongState(let id, let state, _) where all {
                session.console.detail("transfer \(id) is \(state.rawValue)")
            } catch {
                // The others are not to suffer for it.
                guard chosen.count > 1 else { throw error }
                receiving.note(CommandFailure(error))
            }
        }
        try await receiving.run(first, noWait: noWait, timeout: timeout?.duration)
    }

    private func writeOut(_ id: Int64, _ profile: Profile, _ session: Session) async throws {
        try await profile.requestAccept(id, into: Profile.standardOutput)
        guard try profile.piped(id) != nil else {
            throw CommandFailure(
                .failed, "transfer \(id) was accepted before, and not for standard output",
                hint: "`sxfile status \(id) --json` says where it goes")
        }
        let copy = OutputCopy(id, profile: profile)
        var receiving = Receiving(session: session, profile: profile, printsPaths: false)
        receiving.output = copy
        receiving.open = [id]
        do { try await receiving.run(id, noWait: false, timeout: timeout?.duration) } catch {
            throw copy.failure ?? error
        }
        try await copy.wait()
    }

    private func choose(_ profile: Profile) throws -> [Int64] {
        guard all else {
            if from != nil { throw CommandFailure.usage("--from goes with --all") }
            if ids.isEmpty { throw CommandFailure.usage("name the offers by their ids, or use --all") }
            var seen: Set<Int64> = []
            return ids.filter { seen.insert($0).inserted }
        }
        if !ids.isEmpty { throw CommandFailure.usage("--all and ids do not go together") }
        let contact = try from.map { try profile.contact(named: $0) }
        return try profile.transfers(.inbox).filter { offer in contact.map { offer.isFrom($0) } ?? true }.map(\.id)
    }
}

/// Waits for accepted files and prints where they are.
struct Receiving {
    let session: Session
    let profile: Profile
    /// Takes the bytes on to standard output, which then gets no path.
    var output: OutputCopy?
    /// Whether the final paths are the command's result.
    var printsPaths = true
    var open: [Int64] = []
    private var failures: [CommandFailure] = []

    init(session: Session, profile: Profile, printsPaths: Bool = true) {
        self.session = session
        self.profile = profile
        self.printsPaths = printsPaths
    }

    mutating func note(_ failure: CommandFailure) { failures.append(failure) }

    mutating func run(_ subject: Int64, noWait: Bool, timeout: Duration?) async throws {
        let ids = open
        let reporter = ProgressReporter(console: session.console, profile: profile)
        let printer = PathPrinter(console: session.console)
        let isOver = try await isFulfilled(ids, noWait: noWait, timeout: timeout, reporter, printer)
        reporter.end()
        session.host(profile).startHooks()
        for id in ids {
            guard let transfer = try profile.transfer(id: id) else { continue }
            session.console.json("transfer", transfer.jsonMembers)
            if let failure = transfer.endedFailure {
                failures.append(failure)
            } else if transfer.state == .complete || isOver {
                session.console.warn(of: transfer)
                session.console.detail(transfer.doneText)
            } else {
                failures.append(transfer.pausedFailure)
            }
        }
        try session.console.raise(failures)
    }

    private func isFulfilled(
        _ ids: [Int64], noWait: Bool, timeout: Duration?, _ reporter: ProgressReporter, _ printer: PathPrinter
    ) async throws -> Bool {
        guard let first = ids.first else { return true }
        let output = output
        let printsPaths = printsPaths
        let ending = try await session.host(profile).run(
            .wish(.transfer(first)), timeout: timeout,
            until: { profile in
                if let failure = output?.failure { throw failure }
                var isDone = true
                for id in ids {
                    guard let transfer = try profile.transfer(id: id) else { continue }
                    reporter.look(transfer)
                    if transfer.state == .complete {
                        let isConfirmed = try transfer.isInline || profile.isConfirmationWithRelay(id)
                        if !isConfirmed { isDone = false } else if printsPaths { printer.print(transfer) }
                    } else if !transfer.isFinished {
                        isDone = try isDone && noWait && profile.isAcceptanceWithRelay(id)
                    }
                }
                return isDone ? true : nil
            }, progress: { reporter.take($0) })
        if case .fulfilled = ending { return true }
        return false
    }
}
