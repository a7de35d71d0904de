import CLiburing
import Glibc

/// How chunks reach and leave the disk.
public enum IOBackend: Sendable, Equatable {
    /// io_uring with registered buffers and files.
    case ioUring
    /// pread and pwrite.
    case posix
}

/// Reads, writes, hashes and syncs on threads of its own; one serves a whole process.
public final class IOService: Sendable {
    /// Which way to go.
    public enum Preference: Sendable, CaseIterable {
        /// io_uring where the kernel allows it, else pread and pwrite.
        case automatic
        /// pread and pwrite in any case.
        case posix
    }

    /// The service of this process, made at first use by the environment's `SXFILE_IO` (`posix` forces pread and pwrite).
    public static let shared = IOService(preference: environmentPreference())

    /// Which way was taken.
    public let backend: IOBackend
    /// The same in words and with its reason, for `-v` and `doctor`.
    public let backendDescription: String
    private let engine: any IOEngine

    /// A service with threads of its own, which end some time after the last use of it.
    public init(preference: Preference = .automatic) {
        // A limit on file sizes is to be an errno, not the end of the process.
        signal(SIGXFSZ, SIG_IGN)
        switch preference {
        case .posix:
            backend = .posix
            backendDescription = "pread and pwrite, as SXFILE_IO=posix asks"
            engine = PosixEngine()
        case .automatic:
            switch RingEngine.make() {
            case .success(let ring):
                backend = .ioUring
                backendDescription = ring.description
                engine = ring
            case .failure(let refusal):
                backend = .posix
                backendDescription = "pread and pwrite, as the kernel refuses io_uring: \(describe(refusal))"
                engine = PosixEngine()
            }
        }
    }

    deinit { engine.stop() }

    func perform(
        _ kind: IORequest.Kind, on file: OpenFile, bytes: [UInt8] = []
    ) async -> Result<IOOutput, ChunkIOError> {
        await withCheckedContinuation { continuation in
            engine.submit(IORequest(kind, on: file, bytes: bytes) { continuation.resume(returning: $0) })
        }
    }

    func submit(_ request: IORequest) { engine.submit(request) }

    func forget(_ number: UInt64) { engine.forget(number) }
}

private func environmentPreference() -> IOService.Preference {
    guard let value = getenv("SXFILE_IO") else { return .automatic }
    return String(cString: value) == "posix" ? .posix : .automatic
}

private func describe(_ error: Errnum) -> String {
    guard let text = strerror(error.code) else { return "errno \(error.code)" }
    return String(cString: text)
}

/// Starts a thread for `body`; false if the machine has none left. Signals meant for the process are left to others.
package func startThread(named name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
    var blocked = sigset_t()
    var previous = sigset_t()
    sigfillset(&blocked)
    for fault in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT] { sigdelset(&blocked, fault) }
    pthread_sigmask(SIG_BLOCK, &blocked, &previous)
    defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }

    let start = Unmanaged.passRetained(
        ThreadStart {
            sxfile_name_thread(name)
            body()
        })
    var thread = pthread_t()
    let result = pthread_create(
        &thread, nil,
        { context in
            if let context { Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue().body() }
            return nil
        }, start.toOpaque())
    guard result == 0 else {
        start.release()
        return false
    }
    pthread_detach(thread)
    return true
}

private final class ThreadStart {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}
