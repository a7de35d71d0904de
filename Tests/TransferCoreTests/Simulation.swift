import ChatProtocol
import Primitives
import TransferCore

/// SplitMix64: the same sequence for the same seed everywhere.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// True in `percent` of a hundred cases.
    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}

/// What goes wrong in a simulated transfer, in percent of the occasions.
struct Weather {
    var loss = 0
    var reorder = 0
    var duplicate = 0
    var damage = 0
    var senderCrash = 0
    var senderLeave = 0
    var recipientCrash = 0
    var recipientLeave = 0
    var powerLoss = 0
    var cancel = 0
    /// A direct connection comes up, and breaks.
    var directUp = 0
    var directBreak = 0
    /// This chunk comes damaged each time.
    var alwaysDamaged: UInt64?
    var wrongRoot = false
}

/// Two machines, a relay between them, two links, a disk and two databases, all in memory and driven by one generator.
///
/// A chunk's bytes are stood for by eight of them. Each chunk travels as three numbered messages; the recipient holds the
/// segments of unfinished chunks in memory. The way back is reliable.
struct Simulation {
    enum Body: Hashable {
        case segment(chunk: UInt64, index: Int, first: Int64, bytes: [UInt8], hash: [UInt8])
        case done(DoneMark)
        case cancel(EndCode, String)
    }

    struct Message: Hashable {
        var number: Int64
        var body: Body

        var isBulk: Bool {
            if case .segment = body { true } else { false }
        }
    }

    enum Answer: Hashable {
        case want(Want)
        case ok([UInt8])
        case cancel(EndCode, String)
    }

    static let segments = 3

    let plan: ChunkPlan
    let offered: ChunkPlan
    let limits: TransferLimits
    let content: [UInt64: [UInt8]]
    var weather: Weather
    var generator: Seeded

    var sender: SendingMachine
    var senderRow: [UInt8] = []
    var reads: [UInt64] = []
    var nextNumber: Int64 = 2
    /// With the sender's link, not yet with the relay.
    var outbox: [Message] = []

    /// Whether there is a direct connection, and what is under way on it; frames count from 1, `go`.
    var isDirect = false
    var frames: [(number: Int64, body: Body)] = []
    var framesSent: Int64 = 1
    var framesTaken: Int64 = 1
    /// Frames that the recipient took and whose chunks are being written.
    var framesOpen: [UInt64: Int64] = [:]
    var directAnswers: [Answer] = []
    var directSends = 0

    /// With the relay, oldest first.
    var queue: [Message] = []
    var answers: [Answer] = []

    var recipient: ReceivingMachine
    var recipientRow: [UInt8] = []
    /// The highest number handled, and what of that the database knows.
    var seen: Int64 = 1
    var seenStored: Int64 = 1
    var handled: Set<Int64> = []
    /// Handled and not acknowledged: the relay delivers it again after a crash.
    var unacknowledged: [Message] = []
    var assembly: [UInt64: (first: Int64, parts: [Int: [UInt8]])] = [:]
    var writes: [(place: ChunkPlace, bytes: [UInt8], fits: Bool)] = []
    var disk: [UInt64: [UInt8]] = [:]
    var diskSyncing: [UInt64: [UInt8]]?
    var diskSynced: [UInt64: [UInt8]] = [:]
    var isFinished = false

    var sends: [UInt64: Int] = [:]
    var wants: [Want] = []
    /// How many chunks may be sent more than once, by what went wrong.
    var budget = 0
    var steps = 0

