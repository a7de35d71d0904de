import Glibc
import Guarding
import Synchronization
import SystemPackage

/// An open descriptor with its path (for messages) and the service that works on it. Requests under way keep it open.
final class OpenFile: Sendable {
    let descriptor: CInt
    let path: FilePath
    let service: IOService
    /// Names the file to the service for as long as the process lives; descriptors are used again, this is not.
    let number: UInt64
    private let syncFailure = Guarded<ChunkIOError?>(nil)

    private static let numbers = Atomic<UInt64>(0)

    /// Takes over `descriptor`.
    init(descriptor: CInt, path: FilePath, service: IOService) {
        self.descriptor = descriptor
        self.path = path
        self.service = service
        number = OpenFile.numbers.add(1, ordering: .relaxed).newValue
    }

    deinit {
        service.forget(number)
        close(descriptor)
    }

    func status() throws(ChunkIOError) -> FileStatus {
        switch FileStatus.of(descriptor) {
        case .success(let status): return status
        case .failure(let error): throw ChunkIOError(errno: error.code, operation: "look at", path: path)
        }
    }

    /// fdatasync, or fsync. The kernel reports lost data once and then forgets it, so a failure here is kept: no later
    /// sync through this object succeeds.
    func sync(dataOnly: Bool) async throws(ChunkIOError) {
        if let failure = syncFailure.withLock({ $0 }) { throw failure }
        do throws(ChunkIOError) {
            _ = try await service.perform(.sync(dataOnly: dataOnly), on: self).get()
        } catch {
            syncFailure.withLock { $0 = error }
            throw error
        }
    }
}
