import CLiburing
import Glibc
import Guarding
import Primitives

/// pread and pwrite on one thread, syncs on another so that they hold up neither.
final class PosixEngine: IOEngine {
    private let data = WorkerThread(named: "sxfile-io")
    private let syncs = WorkerThread(named: "sxfile-sync")

    func submit(_ request: IORequest) {
        switch request.kind {
        case .read(let offset, let length):
            data.run { PosixEngine.read(request, offset: offset, length: length) }
        case .write(let offset, let expected):
            data.run { PosixEngine.write(request, offset: offset, expecting: expected) }
        case .fill(let buffer, let offset, let length):
            data.run { PosixEngine.fill(request, buffer, offset: offset, length: length) }
        case .drain(let buffer, let offset, let expected):
            data.run { PosixEngine.drain(request, buffer, offset: offset, expecting: expected) }
        case .sync(let dataOnly):
            syncs.run {
                let descriptor = request.file.descriptor
                var code: CInt = EINTR
                while code == EINTR { code = (dataOnly ? fdatasync(descriptor) : fsync(descriptor)) == 0 ? 0 : errno }
                if code == 0 { request.complete(.done) } else { request.fail(errno: code) }
            }
        // Only writes past the page cache gain by it.
        case .allocate: request.complete(.done)
        case .writeBack(let offset, let length):
            syncs.run {
                _ = sxfile_start_write_back(request.file.descriptor, offset, Int64(length))
                request.complete(.done)
            }
        }
    }

    func forget(_ number: UInt64) {}

    func stop() {
        data.stop()
        syncs.stop()
    }

    private static func read(_ request: IORequest, offset: Int64, length: Int) {
        var failure: CInt = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            (count, failure) = read(request.file, into: UnsafeMutableRawBufferPointer(buffer), length, at: offset)
        }
        if failure == 0 {
            request.complete(.bytes(bytes, sha256: SHA256.hash(bytes)))
        } else {
            request.fail(errno: failure)
        }
    }

    private static func fill(_ request: IORequest, _ buffer: ChunkBuffer, offset: Int64, length: Int) {
        var failure: CInt = 0
        buffer.fill { memory in
            let count: Int
            (count, failure) = read(request.file, into: memory, length, at: offset)
            return count
        }
        if failure == 0 {
            request.complete(.filled(buffer, sha256: SHA256.hash(of: buffer)))
        } else {
            request.fail(errno: failure)
        }
    }

    private static func write(_ request: IORequest, offset: Int64, expecting expected: [UInt8]?) {
        if let expected {
            let hash = SHA256.hash(request.bytes)
            if hash != expected { return request.complete(.hashMismatch(got: hash)) }
        }
        finish(request, request.bytes.withUnsafeBytes { write($0, to: request.file, at: offset) })
    }

    private static func drain(_ request: IORequest, _ buffer: ChunkBuffer, offset: Int64, expecting expected: [UInt8]?)
    {
        if let expected {
            let hash = SHA256.hash(of: buffer)
            if hash != expected { return request.complete(.hashMismatch(got: hash)) }
        }
        finish(request, buffer.withUnsafeBytes { write($0, to: request.file, at: offset) })
    }

    private static func finish(_ request: IORequest, _ failure: CInt) {
        if failure == 0 { request.complete(.done) } else { request.fail(errno: failure) }
    }

    /// Reads `length` bytes, fewer at the end of the file; with 0 or the errno.
    private static func read(
        _ file: OpenFile, into memory: UnsafeMutableRawBufferPointer, _ length: Int, at offset: Int64
    ) -> (count: Int, failure: CInt) {
        var count = 0
        while count < length {
            let result = pread(
                file.descriptor, memory.baseAddress.map { $0 + count }, length - count, off_t(offset) + count)
            if result < 0 && errno == EINTR { continue }
            if result < 0 { return (count, errno) }
            if result == 0 { break }
            count += result
        }
        return (count, 0)
    }

    /// Writes all of `memory`; 0 or the errno.
    private static func write(_ memory: UnsafeRawBufferPointer, to file: OpenFile, at offset: Int64) -> CInt {
        var count = 0
        while count < memory.count {
            let result = pwrite(
                file.descriptor, memory.baseAddress.map { $0 + count }, memory.count - count, off_t(offset) + count)
            if result < 0 && errno == EINTR { continue }
            if result < 0 { return errno }
            if result == 0 { return EIO }
            count += result
        }
        return 0
    }
}

/// A thread that runs jobs in order.
final class WorkerThread: Sendable {
    private struct Queue {
        var jobs: [@Sendable () -> Void] = []
        var isStopping = false
    }

    /// Shared with the thread, which outlives this object until its jobs are done.
    private final class Shared: Sendable {
        let queue = Guarded(Queue())
        let wake: Wake = Wake()
    }

    private let shared = Shared()

    init(named name: String) {
        let started = startThread(named: name) { [shared] in
            while true {
                let (jobs, isStopping) = shared.queue.withLock { queue in
                    let jobs = queue.jobs
                    queue.jobs = []
                    return (jobs, queue.isStopping)
                }
                for job in jobs { job() }
                if jobs.isEmpty {
                    if isStopping { return }
                    shared.wake.wait()
                }
            }
        }
        precondition(started, "the machine has no thread left for reading and writing files")
    }

    func run(_ job: @escaping @Sendable () -> Void) {
        shared.queue.withLock { $0.jobs.append(job) }
        shared.wake.signal()
    }

    func stop() {
        shared.queue.withLock { $0.isStopping = true }
        shared.wake.signal()
    }
}

/// An eventfd: a signal that stays until it is waited for.
package final class Wake: Sendable {
    package let descriptor: CInt

    package init() {
        descriptor = sxfile_event_descriptor()
        precondition(descriptor >= 0, "the process has no file descriptor left for its own threads")
    }

    /// nil when the process has no file descriptor left.
    package static func make() -> Wake? {
        let descriptor = sxfile_event_descriptor()
        return descriptor >= 0 ? Wake(descriptor: descriptor) : nil
    }

    private init(descriptor: CInt) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    package func signal() {
        var one: UInt64 = 1
        while write(descriptor, &one, 8) < 0 && errno == EINTR {}
    }

    package func wait() {
        var count: UInt64 = 0
        while read(descriptor, &count, 8) < 0 && errno == EINTR {}
    }
}
