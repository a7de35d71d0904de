public import RateLimit

/// How connections to relays are made.
public struct NetworkRoute: Sendable {
    /// The proxy that they go through; nil for straight ones.
    public var proxy: SOCKSProxy?
    /// What bounds their rate; nil for nothing.
    public var limiter: RateLimiter?

    /// Straight and unbounded, if not told otherwise.
    public init(proxy: SOCKSProxy? = nil, limiter: RateLimiter? = nil) {
        self.proxy = proxy
        self.limiter = limiter
    }
}
