import RateLimit
import Testing

@Suite struct TokenBucketTests {
    @Test("a full bucket passes at once, debt is waited for")
    func debt() {
        var bucket = TokenBucket(rate: 100_000, at: .zero)
        #expect(bucket.capacity == 5000)
        #expect(bucket.take(5000, at: .zero) == .zero)
        // Nothing left is no debt.
        #expect(bucket.take(1000, at: .zero) == .zero)
        #expect(bucket.take(1000, at: .zero) == .milliseconds(10))
        #expect(bucket.take(0, at: .milliseconds(10)) == .milliseconds(10))
        #expect(bucket.take(0, at: .milliseconds(20)) == .zero)
        // A silence saves no more than the capacity.
        #expect(bucket.take(6000, at: .seconds(60)) == .zero)
        #expect(bucket.take(0, at: .seconds(60)) == .milliseconds(10))
        // A clock that stands or goes back gives nothing.
        #expect(bucket.take(0, at: .seconds(59)) == .milliseconds(10))
    }

    @Test("another rate keeps the debt")
    func change() {
        var bucket = TokenBucket(rate: 100_000, at: .zero)
        _ = bucket.take(15_000, at: .zero)
        bucket.change(rate: 1_000_000, at: .zero)
        #expect(bucket.take(0, at: .zero) == .milliseconds(10))
        bucket.change(rate: 20_000, at: .seconds(10))
        #expect(bucket.take(4096, at: .seconds(10)) == .zero)
        #expect(bucket.take(0, at: .seconds(10)) == .zero)
        #expect(bucket.take(100, at: .seconds(10)) == .zero)
        #expect(bucket.take(0, at: .seconds(10)) == .milliseconds(5))
    }

    @Test(
        "whatever is taken, no window of time passes more than the rate allows", arguments: [16_384, 500_000, 1 << 30])
    func bound(rate: UInt64) {
        var bucket = TokenBucket(rate: rate, at: .zero)
        var generator = SystemRandomNumberGenerator()
        var now = Duration.zero
        var passed: [(at: Duration, count: Int)] = []
        let largest = 16_384
        for _ in 0..<2000 {
            let count = Int.random(in: 0...largest, using: &generator)
            now += bucket.take(count, at: now)
            passed.append((now, count))
            if Int.random(in: 0..<8, using: &generator) == 0 { now += .microseconds(Int.random(in: 0...3000)) }
        }
        for first in stride(from: 0, to: passed.count, by: 37) {
            var sum = 0
            for entry in passed[first...] {
                sum += entry.count
                let allowed = Double(rate) * ((entry.at - passed[first].at) / .seconds(1))
                #expect(Double(sum) <= allowed + Double(bucket.capacity) + Double(2 * largest) + 1)
            }
        }
        // And it is used: a steady taker gets the rate.
        let average = Double(passed.reduce(0) { $0 + $1.count }) / max(now / .seconds(1), 1e-9)
        if rate < 1 << 20 { #expect(average > Double(rate) * 0.8) }
    }

    @Test("many takers at a time share one limit")
    func shared() async {
        let limiter = RateLimiter(bytesPerSecond: 1 << 20)
        let waits = await withTaskGroup(of: Duration.self) { group in
            for _ in 0..<64 { group.addTask { limiter.take(16_384, .out) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        // The last of them waits for about the megabyte before it; the other direction is free.
        #expect((waits.max() ?? .zero) > .milliseconds(800))
        #expect(limiter.take(1000, .in) == .zero)
        #expect(limiter.piece == 16 << 10)
        #expect(limiter.receiveBuffer == 512 << 10)
        limiter.change(bytesPerSecond: 16 << 10)
        #expect(limiter.bytesPerSecond == 16 << 10)
        #expect(limiter.piece == 2048)
        #expect(limiter.receiveBuffer == 32 << 10)
    }
}
