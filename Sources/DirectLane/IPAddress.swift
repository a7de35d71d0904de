import Glibc

/// An IPv4 or IPv6 address without a zone.
public struct IPAddress: Hashable, Sendable {
    /// 4 bytes, or 16.
    let bytes: [UInt8]

    init(bytes: [UInt8]) {
        // An IPv4 address in IPv6's clothes is an IPv4 address: what holds for the one holds for the other.
        let isMapped = bytes.count == 16 && bytes[..<10].allSatisfy { $0 == 0 } && bytes[10..<12] == [0xff, 0xff]
        self.bytes = isMapped ? Array(bytes[12...]) : bytes
    }

    /// Reads a literal; nil for anything else, names too.
    public init?(_ text: String) {
        for (family, length) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: length)
            if inet_pton(family, text, &bytes) == 1 {
                self.init(bytes: bytes)
                return
            }
        }
        return nil
    }

    var isIPv6: Bool { bytes.count == 16 }

    /// 127.0.0.0/8 and ::1.
    public var isLoopback: Bool { isIPv6 ? isIn([UInt8](repeating: 0, count: 15) + [1], 128) : isIn([127], 8) }

    /// RFC 1918 and RFC 6598 addresses, and RFC 4193's for IPv6: they lead nowhere in the public network.
    public var isPrivate: Bool {
        if isIPv6 { return isIn([0xfc], 7) }
        return isIn([10], 8) || isIn([172, 16], 12) || isIn([192, 168], 16) || isIn([100, 64], 10)
    }

    /// Whether a connection can be made to it at all: one host, and no zone needed.
    public var isUsable: Bool {
        if isIPv6 { return !isIn([0xff], 8) && !isIn([0xfe, 0x80], 10) && bytes.contains { $0 != 0 } }
        return !isIn([0], 8) && !isIn([169, 254], 16) && !isIn([224], 3)
    }

    /// Whether its first `length` bits are those of `prefix`.
    func isIn(_ prefix: [UInt8], _ length: Int) -> Bool {
        guard length <= bytes.count * 8 else { return false }
        for bit in 0..<length {
            let mask = UInt8(0x80) >> UInt8(bit % 8)
            let wanted = bit / 8 < prefix.count ? prefix[bit / 8] : 0
            if bytes[bit / 8] & mask != wanted & mask { return false }
        }
        return true
    }
}

extension IPAddress: CustomStringConvertible {
    /// The usual letters.
    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = isIPv6 ? AF_INET6 : AF_INET
        guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return "?" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Where a listener listens.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// The lowest port that is dialled: below it are the services of a machine, not the listeners of its users.
    public static let lowestPort: UInt16 = 1024

    /// The address.
    public let address: IPAddress
    /// The port.
    public let port: UInt16

    /// An endpoint.
    public init(address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// `192.0.2.1:4000` or `[2001:db8::1]:4000`.
    public var description: String { address.isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)" }
}

extension Endpoint {
    /// The endpoint as the socket calls take it.
    func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var storage = sockaddr_storage()
        let length = withUnsafeMutableBytes(of: &storage) { memory -> Int in
            if address.isIPv6 {
                var socketAddress = sockaddr_in6()
                socketAddress.sin6_family = sa_family_t(AF_INET6)
                socketAddress.sin6_port = port.bigEndian
                withUnsafeMutableBytes(of: &socketAddress.sin6_addr) { $0.copyBytes(from: address.bytes) }
                memory.storeBytes(of: socketAddress, as: sockaddr_in6.self)
                return MemoryLayout<sockaddr_in6>.size
            }
            var socketAddress = sockaddr_in()
            socketAddress.sin_family = sa_family_t(AF_INET)
            socketAddress.sin_port = port.bigEndian
            withUnsafeMutableBytes(of: &socketAddress.sin_addr) { $0.copyBytes(from: address.bytes) }
            memory.storeBytes(of: socketAddress, as: sockaddr_in.self)
            return MemoryLayout<sockaddr_in>.size
        }
        return withUnsafePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(length)) }
        }
    }

    /// What the kernel wrote.
    init?(_ storage: sockaddr_storage) {
        var storage = storage
        switch Int32(storage.ss_family) {
        case AF_INET:
            let (bytes, port) = withUnsafeBytes(of: &storage) { memory in
                let socketAddress = memory.load(as: sockaddr_in.self)
                return (withUnsafeBytes(of: socketAddress.sin_addr) { Array($0) }, socketAddress.sin_port)
            }
            self.init(address: IPAddress(bytes: bytes), port: UInt16(bigEndian: port))
        case AF_INET6:
            let (bytes, port) = withUnsafeBytes(of: &storage) { memory in
                let socketAddress = memory.load(as: sockaddr_in6.self)
                return (withUnsafeBytes(of: socketAddress.sin6_addr) { Array($0) }, socketAddress.sin6_port)
            }
            self.init(address: IPAddress(bytes: bytes), port: UInt16(bigEndian: port))
        default: return nil
        }
    }
}

func describe(errno: Int32) -> String {
    guard let text = strerror(errno) else { return "errno \(errno)" }
    return String(cString: text)
}
