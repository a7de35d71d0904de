import Glibc
import Guarding
import Testing

/// Stands between a person and the relay: counts what passes, cuts connections, and adds delay.
final class Forwarder: Sendable {
    /// Where it listens, on 127.0.0.1.
    let port: Int
    private let listener: Int32
    private let target: Int
    private let state = Guarded(State())

    private struct State {
        var open: Set<Int32> = []
        var upward = 0
        /// Bytes up and down of each connection.
        var flows: [(up: Int, down: Int)] = []
        var isEnded = false
        var delayInMicroseconds: UInt32 = 0
        /// After how many bytes upward each connection is cut.
        var cutAfter: Int?
    }

    /// Forwards to the port `target` of 127.0.0.1.
    init(to target: Int) throws {
        self.target = target
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = Self.address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 16) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        try #require(bound)
        port = Int(UInt16(bigEndian: address.sin_port))
        startThread { self.accept() }
    }

    deinit { end() }

    /// Bytes that went to the relay so far.
    var upward: Int { state.withLock { $0.upward } }

    /// Bytes that went to the relay on connections that brought more than they took: messages, not their acknowledgements.
    var sent: Int { state.withLock { $0.flows.filter { $0.up > $0.down }.reduce(0) { $0 + $1.up } } }

    /// Counts anew.
    func forget() {
        state.withLock { state in
            for flow in state.flows.indices { state.flows[flow] = (0, 0) }
        }
    }

    /// Cuts all connections.
    func cut() { state.withLock { for descriptor in $0.open { shutdown(descriptor, Int32(SHUT_RDWR)) } } }

    /// Cuts each connection after so many bytes to the relay; nil for never.
    func cut(after count: Int?) { state.withLock { $0.cutAfter = count } }

    /// Delays each piece by so much.
    func delay(microseconds: UInt32) { state.withLock { $0.delayInMicroseconds = microseconds } }

    /// Ends it and its connections.
    func end() {
        let isFirst = state.withLock { state in
            defer { state.isEnded = true }
            return !state.isEnded
        }
        guard isFirst else { return }
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        cut()
    }

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            if client < 0 { return }
            let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = Self.address(port: target)
            let isConnected = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            guard isConnected, state.withLock({ !$0.isEnded }) else {
                close(client)
                close(server)
                continue
            }
            let number = state.withLock { state in
                state.open.formUnion([client, server])
                state.flows.append((0, 0))
                return state.flows.count - 1
            }
            let pair = Pair(self, client, server, number)
            startThread { pair.forwarder.pump(client, server, isUpward: true, pair) }
            startThread { pair.forwarder.pump(server, client, isUpward: false, pair) }
        }
    }

    /// Closes both ends when both directions are done.
    private final class Pair: Sendable {
        let forwarder: Forwarder
        let number: Int
        private let ends: [Int32]

        init(_ forwarder: Forwarder, _ client: Int32, _ server: Int32, _ number: Int) {
            self.forwarder = forwarder
            self.number = number
            ends = [client, server]
        }

        deinit {
            forwarder.state.withLock { $0.open.subtract(ends) }
            for end in ends { close(end) }
        }
    }

    private func pump(_ input: Int32, _ output: Int32, isUpward: Bool, _ pair: Pair) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var passed = 0
        defer {
            shutdown(input, Int32(SHUT_RDWR))
            shutdown(output, Int32(SHUT_RDWR))
            withExtendedLifetime(pair) {}
        }
        while case let count = recv(input, &buffer, buffer.count, 0), count > 0 {
            let (delay, limit) = state.withLock { state in
                if isUpward {
                    state.upward += count
                    state.flows[pair.number].up += count
                } else {
                    state.flows[pair.number].down += count
                }
                return (state.delayInMicroseconds, state.cutAfter)
            }
            if delay > 0 { usleep(delay) }
            var sent = 0
            while sent < count {
                let more = buffer[sent..<count].withUnsafeBytes {
                    send(output, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                if more <= 0 { return }
                sent += more
            }
            passed += count
            if isUpward, let limit, passed >= limit { return }
        }
    }

    private static func address(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}

/// Runs `body` on a thread of its own.
func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var id = pthread_t()
    let box = Unmanaged.passRetained(Box(body))
    let code = pthread_create(
        &id, nil,
        { argument in
            if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
            return nil
        }, box.toOpaque())
    if code == 0 { pthread_detach(id) }
}