    init(chunks: UInt64, seed: UInt64, weather: Weather, limits: TransferLimits? = nil, known: Bool = true) throws {
        let chunkSize = ChunkPlan.inlineChunkSize
        let size = chunks == 0 ? 0 : (chunks - 1) * UInt64(chunkSize) + 100
        plan = try ChunkPlan(size: size, chunkSize: chunkSize)
        var small = TransferLimits()
        small.storeInterval = 4 * UInt64(chunkSize)
        small.syncInterval = 12 * UInt64(chunkSize)
        small.lossProof = 5
        self.limits = limits ?? small
        generator = Seeded(state: seed)
        self.weather = weather
        var content: [UInt64: [UInt8]] = [:]
        for chunk in 0..<chunks {
            content[chunk + 1] = withUnsafeBytes(of: generator.next()) { Array($0) }
        }
        self.content = content
        sender = SendingMachine(plan: plan, limits: self.limits)
        offered = known ? plan : try ChunkPlan(size: nil, chunkSize: chunkSize)
        recipient = ReceivingMachine(plan: offered, limits: self.limits)
    }

    mutating func run(maximumSteps: Int = 200_000) {
        tellSender(.accepted)
        tellSender(.connected)
        tellRecipient(.accepted)
        tellRecipient(.connected)
        while !isOver, steps < maximumSteps {
            steps += 1
            if !step() { quiet() }
        }
    }

    var isOver: Bool {
        guard case .ended = sender.state, case .ended = recipient.state else { return false }
        return answers.isEmpty
    }

    /// Nothing can move: both sides run again later, and the sender asks.
    private mutating func quiet() {
        tellRecipient(.drained(seen: seen))
        tellSender(.probe)
    }

    /// One random thing happens. Says whether anything could.
    private mutating func step() -> Bool {
        faults()
        var moves: [Int] = []
        if !outbox.isEmpty { moves += [0, 0, 0] }
        if !queue.isEmpty { moves += [1, 1, 1] }
        if !writes.isEmpty { moves.append(2) }
        if diskSyncing != nil { moves.append(3) }
        if !answers.isEmpty { moves.append(4) }
        if outbox.count < 12 || isDirect { moves += [5, 5] }
        if !frames.isEmpty { moves += [6, 6, 6] }
        if !directAnswers.isEmpty { moves += [7, 7] }
        guard let move = moves.randomElement(using: &generator) else { return false }
        switch move {
        case 0: relayTakes()
        case 1: recipientTakes()
        case 2: writeEnds()
        case 3: syncEnds()
        case 4: senderTakes()
        case 6: recipientTakesFrame()
        case 7: take(directAnswers.removeFirst())
        default:
            if !work() { return moves.count > 2 }
        }
        return true
    }

    // MARK: the sender's engine and link

    mutating func tellSender(_ event: SendingMachine.Event) {
        for action in sender.handle(event) {
            switch action {
            case .send(let chunk): send(chunk)
            case .store: senderRow = sender.checkpoint()
            case .cancel(let code, let reason): enqueue(.cancel(code, reason))
            case .ended:
                outbox.removeAll { $0.isBulk }
                breakDirect()
            }
        }
    }

    private mutating func enqueue(_ body: Body) {
        outbox.append(Message(number: nextNumber, body: body))
        nextNumber += 1
    }

    private mutating func work() -> Bool {
        if isDirect, !sender.hasDirectRoom { return false }
        guard let step = sender.next() else { return false }
        switch step {
        case .read(let place):
            tellSender(.read(place.number, hash: SHA256.hash(content[place.number] ?? [])))
        case .done(var mark):
            if weather.wrongRoot { mark.root[0] ^= 1 }
            if isDirect {
                frame(.done(mark))
                tellSender(.sentDirectly(.done, frame: framesSent))
                return true
            }
            enqueue(.done(mark))
            tellSender(.sent(.done, lastMessage: nextNumber - 1))
            senderRow = sender.checkpoint()
        }
        return true
    }

