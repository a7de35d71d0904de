/// One direction of a line: what comes in leaves later, at the line's rate, or is lost. A value without a clock.
struct LinkModel {
    private let bitsPerSecond: Double
    private let delay: Double
    private let loss: Double
    private let queueLimit: Double
    private var generator: SeededGenerator
    /// When the last packet will have been put on the line, in seconds.
    private var isBusyUntil = 0.0

    /// `delay` and the longest wait in the queue, `queueLimit`, are in seconds; `loss` is from 0 to 1.
    init(bitsPerSecond: Double, delay: Double, loss: Double, queueLimit: Double, seed: UInt64) {
        self.bitsPerSecond = bitsPerSecond
        self.delay = delay
        self.loss = loss
        self.queueLimit = queueLimit
        generator = SeededGenerator(seed: seed)
    }

    /// When a packet that came at `now` arrives; nil if it is lost, by chance or because the queue is full.
    mutating func arrival(of count: Int, at now: Double) -> Double? {
        if loss > 0, Double.random(in: 0..<1, using: &generator) < loss { return nil }
        let start = max(now, isBusyUntil)
        if start - now > queueLimit { return nil }
        isBusyUntil = start + Double(count * 8) / bitsPerSecond
        return isBusyUntil + delay
    }
}

/// Numbers that are the same in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
