import Glibc

/// Where a program runs, and how others reach it.
struct Host {
    /// An IPv4 address.
    let address: String
    /// The network namespace; nil for that of this program.
    let namespace: String?

    /// This machine, for itself alone.
    static let loopback = Host(address: "127.0.0.1", namespace: nil)

    /// What runs `words` there.
    func command(_ words: [String]) -> [String] {
        namespace.map { ["ip", "netns", "exec", $0] + words } ?? words
    }

    /// A port that nobody has.
    func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw BenchmarkError.system(call: "bind", code: errno) }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}

/// The two sides of a transfer.
struct Route {
    /// Where the sender, or the client, is.
    let near: Host
    /// Where the recipient and the servers are.
    let far: Host

    static let loopback = Route(near: .loopback, far: .loopback)
}
