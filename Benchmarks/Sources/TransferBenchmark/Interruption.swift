import Glibc

/// SIGINT, SIGTERM and SIGHUP as an error at the next wait, so that everything that was started is ended and removed.
///
/// The signals are blocked and asked for; there is one thread.
enum Interruption {
    private static let signals: sigset_t = {
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&set, number) }
        return set
    }()

    /// From now on the signals wait to be asked for.
    static func arm() {
        var set = signals
        sigprocmask(SIG_BLOCK, &set, nil)
    }

    /// Throws `interrupted` if one of the signals came.
    static func check() throws {
        var pending = sigset_t()
        sigpending(&pending)
        for number in [SIGINT, SIGTERM, SIGHUP] where sigismember(&pending, number) == 1 {
            throw BenchmarkError.interrupted
        }
    }

    /// Waits, at most until one of the signals comes.
    static func pause(milliseconds: Int) throws {
        var set = signals
        var time = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
        if sigtimedwait(&set, nil, &time) > 0 { throw BenchmarkError.interrupted }
    }

    /// Asks again and again until `isDone`; throws `timedOut` after `seconds`.
    static func wait(for what: String, seconds: Int, until isDone: () throws -> Bool) throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while try !isDone() {
            if ContinuousClock.now > deadline { throw BenchmarkError.timedOut(command: what, seconds: seconds) }
            try pause(milliseconds: 10)
        }
    }
}
