import Glibc

/// The addresses of this machine at one moment.
public struct LocalNetwork: Sendable {
    /// One address of an interface that is up.
    struct Interface: Hashable, Sendable {
        let address: IPAddress
        /// The length of its subnet's prefix, in bits.
        let prefixLength: Int
    }

    let interfaces: [Interface]

    init(interfaces: [Interface]) { self.interfaces = interfaces }

    /// Looks at the machine.
    public static func current() -> LocalNetwork {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return LocalNetwork(interfaces: []) }
        defer { freeifaddrs(list) }
        var interfaces: [Interface] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ifa_next
            guard entry.pointee.ifa_flags & UInt32(IFF_UP) != 0, let address = ip(entry.pointee.ifa_addr),
                let mask = ip(entry.pointee.ifa_netmask, as: address)
            else { continue }
            let prefixLength = mask.reduce(0) { $0 + $1.nonzeroBitCount }
            interfaces.append(Interface(address: IPAddress(bytes: address), prefixLength: prefixLength))
        }
        return LocalNetwork(interfaces: interfaces)
    }

    /// Where to listen: loopback and private addresses, public ones only with `offersPublic`; at most `limit`.
    public func addressesToOffer(offersPublic: Bool, limit: Int) -> [IPAddress] {
        var addresses: [IPAddress] = []
        for interface in interfaces {
            let address = interface.address
            guard address.isUsable, address.isLoopback || address.isPrivate || offersPublic else { continue }
            if !addresses.contains(address) { addresses.append(address) }
        }
        // What other machines can reach first; IPv4 first, as it is tried first.
        let rank: (IPAddress) -> Int = { ($0.isLoopback ? 2 : 0) + ($0.isIPv6 ? 1 : 0) }
        let ordered = addresses.enumerated().sorted { (rank($0.element), $0.offset) < (rank($1.element), $1.offset) }
        return Array(ordered.map(\.element).prefix(limit))
    }

    /// Whether an endpoint that a peer names may be dialled: loopback and the subnets of this machine's interfaces; others
    /// only with `dialsPublic`. Ports below 1024 never.
    public func mayDial(_ endpoint: Endpoint, dialsPublic: Bool) -> Bool {
        guard endpoint.port >= Endpoint.lowestPort, endpoint.address.isUsable else { return false }
        if endpoint.address.isLoopback || dialsPublic { return true }
        return interfaces.contains { interface in
            interface.address.isIPv6 == endpoint.address.isIPv6 && interface.prefixLength > 0
                && endpoint.address.isIn(interface.address.bytes, interface.prefixLength)
        }
    }

    private static func ip(_ address: UnsafePointer<sockaddr>?) -> [UInt8]? {
        guard let address else { return nil }
        switch Int32(address.pointee.sa_family) {
        case AF_INET: return bytes(address, length: 4)
        case AF_INET6: return bytes(address, length: 16)
        default: return nil
        }
    }

    /// A netmask has the family of its address, whatever it says itself.
    private static func ip(_ mask: UnsafePointer<sockaddr>?, as address: [UInt8]) -> [UInt8]? {
        mask.map { bytes($0, length: address.count) }
    }

    private static func bytes(_ address: UnsafePointer<sockaddr>, length: Int) -> [UInt8] {
        let memory = UnsafeRawPointer(address)
        if length == 4 {
            let socketAddress = memory.loadUnaligned(as: sockaddr_in.self)
            return withUnsafeBytes(of: socketAddress.sin_addr) { Array($0) }
        }
        let socketAddress = memory.loadUnaligned(as: sockaddr_in6.self)
        return withUnsafeBytes(of: socketAddress.sin6_addr) { Array($0) }
    }
}
