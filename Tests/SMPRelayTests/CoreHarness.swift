import Foundation
import Primitives
import SMPRelay

/// A directory that is gone with its owner.
final class TemporaryDirectory {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("relay-\(UUID().uuidString)").path
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The spool files there are.
    var spools: [String] {
        let all = FileManager.default.enumerator(atPath: path + "/spool")?.allObjects as? [String] ?? []
        return all.filter { $0.contains("/") }.map { path + "/spool/" + $0 }.sorted()
    }
}

/// A core with its store in a temporary directory, driven without sockets.
final class CoreHarness {
    let directory: TemporaryDirectory
    var core: RelayCore
    var now: Int64 = 1_750_000_000
    let recipientKey = AuthKey.ed25519(Ed25519PrivateKey().publicKey)
    let senderKey = AuthKey.ed25519(Ed25519PrivateKey().publicKey)

    struct Queue {
        let recipient: QueueID
        let sender: QueueID
    }

    init(
        in directory: TemporaryDirectory = TemporaryDirectory(), limits: QueueLimits = QueueLimits(),
        bounds: QueueStore.Bounds = .init()
    ) throws {
        self.directory = directory
        core = RelayCore(store: try QueueStore(directory: directory.path, bounds: bounds), limits: limits)
    }

    func connect(_ number: UInt64, address: [UInt8] = [127, 0, 0, 1]) -> ConnectionID {
        let connection = ConnectionID(number: number)
        core.connect(connection, address: address)
        return connection
    }

    func make(
        on connection: ConnectionID, senderCanSecure: Bool = true, subscribing: Bool = false, secured: Bool = true
    ) -> Queue? {
        let outcome = core.create(
            recipientKey: recipientKey, deliverySecret: .random(32), senderCanSecure: senderCanSecure,
            subscribing: subscribing, on: connection, now: now)
        guard case .queueMade(let recipient, let sender, _) = outcome.reply else { return nil }
        let queue = Queue(recipient: recipient, sender: sender)
        if secured { _ = receive(.secure(senderKey), queue, on: connection) }
        return queue
    }

    func receive(_ command: RecipientCommand, _ queue: Queue, on connection: ConnectionID) -> Outcome {
        core.receive(command, queue: queue.recipient, key: recipientKey, on: connection, now: now)
    }

    func send(_ text: String, to queue: Queue, on connection: ConnectionID, secured: Bool = true) -> Outcome {
        send(Array(text.utf8), to: queue, on: connection, secured: secured)
    }

    func send(_ body: [UInt8], to queue: Queue, on connection: ConnectionID, secured: Bool = true) -> Outcome {
        core.send(
            .init(queue: queue.sender, key: secured ? senderKey : nil, notifies: false, body: body[...]),
            on: connection, now: now)
    }

    /// SUBs, acknowledges all there is, and tells the texts in order; the marker as "QUOTA".
    func drain(_ queue: Queue, on connection: ConnectionID) -> [String] {
        var texts: [String] = []
        var message = receive(.subscribe, queue, on: connection).pushed.first
        while let current = message {
            texts.append(current.text)
            message = receive(.acknowledge(current.id[...]), queue, on: connection).message
        }
        return texts
    }
}

extension StoredMessage {
    var text: String { kind == .quotaMarker ? "QUOTA" : String(decoding: body, as: UTF8.self) }
}

extension Outcome {
    var isOK: Bool { if case .ok = reply { true } else { false } }
    var refusal: Refusal? { if case .refused(let refusal) = reply { refusal } else { nil } }
    /// The message in the reply.
    var message: StoredMessage? { if case .message(let delivery) = reply { delivery.message } else { nil } }
    /// The messages among the pushes.
    var pushed: [StoredMessage] {
        pushes.compactMap { if case .message(let delivery) = $0.event { delivery.message } else { nil } }
    }
    /// Connections that are told of the end of a subscription.
    var ended: [ConnectionID] {
        pushes.compactMap { if case .ended = $0.event { $0.connection } else { nil } }
    }
    /// Connections that are told of a deletion.
    var deleted: [ConnectionID] {
        pushes.compactMap { if case .deleted = $0.event { $0.connection } else { nil } }
    }
}
