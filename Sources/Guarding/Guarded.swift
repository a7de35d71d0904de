public import Glibc

/// A value behind a lock.
///
/// The standard library's `Mutex` does the same on a futex of its own, which ThreadSanitizer does not see: it would
/// report every use as a race.
public final class Guarded<Value: ~Copyable>: @unchecked Sendable {
    // Safe: the value is touched only with the lock held.
    @usableFromInline let value = UnsafeMutablePointer<Value>.allocate(capacity: 1)
    @usableFromInline let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    /// Puts a value behind a lock.
    public init(_ initial: consuming sending Value) {
        value.initialize(to: initial)
        lock.initialize(to: pthread_mutex_t())
        let result = pthread_mutex_init(lock, nil)
        precondition(result == 0, "a lock without attributes needs nothing")
    }

    deinit {
        value.deinitialize(count: 1)
        value.deallocate()
        pthread_mutex_destroy(lock)
        lock.deallocate()
    }

    /// Runs `body` with the lock held; it must not ask for the lock again.
    @inlinable
    public func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return try body(&value.pointee)
    }
}
