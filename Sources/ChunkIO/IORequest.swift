/// One operation on a file, on its way through an engine.
final class IORequest: @unchecked Sendable {
    // Safe: `bytes` and `progress` are touched only by the thread that has the request: the one that makes it hands it
    // over through a lock and keeps nothing, the engine's thread works on it until it has called `completion`.

    enum Kind {
        /// `length` bytes from `offset`, hashed; fewer at the end of the file.
        case read(offset: Int64, length: Int)
        /// All of `bytes` at `offset`, unless their hash is another than the expected one.
        case write(offset: Int64, expecting: [UInt8]?)
        /// The same as `read`, into a lent buffer, which is empty.
        case fill(ChunkBuffer, offset: Int64, length: Int)
        /// The same as `write`, from a lent buffer.
        case drain(ChunkBuffer, offset: Int64, expecting: [UInt8]?)
        case sync(dataOnly: Bool)
        /// Starts write-back; a failure shows at the next sync.
        case writeBack(offset: Int64, length: Int)
        /// Makes the file that long with blocks of its own, if the file system can: writing is easier then.
        case allocate(offset: Int64, length: Int64)
    }

    let kind: Kind
    let file: OpenFile
    var bytes: [UInt8]
    /// Bytes read or written so far.
    var progress = 0
    /// Whether its lent buffer may wait a moment to be hashed together with another, as nobody needs it at once.
    let mayWait: Bool
    private let completion: @Sendable (Result<IOOutput, ChunkIOError>) -> Void

    init(
        _ kind: Kind, on file: OpenFile, bytes: [UInt8] = [], mayWait: Bool = false,
        completion: @escaping @Sendable (Result<IOOutput, ChunkIOError>) -> Void
    ) {
        self.kind = kind
        self.file = file
        self.bytes = bytes
        self.mayWait = mayWait
        self.completion = completion
    }

    /// The lent buffer that it works on.
    var lent: ChunkBuffer? {
        switch kind {
        case .fill(let buffer, _, _), .drain(let buffer, _, _): buffer
        case .read, .write, .sync, .writeBack, .allocate: nil
        }
    }

    func complete(_ output: IOOutput) { completion(.success(output)) }

    func fail(errno code: CInt) {
        let operation =
            switch kind {
            case .read, .fill: "read"
            case .write, .drain: "write"
            case .sync, .writeBack, .allocate: "sync"
            }
        completion(.failure(ChunkIOError(errno: code, operation: operation, path: file.path)))
    }
}

/// What an operation gives.
enum IOOutput: Sendable {
    case bytes([UInt8], sha256: [UInt8])
    case filled(ChunkBuffer, sha256: [UInt8])
    case done
    case hashMismatch(got: [UInt8])
}

/// What carries requests out, on threads of its own.
protocol IOEngine: Sendable {
    func submit(_ request: IORequest)
    /// No further request comes for this file.
    func forget(_ number: UInt64)
    /// Ends once everything submitted is done.
    func stop()
}
