import DequeModule
import SMPProtocol

/// The delivery windows of a connection's queues: messages that came ahead of the reader, and what it has handled.
///
/// Above it everything is as in plain SMP, one message at a time: the next one is given out when the last is acknowledged,
/// or when the reader asks to read on without that. To the relay goes one acknowledgement for several messages.
struct QueueWindows {
    /// A message as the relay pushed it.
    typealias Message = (id: [UInt8], body: ArraySlice<UInt8>)
    /// The last message handled that the relay has not been told of.
    typealias Handled = (id: [UInt8], authorization: Authorization)

    private struct Window {
        /// Came while another was with the reader.
        var waiting: Deque<Message> = []
        /// Given to the reader and not acknowledged by it, oldest first.
        var given: Deque<[UInt8]> = []
        /// Whether the reader has the last one given and has not asked for the next.
        var isReading = false
        var handled: Handled?
        var handledCount = 0

        /// The next message that is here; without one the reader waits.
        mutating func next() -> Message? {
            guard let message = waiting.popFirst() else {
                isReading = false
                return nil
            }
            isReading = true
            given.append(message.id)
            return message
        }
    }

    /// What an acknowledgement of the reader leads to.
    enum Acknowledgement {
        /// It goes to the relay.
        case sent
        /// It is that of the last message that came: it may wait a moment for others.
        case last
        /// It waits for others, and the reader gets the next message, or nothing if it has read on already.
        case kept(next: Message?)
    }

    private var windows: [[UInt8]: Window] = [:]

    /// Takes a push.
    /// - Returns: whether it goes to the reader now.
    mutating func take(_ push: SMPPush) -> Bool {
        guard case .message(let id, let body) = push.event else {
            windows[push.entity] = nil
            return true
        }
        if windows[push.entity]?.isReading ?? false {
            windows[push.entity]?.waiting.append((id, body))
            return false
        }
        windows[push.entity, default: Window()].isReading = true
        windows[push.entity]?.given.append(id)
        return true
    }

    /// The reader goes on without acknowledging what it has; the next message, if it is here.
    mutating func readOn(_ entity: [UInt8]) -> Message? { windows[entity]?.next() }

    /// Takes a command on its way out.
    mutating func submit(
        _ command: ClientCommand, entity: [UInt8], authorization: Authorization
    ) -> Acknowledgement {
        switch command {
        case .acknowledge(let id):
            guard var window = windows.removeValue(forKey: entity) else { return .sent }
            defer { windows[entity] = window }
            guard let place = window.given.firstIndex(where: { id.elementsEqual($0) }) else { return .sent }
            window.given.removeFirst(place + 1)
            window.handledCount += place + 1
            window.handled = (Array(id), authorization)
            let isLast = window.given.isEmpty
            if isLast, window.waiting.isEmpty {
                window.isReading = false
                return .last
            }
            return .kept(next: isLast && window.isReading ? window.next() : nil)
        // A repeated SUB delivers again what is not acknowledged; after the others nothing comes.
        case .subscribe, .delete, .suspend: windows[entity] = nil
        case .new, .secure, .secureBySender, .send, .get, .ping, .forwarded: break
        }
        return .sent
    }

    /// Whether the queue is to be acknowledged now, without waiting for more.
    func isDue(_ entity: [UInt8]) -> Bool {
        (windows[entity]?.handledCount ?? 0) >= DeliveryWindow.acknowledgedEvery
    }

    /// What of a queue was handled and is not acknowledged: it is to be acknowledged now.
    mutating func takeHandled(_ entity: [UInt8]) -> Handled? {
        defer {
            windows[entity]?.handled = nil
            windows[entity]?.handledCount = 0
        }
        return windows[entity]?.handled
    }

    /// What was handled and is not acknowledged, a queue each.
    mutating func takeHandled() -> [([UInt8], Handled)] {
        defer { for entity in windows.keys { windows[entity]?.handled = nil } }
        return windows.compactMap { entity, window in window.handled.map { (entity, $0) } }
    }
}
