/// What a relay says about a queue of ours without being asked, and the messages it delivers.
public struct SMPPush: Sendable, Equatable {
    /// The recipient's id of the queue.
    public let entity: [UInt8]
    /// What happened.
    public let event: Event

    /// What can happen to a queue.
    public enum Event: Sendable, Equatable {
        /// A message: the id that ACK names, 24 bytes, and the body under the relay's layer of encryption.
        case message(id: [UInt8], body: ArraySlice<UInt8>)
        /// Another connection subscribed: nothing more comes here.
        case end
        /// The queue was deleted.
        case deleted
    }

    /// From its parts.
    public init(entity: [UInt8], event: Event) {
        self.entity = entity
        self.event = event
    }
}
