import CLinux
import Glibc

/// An open file that closes with its owner.
struct Descriptor: ~Copyable {
    let raw: Int32

    /// Opens `path`; the error number if that fails.
    static func open(_ path: String, _ flags: Int32, mode: mode_t = 0o600) -> Result<Int32, SystemFailure> {
        while true {
            let raw = Glibc.open(path, flags | O_CLOEXEC | O_NOFOLLOW, mode)
            if raw >= 0 { return .success(raw) }
            if errno != EINTR { return .failure(SystemFailure(errno: errno)) }
        }
    }

    init(owning raw: Int32) { self.raw = raw }

    deinit { close(raw) }

    /// Writes both buffers one after the other at `offset`, wholly or with an error.
    borrowing func write(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, at offset: Int
    ) throws(RelayError) {
        let total = first.count + second.count
        let written = withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { vectors in
            vectors[0] = iovec(iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress), iov_len: first.count)
            vectors[1] = iovec(iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress), iov_len: second.count)
            return retrying { pwritev(raw, vectors.baseAddress, second.isEmpty ? 1 : 2, off_t(offset)) }
        }
        guard written >= 0 else { throw .spool(errno: errno) }
        // A regular file is written short only when the disk fills up.
        guard written == total else { throw .spool(errno: ENOSPC) }
    }

    /// Reads into `buffer` from `offset`; the number of bytes there were.
    borrowing func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(RelayError) -> Int {
        let count = retrying { pread(raw, buffer.baseAddress, buffer.count, off_t(offset)) }
        guard count >= 0 else { throw .spool(errno: errno) }
        return count
    }

    /// The length of the file in bytes.
    borrowing func size() throws(RelayError) -> Int {
        var status = stat()
        guard fstat(raw, &status) == 0 else { throw .spool(errno: errno) }
        return Int(status.st_size)
    }

    /// Cuts the file to `count` bytes. A failure leaves dead bytes behind, which nothing reads.
    borrowing func truncate(to count: Int) { _ = retrying { Int(ftruncate(raw, off_t(count))) } }

    /// Gives the blocks of a range back to the file system, where it can do that.
    borrowing func punch(_ range: Range<Int>) {
        _ = retrying { Int(sx_punch_hole(raw, off_t(range.lowerBound), off_t(range.count))) }
    }
}

/// An error number as an error.
struct SystemFailure: Error, Equatable {
    let errno: Int32
}

private func retrying(_ call: () -> Int) -> Int {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}
