public import Primitives
import WireFormat

/// What the relay says first (smp.md, section 1), inside a padded block.
public struct ServerHello: Equatable, Sendable {
    /// The versions it speaks.
    public var versions: ClosedRange<UInt16>
    /// Its TLS session id; the client compares it with its own.
    public var sessionID: [UInt8]
    /// Its certificate chain in DER, leaf first (v ≥ 7).
    public var chain: [[UInt8]]
    /// Its key for this connection, signed by the leaf: DER of X.509's SIGNED (v ≥ 7).
    public var signedKey: [UInt8]
    /// Bytes after the fields, kept for extensions.
    public var tail: [UInt8]

    /// From its parts.
    public init(
        versions: ClosedRange<UInt16>, sessionID: [UInt8], chain: [[UInt8]], signedKey: [UInt8], tail: [UInt8] = []
    ) {
        self.versions = versions
        self.sessionID = sessionID
        self.chain = chain
        self.signedKey = signedKey
        self.tail = tail
    }

    /// The content of the block.
    public func encoded() -> [UInt8] {
        var writer = WireWriter()
        writer.u16(versions.lowerBound)
        writer.u16(versions.upperBound)
        writer.short(sessionID)
        if versions.upperBound >= 7 {
            writer.list(chain) { $0.long($1) }
            writer.long(signedKey)
        }
        writer.raw(tail)
        return writer.bytes
    }

    /// Reads the content of the block; throws `malformed`.
    public init(_ bytes: ArraySlice<UInt8>) throws(SMPProtocolError) {
        var reader = WireReader(bytes)
        do throws(WireError) {
            let minimum = try reader.u16()
            let maximum = try reader.u16()
            guard minimum <= maximum else { throw .unexpected(offset: 2) }
            versions = minimum...maximum
            sessionID = Array(try reader.short())
            chain = []
            signedKey = []
            if maximum >= 7, !reader.isAtEnd {
                chain = try reader.list { (inner) throws(WireError) in Array(try inner.long()) }
                signedKey = Array(try reader.long())
            }
            tail = Array(reader.rest())
        } catch {
            throw .malformed("hello of the relay: \(error)")
        }
    }
}

/// What the client answers (smp.md, section 1), inside a padded block.
public struct ClientHello: Equatable, Sendable {
    /// The version chosen.
    public var version: UInt16
    /// The fingerprint of the relay that the client means.
    public var fingerprint: [UInt8]
    /// The client's key for block encryption and authenticators (v ≥ 7); nil asks for neither.
    public var key: X25519PublicKey?
    /// Whether the client is a proxying server (v ≥ 14).
    public var isProxy: Bool
    /// Bytes after the fields, kept for extensions.
    public var tail: [UInt8]

    /// From its parts.
    public init(
        version: UInt16, fingerprint: [UInt8], key: X25519PublicKey?, isProxy: Bool = false, tail: [UInt8] = []
    ) {
        self.version = version
        self.fingerprint = fingerprint
        self.key = key
        self.isProxy = isProxy
        self.tail = tail
    }

    /// The content of the block.
    public func encoded() -> [UInt8] {
        var writer = WireWriter()
        writer.u16(version)
        writer.short(fingerprint)
        if version >= 7, let key { writer.short(key.spki) }
        if version >= 14 { writer.bool(isProxy) }
        if version >= 16 { writer.tag("0") }
        writer.raw(tail)
        return writer.bytes
    }

    /// Reads the content of the block; throws `malformed`. An absent key is no bytes at all: what follows tells.
    public init(_ bytes: ArraySlice<UInt8>) throws(SMPProtocolError) {
        var reader = WireReader(bytes)
        do throws(WireError) {
            version = try reader.u16()
            fingerprint = Array(try reader.short())
            key = nil
            isProxy = false
            if version >= 7, reader.peek == 44 {
                var ahead = reader
                if let key = try? X25519PublicKey(spki: try ahead.short()) {
                    self.key = key
                    reader = ahead
                }
            }
            if version >= 14, !reader.isAtEnd { isProxy = try reader.bool() }
            if version >= 16, !reader.isAtEnd {
                _ = try reader.maybe { (inner) throws(WireError) in try inner.long() }
            }
            tail = Array(reader.rest())
        } catch {
            throw .malformed("hello of the client: \(error)")
        }
    }
}

