import Guarding

/// Tells progress to the command in this process and to those that watch.
final class Broadcast: Sendable {
    let socket = Guarded<EngineSocket?>(nil)
    private let progress = Guarded<@Sendable (ProgressEvent) -> Void>({ _ in })

    func begin(_ progress: @escaping @Sendable (ProgressEvent) -> Void) {
        self.progress.withLock { $0 = progress }
    }

    func report(_ event: ProgressEvent) {
        progress.withLock { $0 }(event)
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
