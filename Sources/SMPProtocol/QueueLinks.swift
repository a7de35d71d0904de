public import Primitives
public import WireFormat

/// A queue as its sender names it to a server: the relay and the sender id.
public struct QueueAddress: Hashable, Sendable {
    /// The relay.
    public var server: SMPServer
    /// 24 bytes.
    public var senderID: [UInt8]

    /// From its parts.
    public init(server: SMPServer, senderID: [UInt8]) {
        self.server = server
        self.senderID = senderID
    }

    /// Writes the binary form: server, `S(senderId)`.
    public func write(_ writer: inout WireWriter) {
        server.write(&writer)
        writer.short(senderID)
    }

    /// Reads the binary form; throws `WireError` or `SMPProtocolError`.
    public init(_ reader: inout WireReader) throws {
        server = try SMPServer(&reader)
        senderID = Array(try reader.short())
    }
}

/// A queue for the answer, inside a confirmation (smp.md, section 4): SMPQueueInfo.
public struct SMPQueueInfo: Hashable, Sendable {
    /// The highest SMP client version of its recipient.
    public var version: UInt16
    /// Where it is.
    public var address: QueueAddress
    /// The recipient's key of the end-to-end layer.
    public var key: X25519PublicKey
    /// Whether the sender secures the queue (mode M).
    public var isSenderSecured: Bool

    /// From its parts.
    public init(version: UInt16 = 4, address: QueueAddress, key: X25519PublicKey, isSenderSecured: Bool) {
        self.version = version
        self.address = address
        self.key = key
        self.isSenderSecured = isSenderSecured
    }

    /// Writes the binary form: `u16 version, server, S(senderId), PK(key)`, then the mode, as a letter from version 4 on.
    public func write(_ writer: inout WireWriter) {
        writer.u16(version)
        address.write(&writer)
        writer.short(key.spki)
        if version >= 4 {
            writer.tag(isSenderSecured ? "M" : "C")
        } else if version == 3, isSenderSecured {
            writer.tag("T")
        }
    }

    /// Reads the binary form; throws `WireError`, `SMPProtocolError` or `PrimitiveError`.
    public init(_ reader: inout WireReader) throws {
        version = try reader.u16()
        address = try QueueAddress(&reader)
        key = try X25519PublicKey(spki: try reader.short())
        isSenderSecured = false
        // Nothing says whether the byte is there: whatever can be one is taken.
        if version >= 3 {
            isSenderSecured = reader.skip("M") || reader.skip("T")
            if !isSenderSecured { _ = reader.skip("C") || reader.skip("F") }
        }
    }
}

/// A queue in a link: `smp://fingerprint@host/senderId#/?v=1-4&dh=key&q=m` (smp.md, section 4).
public struct QueueURI: Hashable, Sendable {
    /// Where the queue is.
    public var address: QueueAddress
    /// SMP client versions of its recipient.
    public var versions: ClosedRange<UInt16>
    /// The recipient's key of the end-to-end layer.
    public var key: X25519PublicKey
    /// Whether the sender secures the queue (mode M).
    public var isSenderSecured: Bool

    /// From its parts.
    public init(
        address: QueueAddress, versions: ClosedRange<UInt16> = QueueEnvelope.versions, key: X25519PublicKey,
        isSenderSecured: Bool
    ) {
        self.address = address
        self.versions = versions
        self.key = key
        self.isSenderSecured = isSenderSecured
    }

    /// The relay.
    public var server: SMPServer { address.server }
    /// The sender id.
    public var senderID: [UInt8] { address.senderID }

    /// The text.
    public var text: String {
        let dh = LinkText.escape(Base64.encode(key.spki, .url))
        var query = "v=\(LinkText.text(versions))&dh=\(dh)&q=\(isSenderSecured ? "m" : "c")"
        // What version 3 calls mode M, and where version 1 looks for the other hosts.
        if isSenderSecured, versions.lowerBound < 4 { query += "&k=s" }
        var place = address.server
        if versions.lowerBound < 2, place.hosts.count > 1 {
            query += "&srv=\(LinkText.escape(place.hosts.dropFirst().joined(separator: ",")))"
            place = SMPServer(fingerprint: place.fingerprint, hosts: [place.hosts[0]], port: place.port)
        }
        return "\(place.identity)/\(Base64.encode(address.senderID, .url))#/?\(query)"
    }

    /// Reads the text; throws `badLink`.
    public init(_ text: some StringProtocol) throws(SMPProtocolError) {
        guard let hash = text.range(of: "#/?") else { throw .badLink("a queue in the link has no keys") }
        let place = text[..<hash.lowerBound]
        guard let slash = place.lastIndex(of: "/"),
            let senderID = Base64.decode(place[place.index(after: slash)...], .url),
            !senderID.isEmpty, senderID.count < 256
        else { throw .badLink("a queue in the link has no id") }
        let query = LinkText.query(text[hash.upperBound...])
        guard let keyText = query["dh"], let spki = Base64.decode(keyText, .url),
            let key = try? X25519PublicKey(spki: spki)
        else { throw .badLink("a queue in the link has no usable key") }
        guard let versions = LinkText.versions(query["v"]) else { throw .badLink("a queue in the link has no version") }
        _ = try SMP.negotiate(QueueEnvelope.versions, versions)
        var server = try SMPServer(String(place[..<slash]))
        if let more = query["srv"] {
            server = SMPServer(
                fingerprint: server.fingerprint, hosts: server.hosts + more.split(separator: ",").map(String.init),
                port: server.port)
            guard server.hosts.allSatisfy(SMPServer.isHost), server.hosts.count < 256 else {
                throw .badLink("a queue in the link names a host that is none")
            }
        }
        self.init(
            address: QueueAddress(server: server, senderID: senderID), versions: versions, key: key,
            isSenderSecured: query["q"].map { $0 == "m" } ?? (query["k"] == "s"))
    }
}

