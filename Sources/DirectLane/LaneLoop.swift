import ChunkIO
import Glibc
import Guarding
import RateLimit

/// What a direct connection's thread does: frames from the mail to the socket, frames from the socket to the engine.
struct LaneLoop: ~Copyable {
    /// The frame that comes in.
    private enum Incoming {
        /// Its length: so many bytes of it are there.
        case length(Int)
        /// Its first bytes: a message of `total` bytes.
        case start(total: Int)
        /// The rest of a message that is no chunk.
        case message(total: Int)
        /// A chunk whose bytes have no buffer yet.
        case waiting(header: Int, body: Int)
        /// The rest of a chunk's bytes.
        case body(header: [UInt8], ChunkBuffer, body: Int)
    }

    private var socket: DirectSocket
    private let connection: DirectConnection
    private var incoming = Incoming.length(0)
    /// What there is of it, but for a chunk's bytes.
    private var bytes: [UInt8] = []
    private var lengthField = [UInt8](repeating: 0, count: FrameLimits.lengthField)
    private var outgoing: [DirectConnection.Outgoing] = []
    /// The frame of `outgoing` that goes out, and how much of it has.
    private var next = 0
    private var written = 0
    private var lastProgress = LaneClock.now
    private var isBlocked = false
    private var pace = LanePace()
    /// Some of what was written is not with the kernel.
    private var isGathering = false
    /// What is on its way may take until then, once this side finishes.
    private var farewellEnds: Int64?

    init(_ socket: consuming DirectSocket, of connection: DirectConnection) {
        LaneSocket.watch(socket.descriptor, receiveBuffer: connection.limiter?.receiveBuffer)
        self.socket = socket
        self.connection = connection
    }

    mutating func shakeHands(until deadline: Int64) throws(DirectError) {
        while true {
            let events: Int16
            switch socket.handshake() {
            case .done: return
            case .wantsRead: events = Int16(POLLIN)
            case .wantsWrite: events = Int16(POLLOUT)
            case .ended: throw .closedByPeer
            case .failed(let what): throw .handshake(what)
            }
            let descriptor = socket.descriptor
            while try !LaneSocket.wait(
                for: descriptor, events, until: deadline, connection.wake, "the direct handshake")
            {
                if connection.mail.withLock({ $0.isCancelled || $0.isFinishing }) { throw .closedByPeer }
            }
        }
    }

    /// Works until the connection ends.
    mutating func run() throws(DirectError) {
        while true {
            let (isCancelled, isFinishing) = collect()
            if isFinishing, farewellEnds == nil { farewellEnds = LaneClock.now + FrameLimits.farewell }
            if isCancelled || isLate { return }
            let canWriteMore = try write()
            let readsMore = try read()
            if isFinishing, next == outgoing.count, !isGathering { return try farewell() }
            if canWriteMore || readsMore { continue }
            try wait()
        }
    }

    /// Takes what is in the mail.
    private mutating func collect() -> (isCancelled: Bool, isFinishing: Bool) {
        if next == outgoing.count {
            outgoing.removeAll(keepingCapacity: true)
            next = 0
        }
        return connection.mail.withLock { mail in
            if !mail.frames.isEmpty {
                if outgoing.isEmpty { lastProgress = LaneClock.now }
                outgoing.append(contentsOf: mail.frames)
                mail.frames.removeAll(keepingCapacity: true)
            }
            return (mail.isCancelled, mail.isFinishing)
        }
    }

    private mutating func wait() throws(DirectError) {
        let isSending = next < outgoing.count || isGathering
        var events: Int16 = 0
        let now = LaneClock.now
        let pause = pace.next(after: now, isSending: isSending)
        if pace.isHolding, pause == nil { return pace.isHolding = false }
        pace.isHolding = false
        if wantsInput, pace.mayRead(at: now) { events |= Int16(POLLIN) }
        if isSending, pace.maySend(at: now) { events |= Int16(POLLOUT) }
        let stalled = isSending ? max(lastProgress, pace.sendsFrom) + FrameLimits.stall : nil
        let deadline = [stalled, farewellEnds].compactMap { $0 }.min()
        // An error of a socket that nothing is wanted of shows when something is.
        let descriptor = events == 0 ? -1 : socket.descriptor
        if let pause, pause < deadline ?? .max {
            try LaneSocket.pause(for: descriptor, events, until: pause, connection.wake)
        } else {
            _ = try LaneSocket.wait(for: descriptor, events, until: deadline, connection.wake, "sending")
        }
        isBlocked = false
    }

