public import ChunkIO
import Guarding
public import RateLimit

/// One attempt of two engines to meet directly: a listener of each, dials of each, and one connection that is kept.
///
/// The file's sender says `go` on the first connection that opens; the other side takes that one, and both drop the rest.
public final class DirectRendezvous: Sendable {
    /// Which side of the transfer this is.
    public enum Role: Sendable {
        /// The file's sender, who chooses.
        case sender
        /// The recipient, with its way to take chunks.
        case recipient(ChunkIntake)
    }

    /// What happened, in order; told on threads of the lane's own.
    public enum Event: Sendable {
        /// The two have met: `send` works.
        case up
        /// A message that is no chunk; `taken` is due once it is handled.
        case message([UInt8])
        /// A chunk: its header, and its bytes.
        case chunk(header: [UInt8], ChunkBuffer)
        /// The connection that was up is over, and the rendezvous with it; the reason, if it was not this side's wish.
        case down(DirectError?)
    }

    /// The most endpoints that are offered or dialled.
    public static let endpointLimit = 8
    /// The first frame, by the sender, on the connection that it chose.
    static let go = Array("go".utf8)

    private struct State {
        var candidates: [ObjectIdentifier: DirectConnection] = [:]
        var chosen: DirectConnection?
        var listener: DirectListener?
        var isClosed = false
        var isDown = false
    }

    /// The key of this side's listener.
    public let key = DirectKey.random()
    /// Where it listens; none if there is no address to listen on.
    public let endpoints: [Endpoint]
    private let role: Role
    private let limiter: RateLimiter?
    private let state = Guarded(State())
    private let event: @Sendable (Event) -> Void

    /// Listens on `addresses`; what passes keeps to `limiter`.
    public init(
        role: Role, listeningOn addresses: [IPAddress], limiter: RateLimiter? = nil,
        event: @escaping @Sendable (Event) -> Void
    ) {
        self.role = role
        self.limiter = limiter
        self.event = event
        let (box, key) = (WeakBox(), key)
        let listener = DirectListener(on: addresses) { descriptor in
            guard let rendezvous = box.value else { return LaneSocket.drop(descriptor) }
            rendezvous.begin(.accepted(descriptor), key)
        }
        endpoints = listener.endpoints
        state.withLock { $0.listener = listener }
        box.set(self)
    }

    deinit { close() }

    /// Dials the other side's endpoints; those that are not to be dialled are the caller's to leave out.
    public func dial(_ endpoints: [Endpoint], key: DirectKey) {
        guard state.withLock({ !$0.isClosed && $0.chosen == nil }) else { return }
        for endpoint in endpoints.prefix(Self.endpointLimit) { begin(.dial(endpoint), key) }
    }

    /// Sends a frame on the connection that is up: a message, with a chunk's bytes behind it if it is a chunk's header.
    /// - Returns: the frame's number, from 1, `go` included; nil when nothing is up.
    @discardableResult
    public func send(_ message: [UInt8], body: ChunkBuffer? = nil) -> Int64? {
        state.withLock { $0.isDown ? nil : $0.chosen }?.send(message, body: body)
    }

    /// A message was handled.
    public func taken() { state.withLock { $0.chosen }?.taken() }

    /// Gives up what is not up: the listener and the dials.
    public func stopWaiting() {
        let (listener, candidates) = state.withLock { state in
            defer {
                state.listener = nil
                state.candidates = [:]
            }
            return (state.listener, Array(state.candidates.values))
        }
        listener?.close()
        for candidate in candidates { candidate.cancel() }
    }

    /// Ends everything at once.
    public func close() {
        let chosen = state.withLock { state in
            state.isClosed = true
            return state.chosen
        }
        stopWaiting()
        chosen?.cancel()
    }

    /// Sends what was handed over and ends; returns when the other side can have it.
    public func finish() async {
        stopWaiting()
        await state.withLock { $0.chosen }?.finish()
        close()
    }

    // MARK: - Candidates

    private func begin(_ start: DirectConnection.Start, _ key: DirectKey) {
        let isAccepted = if case .accepted = start { true } else { false }
        let connection = DirectConnection.start(start, key: key, limiter: limiter) { [weak self] connection, event in
            if case .closed = event, isAccepted { self?.state.withLock { $0.listener }?.settled() }
            guard let self else { return connection.cancel() }
            self.take(event, from: connection)
        }
        guard let connection else {
            if isAccepted { state.withLock { $0.listener }?.settled() }
            return
        }
        let isUnwanted = state.withLock { state in
            guard !state.isClosed, state.chosen == nil else { return state.chosen !== connection }
            if !connection.mail.withLock({ $0.isClosed }) {
                state.candidates[ObjectIdentifier(connection)] = connection
            }
            return false
        }
        if isUnwanted { connection.cancel() }
    }

    private func take(_ event: DirectConnection.Event, from connection: DirectConnection) {
        let chosen = state.withLock { $0.chosen }
        if chosen === connection { return pass(event) }
        switch event {
        case .opened:
            if case .sender = role, choose(connection) {
                connection.send(Self.go)
                self.event(.up)
            }
        case .message(let message):
            connection.taken()
            // Nobody but a sender that chooses says anything before it is chosen.
            guard message == Self.go, case .recipient(let intake) = role, choose(connection) else {
                return connection.cancel()
            }
            connection.take(chunks: intake)
            self.event(.up)
        case .chunk: connection.cancel()
        case .closed: state.withLock { _ = $0.candidates.removeValue(forKey: ObjectIdentifier(connection)) }
        }
    }

    /// Whether it is the first to be chosen.
    private func choose(_ connection: DirectConnection) -> Bool {
        let isFirst = state.withLock { state in
            guard state.chosen == nil, !state.isClosed else { return false }
            state.chosen = connection
            state.candidates[ObjectIdentifier(connection)] = nil
            return true
        }
        if isFirst { stopWaiting() } else { connection.cancel() }
        return isFirst
    }

    private func pass(_ event: DirectConnection.Event) {
        switch event {
        case .opened: break
        case .message(let message): self.event(.message(message))
        case .chunk(let header, let buffer): self.event(.chunk(header: header, buffer))
        case .closed(let failure):
            state.withLock { $0.isDown = true }
            self.event(.down(failure))
        }
    }

    /// What a listener made before its owner was complete knows of it.
    private final class WeakBox: Sendable {
        private struct Held: @unchecked Sendable {
            // Safe: read and written with the lock held.
            weak var value: DirectRendezvous?
        }
        private let held = Guarded(Held())

        var value: DirectRendezvous? { held.withLock { $0.value } }

        func set(_ value: DirectRendezvous) { held.withLock { $0.value = value } }
    }
}