/// A link that makes two people contacts (smp.md, section 4): `simplex:/invitation#/?v=2-7&smp=…&e2e=…`, or a contact
/// address.
public enum ConnectionLink: Equatable, Sendable {
    /// A one-time invitation: its queues, the key agreement parameters as text (`v=2-3&x3dh=…`), agent versions.
    case invitation(queues: [QueueURI], parameters: String, versions: ClosedRange<UInt16>)
    /// A contact address: its queues, agent versions.
    case contact(queues: [QueueURI], versions: ClosedRange<UInt16>)

    /// Reads a link, with the scheme `simplex:` or under any host of `https:`; throws `badLink` or `incompatible`.
    public init(_ text: String) throws(SMPProtocolError) {
        let text = text.split(whereSeparator: \.isWhitespace).joined()
        guard let hash = text.range(of: "#/?") else { throw .badLink("this is not an invitation link") }
        let path = text[..<hash.lowerBound]
        guard path.hasPrefix("simplex:/") || path.hasPrefix("https://") else {
            throw .badLink("an invitation link begins with simplex:/invitation")
        }
        let kind = path.split(separator: "/").last ?? ""
        let query = LinkText.query(text[hash.upperBound...])
        guard let versions = LinkText.versions(query["v"]) else { throw .badLink("the link has no version") }
        _ = try SMP.negotiate(AgentEnvelope.versions, versions)
        var queues: [QueueURI] = []
        for queue in (query["smp"] ?? "").split(separator: ";") { queues.append(try QueueURI(queue)) }
        guard !queues.isEmpty else { throw .badLink("the link names no queue") }
        switch kind {
        case "invitation":
            guard let parameters = query["e2e"] else { throw .badLink("the link has no keys") }
            self = .invitation(queues: queues, parameters: parameters, versions: versions)
        case "contact": self = .contact(queues: queues, versions: versions)
        default: throw .badLink("links of this kind are not spoken here")
        }
    }
}

extension ConnectionLink: CustomStringConvertible {
    /// The text, with the scheme `simplex:`.
    public var description: String {
        switch self {
        case .invitation(let queues, let parameters, let versions):
            "simplex:/invitation#/?v=\(LinkText.text(versions))"
                + "&smp=\(LinkText.escape(queues.map(\.text).joined(separator: ";")))&e2e=\(LinkText.escape(parameters))"
        case .contact(let queues, let versions):
            "simplex:/contact#/?v=\(LinkText.text(versions))"
                + "&smp=\(LinkText.escape(queues.map(\.text).joined(separator: ";")))"
        }
    }
}

/// Percent-encoding and queries of links.
public enum LinkText {
    /// Percent-encodes everything but RFC 3986's unreserved characters.
    public static func escape(_ text: String) -> String {
        var escaped: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                escaped.append(byte)
            default: escaped.append(contentsOf: "%\(Hex.encode([byte]).uppercased())".utf8)
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }

    /// Undoes `escape`; what is no escape stays.
    public static func unescape(_ text: some StringProtocol) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let decoded = Hex.decode(String(decoding: rest.prefix(2), as: UTF8.self)),
                decoded.count == 1
            {
                bytes.append(decoded[0])
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The fields of `a=b&c=d`, unescaped; the first of equal names counts.
    public static func query(_ text: some StringProtocol) -> [String: String] {
        var fields: [String: String] = [:]
        for field in text.split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, fields[String(parts[0])] == nil else { continue }
            fields[String(parts[0])] = unescape(parts[1])
        }
        return fields
    }

    /// `2-7`, or `4` for one version.
    public static func text(_ versions: ClosedRange<UInt16>) -> String {
        versions.lowerBound == versions.upperBound
            ? "\(versions.lowerBound)" : "\(versions.lowerBound)-\(versions.upperBound)"
    }

    /// Reads `2-7`, or `4` for one version.
    public static func versions(_ text: String?) -> ClosedRange<UInt16>? {
        guard let numbers = text?.split(separator: "-", omittingEmptySubsequences: false).map({ UInt16($0) }),
            let first = numbers.first ?? nil,
            let last = numbers.last ?? nil, numbers.count <= 2, first <= last
        else { return nil }
        return first...last
    }
}

extension StringProtocol {
    /// The first place of `other`.
    func range(of other: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(other) { return start..<index(start, offsetBy: other.count) }
            start = index(after: start)
        }
        return nil
    }
}
