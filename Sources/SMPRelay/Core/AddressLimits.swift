import Primitives

/// What one network address may do to the relay: make so many queues, and keep so many bytes stored.
///
/// Addresses are known by a tag under a key that lives as long as the process: neither memory nor disk tells them.
struct AddressLimits {
    /// A network prefix (/24 of IPv4, /56 of IPv6) under the process's key; 0 is not limited.
    typealias Tag = UInt64

    private var newQueuesPerHour: Int
    private var storedBytesLimit: Int
    private let key = SecureRandom.bytes(32)
    private var storedBytes: [Tag: Int] = [:]
    private var creations: [Tag: Bucket] = [:]

    private struct Bucket {
        var tokens: Double
        var filledAt: Int64
    }

    init(newQueuesPerHour: Int, storedBytes: Int) {
        self.newQueuesPerHour = newQueuesPerHour
        storedBytesLimit = storedBytes
    }

    /// Changes the limits; what was counted stays counted.
    mutating func apply(newQueuesPerHour: Int, storedBytes: Int) {
        self.newQueuesPerHour = newQueuesPerHour
        storedBytesLimit = storedBytes
    }

    /// The tag of an IPv4 (4 bytes) or IPv6 (16 bytes) address; 0 for loopback.
    func tag(of address: [UInt8]) -> Tag {
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
        if address.count == 16, address.starts(with: mapped) { return tag(of: Array(address.suffix(4))) }
        let prefix: ArraySlice<UInt8>
        switch address.count {
        case 4:
            if address[0] == 127 { return 0 }
            prefix = address.prefix(3)
        case 16:
            if address.dropLast().allSatisfy({ $0 == 0 }) && address.last == 1 { return 0 }
            prefix = address.prefix(7)
        default: return 0
        }
        return SHA256.hash(key + prefix).prefix(8).reduce(0) { $0 << 8 | UInt64($1) } | 1
    }

    /// Takes one queue from the allowance of `tag`; false if nothing is left of it.
    mutating func takeQueue(_ tag: Tag, now: Int64) -> Bool {
        guard tag != 0 else { return true }
        let capacity = Double(newQueuesPerHour)
        if creations.count > 10_000 { creations = creations.filter { now - $0.value.filledAt < 3600 } }
        var bucket = creations[tag] ?? Bucket(tokens: capacity, filledAt: now)
        let elapsed = Double(max(0, now - bucket.filledAt))
        bucket.tokens = min(capacity, bucket.tokens + elapsed * capacity / 3600)
        bucket.filledAt = now
        let allowed = bucket.tokens >= 1
        if allowed { bucket.tokens -= 1 }
        creations[tag] = bucket
        return allowed
    }

    /// Whether `tag` may store one more message.
    func mayStore(_ tag: Tag) -> Bool {
        tag == 0 || storedBytes[tag, default: 0] + SpoolLayout.slotCount <= storedBytesLimit
    }

    /// Counts a message that was stored.
    mutating func stored(_ tag: Tag) {
        if tag != 0 { storedBytes[tag, default: 0] += SpoolLayout.slotCount }
    }

    /// Counts a message that is gone. Tags of an earlier run are not known and change nothing.
    mutating func released(_ tag: Tag) {
        guard tag != 0, let bytes = storedBytes[tag] else { return }
        storedBytes[tag] = bytes > SpoolLayout.slotCount ? bytes - SpoolLayout.slotCount : nil
    }
}
