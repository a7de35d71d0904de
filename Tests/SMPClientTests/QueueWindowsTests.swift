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
        windows.submit(.acknowledge([number]), entity: queue, authorization: .none)?.id.first
    }

    @Test("one message at a time above, one acknowledgement for sixteen below")
    func batches() {
        var windows = QueueWindows()
        #expect(take(&windows, 1))
        for number in 2...20 as ClosedRange<UInt8> { #expect(!take(&windows, number)) }
        for number in 1...19 as ClosedRange<UInt8> {
            #expect(acknowledge(&windows, number) == number + 1)
            let due = windows.due(queue)
            #expect(due == (number == 16 ? [16] : nil))
        }
        // Nothing waits: this one goes out, and acknowledges those before it.
        #expect(acknowledge(&windows, 20) == nil)
        let handled = windows.takeHandled().map { $0.1.id }
        #expect(handled == [])
        #expect(take(&windows, 21))
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
            #expect(answer == nil)
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
        let bytes = Array("SXFW".utf8) + [3, 0, 32, 0]
        #expect(DeliveryWindow.offered.encoded() == bytes)
        #expect(DeliveryWindow(tail: bytes) == .offered)
        #expect(DeliveryWindow(tail: bytes + [9, 9]) == .offered)
        #expect(DeliveryWindow(tail: Array("SXFW".utf8) + [4, 0, 32, 0, 1]) == .offered)
        for other in [
            [], Array("SXFW".utf8), Array("SXFX".utf8) + [3, 0, 32, 0], Array("SXFW".utf8) + [3, 0, 0, 0],
            Array("SXFW".utf8) + [2, 0, 32],
        ] {
            #expect(DeliveryWindow(tail: other) == nil)
        }
    }
}
