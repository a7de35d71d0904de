import Guarding

/// The limit that all connections of a process share, each way by itself.
public final class RateLimiter: Sendable {
    /// Which way bytes go.
    public enum Direction: Sendable {
        /// From this machine.
        case out
        /// To this machine.
        case `in`
    }

    private struct State {
        var out: TokenBucket
        var `in`: TokenBucket
    }

    private let start = ContinuousClock.now
    private let state: Guarded<State>

    /// A limit of so many bytes a second, at least 1.
    public init(bytesPerSecond rate: UInt64) {
        state = Guarded(State(out: TokenBucket(rate: rate, at: .zero), in: TokenBucket(rate: rate, at: .zero)))
    }

    /// Bytes a second.
    public var bytesPerSecond: UInt64 { state.withLock { $0.out.rate } }

    /// Another limit, from now on.
    public func change(bytesPerSecond rate: UInt64) {
        let now = ContinuousClock.now - start
        state.withLock { state in
            state.out.change(rate: rate, at: now)
            state.in.change(rate: rate, at: now)
        }
    }

    /// Takes `count` bytes.
    /// - Returns: how long to wait before they are sent, or, once read, before more is read.
    public func take(_ count: Int, _ direction: Direction) -> Duration {
        let now = ContinuousClock.now - start
        return state.withLock { state in
            switch direction {
            case .out: state.out.take(count, at: now)
            case .in: state.in.take(count, at: now)
            }
        }
    }

    /// How much to send at a time: small enough that the limit holds within any tenth of a second.
    public var piece: Int { Int(min(16 << 10, max(2048, bytesPerSecond / 16))) }

    /// What the kernel may hold of what came and is not read yet: half a second's worth, so that a long round trip is no
    /// second limit, and a sender does not fill megabytes at its own speed.
    public var receiveBuffer: Int { Int(min(4 << 20, max(32 << 10, bytesPerSecond / 2))) }
}
