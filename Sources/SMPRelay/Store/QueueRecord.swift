import Primitives

/// What the relay knows of a queue for good; one row of the database.
struct QueueRecord: Sendable {
    /// The row, and the name of the spool file; never used again after a deletion.
    var number: Int64
    var recipientID: QueueID
    var senderID: QueueID
    /// Authorizes the recipient's commands.
    var recipientKey: AuthKey
    /// X25519 of the recipient's and the relay's key: seals deliveries.
    var deliverySecret: SecretBytes
    /// Authorizes SEND once the queue is secured.
    var senderKey: AuthKey?
    /// Whether the sender may secure the queue by SKEY.
    var senderCanSecure: Bool
    /// Whether the recipient has turned the queue off for senders.
    var isOff: Bool
    /// Days since 1970 of the last use.
    var activeDay: Int
}
