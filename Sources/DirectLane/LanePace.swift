import RateLimit

/// When a connection that keeps to a rate may go on. Milliseconds of `LaneClock`.
struct LanePace {
    /// What is sent at a time: the same whatever the rate, for what was refused has to come again as it was.
    static let piece = 4 << 10

    /// Nothing is sent before.
    private(set) var sendsFrom: Int64 = 0
    private var readsFrom: Int64 = 0

    /// Something was held back since the last wait: bytes that TLS has already may be among it, of which no socket tells.
    var isHolding = false

    func maySend(at now: Int64) -> Bool { now >= sendsFrom }
    func mayRead(at now: Int64) -> Bool { now >= readsFrom }

    mutating func sent(_ count: Int, _ limiter: RateLimiter) {
        _ = limiter.take(count, .out)
        sendsFrom = Self.time(after: limiter.take(0, .out))
    }

    mutating func read(_ count: Int, _ limiter: RateLimiter) {
        _ = limiter.take(count, .in)
        readsFrom = Self.time(after: limiter.take(0, .in))
    }

    /// When to look again because of the rate; nil if it holds nothing back.
    func next(after now: Int64, isSending: Bool) -> Int64? {
        [isSending ? sendsFrom : 0, readsFrom].filter { $0 > now }.min()
    }

    private static func time(after delay: Duration) -> Int64 {
        delay > .zero ? LaneClock.now + Int64((delay / .milliseconds(1)).rounded(.up)) : 0
    }
}