/// A relay's key for one connection, signed by its TLS leaf: X.509's SIGNED (RFC 5280, section 4.1.1.3) around a SEQUENCE
/// that holds only the SubjectPublicKeyInfo. The signature is over that SEQUENCE.
public enum SignedKey {
    private static let ed25519Algorithm: [UInt8] = [0x30, 5, 6, 3, 0x2b, 0x65, 0x70]
    private static let ed448Algorithm: [UInt8] = [0x30, 5, 6, 3, 0x2b, 0x65, 0x71]

    /// Signs `key` with the leaf's private key.
    public static func make(_ key: X25519PublicKey, leaf: Ed25519PrivateKey) -> [UInt8] {
        make(key, signature: leaf.sign(signedPart(key)))
    }

    /// What the leaf signs.
    public static func signedPart(_ key: X25519PublicKey) -> [UInt8] {
        let spki = key.spki
        return [0x30, UInt8(spki.count)] + spki
    }

    /// Puts `key` and the leaf's signature over its signed part together: 64 bytes of Ed25519 or 114 of Ed448.
    public static func make(_ key: X25519PublicKey, signature: [UInt8]) -> [UInt8] {
        precondition(signature.count == 64 || signature.count == 114, "a leaf signs with Ed25519 or Ed448")
        let algorithm = signature.count == 64 ? ed25519Algorithm : ed448Algorithm
        let content = signedPart(key) + algorithm + [0x03, UInt8(signature.count + 1), 0] + signature
        let head: [UInt8] = content.count < 0x80 ? [0x30] : [0x30, 0x81]
        return head + [UInt8(content.count)] + content
    }

    /// The key, if `leaf` signed it; throws `malformed` or `authentication`.
    public static func open(_ bytes: some Collection<UInt8>, leaf: AuthKey) throws(SMPProtocolError) -> X25519PublicKey
    {
        var reader = DERReader(Array(bytes)[...])
        guard var content = reader.sequence(), reader.isAtEnd, let signed = content.element(0x30),
            let algorithm = content.element(0x30), let bits = content.value(0x03), bits.first == 0, content.isAtEnd
        else { throw .malformed("signed key of the relay") }
        let signature = bits.dropFirst()
        let isValid =
            switch leaf {
            case .ed25519(let key):
                Array(algorithm) == ed25519Algorithm && key.isValid(signature: signature, for: signed)
            case .ed448(let key):
                Array(algorithm) == ed448Algorithm && key.isValid(signature: signature, for: signed)
            case .x25519: false
            }
        guard isValid else { throw .authentication("the relay's session key") }
        do { return try X25519PublicKey(spki: signed.dropFirst(2)) } catch {
            throw .malformed("session key of the relay")
        }
    }
}

/// Just enough of DER (ITU-T X.690) for a signed key.
private struct DERReader {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    var isAtEnd: Bool { bytes.isEmpty }

    /// The next element with its head, if it has this tag.
    mutating func element(_ tag: UInt8) -> ArraySlice<UInt8>? {
        guard let (head, count) = head(tag) else { return nil }
        defer { bytes = bytes.dropFirst(head + count) }
        return bytes.prefix(head + count)
    }

    /// The content of the next element, if it has this tag.
    mutating func value(_ tag: UInt8) -> ArraySlice<UInt8>? {
        guard let (head, _) = head(tag) else { return nil }
        return element(tag)?.dropFirst(head)
    }

    mutating func sequence() -> DERReader? { value(0x30).map(DERReader.init) }

    private func head(_ tag: UInt8) -> (head: Int, count: Int)? {
        let start = bytes.startIndex
        guard bytes.count >= 2, bytes[start] == tag else { return nil }
        var count = Int(bytes[start + 1])
        var head = 2
        // The shortest form only; nothing here is longer than 255 bytes.
        if count == 0x81, bytes.count >= 3, bytes[start + 2] >= 0x80 {
            count = Int(bytes[start + 2])
            head = 3
        } else if count >= 0x80 {
            return nil
        }
        return head + count <= bytes.count ? (head, count) : nil
    }
}
