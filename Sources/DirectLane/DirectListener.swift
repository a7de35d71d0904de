import ChunkIO
import Glibc
import Guarding

/// Listens on some addresses, on a thread of its own, and starts a connection for each caller.
final class DirectListener: Sendable {
    /// Callers that are not chosen and not gone: more are turned away.
    static let pendingLimit = 8
    /// How long a machine without descriptors is given, in milliseconds, before the next look.
    private static let breath: Int32 = 100

    private struct State {
        var pending = 0
        var isClosed = false
    }

    /// Where it listens.
    let endpoints: [Endpoint]
    private let descriptors: [Int32]
    private let state = Guarded(State())
    private let wake = Wake()
    private let start: @Sendable (Int32) -> Void

    /// Listens on as many of `addresses` as can be had; `start` takes over each accepted socket, on the listener's thread,
    /// and calls `settled` once that caller is chosen or gone.
    init(on addresses: [IPAddress], start: @escaping @Sendable (Int32) -> Void) {
        let listening = addresses.compactMap { address in try? LaneSocket.listen(on: address) }
        endpoints = listening.map(\.endpoint)
        descriptors = listening.map(\.descriptor)
        self.start = start
        guard !descriptors.isEmpty else { return }
        let begins = startThread(named: "sxfile-listen") { [self] in work() }
        if !begins { for descriptor in descriptors { Glibc.close(descriptor) } }
    }

    /// A caller is chosen or gone.
    func settled() { state.withLock { $0.pending -= 1 } }

    /// Listens no more.
    func close() {
        state.withLock { $0.isClosed = true }
        wake.signal()
    }

    private func work() {
        defer { for descriptor in descriptors { Glibc.close(descriptor) } }
        var polled = (descriptors + [wake.descriptor]).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while !state.withLock({ $0.isClosed }) {
            guard poll(&polled, nfds_t(polled.count), -1) > 0 else { continue }
            if polled[polled.count - 1].revents != 0 { wake.wait() }
            for entry in polled.dropLast() where entry.revents != 0 {
                guard let descriptor = LaneSocket.accept(entry.fd) else {
                    if errno == EMFILE || errno == ENFILE || errno == ENOMEM { poll(nil, 0, Self.breath) }
                    continue
                }
                let isWelcome = state.withLock { state in
                    guard !state.isClosed, state.pending < Self.pendingLimit else { return false }
                    state.pending += 1
                    return true
                }
                if isWelcome { start(descriptor) } else { Glibc.close(descriptor) }
            }
        }
    }
}
