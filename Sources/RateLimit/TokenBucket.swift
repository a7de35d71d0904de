/// How fast bytes may go: a bucket that fills at a steady rate. A value; the clock is an argument.
///
/// Whoever takes more than there is goes into debt and waits until it is paid: what passes in any time `t` is at most
/// `rate · t + capacity`, and one taking more.
public struct TokenBucket: Sendable, Equatable {
    /// Bytes a second.
    public private(set) var rate: UInt64
    /// What a silence saves up, in bytes: a twentieth of a second.
    public var capacity: Int64 { max(4096, Int64(clamping: rate / 20)) }

    /// Bytes that are there; negative in debt.
    private var level: Int64
    private var filledAt: Duration

    /// A full bucket.
    /// - Parameter rate: bytes a second, at least 1.
    public init(rate: UInt64, at now: Duration) {
        precondition(rate > 0, "at a rate of nothing, nothing ends")
        self.rate = rate
        level = 0
        filledAt = now
        level = capacity
    }

    /// Takes `count` bytes.
    /// - Returns: how long to wait before they go: nothing if there was something left.
    public mutating func take(_ count: Int, at now: Duration) -> Duration {
        fill(at: now)
        let debt = -level
        level -= Int64(count)
        guard debt > 0 else { return .zero }
        return .nanoseconds(Int64((Double(debt) * 1e9 / Double(rate)).rounded(.up)))
    }

    /// Goes on at another rate; debt stays debt.
    public mutating func change(rate: UInt64, at now: Duration) {
        precondition(rate > 0, "at a rate of nothing, nothing ends")
        fill(at: now)
        self.rate = rate
        level = min(level, capacity)
    }

    private mutating func fill(at now: Duration) {
        guard now > filledAt else { return }
        let gained = Double(rate) * ((now - filledAt) / .seconds(1))
        // A fraction of a byte is not lost: it counts the next time.
        guard gained >= 1 else { return }
        filledAt = now
        level = gained >= Double(capacity - level) ? capacity : level + Int64(gained)
    }
}
