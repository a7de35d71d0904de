import COpenSSL
import CSodium

/// libsodium chooses its fast code for this processor once, when it is asked to; every way into it asks first.
enum Sodium {
    static let isReady = sodium_init() >= 0
}

/// Secret bytes on the heap, never swapped for a copy behind our back and cleansed when the last owner lets go.
public final class SecretBytes: Sendable, Equatable {
    // Written in init only, so that sharing it between threads is safe.
    private nonisolated(unsafe) let storage: UnsafeMutablePointer<UInt8>
    /// The number of bytes.
    public let count: Int

    /// Copies `bytes`.
    public init(_ bytes: some Collection<UInt8>) {
        count = bytes.count
        storage = .allocate(capacity: Swift.max(bytes.count, 1))
        storage.initialize(repeating: 0, count: bytes.count)
        _ = UnsafeMutableBufferPointer(start: storage, count: count).update(from: bytes)
    }

    private init(random count: Int) {
        _ = Sodium.isReady
        self.count = count
        storage = .allocate(capacity: Swift.max(count, 1))
        randombytes_buf(storage, count)
    }

    deinit {
        sodium_memzero(storage, count)
        storage.deallocate()
    }

    /// `count` bytes from the kernel's generator.
    public static func random(_ count: Int) -> SecretBytes { SecretBytes(random: count) }

    /// A copy; the caller answers for what becomes of it.
    public var bytes: [UInt8] { Array(UnsafeBufferPointer(start: storage, count: count)) }

    /// Reads the bytes in place.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try body(UnsafeRawBufferPointer(start: storage, count: count))
    }

    /// Compares in constant time.
    public static func == (left: SecretBytes, right: SecretBytes) -> Bool {
        left.count == right.count && sodium_memcmp(left.storage, right.storage, left.count) == 0
    }
}

extension SecretBytes: CustomStringConvertible {
    /// Says how many bytes there are, never which.
    public var description: String { "<\(count) secret bytes>" }
}

/// Random bytes from the kernel's generator.
public enum SecureRandom {
    /// `count` random bytes.
    public static func bytes(_ count: Int) -> [UInt8] {
        _ = Sodium.isReady
        return makeBytes(count: count) { randombytes_buf($0, count) }
    }

    /// `count` random bytes that will not be secret: nonces and ids.
    public static func nonce(_ count: Int) -> [UInt8] {
        makeBytes(count: count) { sx_random($0, count) }
    }
}

/// Whether `left` equals `right`, in a time that depends on the lengths only.
public func constantTimeEquals(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && sodium_memcmp(left, right, left.count) == 0
}

/// A stretch of memory with an address, even when it is empty: the C libraries insist on one.
struct Stretch {
    let start: UnsafePointer<UInt8>
    let count: Int
    var buffer: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }
}

extension Collection where Element == UInt8 {
    /// Gives the elements as one stretch of memory, copying only a collection that has none.
    @inline(__always)
    func withBytes<Result, Failure: Error>(_ body: (Stretch) throws(Failure) -> Result) throws(Failure) -> Result {
        let result = withContiguousStorageIfAvailable { buffer -> Swift.Result<Result, Failure>? in
            guard let start = buffer.baseAddress else { return nil }
            do throws(Failure) {
                return .success(try body(Stretch(start: start, count: buffer.count)))
            } catch { return .failure(error) }
        }
        if let result = result ?? nil { return try result.get() }
        let copy = Array(self) + [0]
        return try copy.withUnsafeBufferPointer { buffer throws(Failure) in
            guard let start = buffer.baseAddress else { preconditionFailure("an array of one byte has an address") }
            return try body(Stretch(start: start, count: copy.count - 1))
        }
    }
}

extension SecretBytes {
    /// Gives the address of the bytes.
    @inline(__always)
    func withPointer<Result>(_ body: (UnsafePointer<UInt8>) -> Result) -> Result {
        body(UnsafePointer(storage))
    }
}

/// An array of `count` bytes that `fill` writes in full.
@inline(__always)
func makeBytes(count: Int, _ fill: (UnsafeMutablePointer<UInt8>) -> Void) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: Swift.max(count, 1)) { buffer, initialized in
        guard let start = buffer.baseAddress else { preconditionFailure("an array of one byte has an address") }
        fill(start)
        initialized = count
    }
}
