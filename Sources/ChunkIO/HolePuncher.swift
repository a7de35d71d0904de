import CLiburing
import Glibc

/// Gives blocks of zeros back to the file system: chunks are written as they come, and what came was zeros where the source
/// has holes.
enum HolePuncher {
    private static let block = 4096
    private static let piece = 1 << 20

    /// Looks through the first `size` bytes, on a thread of its own. A file system without holes keeps the zeros.
    static func punch(_ file: OpenFile, size: Int64) async {
        let worker = WorkerThread(named: "sxfile-holes")
        defer { worker.stop() }
        await withCheckedContinuation { continuation in
            worker.run {
                punchNow(file, size: size)
                continuation.resume()
            }
        }
    }

    private static func punchNow(_ file: OpenFile, size: Int64) {
        var memory = [UInt8](repeating: 0, count: piece)
        var zeros: Range<Int64>?
        func flush() -> Bool {
            guard let range = zeros else { return true }
            zeros = nil
            return sxfile_punch_hole(file.descriptor, range.lowerBound, Int64(range.count)) == 0
        }
        var offset: Int64 = 0
        while offset < size {
            let wanted = Int(min(Int64(piece), size - offset))
            let count = pread(file.descriptor, &memory, wanted, off_t(offset))
            if count < 0, errno == EINTR { continue }
            guard count == wanted else { break }
            for start in stride(from: 0, to: count, by: block) {
                let end = min(start + block, count)
                let place = offset + Int64(start)..<offset + Int64(end)
                let isZero = memory.withUnsafeBytes { Self.isZero(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
                if isZero {
                    zeros = (zeros?.lowerBound ?? place.lowerBound)..<place.upperBound
                } else if !flush() {
                    return
                }
            }
            offset += Int64(count)
        }
        _ = flush()
    }

    /// Whether there is nothing but zeros.
    static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.first == 0, let start = bytes.baseAddress else { return bytes.isEmpty }
        return bytes.count == 1 || memcmp(start, start + 1, bytes.count - 1) == 0
    }
}
