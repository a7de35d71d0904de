import Engine
import Glibc
import Guarding
import SystemPackage

/// Standard input on its way into a transfer, on a thread of its own.
final class InputCopy: Sendable {
    private let over = Guarded(false)

    /// Whether all of it was read, or cannot be.
    var isOver: Bool { over.withLock { $0 } }

    /// Begins. What cannot be read cancels the transfer.
    init(_ input: StreamInput, profile: Profile, isBounded: Bool) {
        PipeThread.start { [self] in
            do { try input.copy(from: STDIN_FILENO, isBounded: isBounded) } catch {
                try? profile.requestCancel(input.transfer, reason: "\(error)")
            }
            over.withLock { $0 = true }
        }
    }

    /// Waits for the end of the input.
    func wait() async throws {
        while !isOver { try await Task.sleep(for: .milliseconds(20)) }
    }
}

/// What was accepted with `-o -` on its way to standard output, on a thread of its own: in order, and only what is checked.
final class OutputCopy: Sendable {
    private struct State {
        var isOver = false
        var failure: CommandFailure?
    }

    private let state = Guarded(State())
    private let profile: Profile
    private let id: Int64

    /// Why it cannot go on, once that is so.
    var failure: CommandFailure? { state.withLock { $0.failure } }

    init(_ id: Int64, profile: Profile) {
        self.id = id
        self.profile = profile
        PipeThread.start { [self] in
            do { try copy() } catch { state.withLock { $0.failure = CommandFailure(error) } }
            state.withLock { $0.isOver = true }
        }
    }

    /// Waits until everything is written.
    func wait() async throws {
        while !state.withLock({ $0.isOver }) { try await Task.sleep(for: .milliseconds(5)) }
        if let failure { throw failure }
    }

    private func copy() throws {
        var source: Int32 = -1
        defer { if source >= 0 { close(source) } }
        var offset: UInt64 = 0
        while let piped = try profile.piped(id) {
            if source < 0 {
                // The name changes at the end, and the file stays the one that is open.
                source = open(piped.path.string, O_RDONLY | O_CLOEXEC)
                if source < 0, errno != ENOENT { throw failed("\(piped.path) cannot be read") }
            }
            while source >= 0, offset < piped.bytesInOrder {
                offset += try copyPiece(source, at: offset, atMost: piped.bytesInOrder - offset)
            }
            if piped.isComplete, source >= 0 { return try profile.forgetPiped(id) }
            if piped.isEnded, !piped.isComplete { return }
            usleep(20_000)
        }
        // Of two at once the first to end takes the file along.
        guard source >= 0 else { return }
        throw CommandFailure(
            .failed, "another `sxfile accept` has written transfer \(id), and this one only a part of it")
    }

    private func copyPiece(_ source: Int32, at offset: UInt64, atMost limit: UInt64) throws -> UInt64 {
        var buffer = [UInt8](repeating: 0, count: Int(min(limit, 256 << 10)))
        let count = pread(source, &buffer, buffer.count, off_t(offset))
        guard count > 0 else { throw failed("what was received cannot be read again") }
        var written = 0
        while written < count {
            let more = buffer[written..<count].withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if more < 0, errno == EINTR { continue }
            if more < 0, errno == EAGAIN {
                var waiting = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, -1)
                continue
            }
            guard more > 0 else {
                throw failed(errno == EPIPE ? "standard output was closed" : "standard output cannot be written")
            }
            written += more
        }
        return UInt64(count)
    }

    private func failed(_ what: String) -> CommandFailure {
        CommandFailure(
            .destination, "\(what): \(Errno(rawValue: errno))",
            hint: "nothing is lost: `sxfile accept \(id) -o -` writes it again, from the start")
    }
}

/// A detached thread: it ends with the process, whatever it waits for.
private enum PipeThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    static func start(_ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Body(body))
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, box.toOpaque())
        precondition(result == 0, "the machine has no thread left")
        pthread_detach(thread)
    }
}
