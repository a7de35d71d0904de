/// How far a transfer is: at most ten a second for each.
public struct ProgressEvent: Equatable, Sendable {
    /// The transfer's id.
    public var transfer: Int64
    /// Where it stands.
    public var state: TransferState
    /// Bytes written (receive), or with the relay or peer (send).
    public var transferred: UInt64
    /// Bytes in all; nil if unknown.
    public var size: UInt64?
    /// Bytes a second over the last seconds; nil while it is not known.
    public var bytesPerSecond: UInt64?
    /// The lane in use.
    public var lane: String?
    /// What it waits for.
    public var waiting: Waiting?

    /// An event of these parts.
    public init(
        transfer: Int64, state: TransferState, transferred: UInt64, size: UInt64?, bytesPerSecond: UInt64? = nil,
        lane: String? = nil, waiting: Waiting? = nil
    ) {
        self.transfer = transfer
        self.state = state
        self.transferred = transferred
        self.size = size
        self.bytesPerSecond = bytesPerSecond
        self.lane = lane
        self.waiting = waiting
    }

    /// What the row says.
    public init(_ transfer: Transfer) {
        self.init(
            transfer: transfer.id, state: transfer.state, transferred: transfer.transferred, size: transfer.size,
            bytesPerSecond: transfer.bytesPerSecond, lane: transfer.lane, waiting: transfer.waiting)
    }
}
