import CLiburing
import Glibc
import Guarding

/// io_uring on one thread, which also hashes: several operations are under way while it does.
final class RingEngine: IOEngine {
    let description: String
    private let inbox: RingInbox

    private init(inbox: RingInbox, description: String) {
        self.inbox = inbox
        self.description = description
    }

    /// Sets a ring up and starts its thread; the errno if the kernel refuses any of it.
    static func make() -> Result<RingEngine, Errnum> {
        var refusal = Errnum(code: ENOSYS)
        // Registered memory counts against the user's locked memory, 8 MiB by default for all processes together.
        for bufferCount in [4, 2] {
            switch RingLoop.make(bufferCount: bufferCount) {
            case .success(let loop):
                guard startThread(named: "sxfile-ring", { loop.run() }) else { return .failure(Errnum(code: EAGAIN)) }
                let kibibytes = RingLoop.bufferSize / 1024
                return .success(
                    RingEngine(
                        inbox: loop.inbox,
                        description: "io_uring, \(bufferCount) registered buffers of \(kibibytes) KiB"))
            case .failure(let error):
                refusal = error
                if error.code != ENOMEM { return .failure(refusal) }
            }
        }
        return .failure(refusal)
    }

    func submit(_ request: IORequest) { inbox.put { $0.requests.append(request) } }
    func forget(_ number: UInt64) { inbox.put { $0.forgotten.append(number) } }
    func stop() { inbox.put { $0.isStopping = true } }
}

/// What other threads have for the ring's thread, which it wakes by an eventfd that the ring reads.
final class RingInbox: Sendable {
    struct Contents {
        var requests: [IORequest] = []
        var forgotten: [UInt64] = []
        var isStopping = false
        /// The eventfd is signalled and not yet answered by a look in here.
        fileprivate var isSignalled = false
    }

    private let contents = Guarded(Contents())
    let wake = Wake()

    func put(_ change: (inout Contents) -> Void) {
        let needsSignal = contents.withLock { contents in
            change(&contents)
            defer { contents.isSignalled = true }
            return !contents.isSignalled
        }
        if needsSignal { wake.signal() }
    }

    func take() -> Contents {
        contents.withLock { contents in
            let taken = contents
            contents.requests = []
            contents.forgotten = []
            contents.isSignalled = false
            return taken
        }
    }
}
