import DequeModule
import SMPProtocol

/// The delivery windows of a connection's queues: messages that came ahead of the reader, and what it has handled.
///
/// Above it everything is as in plain SMP, one message at a time: the next one is given out when the last is acknowledged.
/// To the relay goes one acknowledgement for several messages.
struct QueueWindows {
    /// A message as the relay pushed it.
    typealias Message = (id: [UInt8], body: ArraySlice<UInt8>)
    /// The last message handled that the relay has not been told of.
    typealias Handled = (id: [UInt8], authorization: Authorization)

    private struct Window {
        /// Came while another was with the reader.
        var waiting: Deque<Message> = []
        /// Whether the reader has a message.
        var isReading = false
        var handled: Handled?
        var handledCount = 0
    }

    private var windows: [[UInt8]: Window] = [:]

    /// Takes a push.
    /// - Returns: whether it goes to the reader now.
    mutating func take(_ push: SMPPush) -> Bool {
        guard case .message(let id, let body) = push.event else {
            windows[push.entity] = nil
            return true
        }
        var window = windows.removeValue(forKey: push.entity) ?? Window()
        defer { windows[push.entity] = window }
        guard window.isReading else {
            window.isReading = true
            return true
        }
        window.waiting.append((id, body))
        return false
    }

    /// Takes a command on its way out.
    /// - Returns: the next message, if this is an acknowledgement that need not go out because another message is here.
    mutating func submit(_ command: ClientCommand, entity: [UInt8], authorization: Authorization) -> Message? {
        switch command {
        case .acknowledge(let id):
            guard var window = windows.removeValue(forKey: entity) else { return nil }
            defer { windows[entity] = window }
            guard let next = window.waiting.popFirst() else {
                // Everything so far is acknowledged with it.
                window = Window()
                return nil
            }
            window.handled = (Array(id), authorization)
            window.handledCount += 1
            return next
        // A repeated SUB delivers again what is not acknowledged; after the others nothing comes.
        case .subscribe, .delete, .suspend: windows[entity] = nil
        case .new, .secure, .secureBySender, .send, .get, .ping, .forwarded: break
        }
        return nil
    }

    /// The message through which the queue is to be acknowledged now, if it is time.
    mutating func due(_ entity: [UInt8]) -> [UInt8]? {
        guard let window = windows[entity], window.handledCount >= DeliveryWindow.acknowledgedEvery else { return nil }
        windows[entity]?.handled = nil
        windows[entity]?.handledCount = 0
        return window.handled?.id
    }

    /// What was handled and is not acknowledged, a queue each.
    mutating func takeHandled() -> [([UInt8], Handled)] {
        defer { for entity in windows.keys { windows[entity]?.handled = nil } }
        return windows.compactMap { entity, window in window.handled.map { (entity, $0) } }
    }
}
