import ChunkIO
import Foundation
import Guarding

@testable import DirectLane

/// What one side was told, for tests to wait on.
final class Told: Sendable {
    private struct State {
        var events: [String] = []
        var chunks: [(header: [UInt8], bytes: [UInt8])] = []
        var messages: [[UInt8]] = []
    }

    private let state = Guarded(State())
    /// Whether chunks' buffers are kept, so that none goes back to the pool.
    let kept = Guarded<[ChunkBuffer]?>(nil)

    func take(_ event: DirectRendezvous.Event) {
        state.withLock { state in
            switch event {
            case .up: state.events.append("up")
            case .message(let bytes):
                state.events.append("message")
                state.messages.append(bytes)
            case .chunk(let header, let buffer):
                state.events.append("chunk")
                state.chunks.append((header, buffer.withUnsafeBytes { Array($0) }))
                kept.withLock { $0?.append(buffer) }
            case .down(let error): state.events.append(error.map { "down: \($0)" } ?? "down")
            }
        }
    }

    var events: [String] { state.withLock { $0.events } }
    var chunks: [(header: [UInt8], bytes: [UInt8])] { state.withLock { $0.chunks } }
    var messages: [[UInt8]] { state.withLock { $0.messages } }

    /// Waits until something holds; false after ten seconds.
    func wait(_ condition: @Sendable (Told) -> Bool) async -> Bool {
        for _ in 0..<1000 {
            if condition(self) { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return condition(self)
    }
}

/// The two sides of one meeting on this machine.
struct Meeting {
    static let loopback = [IPAddress("127.0.0.1"), IPAddress("::1")].compactMap { $0 }

    let sender: DirectRendezvous
    let recipient: DirectRendezvous
    let senderTold = Told()
    let recipientTold = Told()
    let pool: ChunkBufferPool

    /// A header is `chunk:LENGTH `.
    init(
        senderListensOn: [IPAddress] = loopback, recipientListensOn: [IPAddress] = loopback, buffers: Int = 4,
        capacity: Int = 1 << 16
    ) {
        pool = ChunkBufferPool(capacity: capacity, limit: buffers)
        let intake = ChunkIntake(pool: pool) { bytes in
            guard let end = bytes.firstIndex(of: UInt8(ascii: " ")), bytes.starts(with: Array("chunk:".utf8)),
                let length = Int(String(decoding: bytes[6..<end], as: UTF8.self))
            else { return nil }
            return (end + 1, length)
        }
        sender = DirectRendezvous(role: .sender, listeningOn: senderListensOn, event: senderTold.take)
        recipient = DirectRendezvous(
            role: .recipient(intake), listeningOn: recipientListensOn, event: recipientTold.take)
    }

    func meet() { recipient.dial(sender.endpoints, key: sender.key) }

    static func header(_ count: Int) -> [UInt8] { Array("chunk:\(count) ".utf8) }

    static func buffer(_ bytes: [UInt8], in pool: ChunkBufferPool) -> ChunkBuffer? {
        let buffer = pool.take { _ in }
        buffer?.fill { memory in
            memory.copyBytes(from: bytes)
            return bytes.count
        }
        return buffer
    }
}

/// The same bytes for the same seed.
struct SeededBytes {
    private var state: UInt64
    init(seed: UInt64) { state = seed &+ 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count { bytes.append(UInt8(truncatingIfNeeded: next() >> 32)) }
        return bytes
    }
}
