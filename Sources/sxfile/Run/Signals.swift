import Glibc
import Guarding
import Synchronization

/// The write end of the pipe that signals go to. Written once, before a handler is installed; handlers only read it.
nonisolated(unsafe) private var signalPipe: Int32 = -1

/// SIGINT, SIGTERM and SIGHUP: the first one asks to save and leave, the second forces.
enum Signals {
    /// The first signal that came, or 0.
    private static let first = Atomic<Int32>(0)
    /// Whether the process only waits for input: nothing is to be saved.
    private static let isReading = Atomic<Bool>(false)
    /// How the terminal is to be left, if it was changed.
    private static let terminal = Guarded<termios?>(nil)

    /// The signal that ends this process, if one came.
    static var received: Int32? {
        let number = first.load(ordering: .acquiring)
        return number == 0 ? nil : number
    }

    /// Listens; `stop` is called at the first signal, from a thread of its own.
    static func listen(_ stop: @escaping @Sendable (Int32) -> Void) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        signalPipe = ends[1]
        let input = ends[0]
        // nohup means what it says.
        var before = sigaction()
        sigaction(SIGHUP, nil, &before)
        catchSignals(isIgnored(before) ? [SIGINT, SIGTERM] : [SIGINT, SIGTERM, SIGHUP])
        signal(SIGPIPE, SIG_IGN)
        start { watch(input, stop) }
    }

    /// From now on these signals ask for something and do not end the process. The stream ends when its task is cancelled.
    static func requests(_ numbers: [Int32]) -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingNewest(8))
        requested.withLock { requested in
            for number in numbers { requested[number] = continuation }
        }
        catchSignals(numbers)
        return stream
    }

    private static let requested = Guarded<[Int32: AsyncStream<Int32>.Continuation]>([:])

    private static func catchSignals(_ numbers: [Int32]) {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { number in
            let saved = errno
            var byte = UInt8(truncatingIfNeeded: number)
            _ = Glibc.write(signalPipe, &byte, 1)
            errno = saved
        }
        action.sa_flags = Int32(SA_RESTART)
        var all = sigset_t()
        sigemptyset(&all)
        for number in numbers {
            sigaction(number, &action, nil)
            sigaddset(&all, number)
        }
        // Whoever started us may have blocked them.
        pthread_sigmask(SIG_UNBLOCK, &all, nil)
    }

    /// Runs `body`, which may block for input, so that a signal ends the process at once.
    static func whileReading<Value>(restoring state: termios? = nil, _ body: () throws -> Value) rethrows -> Value {
        terminal.withLock { $0 = state }
        isReading.store(true, ordering: .releasing)
        defer {
            isReading.store(false, ordering: .releasing)
            terminal.withLock { $0 = nil }
        }
        return try body()
    }

    private static func watch(_ input: Int32, _ stop: @Sendable (Int32) -> Void) {
        while true {
            var number: UInt8 = 0
            let count = read(input, &number, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { return }
            if let asker = requested.withLock({ $0[Int32(number)] }) {
                asker.yield(Int32(number))
                continue
            }
            let isFirst = first.load(ordering: .acquiring) == 0
            if !isFirst || isReading.load(ordering: .acquiring) {
                terminal.withLock { if var state = $0 { tcsetattr(STDIN_FILENO, TCSANOW, &state) } }
                _exit(128 + Int32(number))
            }
            first.store(Int32(number), ordering: .releasing)
            stop(Int32(number))
        }
    }

    private static func isIgnored(_ action: sigaction) -> Bool {
        unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    /// A detached thread: it lives as long as the process.
    private static func start(_ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(ThreadBody(body))
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, box.toOpaque())
        if result == 0 { pthread_detach(thread) } else { box.release() }
    }

    private final class ThreadBody: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
