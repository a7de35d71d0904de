import Glibc

/// A value behind a lock.
///
/// The standard library's `Mutex` does the same on a futex of its own, which ThreadSanitizer does not see: it would
/// report every use as a race.
package final class Guarded<Value>: @unchecked Sendable {
    // Safe: `value` is touched only with the lock held.
    private var value: Value
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    package init(_ value: sending Value) {
        self.value = value
        lock.initialize(to: pthread_mutex_t())
        let result = pthread_mutex_init(lock, nil)
        precondition(result == 0, "a lock without attributes needs nothing")
    }

    deinit {
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    package func withLock<R>(_ body: (inout Value) throws -> R) rethrows -> R {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return try body(&value)
    }
}
