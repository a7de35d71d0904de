import AgentLink
import ChatProtocol
import Database
import GRDB
import Guarding
import Logging
import NIOCore
import RateLimit
import SMPProtocol
import TLSTransport
import TransferCore

/// Carries out what the database says: makes contacts, offers, sends and receives files.
///
/// One owner a profile: `EngineHost` runs it with the lock held. Everything that happens goes through one inbox, one after
/// the other; whatever it decides, it decides from rows, so that a new engine goes on where a killed one was. Chunks are the
/// business of a runner for each transfer, which works beside it.
actor Engine {
    /// What comes to the engine.
    enum Input: Sendable {
        case agent(AgentEvent)
        /// Look at everything: another process changed the database.
        case look
        /// Look at this transfer.
        case transfer(Int64)
        case runnerEnded(Int64)
        case tick
        /// Everything before this was handled.
        case barrier(CheckedContinuation<Void, Never>)
    }

    struct Running: Sendable {
        let runner: any TransferRunner
        let connection: ConnectionID
        let direction: Direction
        let task: Task<Void, Never>
    }

    /// Says that something changed, and every half second that it may have.
    nonisolated let changes: AsyncStream<Void>
    nonisolated let changed: AsyncStream<Void>.Continuation

    let profile: Profile
    let logger: Logger
    let link: AgentLink
    let bootID = Profile.bootID()
    let broadcast = Broadcast()
    private let group: any EventLoopGroup
    private let autoAccept: AutoAccept?
    private let inputs: AsyncStream<Input>
    let inbox: AsyncStream<Input>.Continuation
    private var tasks: [Task<Void, Never>] = []
    private var socket: EngineSocket?
    private var ticks = 0

    /// What stops the engine: a copied profile that is on line elsewhere.
    private(set) var fatalError: EngineError?
    /// The database as it was when the engine looked last.
    private(set) var seenVersion: Int64 = 0
    /// Grows with everything that comes in.
    private var activityCount: UInt64 = 0
    /// Grows with everything that moves on direct connections.
    let moves = MoveCount()
    var isStopping = false
    var running: [Int64: Running] = [:]
    /// Runners whose transfers were ended, until they have.
    var ending: [Int64: Running] = [:]
    /// Connections the link was told of, in the state in which it was.
    var woken: [ConnectionID: ConnectionState] = [:]
    /// Connections whose queue was empty last.
    var drained: Set<ConnectionID> = []
    /// Connections whose peer's queue is full.
    var full: Set<ConnectionID> = []
    /// Connections for which no relay makes a queue now.
    var queueless: Set<ConnectionID> = []
    /// Relays that do not answer, and those that have answered once.
    var down: [SMPServer: AgentLinkError] = [:]
    var answered: Set<SMPServer> = []
    /// When those that do not answer are tried next, in Unix seconds.
    var nextTry: [SMPServer: Int64] = [:]
    /// Complete transfers whose sender has said something more: x.file.ok is due once the queue is empty.
    var owesConfirmation: Set<ConnectionID> = []
    /// Lists of offered folders that are being fetched: the first chunk that was asked for.
    var listsAsked: [Int64: UInt64] = [:]
    var servers: [SMPServer]
    /// Offers that were to be accepted without asking, and could not be.
    private var notAccepted: Set<Int64> = []
    /// What is being sent.
    let sources = SharedSources()
    /// What is done when transfers are complete.
    private let completions: Completions
    /// How relays are reached, for as long as this engine runs.
    let route: NetworkRoute
    /// The settings ask for another way to the relays, by a proxy or not: the engine has to begin anew.
    private(set) var isOutdated = false
    /// How contacts and groups know us.
    var toldProfile: ChatProtocol.Profile?
    /// What was wrong with the settings when they were looked at last.
    private var settingsError: EngineError?

    init(
        profile: Profile, group: any EventLoopGroup, logger: Logger, autoAccept: AutoAccept? = nil
    ) throws(EngineError) {
        self.profile = profile
        self.group = group
        self.logger = logger
        self.autoAccept = autoAccept
        servers = try profile.relays()
        route = NetworkRoute(
            proxy: try profile.proxy(), limiter: try profile.limitRate().map { RateLimiter(bytesPerSecond: $0) })
        EngineLock.state(Profile.routeMark(route.proxy), at: profile.lockPath)
        let configuration = AgentLink.Configuration(
            servers: servers, route: route, bootID: bootID, isBulk: { IncomingChunk.isBulk($0) })
        completions = Completions(profile: profile, logger: logger)
        link = AgentLink(database: profile.database, configuration: configuration, group: group, logger: logger)
        (inputs, inbox) = AsyncStream.makeStream()
        (changes, changed) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Goes on where the database says.
    /// - Throws: `database(.copied)`, or what keeps the link from starting.
    func start(progress: @escaping @Sendable (ProgressEvent) -> Void) async throws {
        try profile.checkIdentity()
        // Nothing moves yet, whatever a killed engine left.
        try profile.write { db in try db.execute(sql: "UPDATE transfers SET bytesPerSecond = NULL") }
        profile.sweepSpool()
        broadcast.begin(progress)
        await listen()
        tasks = [
            Task { [link, inbox] in for await event in link.events { inbox.yield(.agent(event)) } },
            Task { await self.work() },
            Task { [inbox] in
                while !Task.isCancelled {
                    try? await Task.sleep(for: EngineHost.lookInterval)
                    inbox.yield(.tick)
                }
            },
        ]
        try await link.start()
        inbox.yield(.look)
    }

    private func listen() async {
        do {
            socket = try await EngineSocket.listen(
                at: profile.socketPath, group: group, greeting: { [weak self] in await self?.greeting() ?? [] },
                lines: { [inbox] line in if line == .wake { inbox.yield(.look) } })
            broadcast.socket.withLock { $0 = socket }
        } catch {
            logger.notice("no engine.sock: \(error); commands look at the database instead")
        }
    }

    /// Leaves in good order: positions stored, relays left, the log truncated.
    func stop() async {
        guard !isStopping else { return }
        isStopping = true
        // The work loop forgets runners that end; these are sealed once the link has stopped.
        let leaving = Array(running.values)
        for running in leaving { running.runner.tell(running.direction == .receive ? .leave : .pause) }
        for running in leaving where running.direction == .receive { await running.task.value }
        // Ends `events` once the answers to what was sent are in: the senders' last checkpoints know of them.
        await link.stop()
        if let forwarder = tasks.first { await forwarder.value }
        // An engine that never started has nobody who answers.
        if !tasks.isEmpty { await withCheckedContinuation { inbox.yield(.barrier($0)) } }
        for running in leaving { running.runner.tell(.leave) }
        for running in leaving + ending.values { await running.task.value }
        for running in leaving { await running.runner.seal() }
        completions.look()
        inbox.finish()
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        await discardEnded()
        profile.sweepSpool()
        await socket?.close()
        changed.finish()
        do { try profile.database.truncateLog() } catch { logger.debug("the log was not truncated: \(error)") }
    }

    /// What ended in this run leaves nothing on the disk; the other side may hear of it later.
    private func discardEnded() async {
        ending = [:]
        for id in (try? profile.openTransfers()) ?? [] {
            guard let row = try? profile.transfer(id: id), row.state.isEnded, row.state != .complete,
                row.destination != nil
            else { continue }
            _ = await discard(row)
        }
    }

    // MARK: - The inbox

    private func work() async {
        for await input in inputs {
            switch input {
            case .barrier(let continuation):
                continuation.resume()
                continue
            case .tick: await tick()
            case .agent(let event):
                activityCount &+= 1
                await take(event)
            case .look:
                activityCount &+= 1
                await look()
            case .transfer(let id):
                activityCount &+= 1
                await advance(id)
            case .runnerEnded(let id):
                running[id] = nil
                ending[id] = nil
                if let row = try? profile.transfer(id: id) { broadcast.report(ProgressEvent(row)) }
                await takeLeftovers(id)
                await advance(id)
                profile.sweepSpool()
            }
            if !input.isQuiet {
                changed.yield()
                broadcast.tell(.changed)
            }
        }
    }

    private func tick() async {
        ticks += 1
        if ticks.isMultiple(of: 2) {
            for running in running.values { running.runner.tell(.retry) }
            await expireOffers()
        }
        completions.look()
        if let version = try? profile.dataVersion(), version != seenVersion {
            await look()
        } else {
            await useSettings()
            if tellProfile() { await carryOut() }
        }
        changed.yield()
    }

    /// Looks at everything that may need a step.
    func look() async {
        guard !isStopping else { return }
        do {
            seenVersion = try profile.dataVersion()
            await useSettings()
            for contact in try profile.contacts() { await advance(contact: contact) }
            tellProfile()
            await advanceGroups()
            await wakePending()
            await sendMessages()
            for id in try profile.openTransfers() { await advance(id) }
            await acceptByItself()
            await wakePending()
            await askForLists()
        } catch {
            logger.error("the database could not be read: \(error)")
        }
    }

    /// Takes in what the settings say now. A file with a mistake changes nothing.
    private func useSettings() async {
        do throws(EngineError) {
            let (now, proxy, rate) = (try profile.relays(), try profile.proxy(), try profile.limitRate())
            settingsError = nil
            if proxy != route.proxy || (rate == nil) != (route.limiter == nil) { isOutdated = true }
            if let rate, let limiter = route.limiter, limiter.bytesPerSecond != rate {
                limiter.change(bytesPerSecond: rate)
            }
            guard now != servers else { return }
            servers = now
            await link.use(servers: now)
        } catch {
            if error != settingsError { logger.error("the settings stay as they were: \(error)") }
            settingsError = error
        }
    }

    func acceptByItself() async {
        guard !isStopping, let offers = try? profile.transfers(.inbox), !offers.isEmpty else { return }
        for offer in offers where !offer.isPaused {
            // A member of a group has no policy, but the contact that it is proven to be has.
            let known = (try? profile.contact(id: offer.memberContact ?? offer.contact)) ?? nil
            // Nor has who is no contact any more.
            let contact = known?.state == .connected ? known : nil
            let isTold = contact.map { autoAccept?.contacts.contains($0.name) ?? false } ?? false
            let policy = contact?.policy ?? AcceptPolicy()
            guard isTold || policy.accepts(offer.size) else { continue }
            do {
                // A directory that went, as when a disk is not mounted, is not to be made a file of that name.
                try await profile.requestAccept(
                    offer.id, into: isTold ? autoAccept?.output : policy.directory, requiresDirectory: true)
                notAccepted.remove(offer.id)
                await advance(offer.id)
            } catch {
                // Every look tries again: it is said once.
                if notAccepted.insert(offer.id).inserted {
                    logger.warning("transfer \(offer.id) was not accepted: \(error)")
                }
            }
        }
    }

    // MARK: - What the host asks

    /// What the engine is doing.
    func activity() async -> EngineActivity {
        let status = await link.status()
        var isBusy = status.connecting > 0
        var heldUp = 0
        for running in running.values {
            if await running.runner.isBusy { isBusy = true }
            if await running.runner.isHeldUp { heldUp += 1 }
        }
        isBusy = isBusy || status.outstanding > heldUp
        return EngineActivity(isBusy: isBusy, count: status.activity &+ activityCount &+ moves.value)
    }

    /// A relay that the wish needs and that has not answered since the start, with the reason.
    func firstFailure(for subject: WishSubject) -> EngineError? {
        for (server, error) in down where !answered.contains(server) {
            if (try? profile.needs("\(server)", for: subject)) ?? true { return .link(error) }
        }
        return nil
    }

    func stopForGood(_ error: EngineError) { fatalError = error }

    private func greeting() -> [EngineLine] {
        let relays = down.map { EngineLine.down(server: "\($0.key)", FailureKind($0.value), $0.value.description) }
        let moving = (try? profile.movingTransfers()) ?? []
        return relays + moving.map { .progress(ProgressEvent($0)) }
    }
}

extension Engine.Input {
    /// Too frequent to wake anybody for.
    fileprivate var isQuiet: Bool {
        switch self {
        case .tick, .barrier: true
        case .agent(.bulk), .agent(.delivered): true
        case .agent, .look, .transfer, .runnerEnded: false
        }
    }
}