    // MARK: - Out

    /// Sends one frame, or as much of it as the socket takes; whether more can follow.
    private mutating func write() throws(DirectError) -> Bool {
        guard !isBlocked else { return false }
        guard next < outgoing.count else {
            try flush()
            return false
        }
        let frame = outgoing[next]
        let limiter = connection.limiter
        while true {
            let total = frame.head.count + (frame.body?.count ?? 0)
            guard written < total else { break }
            if limiter != nil, !pace.maySend(at: LaneClock.now) {
                pace.isHolding = true
                try flush()
                return false
            }
            let from = written
            let end = limiter == nil ? total : min(total, from + LanePace.piece)
            let progress: DirectSocket.Progress
            if let body = frame.body {
                progress = body.withPrefixed(frame.head) {
                    socket.write(UnsafeRawBufferPointer(rebasing: $0[from..<end]))
                }
            } else {
                progress = frame.head.withUnsafeBytes { socket.write(UnsafeRawBufferPointer(rebasing: $0[from..<end])) }
            }
            switch progress {
            case .done(let count):
                written += count
                isGathering = true
                lastProgress = LaneClock.now
                if let limiter { pace.sent(count, limiter) }
            case .wantsRead, .wantsWrite:
                isBlocked = true
                return false
            case .ended: throw .closedByPeer
            case .failed(let what): throw .tls(what)
            }
        }
        // The buffer goes back to its pool now.
        outgoing[next] = DirectConnection.Outgoing(head: [], body: nil)
        next += 1
        written = 0
        return true
    }

    /// Nothing follows at once.
    private mutating func flush() throws(DirectError) {
        guard isGathering else { return }
        switch socket.flush() {
        case .done:
            isGathering = false
            lastProgress = LaneClock.now
        case .wantsRead, .wantsWrite: isBlocked = true
        case .ended: throw .closedByPeer
        case .failed(let what): throw .tls(what)
        }
    }

    /// Everything is handed to the kernel: says goodbye, and lets the other side read it before the socket goes.
    private mutating func farewell() throws(DirectError) {
        socket.endOutput()
        var waste = [UInt8](repeating: 0, count: 16 << 10)
        while !isLate, !connection.mail.withLock({ $0.isCancelled }) {
            switch waste.withUnsafeMutableBytes({ socket.read(into: $0) }) {
            case .done: continue
            case .wantsRead: break
            case .wantsWrite, .ended, .failed: return
            }
            _ = try LaneSocket.wait(
                for: socket.descriptor, Int16(POLLIN), until: farewellEnds, connection.wake, "closing")
        }
    }

    private var isLate: Bool { farewellEnds.map { LaneClock.now >= $0 } ?? false }

    // MARK: - In

    private var wantsInput: Bool {
        if case .waiting = incoming { return false }
        return connection.mail.withLock { $0.untaken < FrameLimits.untaken }
    }

    /// Reads once; whether there may be more.
    private mutating func read() throws(DirectError) -> Bool {
        if connection.limiter != nil, !pace.mayRead(at: LaneClock.now) {
            pace.isHolding = true
            return false
        }
        switch incoming {
        case .waiting(let header, let body):
            guard takeBuffer(header: header, body: body) else { return false }
            return true
        case .length(let have):
            guard wantsInput else { return false }
            return try readLength(have)
        case .start(let total): return try readBytes(upTo: min(total, FrameLimits.header), total)
        case .message(let total): return try readBytes(upTo: total, total)
        case .body(let header, let buffer, let count): return try readBody(header, buffer, count)
        }
    }