    private mutating func send(_ chunk: UInt64) {
        sends[chunk, default: 0] += 1
        var bytes = content[chunk] ?? []
        let hash = SHA256.hash(bytes)
        if weather.alwaysDamaged == chunk || sends[chunk] == 1 && generator.chance(weather.damage) {
            bytes[0] ^= 1
            budget += 1
        }
        if isDirect {
            directSends += 1
            frame(.segment(chunk: chunk, index: 0, first: 0, bytes: bytes, hash: hash))
            return tellSender(.sentDirectly(.chunk(chunk), frame: framesSent))
        }
        let first = nextNumber
        for index in 0..<Self.segments {
            enqueue(.segment(chunk: chunk, index: index, first: first, bytes: bytes, hash: hash))
        }
        tellSender(.sent(.chunk(chunk), lastMessage: nextNumber - 1))
        // The link stores what the engine gives it when it reserves numbers.
        if generator.chance(10) { senderRow = sender.checkpoint() }
    }

    private mutating func relayTakes() {
        let message = outbox.removeFirst()
        if message.isBulk, generator.chance(weather.loss) {
            budget += 1
        } else if !queue.isEmpty, generator.chance(weather.reorder) {
            queue.insert(message, at: queue.count - 1)
            // A want on the direct lane does not wait for what a relay delivers out of order.
            if weather.directUp > 0 { budget += 1 }
        } else {
            queue.append(message)
            if generator.chance(weather.duplicate) { queue.append(message) }
        }
        tellSender(.deliveredThrough(message.number))
    }

    private mutating func senderTakes() {
        take(answers.removeFirst())
    }

    private mutating func take(_ answer: Answer) {
        // A want, an ok or a cancel is handled and forgotten in one transaction.
        switch answer {
        case .want(let want): tellSender(.want(want, openRangeFirst: want.frames == 1))
        case .ok(let root): tellSender(.ok(root: root))
        case .cancel(let code, let reason): tellSender(.peerEnded(code, reason: reason))
        }
        senderRow = sender.checkpoint()
    }

    // MARK: the recipient's link and engine

    mutating func tellRecipient(_ event: ReceivingMachine.Event) {
        for action in recipient.handle(event) {
            switch action {
            case .write(let place, let hash):
                let bytes = arriving
                writes.append((place, bytes, SHA256.hash(bytes) == hash))
            case .store: storeRecipient()
            case .sync: diskSyncing = disk
            case .want(var want):
                if isDirect {
                    want.frames = framesTaken
                    directAnswers.append(.want(want))
                } else {
                    wants.append(want)
                    answers.append(.want(want))
                }
            case .finish: finish()
            case .ok(let root):
                answers.append(.ok(root))
                if isDirect { directAnswers.append(.ok(root)) }
            case .cancel(let code, let reason): answers.append(.cancel(code, reason))
            case .ended(let ending):
                writes = []
                if ending != .complete { disk = [:] }
            }
        }
    }

    private var arriving: [UInt8] = []

    private mutating func storeRecipient() {
        recipientRow = recipient.checkpoint()
        seenStored = seen
        unacknowledged.removeAll { $0.number <= seen && !$0.isBulk }
    }

    private mutating func finish() {
        isFinished = disk == content
        diskSynced = disk
        if diskSyncing != nil { diskSyncing = disk }
        // The rename is on disk; the transaction that says complete may come in a later run.
        if generator.chance(weather.recipientCrash / 4) { return recipientCrashes() }
        tellRecipient(.finished)
    }

    private mutating func recipientTakes() {
        let message = queue.removeFirst()
        defer { if queue.isEmpty { tellRecipient(.drained(seen: seen)) } }
        guard !handled.contains(message.number) else { return }
        if message.number > seen + 1 { tellRecipient(.gap) }
        handled.insert(message.number)
        seen = max(seen, message.number)
        unacknowledged.append(message)
        switch message.body {
        case .done(let mark):
            tellRecipient(.done(mark))
            storeRecipient()
        case .cancel(let code, let reason):
            tellRecipient(.peerEnded(code, reason: reason))
            storeRecipient()
        case .segment(let chunk, let index, let first, let bytes, let hash):
            place(chunk, index: index, first: first, bytes: bytes, hash: hash)
        }
        // Any of what was handled may be acknowledged before the next crash, and the chain stored.
        if generator.chance(30) { unacknowledged = [] }
        if generator.chance(5) { storeRecipient() }
    }

