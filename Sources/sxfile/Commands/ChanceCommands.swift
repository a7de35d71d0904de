import ArgumentParser
import Engine

/// `sxfile retry`.
struct RetryCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Offer a file again, or ask for it again, that did not arrive.",
        discussion: """
            For a transfer that failed, was cancelled or declined; it becomes a new one, whose id is printed. A sender offers \
            the file or folder again, as it is now. A recipient asks for it, and has accepted it with that: the sender's next run sends it, unless \
            its user has withdrawn the file, or it is gone or changed.
            """)
    @Argument(help: "The transfer that ended.", completion: .ended) var id: Int64
    @Option(
        name: .shortAndLong, help: ArgumentHelp("Received: a directory, or the exact path.", valueName: "path"),
        completion: .file())
    var output: String?
    @Flag(help: "Leave when the offer, or the question, is with the relay.") var noWait = false
    @Option(help: ArgumentHelp("Wait at most that long (30s, 5m, 2h).", valueName: "duration"))
    var timeout: DurationArgument?
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        let profile = try session.openProfile()
        guard let old = try profile.transfer(id: id) else { throw EngineError.noSuchTransfer(id) }
        switch old.direction {
        case .send:
            if output != nil { throw CommandFailure.usage("-o goes with a file that is received") }
            let receipt = try profile.requestRetry(sending: id)
            if let look = receipt.look { session.console.warn(of: look) }
            guard let new = receipt.transfer else { return }
            try await Sending(session: session, profile: profile, id: new)
                .run(noWait: noWait, timeout: timeout?.duration)
        case .receive:
            let new = try await profile.requestRetry(receiving: id, into: output)
            session.console.result("\(new.id)")
            session.console.detail("asking \(new.peer) for \(PlainText.brief(new.name))")
            var receiving = Receiving(session: session, profile: profile, printsPaths: false)
            receiving.open = [new.id]
            try await receiving.run(new.id, noWait: noWait, timeout: timeout?.duration)
        }
    }
}

/// `sxfile pause`.
struct PauseCommand: SessionCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Hold transfers until `sxfile resume ID` lets them go on.",
        discussion: """
            Nothing of a paused transfer moves, in this run or a later one. The other side is not told: what it sends \
            meanwhile waits at the relay.
            """)
    @Argument(help: "The transfers.", completion: .transfers) var ids: [Int64]
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run(_ session: Session) async throws {
        let profile = try session.openProfile(isOnlyLooking: true)
        try profile.requestPause(ids)
        await session.host(profile).wakeRunningEngine()
        for transfer in try profile.transfers(.ids(ids)) {
            session.console.detail("transfer \(transfer.id) is paused: `sxfile resume \(transfer.id)` lets it go on")
            session.console.json("transfer", transfer.jsonMembers)
        }
    }
}
