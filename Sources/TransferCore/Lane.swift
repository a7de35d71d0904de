/// How the messages of a file connection travel.
public enum Lane: String, Hashable, Sendable, CaseIterable {
    /// As SMP messages, through the relay.
    case relay
    /// On a connection of the two engines themselves.
    case direct
}