    private mutating func place(_ chunk: UInt64, index: Int, first: Int64, bytes: [UInt8], hash: [UInt8]) {
        var parts = assembly[chunk]
        if let parts, parts.first > first { return }
        if parts?.first != first { parts = (first, [:]) }
        parts?.parts[index] = bytes
        assembly[chunk] = parts
        guard parts?.parts.count == Self.segments else { return }
        assembly[chunk] = nil
        arriving = bytes
        let length = plan.place(of: chunk)?.length ?? 0
        tellRecipient(.chunk(chunk, length: length, hash: hash, seen: seen))
    }

    private mutating func writeEnds() {
        let index = Int.random(in: 0..<writes.count, using: &generator)
        let write = writes.remove(at: index)
        if write.fits {
            disk[write.place.number] = write.bytes
            close(write.place.number)
            tellRecipient(.written(write.place.number))
        } else {
            close(write.place.number)
            tellRecipient(.damaged(write.place.number))
        }
    }

    private mutating func syncEnds() {
        if let synced = diskSyncing { diskSynced = synced }
        diskSyncing = nil
        tellRecipient(.synced)
    }

    // MARK: the direct lane

    private mutating func frame(_ body: Body) {
        framesSent += 1
        frames.append((framesSent, body))
    }

    private mutating func recipientTakesFrame() {
        let (number, body) = frames.removeFirst()
        var opened: UInt64?
        switch body {
        case .segment(let chunk, _, _, let bytes, let hash):
            arriving = bytes
            let before = writes.count
            framesOpen[chunk] = number
            tellRecipient(
                .chunk(chunk, length: plan.place(of: chunk)?.length ?? 0, hash: hash, lane: .direct))
            if writes.count > before { opened = chunk } else { framesOpen[chunk] = nil }
        case .done(let mark):
            // From here on what the relay still holds may be sent again.
            budget += chunksWithTheRelay.count
            highestFrame = number
            settleFrames()
            tellRecipient(.done(mark, lane: .direct))
        case .cancel: break
        }
        highestFrame = number
        if opened == nil { settleFrames() }
        // The engine takes a relay's next message, or a direct one, only when it has written what the last one brought.
        let areWritesDirect = writes.allSatisfy { framesOpen[$0.place.number] != nil }
        if isDirect, areWritesDirect, generator.chance(15) { tellRecipient(.acknowledge(seen: seen)) }
    }

    private var highestFrame: Int64 = 1

    private var chunksWithTheRelay: Set<UInt64> {
        var chunks = Set(assembly.keys)
        for case .segment(let chunk, _, _, _, _) in (outbox + queue).map(\.body) { chunks.insert(chunk) }
        return chunks
    }

    /// The chunk of an open frame is written, or damaged.
    private mutating func close(_ chunk: UInt64) {
        framesOpen[chunk] = nil
        settleFrames()
    }

    private mutating func settleFrames() { framesTaken = (framesOpen.values.min() ?? highestFrame + 1) - 1 }

    private mutating func meet() {
        guard !isDirect, sender.state == .active || sender.state == .sent,
            recipient.state == .active || recipient.state == .accepted
        else { return }
        while !writes.isEmpty { writeEnds() }
        isDirect = true
        (framesSent, framesTaken, highestFrame) = (1, 1, 1)
        framesOpen = [:]
        tellRecipient(.acknowledge(seen: seen))
    }

    private mutating func breakDirect() {
        guard isDirect else { return }
        isDirect = false
        budget += frames.count + writes.count + (sender.chunksUnderWay)
        frames = []
        directAnswers = []
        framesOpen = [:]
        tellSender(.directBroke)
        tellRecipient(.directBroke)
    }

