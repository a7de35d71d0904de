public import WireFormat

/// The address of a relay: `smp://fingerprint[:password]@host[,host…][:port]` (smp.md, sections 4 and 7).
public struct SMPServer: Hashable, Sendable {
    /// SHA-256 of the CA certificate, 32 bytes.
    public let fingerprint: [UInt8]
    /// One or more host names or addresses; the first is tried first.
    public let hosts: [String]
    /// The port; nil for the default.
    public let port: UInt16?
    /// What the relay asks for to make queues; never part of a link.
    public let password: String?
    /// The address without the password: the same text for the same relay.
    public let identity: String

    /// The port when an address names none.
    public static let defaultPort: UInt16 = 5223

    /// An address from its parts.
    public init(fingerprint: [UInt8], hosts: [String], port: UInt16?, password: String? = nil) {
        self.fingerprint = fingerprint
        self.hosts = hosts
        self.port = port
        self.password = password
        identity = "smp://\(Base64.encode(fingerprint, .url))@\(Self.place(hosts, port))"
    }

    /// Reads an address; throws `badLink`.
    public init(_ text: String) throws(SMPProtocolError) {
        guard text.hasPrefix("smp://") else { throw .badLink("a relay's address begins with smp://") }
        let parts = text.dropFirst(6).split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw .badLink("a relay's address is smp://fingerprint@host:port") }
        let identity = parts[0].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let key = Base64.decode(identity[0], .url), key.count == 32 else {
            throw .badLink("the fingerprint in a relay's address is 32 bytes in base64url")
        }
        let password = identity.count > 1 ? String(identity[1]) : nil
        guard password.map(Self.isPassword) ?? true else {
            throw .badLink("a relay's password is printable, without space, @, : and /")
        }
        var place = parts[1]
        if place.hasSuffix("/") { place.removeLast() }
        try self.init(fingerprint: key, place: place, password: password)
    }

    private init(fingerprint: [UInt8], place: Substring, password: String?) throws(SMPProtocolError) {
        var hostText = place
        var port: UInt16?
        // An IPv6 address stands in brackets, so that its colons are not a port's.
        if let colon = place.lastIndex(of: ":"), !place[colon...].contains("]") {
            guard let number = UInt16(place[place.index(after: colon)...]), number > 0 else {
                throw .badLink("the port in a relay's address is a number from 1 to 65535")
            }
            port = number
            hostText = place[..<colon]
        }
        let hosts = hostText.split(separator: ",", omittingEmptySubsequences: false).map(Self.unbracketed)
        guard !hosts.isEmpty, hosts.allSatisfy(Self.isHost), hosts.count < 256 else {
            throw .badLink("the host in a relay's address is not a name or an IP address")
        }
        self.init(fingerprint: fingerprint, hosts: hosts, port: port, password: password)
    }

    private static func unbracketed(_ host: Substring) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
    }

    static func isHost(_ host: String) -> Bool {
        !host.isEmpty && host.utf8.count < 256
            && host.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
                    UInt8(ascii: ":"):
                    true
                default: false
                }
            }
    }

    /// Whether `text` can be a relay's password.
    public static func isPassword(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count < 256
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && !"@:/".utf8.contains($0) }
    }

    private static func place(_ hosts: [String], _ port: UInt16?) -> String {
        let names = hosts.map { $0.contains(":") ? "[\($0)]" : $0 }.joined(separator: ",")
        return port.map { "\(names):\($0)" } ?? names
    }

    /// Host and port, as shown to a user.
    public var display: String { Self.place(hosts, port) }

    /// The port to connect to.
    public var portNumber: UInt16 { port ?? Self.defaultPort }

    /// `N[S(host)], S(port, may be empty), S(keyHash)`: the binary form inside agent messages.
    public func write(_ writer: inout WireWriter) {
        writer.list(hosts) { $0.short($1.utf8) }
        writer.short((port.map { String($0) } ?? "").utf8)
        writer.short(fingerprint)
    }

    /// Reads the binary form.
    public init(_ reader: inout WireReader) throws(SMPProtocolError) {
        let hosts: [String]
        let portText: String
        let key: [UInt8]
        do throws(WireError) {
            hosts = try reader.list { (host) throws(WireError) in String(decoding: try host.short(), as: UTF8.self) }
            portText = String(decoding: try reader.short(), as: UTF8.self)
            key = Array(try reader.short())
        } catch {
            throw .malformed("server address: \(error)")
        }
        guard key.count == 32, !hosts.isEmpty, hosts.allSatisfy(Self.isHost),
            portText.isEmpty || UInt16(portText) != nil
        else { throw .malformed("server address") }
        self.init(fingerprint: key, hosts: hosts, port: UInt16(portText))
    }

    /// Equal addresses name the same relay; the password does not count.
    public static func == (left: SMPServer, right: SMPServer) -> Bool {
        left.fingerprint == right.fingerprint && left.hosts == right.hosts && left.portNumber == right.portNumber
    }

    /// As `==` compares.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(fingerprint)
        hasher.combine(hosts)
    }
}

extension SMPServer: CustomStringConvertible {
    /// The whole address, with the password if there is one.
    public var description: String {
        "smp://\(Base64.encode(fingerprint, .url))\(password.map { ":\($0)" } ?? "")@\(display)"
    }
}
