import Primitives
import SMPProtocol
import Testing

@testable import SMPClient

/// sxfile-protocol(7), DELIVERY WINDOW: the client's side.
@Suite("Queue windows") struct QueueWindowsTests {
    private let queue: [UInt8] = [7]

    private func push(_ number: UInt8) -> SMPPush {
        SMPPush(entity: queue, event: .message(id: [number], body: [number]))
    }

    private func take(_ windows: inout QueueWindows, _ number: UInt8) -> Bool { windows.take(push(number)) }

    private func acknowledge(_ windows: inout QueueWindows, _ number: UInt8) -> UInt8? {
        guard case .kept(let next) = windows.submit(.acknowledge([number]), entity: queue, authorization: .none) else {
            return nil
        }
        return next?.id.first
    }

    @Test("one message at a time above, one acknowledgement for sixteen below")
    func batches() {
        var windows = QueueWindows()
        #expect(take(&windows, 1))
        for number in 2...20 as ClosedRange<UInt8> { #expect(!take(&windows, number)) }
        for number in 1...19 as ClosedRange<UInt8> {
            #expect(acknowledge(&windows, number) == number + 1)
            #expect(windows.isDue(queue) == (number == 16))
            guard windows.isDue(queue) else { continue }
            let through = windows.takeHandled(queue)?.id
            #expect(through == [16])
        }
        // Nothing waits: this one goes out for those before it, if no other comes soon.
        #expect(acknowledge(&windows, 20) == nil)
        let handled = windows.takeHandled(queue)?.id
        let again = windows.takeHandled(queue)?.id
        #expect(handled == [20] && again == nil)
        #expect(take(&windows, 21))
    }

    @Test("a reader that reads on acknowledges later, in order")
    func readingOn() {
        func acknowledged(_ windows: inout QueueWindows, _ number: UInt8) -> String {
            switch windows.submit(.acknowledge([number]), entity: queue, authorization: .none) {
            case .sent: "sent"
            case .last: "last"
            case .kept(let next): next.map { "kept, then \($0.id[0])" } ?? "kept"
            }
        }
        var windows = QueueWindows()
        let beforeAll = windows.readOn(queue)?.id
        #expect(beforeAll == nil)
        #expect(take(&windows, 1))
        #expect(!take(&windows, 2))
        let second = windows.readOn(queue)?.id
        #expect(second == [2])
        // Nothing is here: the next one goes to the reader as it comes.
        let none = windows.readOn(queue)?.id
        #expect(none == nil)
        #expect(take(&windows, 3))
        #expect(!take(&windows, 4))
        let answers = [1, 3, 4].map { acknowledged(&windows, $0) }
        // 3 stands for 2 as well; 4 came meanwhile, and after it nothing.
        #expect(answers == ["kept", "kept, then 4", "last"])
        // Read on and then everything acknowledged at once: nothing is given out twice.
        #expect(take(&windows, 5))
        let waiting = windows.readOn(queue)?.id
        #expect(waiting == nil)
        let last = acknowledged(&windows, 5)
        #expect(last == "last")
        #expect(take(&windows, 6))
    }

    @Test("each message counts, however they are acknowledged")
    func counting() {
        var windows = QueueWindows()
        for number in 1...20 as ClosedRange<UInt8> {
            _ = take(&windows, number)
            _ = windows.readOn(queue)
        }
        _ = acknowledge(&windows, 15)
        #expect(!windows.isDue(queue))
        _ = acknowledge(&windows, 16)
        #expect(windows.isDue(queue))
        let through = windows.takeHandled(queue)?.id
        #expect(through == [16])
    }

    @Test("what was handled is acknowledged before an orderly end")
    func handled() {
        var windows = QueueWindows()
        for number in 1...3 as ClosedRange<UInt8> { _ = windows.take(push(number)) }
        _ = acknowledge(&windows, 1)
        let once = windows.takeHandled().map { $0.1.id }
        let twice = windows.takeHandled().map { $0.1.id }
        #expect(once == [[1]] && twice == [])
    }

    @Test("a new subscription, its end and deletion start anew")
    func resets() {
        for command in [ClientCommand.subscribe, .delete, .suspend] {
            var windows = QueueWindows()
            for number in 1...3 as ClosedRange<UInt8> { _ = windows.take(push(number)) }
            let answer = windows.submit(command, entity: queue, authorization: .none)
            guard case .sent = answer else {
                Issue.record("\(command) was held back")
                continue
            }
            #expect(take(&windows, 1))
        }
        var windows = QueueWindows()
        for number in 1...3 as ClosedRange<UInt8> { _ = windows.take(push(number)) }
        let isTold = windows.take(SMPPush(entity: queue, event: .end))
        #expect(isTold)
        #expect(take(&windows, 1))
    }

    @Test("the bytes after a hello")
    func tail() {
        let bytes = Array("SXFW".utf8) + [3, 0, 128, 1]
        #expect(DeliveryWindow.offered.encoded() == bytes)
        #expect(DeliveryWindow(tail: bytes) == .offered)
        #expect(DeliveryWindow(tail: bytes + [9, 9]) == .offered)
        #expect(DeliveryWindow(tail: Array("SXFW".utf8) + [4, 0, 128, 1, 1]) == .offered)
        // What one side does not know is left out of the answer.
        let answer = DeliveryWindow(messages: 500, flags: 0xff).common(with: .offered)
        #expect(answer == .offered)
        #expect(DeliveryWindow(messages: 32).common(with: .offered) == DeliveryWindow(messages: 32, flags: 0))
        for other in [
            [], Array("SXFW".utf8), Array("SXFX".utf8) + [3, 0, 32, 0], Array("SXFW".utf8) + [3, 0, 0, 0],
            Array("SXFW".utf8) + [2, 0, 32],
        ] {
            #expect(DeliveryWindow(tail: other) == nil)
        }
    }
}
