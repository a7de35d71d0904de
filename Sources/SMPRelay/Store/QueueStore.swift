import Glibc
import Primitives

/// All queues and their messages in one directory: records in SQLite, messages in spool files.
///
/// Memory holds only queues in use. Not thread-safe; its owner sees to that.
package final class QueueStore {
    /// What bounds the store's memory and descriptors.
    package struct Bounds: Sendable {
        /// Queues without a subscriber that stay in memory.
        package var queuesInMemory = 4096
        /// Open spool files.
        package var openFiles = 256

        package init() {}
    }

    /// Bytes taken by all stored messages; each counts as a whole slot.
    package private(set) var storedBytes = 0
    /// The number of queues.
    package private(set) var queueCount: Int

    private let directory: String
    private let database: QueueDatabase
    private let pool: DescriptorPool
    private let bounds: Bounds
    private let lock: Descriptor
    private var byRecipient: [QueueID: ActiveQueue] = [:]
    private var bySender: [QueueID: ActiveQueue] = [:]
    private var order: [ActiveQueue] = []
    private var hand = 0
    private var touched: Set<Int64> = []
    private var sweptThrough: Int64 = 0

    /// Opens the store in `directory`, which is made if missing, and counts what is in it.
    package init(directory: String, bounds: Bounds = Bounds()) throws(RelayError) {
        self.directory = directory
        self.bounds = bounds
        for path in [directory, "\(directory)/spool"] { try Self.makeDirectory(path) }
        lock = try Self.lock("\(directory)/lock")
        database = try QueueDatabase(path: Self.databasePath(directory))
        pool = DescriptorPool(limit: bounds.openFiles)
        queueCount = try database.count()
        storedBytes = try countStoredBytes()
    }

    /// The records' file.
    static func databasePath(_ directory: String) -> String { "\(directory)/queues.db" }

    private static func makeDirectory(_ path: String) throws(RelayError) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .directory(path: path, errno: errno) }
    }

    private static func lock(_ path: String) throws(RelayError) -> Descriptor {
        switch Descriptor.open(path, O_RDWR | O_CREAT) {
        case .failure(let failure): throw .directory(path: path, errno: failure.errno)
        case .success(let raw):
            let descriptor = Descriptor(owning: raw)
            guard flock(raw, LOCK_EX | LOCK_NB) == 0 else { throw .inUse(path: path) }
            return descriptor
        }
    }

    // MARK: Queues

    /// Makes a queue.
    func create(
        recipientKey: AuthKey, deliverySecret: SecretBytes, senderCanSecure: Bool, day: Int
    ) throws(RelayError) -> ActiveQueue {
        var record = QueueRecord(
            number: 0, recipientID: .random(), senderID: .random(), recipientKey: recipientKey,
            deliverySecret: deliverySecret, senderKey: nil, senderCanSecure: senderCanSecure, isOff: false,
            activeDay: day)
        record.number = try database.insert(record)
        queueCount += 1
        return try activate(record)
    }

    /// The queue that its recipient calls `id`.
    func queue(recipient id: QueueID) throws(RelayError) -> ActiveQueue? {
        if let queue = byRecipient[id] {
            queue.wasUsed = true
            return queue
        }
        guard let record = try database.record(recipient: id) else { return nil }
        return try activate(record)
    }

    /// The queue that its sender calls `id`.
    func queue(sender id: QueueID) throws(RelayError) -> ActiveQueue? {
        if let queue = bySender[id] {
            queue.wasUsed = true
            return queue
        }
        guard let record = try database.record(sender: id) else { return nil }
        return try activate(record)
    }

    /// Stores the sender's key.
    func secure(_ queue: ActiveQueue, with key: AuthKey) throws(RelayError) {
        try database.secure(queue.record.number, with: key)
        queue.setSenderKey(key)
    }

    /// Turns the queue off for senders.
    func turnOff(_ queue: ActiveQueue) throws(RelayError) {
        try database.turnOff(queue.record.number)
        queue.setOff()
    }

    /// Deletes the queue with its messages.
    func delete(_ queue: ActiveQueue) throws(RelayError) {
        try database.delete(queue.record.number)
        queueCount -= 1
        storedBytes -= queue.spool.count * SpoolLayout.slotCount
        queue.spool.remove()
        forget(queue)
    }

    /// Notes that the queue is in use on `day`; written later.
    func touch(_ queue: ActiveQueue, day: Int) {
        guard queue.record.activeDay < day else { return }
        queue.setActiveDay(day)
        touched.insert(queue.record.number)
    }

    // MARK: Messages

    /// Stores `message`; its number in the queue.
    func append(_ message: StoredMessage, to queue: ActiveQueue) throws(RelayError) -> UInt64 {
        let sequence = try queue.spool.append(message)
        storedBytes += SpoolLayout.slotCount
        return sequence
    }

    /// Forgets the messages of `queue` up to and with `sequence`.
    func drop(through sequence: UInt64, of queue: ActiveQueue) throws(RelayError) {
        let before = queue.spool.count
        try queue.spool.drop(through: sequence)
        storedBytes -= (before - queue.spool.count) * SpoolLayout.slotCount
    }

    // MARK: Upkeep

    /// Writes what was put off.
    package func flush(day: Int) throws(RelayError) {
        try database.touch(touched, day: day)
        touched = []
    }

    /// Hands the next `count` queues to `body`, going round all of them over many calls; whether the round is complete.
    func sweep(_ count: Int, _ body: (ActiveQueue) throws(RelayError) -> Void) throws(RelayError) -> Bool {
        let records = try database.records(after: sweptThrough, count: count)
        for record in records {
            let wasActive = byRecipient[record.recipientID] != nil
            guard let queue = try queue(recipient: record.recipientID) else { continue }
            try body(queue)
            // What only the sweep has looked at goes out of memory at once.
            if !wasActive, byRecipient[record.recipientID] === queue, queue.subscription == nil {
                queue.spool.close()
                forget(queue)
            }
        }
        sweptThrough = records.count == count ? records.last?.number ?? 0 : 0
        return sweptThrough == 0
    }

    /// Writes what was put off and removes the files of empty queues; the store is not used after that.
    package func close(day: Int) {
        try? flush(day: day)
        for queue in byRecipient.values { queue.spool.close() }
    }

    /// The number of queues in memory.
    package var activeCount: Int { byRecipient.count }

    // MARK: Memory

    private func activate(_ record: QueueRecord) throws(RelayError) -> ActiveQueue {
        let spool = try Spool(path: path(ofSpool: record.number), pool: pool)
        let queue = ActiveQueue(record: record, spool: spool)
        byRecipient[record.recipientID] = queue
        bySender[record.senderID] = queue
        makeRoom()
        order.append(queue)
        return queue
    }

    /// Forgets queues that nobody receives from and nobody used since the last look; never many at a time.
    private func makeRoom() {
        var looks = 8
        while order.count >= bounds.queuesInMemory, looks > 0 {
            looks -= 1
            hand %= order.count
            let queue = order[hand]
            if queue.subscription == nil, !queue.wasUsed, !queue.isWaitingForRoom {
                queue.spool.close()
                forget(queue)
            } else {
                queue.wasUsed = false
                hand += 1
            }
        }
    }

    private func forget(_ queue: ActiveQueue) {
        pool.forget(queue.spool)
        byRecipient[queue.record.recipientID] = nil
        bySender[queue.record.senderID] = nil
        guard let place = order.firstIndex(where: { $0 === queue }) else { return }
        // The order only matters roughly: the last one takes the free place.
        order.swapAt(place, order.count - 1)
        order.removeLast()
    }

    // MARK: Files

    private func path(ofSpool number: Int64) -> String {
        "\(directory)/spool/\(number % 256)/\(number)"
    }

    /// Counts the messages in all spool files, and removes the files of queues that are gone.
    private func countStoredBytes() throws(RelayError) -> Int {
        var count = 0
        for shelf in 0..<256 {
            let path = "\(directory)/spool/\(shelf)"
            try Self.makeDirectory(path)
            for name in Self.names(in: path) {
                guard let number = Int64(name) else { continue }
                let file = "\(path)/\(name)"
                guard try database.exists(number: number) else {
                    unlink(file)
                    continue
                }
                let spool = try Spool(path: file, pool: pool)
                count += spool.count
                pool.forget(spool)
                spool.close()
            }
        }
        return count * SpoolLayout.slotCount
    }

    static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
