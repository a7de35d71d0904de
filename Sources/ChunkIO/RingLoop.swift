import CLiburing
import Glibc
import Primitives

/// The ring and its thread's work.
///
/// Data passes through registered buffers: a request that reads or writes holds one of them while it is under way and
/// goes on piece by piece if it is longer than that. Requests that find no free buffer wait in order.
final class RingLoop: @unchecked Sendable {
    // Safe: built by one thread, then handed to the ring's own thread, the only one that touches it from `run()` on.
    // `inbox` is the way in for others and takes care of itself.

    static let bufferSize = 256 << 10
    private static let fileSlotCount: UInt32 = 64
    private static let wakeKey: UInt64 = 0

    let inbox = RingInbox()
    private let ring: OpaquePointer
    private let memory: UnsafeMutableRawPointer
    private let memorySize: Int
    private let wakeCount = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)

    private struct Active {
        let request: IORequest
        /// Index of the registered buffer, for a read or a write.
        let buffer: Int?
    }
    private var active: [UInt64: Active] = [:]
    private var lastKey: UInt64 = RingLoop.wakeKey
    private var backlog: [IORequest] = []
    /// Lent buffers that were read and are to be hashed, or are to be hashed and then written.
    private var unhashed: [IORequest] = []
    /// A lone chunk waits so long for another: two are hashed in little more time than one.
    private static let pairingNanoseconds: Int64 = 1_000_000
    private var freeBuffers: [Int]
    private var fileSlots: [UInt64: UInt32] = [:]
    private var freeFileSlots: [UInt32]

    private init(
        ring: OpaquePointer, memory: UnsafeMutableRawPointer, bufferCount: Int, hasFileSlots: Bool
    ) {
        self.ring = ring
        self.memory = memory
        memorySize = bufferCount * RingLoop.bufferSize
        freeBuffers = Array((0..<bufferCount).reversed())
        freeFileSlots = hasFileSlots ? Array((0..<RingLoop.fileSlotCount).reversed()) : []
    }

    deinit {
        sxfile_ring_destroy(ring)
        munmap(memory, memorySize)
        wakeCount.deallocate()
    }

    static func make(bufferCount: Int) -> Result<RingLoop, Errnum> {
        let entry = sxfile_ring_probe_enter()
        guard entry == 0 else { return .failure(Errnum(code: -entry)) }
        var created: OpaquePointer?
        let result = sxfile_ring_create(64, &created)
        guard result == 0, let ring = created else { return .failure(Errnum(code: -result)) }
        let size = bufferCount * bufferSize
        guard
            let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            memory != MAP_FAILED
        else {
            sxfile_ring_destroy(ring)
            return .failure(Errnum(code: ENOMEM))
        }
        let registration = sxfile_ring_register_buffers(ring, memory, UInt32(bufferCount), bufferSize)
        guard registration == 0 else {
            sxfile_ring_destroy(ring)
            munmap(memory, size)
            return .failure(Errnum(code: -registration))
        }
        // Without the file table descriptors do as well, only slower.
        let hasFileSlots = sxfile_ring_register_files(ring, fileSlotCount) == 0
        return .success(RingLoop(ring: ring, memory: memory, bufferCount: bufferCount, hasFileSlots: hasFileSlots))
    }

    /// Works until the inbox says stop and nothing is left to do.
    func run() {
        let enabled = sxfile_ring_enable(ring)
        precondition(enabled == 0, "the kernel refuses to start a ring it has set up")
        armWake()
        while true {
            let news = inbox.take()
            for number in news.forgotten { unregister(number) }
            backlog.append(contentsOf: news.requests)
            startBacklog()
            hashPairs()
            if news.isStopping { hashRest() }
            if news.isStopping && active.isEmpty && backlog.isEmpty { return }
            let result =
                unhashed.isEmpty
                ? sxfile_ring_submit_and_wait(ring)
                : sxfile_ring_submit_and_wait_a_while(ring, Self.pairingNanoseconds)
            switch -result {
            case EINTR, EAGAIN, EBUSY, ENOMEM: break
            case ETIME: hashRest()
            default: precondition(result >= 0, "the kernel refuses to go on with a ring that worked")
            }
            var key: UInt64 = 0
            var outcome: CInt = 0
            while sxfile_ring_next(ring, &key, &outcome) {
                if key == RingLoop.wakeKey { armWake() } else { handle(key, outcome) }
            }
        }
    }

    private func armWake() {
        queued(sxfile_ring_read(ring, RingLoop.wakeKey, inbox.wake.descriptor, wakeCount, 8))
    }

    private func queued(_ result: CInt) {
        precondition(result == 0, "the ring has no room although it was just emptied")
    }

    /// Starts what waits, in order; reads and writes as long as there are free buffers, the rest at once.
    private func startBacklog() {
        guard !backlog.isEmpty else { return }
        let waiting = backlog
        backlog = []
        for request in waiting {
            switch request.kind {
            case .read, .write:
                if freeBuffers.isEmpty {
                    backlog.append(request)
                } else {
                    startTransfer(request)
                }
            case .fill: queueDirect(request, key: activate(request, buffer: nil))
            case .drain(_, _, let expected):
                if expected == nil { hashed(request, nil) } else { unhashed.append(request) }
            case .allocate(let offset, let length):
                let key = activate(request, buffer: nil)
                queued(sxfile_ring_allocate(ring, key, registered(request.file), offset, length))
            case .sync(let dataOnly):
                queued(sxfile_ring_sync(ring, activate(request, buffer: nil), registered(request.file), dataOnly))
            case .writeBack(let offset, let length):
                let key = activate(request, buffer: nil)
                let count = UInt32(clamping: length)
                queued(sxfile_ring_start_write_back(ring, key, registered(request.file), offset, count))
            }
        }
    }

    // MARK: - Hashing lent buffers

    /// Hashes what there is, two at a time; a lone one that may wait stays.
    private func hashPairs() {
        var lone: IORequest?
        for request in unhashed {
            guard let other = lone, let first = other.lent, let second = request.lent, first.count == second.count
            else {
                if let lone { hash(lone) }
                lone = request
                continue
            }
            let (digest, otherDigest) = first.withUnsafeBytes { first in
                second.withUnsafeBytes { second in SHA256.hash(first, second) }
            }
            hashed(other, digest)
            hashed(request, otherDigest)
            lone = nil
        }
        unhashed = []
        guard let lone else { return }
        if SHA256.hasPairs, lone.mayWait { unhashed = [lone] } else { hash(lone) }
    }

    private func hashRest() {
        for request in unhashed { hash(request) }
        unhashed = []
    }

    private func hash(_ request: IORequest) {
        guard let buffer = request.lent else { return }
        hashed(request, SHA256.hash(of: buffer))
    }

    private func hashed(_ request: IORequest, _ digest: [UInt8]?) {
        switch request.kind {
        case .fill(let buffer, _, _): request.complete(.filled(buffer, sha256: digest ?? []))
        case .drain(let buffer, _, let expected):
            if let digest, digest != expected {
                request.complete(.hashMismatch(got: digest))
            } else if buffer.count == 0 {
                request.complete(.done)
            } else {
                queueDirect(request, key: activate(request, buffer: nil))
            }
        case .read, .write, .sync, .writeBack, .allocate: preconditionFailure("only lent buffers are hashed here")
        }
    }

    // MARK: - Reading and writing

    private func startTransfer(_ request: IORequest) {
        switch request.kind {
        case .read(_, let length): request.bytes.reserveCapacity(length)
        case .write(_, let expected):
            if let expected {
                let hash = SHA256.hash(request.bytes)
                if hash != expected { return request.complete(.hashMismatch(got: hash)) }
            }
            if request.bytes.isEmpty { return request.complete(.done) }
        case .fill, .drain, .sync, .writeBack, .allocate:
            preconditionFailure("only reads and writes use registered buffers")
        }
        let buffer = freeBuffers.removeLast()
        queueNextPiece(of: request, key: activate(request, buffer: buffer), buffer: buffer)
    }

    private func activate(_ request: IORequest, buffer: Int?) -> UInt64 {
        lastKey += 1
        active[lastKey] = Active(request: request, buffer: buffer)
        return lastKey
    }

    private func queueNextPiece(of request: IORequest, key: UInt64, buffer: Int) {
        let place = memory + buffer * RingLoop.bufferSize
        let file = registered(request.file)
        switch request.kind {
        case .read(let offset, let length):
            let count = min(RingLoop.bufferSize, length - request.progress)
            let position = offset + Int64(request.progress)
            queued(sxfile_ring_read_fixed(ring, key, file, place, UInt32(count), position, CInt(buffer)))
        case .write(let offset, _):
            let count = min(RingLoop.bufferSize, request.bytes.count - request.progress)
            request.bytes.withUnsafeBytes { bytes in
                let piece = UnsafeRawBufferPointer(rebasing: bytes[request.progress...].prefix(count))
                UnsafeMutableRawBufferPointer(start: place, count: count).copyMemory(from: piece)
            }
            let position = offset + Int64(request.progress)
            queued(sxfile_ring_write_fixed(ring, key, file, place, UInt32(count), position, CInt(buffer)))
        case .fill, .drain, .sync, .writeBack, .allocate:
            preconditionFailure("only reads and writes use registered buffers")
        }
    }

    /// What is left of a transfer between a file and a lent buffer. For the page cache registered memory is no faster.
    private func queueDirect(_ request: IORequest, key: UInt64) {
        let file = registered(request.file)
        switch request.kind {
        case .fill(let buffer, let offset, let length):
            let position = offset + Int64(request.progress)
            buffer.fill { rest in
                let count = UInt32(length - request.progress)
                queued(sxfile_ring_read_at(ring, key, file, rest.baseAddress, count, position))
                return 0
            }
        case .drain(let buffer, let offset, _):
            let position = offset + Int64(request.progress)
            buffer.withUnsafeBytes { bytes in
                let rest = UnsafeRawBufferPointer(rebasing: bytes[request.progress...])
                queued(sxfile_ring_write_at(ring, key, file, rest.baseAddress, UInt32(rest.count), position))
            }
        case .read, .write, .sync, .writeBack, .allocate: preconditionFailure("only lent buffers go this way")
        }
    }

    private func handle(_ key: UInt64, _ outcome: CInt) {
        guard let entry = active[key] else { preconditionFailure("a completion of nothing") }
        let request = entry.request
        guard let buffer = entry.buffer else {
            handleWithoutBuffer(request, key, outcome)
            return
        }
        if outcome == -EINTR || outcome == -EAGAIN { return queueNextPiece(of: request, key: key, buffer: buffer) }
        let isDone = advance(request, by: outcome, buffer: buffer)
        guard isDone || outcome <= 0 else { return queueNextPiece(of: request, key: key, buffer: buffer) }
        active[key] = nil
        freeBuffers.append(buffer)
        switch request.kind {
        case .read where outcome >= 0:
            let bytes = request.bytes
            request.complete(.bytes(bytes, sha256: SHA256.hash(bytes)))
        case .write where outcome > 0: request.complete(.done)
        case .read, .write, .fill, .drain, .sync, .writeBack, .allocate:
            request.fail(errno: outcome == 0 ? EIO : -outcome)
        }
    }

    /// Takes in a piece; whether it was the last. Zero bytes read is the end of the file.
    private func advance(_ request: IORequest, by outcome: CInt, buffer: Int) -> Bool {
        guard outcome > 0 else { return false }
        request.progress += Int(outcome)
        switch request.kind {
        case .read(_, let length):
            let piece = UnsafeRawBufferPointer(start: memory + buffer * RingLoop.bufferSize, count: Int(outcome))
            request.bytes.append(contentsOf: piece)
            return request.progress == length
        case .write: return request.progress == request.bytes.count
        case .fill, .drain, .sync, .writeBack, .allocate:
            preconditionFailure("only reads and writes use registered buffers")
        }
    }

    private func handleWithoutBuffer(_ request: IORequest, _ key: UInt64, _ outcome: CInt) {
        let isInterrupted = outcome == -EINTR || outcome == -EAGAIN
        switch request.kind {
        case .fill, .drain:
            if isInterrupted || (outcome > 0 && !advance(request, by: outcome)) {
                return queueDirect(request, key: key)
            }
        case .writeBack, .allocate, .sync, .read, .write: break
        }
        active[key] = nil
        switch request.kind {
        case .writeBack, .allocate: request.complete(.done)
        case .sync where isInterrupted: backlog.append(request)
        case .sync where outcome < 0: request.fail(errno: -outcome)
        case .fill where outcome >= 0: unhashed.append(request)
        case .drain where outcome > 0: request.complete(.done)
        case .fill, .drain: request.fail(errno: outcome == 0 ? EIO : -outcome)
        case .sync, .read, .write: request.complete(.done)
        }
    }

    /// Takes in a piece of a transfer with a lent buffer; whether it was the last.
    private func advance(_ request: IORequest, by outcome: CInt) -> Bool {
        request.progress += Int(outcome)
        switch request.kind {
        case .fill(let buffer, _, let length):
            buffer.fill { _ in Int(outcome) }
            return request.progress == length
        case .drain(let buffer, _, _): return request.progress == buffer.count
        case .read, .write, .sync, .writeBack, .allocate: preconditionFailure("only lent buffers go this way")
        }
    }

    /// The file as the kernel is to be told: its slot of the table, or the descriptor while the table is full.
    private func registered(_ file: OpenFile) -> sxfile_ring_file {
        if let slot = fileSlots[file.number] { return sxfile_ring_file(number: CInt(slot), registered: true) }
        if let slot = freeFileSlots.last, sxfile_ring_set_file(ring, slot, file.descriptor) == 0 {
            freeFileSlots.removeLast()
            fileSlots[file.number] = slot
            return sxfile_ring_file(number: CInt(slot), registered: true)
        }
        return sxfile_ring_file(number: file.descriptor, registered: false)
    }

    /// The table holds a file open as a descriptor does: a deleted partial would keep its space.
    private func unregister(_ number: UInt64) {
        guard let slot = fileSlots.removeValue(forKey: number) else { return }
        _ = sxfile_ring_set_file(ring, slot, -1)
        freeFileSlots.append(slot)
    }
}

extension SHA256 {
    /// The digest of the filled bytes.
    static func hash(of buffer: ChunkBuffer) -> [UInt8] {
        buffer.withUnsafeBytes { hash($0.bindMemory(to: UInt8.self)) }
    }
}
