import ChunkIO
import Foundation
import Guarding
import Testing

@testable import DirectLane

/// Two sides that meet on this machine.
@Suite struct MeetingTests {
    @Test(arguments: Meeting.loopback)
    func `the recipient dials, the sender says go, frames pass both ways`(address: IPAddress) async throws {
        let meeting = Meeting(senderListensOn: [address], recipientListensOn: [])
        meeting.meet()
        #expect(await meeting.senderTold.wait { $0.events == ["up"] })
        #expect(await meeting.recipientTold.wait { $0.events == ["up"] })
        #expect(meeting.recipient.send(Array("want".utf8)) == 1)
        #expect(await meeting.senderTold.wait { $0.messages == [Array("want".utf8)] })
        // The frame with `go` was the first.
        #expect(meeting.sender.send(Array("done".utf8)) == 2)
        #expect(await meeting.recipientTold.wait { $0.messages == [Array("done".utf8)] })
        meeting.sender.close()
        #expect(await meeting.recipientTold.wait { $0.events.last?.hasPrefix("down") == true })
        #expect(await meeting.senderTold.wait { $0.events.last == "down" })
    }

    @Test func `the sender dials where only the recipient listens`() async {
        let meeting = Meeting(senderListensOn: [], recipientListensOn: [Meeting.loopback[0]])
        meeting.sender.dial(meeting.recipient.endpoints, key: meeting.recipient.key)
        #expect(await meeting.senderTold.wait { $0.events == ["up"] })
        #expect(await meeting.recipientTold.wait { $0.events == ["up"] })
        meeting.recipient.close()
        #expect(await meeting.senderTold.wait { $0.events.last?.hasPrefix("down") == true })
    }

    @Test func `when both dial at once one connection is kept`() async {
        for _ in 0..<20 {
            let meeting = Meeting()
            meeting.recipient.dial(meeting.sender.endpoints, key: meeting.sender.key)
            meeting.sender.dial(meeting.recipient.endpoints, key: meeting.recipient.key)
            #expect(await meeting.senderTold.wait { $0.events.contains("up") })
            #expect(await meeting.recipientTold.wait { $0.events.contains("up") })
            meeting.recipient.send([1])
            #expect(await meeting.senderTold.wait { $0.messages == [[1]] })
            meeting.sender.send([2])
            #expect(await meeting.recipientTold.wait { $0.messages == [[2]] })
            #expect(meeting.senderTold.events == ["up", "message"])
            #expect(meeting.recipientTold.events == ["up", "message"])
            meeting.sender.close()
            meeting.recipient.close()
        }
    }

    /// 0, 1, and around a record and a buffer.
    @Test func `chunks of every length come whole and in order`() async {
        let capacity = 1 << 16
        let meeting = Meeting(capacity: capacity)
        let sending = ChunkBufferPool(capacity: capacity, limit: 64)
        meeting.meet()
        #expect(await meeting.senderTold.wait { $0.events == ["up"] })
        var random = SeededBytes(seed: 7)
        let lengths = [1, 2, 200, 255, 256, 257, 16_383, 16_384, 16_385, capacity - 1, capacity]
        let bodies = lengths.map { random.bytes($0) }
        for (index, body) in bodies.enumerated() {
            let buffer = Meeting.buffer(body, in: sending)
            #expect(meeting.sender.send(Meeting.header(body.count), body: buffer) == Int64(index * 2) + 2)
            #expect(meeting.sender.send(random.bytes(index * 500 + 1)) == Int64(index * 2) + 3)
        }
        #expect(await meeting.recipientTold.wait { $0.messages.count == lengths.count })
        #expect(meeting.recipientTold.chunks.map(\.bytes) == bodies)
        #expect(meeting.recipientTold.chunks.map(\.header) == lengths.map { Meeting.header($0) })
        #expect(meeting.recipientTold.messages.map(\.count) == lengths.indices.map { $0 * 500 + 1 })
    }

    @Test func `a recipient without free buffers takes no more, then goes on`() async {
        let meeting = Meeting(buffers: 2)
        let sending = ChunkBufferPool(capacity: 1 << 16, limit: 64)
        meeting.recipientTold.kept.withLock { $0 = [] }
        meeting.meet()
        #expect(await meeting.senderTold.wait { $0.events == ["up"] })
        var random = SeededBytes(seed: 8)
        let bodies = (0..<40).map { _ in random.bytes(50_000) }
        for body in bodies { meeting.sender.send(Meeting.header(body.count), body: Meeting.buffer(body, in: sending)) }
        #expect(await meeting.recipientTold.wait { $0.chunks.count == 2 })
        // The other direction is not held up.
        meeting.recipient.send([9])
        #expect(await meeting.senderTold.wait { $0.messages == [[9]] })
        #expect(meeting.recipientTold.chunks.count == 2)
        meeting.recipientTold.kept.withLock { $0 = nil }
        #expect(await meeting.recipientTold.wait { $0.chunks.count == 40 })
        #expect(meeting.recipientTold.chunks.map(\.bytes) == bodies)
    }

    @Test func `messages that nobody takes stop the reading`() async {
        let meeting = Meeting()
        meeting.meet()
        #expect(await meeting.senderTold.wait { $0.events == ["up"] })
        for _ in 0..<200 { meeting.recipient.send([3]) }
        #expect(await meeting.senderTold.wait { $0.messages.count == FrameLimits.untaken })
        try? await Task.sleep(for: .milliseconds(50))
        #expect(meeting.senderTold.messages.count == FrameLimits.untaken)
        for _ in 0..<200 { meeting.sender.taken() }
        #expect(await meeting.senderTold.wait { $0.messages.count == 200 })
    }

    @Test func `what was handed over before finish arrives`() async {
        let meeting = Meeting()
        meeting.meet()
        #expect(await meeting.recipientTold.wait { $0.events == ["up"] })
        var random = SeededBytes(seed: 9)
        let last = random.bytes(60_000)
        meeting.recipient.send(last)
        // The sender's own frames, which nobody reads any more, do not spoil it.
        meeting.sender.send([1])
        await meeting.recipient.finish()
        #expect(await meeting.senderTold.wait { $0.messages == [last] })
        #expect(await meeting.senderTold.wait { $0.events.last?.hasPrefix("down") == true })
    }
}
