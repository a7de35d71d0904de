import ChunkIO
import Glibc
import Guarding
import RateLimit

/// One direct connection: frames in and out, on a thread of its own.
///
/// The thread owns the socket; other threads hand it frames and are told events. Nothing here waits for a caller.
final class DirectConnection: Sendable {
    /// What happened, in order; told on the connection's thread.
    enum Event: Sendable {
        /// The other side has the key.
        case opened
        /// A message that is no chunk. `taken` is due once it is handled.
        case message([UInt8])
        /// A chunk: its header, and its bytes in a buffer.
        case chunk(header: [UInt8], ChunkBuffer)
        /// Nothing more comes or goes; the reason, if it was not this side's wish.
        case closed(DirectError?)
    }

    /// How it comes about.
    enum Start: Sendable {
        case dial(Endpoint)
        /// An accepted, non-blocking socket.
        case accepted(Int32)
    }

    struct Outgoing {
        /// The frame up to the chunk's bytes.
        var head: [UInt8]
        var body: ChunkBuffer?
    }

    /// What other threads have for the connection's own.
    struct Mail {
        var frames: [Outgoing] = []
        /// How many frames were handed over since the connection began.
        var frameCount: Int64 = 0
        var intake: ChunkIntake?
        /// A buffer that the pool had not when it was asked.
        var buffer: ChunkBuffer?
        var untaken = 0
        /// Send what there is, say goodbye, end.
        var isFinishing = false
        /// End.
        var isCancelled = false
        var isClosed = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    let mail = Guarded(Mail())
    let wake: Wake
    let limiter: RateLimiter?
    private let event: @Sendable (DirectConnection, Event) -> Void

    /// Starts a connection; `event` is called on its thread.
    ///
    /// nil, and an accepted socket closed, when the process has no descriptor left.
    static func start(
        _ start: Start, key: DirectKey, limiter: RateLimiter? = nil,
        event: @escaping @Sendable (DirectConnection, Event) -> Void
    ) -> DirectConnection? {
        guard let wake = Wake.make() else {
            if case .accepted(let descriptor) = start { close(descriptor) }
            return nil
        }
        let connection = DirectConnection(wake: wake, limiter: limiter, event: event)
        let begins = startThread(named: "sxfile-direct") { connection.work(start, key) }
        if !begins {
            if case .accepted(let descriptor) = start { close(descriptor) }
            connection.end(.socket(operation: "starting a thread", errno: EAGAIN))
        }
        return connection
    }

    private init(
        wake: Wake, limiter: RateLimiter?, event: @escaping @Sendable (DirectConnection, Event) -> Void
    ) {
        self.wake = wake
        self.limiter = limiter
        self.event = event
    }

    /// Hands over one frame, with a chunk's bytes behind `message` if it is a chunk's header. What is handed over after the
    /// end is dropped.
    /// - Returns: the frame's number, from 1.
    @discardableResult
    func send(_ message: [UInt8], body: ChunkBuffer? = nil) -> Int64 {
        let length = UInt32(message.count + (body?.count ?? 0))
        var head: [UInt8] = []
        head.reserveCapacity(FrameLimits.lengthField + message.count)
        withUnsafeBytes(of: length.bigEndian) { head.append(contentsOf: $0) }
        head += message
        let (number, needsWake) = mail.withLock { mail in
            mail.frameCount += 1
            guard !mail.isClosed else { return (mail.frameCount, false) }
            mail.frames.append(Outgoing(head: head, body: body))
            return (mail.frameCount, mail.frames.count == 1)
        }
        if needsWake { wake.signal() }
        return number
    }

    /// From now on chunks are taken.
    func take(chunks intake: ChunkIntake) { mail.withLock { $0.intake = intake } }

    /// A message was handled: makes room for another.
    func taken() {
        let needsWake = mail.withLock { mail in
            mail.untaken -= 1
            return mail.untaken == FrameLimits.untaken - 1
        }
        if needsWake { wake.signal() }
    }

    /// Ends at once.
    func cancel() {
        mail.withLock { mail in
            mail.isCancelled = true
            mail.frames = []
        }
        wake.signal()
    }

    /// Sends what was handed over, says goodbye and ends, after two seconds in any case; returns when it has.
    func finish() async {
        await withCheckedContinuation { continuation in
            let isClosed = mail.withLock { mail in
                if mail.isClosed { return true }
                mail.isFinishing = true
                mail.waiting.append(continuation)
                return false
            }
            if isClosed { continuation.resume() } else { wake.signal() }
        }
    }

    // MARK: - On the thread

    func tell(_ event: Event) {
        if case .message = event { mail.withLock { $0.untaken += 1 } }
        self.event(self, event)
    }

    private func work(_ start: Start, _ key: DirectKey) {
        var failure: DirectError?
        do throws(DirectError) {
            let deadline = LaneClock.now + FrameLimits.handshake
            let socket: DirectSocket
            switch start {
            case .accepted(let descriptor):
                socket = try DirectSocket(descriptor: descriptor, role: .server, key: key)
            case .dial(let endpoint):
                socket = try DirectSocket(
                    descriptor: try LaneSocket.connect(to: endpoint, until: deadline, unless: self), role: .client,
                    key: key)
            }
            var lane = LaneLoop(socket, of: self)
            try lane.shakeHands(until: deadline)
            tell(.opened)
            try lane.run()
        } catch {
            failure = error
        }
        end(failure)
    }

    private func end(_ failure: DirectError?) {
        let (waiting, wasWished) = mail.withLock { mail in
            mail.isClosed = true
            mail.frames = []
            mail.buffer = nil
            defer { mail.waiting = [] }
            return (mail.waiting, mail.isCancelled || mail.isFinishing)
        }
        tell(.closed(wasWished ? nil : failure))
        for continuation in waiting { continuation.resume() }
    }
}

/// Milliseconds of a clock that never goes back.
enum LaneClock {
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
