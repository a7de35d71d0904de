import Primitives

/// Where the peer's numbered, hash-chained messages stand (smp.md: `sndMsgId` and `prevMsgHash`).
///
/// Numbers may come late when a full queue refused some of a pipelined run: what was skipped is remembered, bounded.
struct MessageSequence: Equatable, Sendable {
    /// At most this many ranges of missing numbers are remembered; the oldest are given up first.
    static let missingLimit = 64

    /// The highest number received.
    private(set) var last: Int64
    /// SHA-256 of that message; nil if it was skipped over or unknown.
    var lastHash: [UInt8]? { unhashed.map { SHA256.hash($0) } ?? knownHash }
    private var knownHash: [UInt8]?
    /// That message, if its hash is put off: together with the next one's it takes less time.
    private var unhashed: ArraySlice<UInt8>?
    /// Numbers below `last` that never came, ascending.
    private(set) var missing: [ClosedRange<Int64>]

    init(last: Int64 = 0, lastHash: [UInt8]? = nil, missing: [ClosedRange<Int64>] = []) {
        self.last = last
        knownHash = lastHash
        self.missing = missing
    }

    /// Messages shorter than this are not worth keeping for their hash.
    private static let putOffCount = 4096

    /// Takes in message `id` as it came, which names `previous` as the hash of the one before.
    mutating func receive(_ id: Int64, message: ArraySlice<UInt8>, previous: [UInt8]) -> Integrity {
        guard id > last, message.count >= Self.putOffCount, SHA256.hasPairs else {
            return receive(id, hash: SHA256.hash(message), previous: previous)
        }
        guard let before = unhashed else {
            defer { unhashed = message }
            return receive(id, hash: [], previous: previous)
        }
        let (hashBefore, hash) = before.withUnsafeBytes { before in
            message.withUnsafeBytes { SHA256.hash(before, $0) }
        }
        (knownHash, unhashed) = (hashBefore, nil)
        return receive(id, hash: hash, previous: previous)
    }

    /// Takes in message `id`, whose own hash is `hash` and which names `previous` as the hash of the one before.
    mutating func receive(_ id: Int64, hash: [UInt8], previous: [UInt8]) -> Integrity {
        guard id > 0 else { return .badID(expected: last + 1, got: id) }
        if id <= last { return removeMissing(id) ? .late : .badID(expected: last + 1, got: id) }
        let expected = last + 1
        let expectedHash = lastHash
        let isFirst = last == 0
        last = id
        knownHash = hash
        unhashed = nil
        // After a retried confirmation the first number may be higher: there is nothing before it to miss.
        if isFirst { return .ok }
        if id > expected {
            missing.append(expected...(id - 1))
            if missing.count > Self.missingLimit { missing.removeFirst() }
            return .skipped(expected...(id - 1))
        }
        guard let expectedHash, !expectedHash.isEmpty, expectedHash != previous else { return .ok }
        return .badHash
    }

    /// Starts with the confirmation as message 1.
    static func confirmed(hash: [UInt8]) -> MessageSequence { MessageSequence(last: 1, lastHash: hash) }

    private mutating func removeMissing(_ id: Int64) -> Bool {
        guard let index = missing.firstIndex(where: { $0.contains(id) }) else { return false }
        let range = missing.remove(at: index)
        if id < range.upperBound { missing.insert((id + 1)...range.upperBound, at: index) }
        if id > range.lowerBound { missing.insert(range.lowerBound...(id - 1), at: index) }
        return true
    }

    /// The missing ranges as text, `3-5,9-9`.
    var missingText: String { missing.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",") }

    /// Reads `missingText`; what cannot be read is left out.
    static func missing(text: String) -> [ClosedRange<Int64>] {
        text.split(separator: ",").compactMap { part in
            let ends = part.split(separator: "-").compactMap { Int64($0) }
            return ends.count == 2 && ends[0] <= ends[1] ? ends[0]...ends[1] : nil
        }
    }
}