    // MARK: what goes wrong

    private mutating func faults() {
        if generator.chance(2), generator.chance(weather.directUp) { meet() }
        if generator.chance(1), generator.chance(weather.directBreak) { breakDirect() }
        if generator.chance(1) {
            if generator.chance(weather.senderCrash) { senderCrashes() }
            if generator.chance(weather.senderLeave) { senderLeaves() }
            if generator.chance(weather.recipientCrash) { recipientCrashes() }
            if generator.chance(weather.recipientLeave) { recipientLeaves() }
            if generator.chance(weather.cancel) {
                if generator.chance(50) {
                    tellSender(.cancel(reason: "changed my mind"))
                } else {
                    tellRecipient(.cancel(reason: "changed my mind"))
                }
            }
        }
    }

    private mutating func senderCrashes() {
        breakDirect()
        let lost = outbox.filter(\.isBulk)
        outbox.removeAll { $0.isBulk }
        guard let restored = try? SendingMachine(plan: plan, checkpoint: senderRow, limits: limits) else { return }
        // Chunks sent before that the restored machine sends again: those the row does not know as delivered.
        let known = Set(lost.map(\.number))
        budget += undelivered(of: restored).filter { sends[$0, default: 0] > 0 }.count + (known.isEmpty ? 0 : 1)
        sender = restored
        tellSender(.resumed)
        nextNumber += Int64.random(in: 0...8, using: &generator)
    }

    /// The chunks that a machine would send if nothing came in between.
    private func undelivered(of machine: SendingMachine) -> [UInt64] {
        var probe = machine
        var chunks: [UInt64] = []
        while case .read(let place)? = probe.next() {
            for case .send(let chunk) in probe.handle(.read(place.number, hash: SHA256.hash([]))) {
                chunks.append(chunk)
                _ = probe.handle(.sentDirectly(.chunk(chunk), frame: 1))
            }
        }
        return chunks
    }

    private mutating func senderLeaves() {
        breakDirect()
        senderRow = sender.checkpoint(keepingUnderWay: true)
        guard let restored = try? SendingMachine(plan: plan, checkpoint: senderRow, limits: limits) else { return }
        sender = restored
        tellSender(.resumed)
    }

    private mutating func recipientCrashes() {
        breakDirect()
        let isOpen = recipient.state == .active || recipient.state == .accepted
        let had = Set(content.keys.filter { !isOpen || !recipient.needs($0) }).union(assembly.keys)
        let samePower = !generator.chance(weather.powerLoss)
        disk = samePower ? disk : diskSynced
        diskSyncing = nil
        restoreRecipient(sameBoot: samePower)
        seen = seenStored
        let again = unacknowledged.filter { $0.number > seenStored }
        queue.insert(contentsOf: again, at: 0)
        unacknowledged = []
        handled = handled.filter { $0 <= seenStored }
        assembly = [:]
        if recipient.state == .active { budget += had.filter { recipient.needs($0) }.count }
        tellRecipient(.resumed)
    }

    private mutating func recipientLeaves() {
        breakDirect()
        while !writes.isEmpty { writeEnds() }
        tellRecipient(.leaving)
        while diskSyncing != nil { syncEnds() }
        recipientRow = recipient.checkpoint(orderly: true)
        seenStored = seen
        unacknowledged = []
        let samePower = !generator.chance(weather.powerLoss)
        disk = samePower ? disk : diskSynced
        restoreRecipient(sameBoot: samePower)
        tellRecipient(.resumed)
        if queue.isEmpty { tellRecipient(.drained(seen: seen)) }
    }

    private mutating func restoreRecipient(sameBoot: Bool) {
        writes = []
        guard
            let restored = try? ReceivingMachine(
                plan: offered, checkpoint: recipientRow, sameBoot: sameBoot, limits: limits)
        else { return }
        recipient = restored
    }
}
