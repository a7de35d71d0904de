import Glibc
import Guarding
import Testing

/// A SOCKS5 proxy on 127.0.0.1 that keeps what it was asked, and knows the names that nobody else does.
final class SOCKSServer: Sendable {
    /// One connection that was asked for.
    struct Request: Equatable, Sendable {
        /// 1 and 4: an address; 3: a name.
        var kind: UInt8
        var host: String
        var port: Int
    }

    /// Where it listens.
    let port: Int
    private let listener: Int32
    /// Names that lead to 127.0.0.1; everything else is not found.
    private let names: Set<String>
    private let credentials: (user: String, password: String)?
    private let state = Guarded(State())

    private struct State {
        var requests: [Request] = []
        /// What did not keep to the protocol, or to the credentials.
        var complaints: [String] = []
        var bytes = 0
        var open: Set<Int32> = []
        /// Connections are cut, new ones at once.
        var isBroken = false
    }

    init(names: Set<String>, user: String? = nil, password: String? = nil) throws {
        self.names = names
        credentials = user.map { ($0, password ?? "") }
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var address = Self.address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 16) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        try #require(isBound)
        port = Int(UInt16(bigEndian: address.sin_port))
        startThread { self.accept() }
    }

    deinit { end() }

    /// What was asked for so far.
    var requests: [Request] { state.withLock { $0.requests } }
    /// What was wrong so far.
    var complaints: [String] { state.withLock { $0.complaints } }
    /// How many bytes went through, both ways.
    var bytes: Int { state.withLock { $0.bytes } }

    /// Cuts all connections, and new ones at once, until it is whole again.
    func setBroken(_ isBroken: Bool) {
        state.withLock { state in
            state.isBroken = isBroken
            if isBroken { for descriptor in state.open { shutdown(descriptor, Int32(SHUT_RDWR)) } }
        }
    }

    /// Ends it and its connections.
    func end() {
        shutdown(listener, Int32(SHUT_RDWR))
        state.withLock { for descriptor in $0.open { shutdown(descriptor, Int32(SHUT_RDWR)) } }
    }

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            if client < 0 {
                close(listener)
                return
            }
            startThread { self.serve(client) }
        }
    }

    private func complain(_ text: String) { state.withLock { $0.complaints.append(text) } }

    private func serve(_ client: Int32) {
        guard !state.withLock({ $0.isBroken }), let server = negotiate(client) else {
            close(client)
            return
        }
        state.withLock { $0.open.formUnion([client, server]) }
        let done = Guarded(0)
        for (input, output) in [(client, server), (server, client)] {
            startThread {
                self.pump(input, output)
                let isLast = done.withLock { count in
                    count += 1
                    return count == 2
                }
                guard isLast else { return }
                self.state.withLock { $0.open.subtract([client, server]) }
                close(client)
                close(server)
            }
        }
    }

    private func pump(_ input: Int32, _ output: Int32) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = recv(input, &buffer, buffer.count, 0), count > 0 {
            state.withLock { $0.bytes += count }
            guard Self.write(output, Array(buffer[..<count])) else { break }
        }
        shutdown(output, Int32(SHUT_WR))
    }

    /// The connection that the client is led to; nil if it is turned away.
    private func negotiate(_ client: Int32) -> Int32? {
        guard let greeting = Self.read(client, 2), greeting[0] == 5, let methods = Self.read(client, Int(greeting[1]))
        else {
            complain("no greeting")
            return nil
        }
        let method: UInt8 = credentials == nil ? 0 : 2
        guard methods.contains(method) else {
            complain("method \(method) is not offered")
            _ = Self.write(client, [5, 0xFF])
            return nil
        }
        guard Self.write(client, [5, method]) else { return nil }
        if let credentials {
            guard let start = Self.read(client, 2), start[0] == 1, let user = Self.read(client, Int(start[1])),
                let length = Self.read(client, 1), let password = Self.read(client, Int(length[0]))
            else {
                complain("no credentials")
                return nil
            }
            let isRight = user == Array(credentials.user.utf8) && password == Array(credentials.password.utf8)
            guard Self.write(client, [1, isRight ? 0 : 1]), isRight else { return nil }
        }
        return connect(client)
    }

    private func connect(_ client: Int32) -> Int32? {
        guard let head = Self.read(client, 4), head.starts(with: [5, 1, 0]) else {
            complain("no request")
            return nil
        }
        var host: String?
        switch head[3] {
        case 1: host = Self.read(client, 4).map { $0.map(String.init).joined(separator: ".") }
        case 3:
            if let length = Self.read(client, 1) {
                host = Self.read(client, Int(length[0])).map { String(decoding: $0, as: UTF8.self) }
            }
        default: break
        }
        guard let host, let port = Self.read(client, 2) else {
            complain("a request that cannot be read")
            return nil
        }
        let number = Int(port[0]) << 8 | Int(port[1])
        state.withLock { $0.requests.append(Request(kind: head[3], host: host, port: number)) }
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.address(port: number)
        let isKnown = host == "127.0.0.1" || names.contains(host)
        let isConnected =
            isKnown
            && withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
        let reply: UInt8 = isConnected ? 0 : isKnown ? 5 : 4
        guard Self.write(client, [5, reply, 0, 1, 0, 0, 0, 0, 0, 0]), isConnected else {
            close(server)
            return nil
        }
        return server
    }

    private static func read(_ descriptor: Int32, _ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: max(count, 1))
        guard count > 0 else { return [] }
        return recv(descriptor, &bytes, count, Int32(MSG_WAITALL)) == count ? bytes : nil
    }

    private static func write(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    private static func address(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