    private mutating func readLength(_ have: Int) throws(DirectError) -> Bool {
        let progress = lengthField.withUnsafeMutableBytes { memory in
            socket.read(into: UnsafeMutableRawBufferPointer(rebasing: memory[have...]))
        }
        guard let count = try count(progress) else { return false }
        guard have + count == FrameLimits.lengthField else {
            incoming = .length(have + count)
            return true
        }
        let total = lengthField.reduce(0) { $0 << 8 | Int($1) }
        let capacity = connection.mail.withLock { $0.intake?.pool.capacity ?? 0 }
        guard total > 0, total <= max(FrameLimits.message, capacity + FrameLimits.header) else {
            throw .badFrame("a message of \(total) bytes")
        }
        bytes.removeAll(keepingCapacity: true)
        incoming = .start(total: total)
        return true
    }

    private mutating func readBytes(upTo end: Int, _ total: Int) throws(DirectError) -> Bool {
        let have = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: end - have))
        let progress = bytes.withUnsafeMutableBytes { memory in
            socket.read(into: UnsafeMutableRawBufferPointer(rebasing: memory[have...]))
        }
        let added: Int?
        do throws(DirectError) { added = try count(progress) } catch {
            bytes.removeLast(end - have)
            throw error
        }
        bytes.removeLast(end - have - (added ?? 0))
        guard added != nil else { return false }
        guard bytes.count == end else { return true }
        if case .start = incoming { try begin(total) } else { finishMessage() }
        return true
    }

    /// The first bytes are there: they say whether it is a chunk.
    private mutating func begin(_ total: Int) throws(DirectError) {
        let intake = connection.mail.withLock { $0.intake }
        if let intake, let (header, body) = intake.parse(bytes) {
            guard header + body == total, body <= intake.pool.capacity, header <= bytes.count else {
                throw .badFrame("a chunk of \(body) bytes in a message of \(total)")
            }
            _ = takeBuffer(header: header, body: body)
            return
        }
        guard total <= FrameLimits.message else { throw .badFrame("a message of \(total) bytes") }
        incoming = .message(total: total)
        if bytes.count == total { finishMessage() }
    }

    private mutating func finishMessage() {
        incoming = .length(0)
        connection.tell(.message(bytes))
    }

    /// Gets a buffer for the chunk; false if it has to wait for one.
    private mutating func takeBuffer(header: Int, body: Int) -> Bool {
        let isNew = if case .waiting = incoming { false } else { true }
        let arrived: ChunkBuffer? = connection.mail.withLock { mail in
            defer { mail.buffer = nil }
            return mail.buffer
        }
        var buffer = arrived
        if buffer == nil, isNew {
            let pool = connection.mail.withLock { $0.intake?.pool }
            buffer = pool?.take { [connection] buffer in
                connection.mail.withLock { mail in if !mail.isClosed { mail.buffer = buffer } }
                connection.wake.signal()
            }
        }
        guard let buffer else {
            incoming = .waiting(header: header, body: body)
            return false
        }
        // What came with the header.
        buffer.fill { memory in
            let rest = bytes[header...]
            memory.copyBytes(from: rest)
            return rest.count
        }
        let head = Array(bytes[..<header])
        if buffer.count == body {
            incoming = .length(0)
            connection.tell(.chunk(header: head, buffer))
        } else {
            incoming = .body(header: head, buffer, body: body)
        }
        return true
    }

    private mutating func readBody(_ header: [UInt8], _ buffer: ChunkBuffer, _ count: Int) throws(DirectError) -> Bool {
        var progress = DirectSocket.Progress.wantsRead
        buffer.fill { memory in
            let rest = UnsafeMutableRawBufferPointer(rebasing: memory[..<(count - buffer.count)])
            progress = socket.read(into: rest)
            if case .done(let added) = progress { return added }
            return 0
        }
        guard try self.count(progress) != nil else { return false }
        if buffer.count == count {
            incoming = .length(0)
            connection.tell(.chunk(header: header, buffer))
        }
        return true
    }

    /// The bytes that a read gave; nil if none are there now.
    private mutating func count(_ progress: DirectSocket.Progress) throws(DirectError) -> Int? {
        switch progress {
        case .done(let count):
            if let limiter = connection.limiter { pace.read(count, limiter) }
            return count
        case .wantsRead, .wantsWrite: return nil
        case .ended: throw .closedByPeer
        case .failed(let what): throw .tls(what)
        }
    }
}
