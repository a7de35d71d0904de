import ChunkIO
import Foundation
import Glibc
import Guarding
import Primitives
import Testing

@testable import DirectLane

/// Callers who do not have the key, or break the format.
@Suite struct StrangerTests {
    private func socket(to endpoint: Endpoint) throws -> Int32 {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(endpoint.withSocketAddress { connect(descriptor, $0, $1) } == 0)
        return descriptor
    }

    /// Everything that comes until the other side closes.
    private func everything(from descriptor: Int32) -> [UInt8] {
        var all: [UInt8] = []
        var some = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &some, some.count)
            guard count > 0 else { return all }
            all += some[..<count]
        }
    }

    @Test func `a stranger who sends garbage gets an alert at most`() throws {
        let meeting = Meeting(senderListensOn: [Meeting.loopback[0]])
        let descriptor = try socket(to: meeting.sender.endpoints[0])
        defer { close(descriptor) }
        let request = Array("GET / HTTP/1.0\r\n\r\n".utf8)
        #expect(write(descriptor, request, request.count) == request.count)
        let answer = everything(from: descriptor)
        // One alert record: content type 21.
        #expect(answer.isEmpty || (answer.count == 7 && answer[0] == 21))
        #expect(meeting.senderTold.events.isEmpty)
    }

    @Test func `a caller with another key, or with our identity and another key, is refused`() async {
        for hasIdentity in [false, true] {
            let meeting = Meeting(senderListensOn: [Meeting.loopback[0]])
            let identity = hasIdentity ? meeting.sender.key.identity : DirectKey.random().identity
            let key = DirectKey(identity: identity, key: DirectKey.random().key.bytes)
            let closed = Guarded<DirectError?>(nil)
            let connection = key.map { key in
                DirectConnection.start(.dial(meeting.sender.endpoints[0]), key: key) { _, event in
                    if case .closed(let error) = event { closed.withLock { $0 = error } }
                }
            }
            #expect(await meeting.senderTold.wait { _ in closed.withLock { $0 != nil } })
            if case .handshake = closed.withLock({ $0 }) {} else { Issue.record("\(String(describing: closed))") }
            #expect(meeting.senderTold.events.isEmpty)
            connection??.cancel()
            // The right one is still welcome.
            meeting.meet()
            #expect(await meeting.senderTold.wait { $0.events == ["up"] })
        }
    }

    @Test func `a server without the key is no peer`() async throws {
        // Another meeting's listener: its key is not the one that the recipient was told.
        let meeting = Meeting()
        let other = Meeting(senderListensOn: [Meeting.loopback[0]])
        meeting.recipient.dial(other.sender.endpoints, key: meeting.sender.key)
        try await Task.sleep(for: .milliseconds(200))
        #expect(meeting.recipientTold.events.isEmpty)
        #expect(other.senderTold.events.isEmpty)
    }

    @Test func `strangers that stay silent fill eight places for three seconds, no more`() async throws {
        let meeting = Meeting(senderListensOn: [Meeting.loopback[0]])
        let strangers = try (0..<12).map { _ in try socket(to: meeting.sender.endpoints[0]) }
        // The last four were closed at once.
        for descriptor in strangers.suffix(4) { #expect(everything(from: descriptor).isEmpty) }
        // The others when their time was up.
        for descriptor in strangers { #expect(everything(from: descriptor).count <= 7) }
        for descriptor in strangers { close(descriptor) }
        meeting.meet()
        #expect(await meeting.senderTold.wait { $0.events == ["up"] })
    }

    @Test func `a sender that opens connections and never says go gets eight`() async throws {
        let meeting = Meeting(senderListensOn: [], recipientListensOn: [Meeting.loopback[0]])
        let opened = Guarded(0)
        let closed = Guarded(0)
        let connections = (0..<20).map { _ in
            DirectConnection.start(.dial(meeting.recipient.endpoints[0]), key: meeting.recipient.key) { _, event in
                if case .opened = event { opened.withLock { $0 += 1 } }
                if case .closed = event { closed.withLock { $0 += 1 } }
            }
        }
        #expect(await meeting.recipientTold.wait { _ in closed.withLock { $0 } == 12 })
        #expect(opened.withLock { $0 } == DirectListener.pendingLimit)
        meeting.recipient.close()
        #expect(await meeting.recipientTold.wait { _ in closed.withLock { $0 } == 20 })
        for connection in connections { connection?.cancel() }
    }

    @Test func `a peer that goes on talking cannot hold up the farewell`() async throws {
        let meeting = Meeting()
        meeting.meet()
        #expect(await meeting.recipientTold.wait { $0.events == ["up"] })
        let flood = Task {
            while !Task.isCancelled, meeting.sender.send([1]) != nil {
                try? await Task.sleep(for: .microseconds(100))
            }
        }
        await meeting.recipient.finish()
        flood.cancel()
        #expect(await meeting.recipientTold.wait { $0.events.last == "down" })
    }

    @Test func `nobody answers: the dial ends`() async throws {
        // A port on which a listener accepts nothing, with a full queue, keeps callers waiting.
        let (listener, endpoint) = try LaneSocket.listen(on: Meeting.loopback[0])
        defer { close(listener) }
        let closed = Guarded<DirectError?>(nil)
        let told = Told()
        _ = DirectConnection.start(.dial(endpoint), key: .random()) { _, event in
            if case .closed(let error) = event { closed.withLock { $0 = error } }
        }
        #expect(await told.wait { _ in closed.withLock { $0 != nil } })
        #expect(closed.withLock { $0 } == .timedOut("the direct handshake"))
    }

    @Test(
        arguments: [
            ([0, 0, 0, 0], "a message of 0 bytes"), ([0xff, 0xff, 0xff, 0xff], "a message of 4294967295 bytes"),
            ([0, 1, 0, 1], nil),
        ] as [([UInt8], String?)])
    func `a length that cannot be ends the connection`(field: [UInt8], what: String?) async {
        let events = Guarded<[String]>([])
        let meeting = Meeting(senderListensOn: [Meeting.loopback[0]])
        // A connection of our own, whose frames are cut by hand.
        let connection = DirectConnection.start(.dial(meeting.sender.endpoints[0]), key: meeting.sender.key) {
            connection, event in
            if case .opened = event {
                connection.mail.withLock { $0.frames.append(DirectConnection.Outgoing(head: field, body: nil)) }
            }
            events.withLock { $0.append("\(event)") }
        }
        #expect(await meeting.senderTold.wait { $0.events.first == "up" })
        connection?.wake.signal()
        if let what {
            #expect(await meeting.senderTold.wait { $0.events.last?.contains(what) == true })
        } else {
            // A sender takes no chunks: messages have at most 64 KiB.
            #expect(await meeting.senderTold.wait { $0.events.last?.contains("a message of 65537 bytes") == true })
        }
        connection?.cancel()
    }

    @Test func `a recipient takes nothing before go`() async {
        let meeting = Meeting(senderListensOn: [], recipientListensOn: [Meeting.loopback[0]])
        let closed = Guarded(false)
        let connection = DirectConnection.start(
            .dial(meeting.recipient.endpoints[0]), key: meeting.recipient.key
        ) { connection, event in
            if case .opened = event { connection.send(Meeting.header(1) + [1]) }
            if case .closed = event { closed.withLock { $0 = true } }
        }
        #expect(await meeting.recipientTold.wait { _ in closed.withLock { $0 } })
        #expect(meeting.recipientTold.events.isEmpty)
        connection?.cancel()
    }
}
