import Guarding

/// Tells progress to the command in this process and to those that watch.
final class Broadcast: Sendable {
    let socket = Guarded<EngineSocket?>(nil)
    private let watcher = Guarded(Watcher { _ in })

    /// Wrapped: a bare function that passes through a generic lock comes out inside one more thunk each time.
    private struct Watcher: Sendable {
        let tell: @Sendable (ProgressEvent) -> Void
    }

    func begin(_ progress: @escaping @Sendable (ProgressEvent) -> Void) {
        watcher.withLock { $0 = Watcher(tell: progress) }
    }

    func report(_ event: ProgressEvent) {
        watcher.withLock { $0 }.tell(event)
        tell(.progress(event))
    }

    func tell(_ line: EngineLine) { socket.withLock { $0 }?.tell(line) }
}

/// Offers that a daemon accepts by itself.
public struct AutoAccept: Equatable, Sendable {
    /// Local names of contacts.
    public var contacts: Set<String>
    /// A directory; nil is `~/Downloads`.
    public var output: String?

    /// From these contacts, into that directory.
    public init(contacts: Set<String>, output: String? = nil) {
        self.contacts = contacts
        self.output = output
    }
}
