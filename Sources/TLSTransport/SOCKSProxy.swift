/// A SOCKS5 proxy: `socks5://[user:password@]host:port`.
public struct SOCKSProxy: Hashable, Sendable {
    /// Its name or address.
    public let host: String
    /// Its TCP port.
    public let port: Int
    /// What it is told, if anything; up to 255 bytes each.
    public let user: String?
    /// Comes with `user`.
    public let password: String?

    /// Reads an address; nil if it is none. `socks5h://`, by which other programs say that the proxy looks names up, means the
    /// same here. User and password may be percent-encoded.
    public init?(_ text: String) {
        guard let scheme = ["socks5://", "socks5h://"].first(where: { text.hasPrefix($0) }) else { return nil }
        var place = text.dropFirst(scheme.count)
        if place.hasSuffix("/") { place.removeLast() }
        var credentials: [String] = []
        if let at = place.lastIndex(of: "@") {
            for part in place[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false) {
                guard let plain = Self.decoded(part), (1...255).contains(plain.utf8.count) else { return nil }
                credentials.append(plain)
            }
            guard credentials.count == 2 else { return nil }
            place = place[place.index(after: at)...]
        }
        guard let colon = place.lastIndex(of: ":"), let port = UInt16(place[place.index(after: colon)...]), port > 0
        else { return nil }
        var host = place[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        let isPlain = host.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"/@[]%?#\"\\".utf8.contains($0) }
        guard (1...255).contains(host.utf8.count), isPlain else { return nil }
        self.host = String(host)
        self.port = Int(port)
        user = credentials.first
        password = credentials.last
    }

    /// `127.0.0.1:9050`, `[::1]:9050`.
    public var place: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// The address, with `…` for the password.
    public var withoutPassword: String { "socks5://" + (user.map { "\($0):…@" } ?? "") + place }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
