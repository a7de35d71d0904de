public import Primitives
import WireFormat

/// Why a ratchet refuses.
public enum RatchetError: Error, Equatable, Sendable {
    /// A layout is violated; the text names it.
    case malformed(String)
    /// A key or tag does not fit any chain that we know.
    case undecryptable
    /// The chain has passed this number: the message came before.
    case duplicate(number: UInt32)
    /// The message is further ahead than numbers are passed over.
    case tooFarAhead(count: Int)
    /// This party has no sending chain yet: it must receive first.
    case cannotSendYet
    /// The plaintext does not fit.
    case tooLong(count: Int, limit: Int)
}

extension RatchetError: CustomStringConvertible {
    /// One lower-case sentence.
    public var description: String {
        switch self {
        case .malformed(let what): "malformed \(what)"
        case .undecryptable: "a message that the keys of this connection do not open"
        case .duplicate(let number): "message \(number) came twice"
        case .tooFarAhead(let count): "\(count) messages are missing before this one"
        case .cannotSendYet: "nothing has been received that a sending key could be made from"
        case .tooLong(let count, let limit): "\(count) bytes where at most \(limit) fit"
        }
    }
}

/// The public keys of one party's key agreement (smp.md, section 4): in a link as text, in a confirmation in binary.
///
/// Post-quantum keys are read and left out.
public struct E2EParameters: Equatable, Sendable {
    /// The ratchet versions that are spoken.
    public static let versions: ClosedRange<UInt16> = 2...3

    /// The highest version of the party (binary), or of its range (text).
    public var version: UInt16
    /// The first X448 key.
    public var key1: X448PublicKey
    /// The second X448 key.
    public var key2: X448PublicKey

    /// From its parts.
    public init(version: UInt16 = versions.upperBound, key1: X448PublicKey, key2: X448PublicKey) {
        self.version = version
        self.key1 = key1
        self.key2 = key2
    }

    /// `u16 v, PK, PK`, from v 3 on `'0'` for no KEM.
    public func encoded() -> [UInt8] {
        var writer = WireWriter()
        writer.u16(version)
        writer.short(key1.spki)
        writer.short(key2.spki)
        if version >= 3 { writer.tag("0") }
        return writer.bytes
    }

    /// Reads the binary form.
    public init(decoding bytes: ArraySlice<UInt8>) throws(RatchetError) {
        do {
            var reader = WireReader(bytes)
            version = try reader.u16()
            key1 = try X448PublicKey(spki: try reader.short())
            key2 = try X448PublicKey(spki: try reader.short())
        } catch {
            throw .malformed("key agreement parameters: \(error)")
        }
        try checkVersion()
    }

    /// `v=2-3&x3dh=k1,k2`: the text in a link, before it is escaped.
    public var text: String {
        let keys = [key1, key2].map { Base64.encode($0.spki, .url) }.joined(separator: ",")
        return "v=\(Self.versions.lowerBound)-\(version)&x3dh=\(keys)"
    }

    /// Reads the text form; unknown fields are left out.
    public init(text: String) throws(RatchetError) {
        var range: [UInt16] = []
        var keys: [X448PublicKey] = []
        for field in text.split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            switch parts[0] {
            case "v": range = parts[1].split(separator: "-").compactMap { UInt16($0) }
            case "x3dh":
                keys = parts[1].split(separator: ",").compactMap { text in
                    Base64.decode(text, .url).flatMap { try? X448PublicKey(spki: $0) }
                }
            default: break
            }
        }
        guard let lowest = range.first, let highest = range.last, keys.count == 2 else {
            throw .malformed("keys in the link")
        }
        guard lowest <= Self.versions.upperBound else { throw .malformed("keys in the link: too new a version") }
        self.init(version: highest, key1: keys[0], key2: keys[1])
        try checkVersion()
    }

    private func checkVersion() throws(RatchetError) {
        guard version >= Self.versions.lowerBound else { throw .malformed("keys: too old a version") }
    }
}

/// The private keys of one party's key agreement: X3DH (smp.md, section 4).
public struct AgreementKeys: Sendable {
    let key1: X448PrivateKey
    let key2: X448PrivateKey

    /// New random keys.
    public init() { self.init(key1: X448PrivateKey(), key2: X448PrivateKey()) }

    /// Given keys.
    public init(key1: X448PrivateKey, key2: X448PrivateKey) {
        self.key1 = key1
        self.key2 = key2
    }

    /// For the link or the confirmation.
    public var publicParameters: E2EParameters { E2EParameters(key1: key1.publicKey, key2: key2.publicKey) }

    /// The two raw private keys, 112 bytes.
    public func encoded() -> [UInt8] { key1.raw.bytes + key2.raw.bytes }

    /// Reads `encoded`; nil if it is not 112 bytes of keys.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == 112, let key1 = try? X448PrivateKey(raw: bytes[..<56]),
            let key2 = try? X448PrivateKey(raw: bytes[56...])
        else { return nil }
        self.init(key1: key1, key2: key2)
    }

    /// The ratchet of the party that joins the link of `peer`. `ratchetKey` is its first ratchet key.
    public func joiner(peer: E2EParameters, ratchetKey: X448PrivateKey = X448PrivateKey()) throws(RatchetError)
        -> Ratchet
    {
        do {
            let secrets = [
                try key2.agree(with: peer.key1), try key1.agree(with: peer.key2), try key2.agree(with: peer.key2),
            ]
            let keys = Self.derive(secrets)
            return try Ratchet(
                joinerWith: keys, associatedData: key1.publicKey.raw + peer.key1.raw, ratchetKey: ratchetKey,
                peerRatchetKey: peer.key2, version: min(peer.version, E2EParameters.versions.upperBound))
        } catch {
            throw .malformed("keys of the other side")
        }
    }

    /// The ratchet of the party that made the link which `peer` joined.
    public func initiator(peer: E2EParameters) throws(RatchetError) -> Ratchet {
        do {
            let secrets = [
                try key1.agree(with: peer.key2), try key2.agree(with: peer.key1), try key2.agree(with: peer.key2),
            ]
            return Ratchet(
                initiatorWith: Self.derive(secrets), associatedData: peer.key1.raw + key1.publicKey.raw,
                ratchetKey: key2,
                version: min(peer.version, E2EParameters.versions.upperBound))
        } catch {
            throw .malformed("keys of the other side")
        }
    }

    /// What the agreement gives: header key, next header key, root secret.
    struct Derived { let headerKey, nextHeaderKey, secret: [UInt8] }

    private static func derive(_ secrets: [SecretBytes]) -> Derived {
        let output = HKDF.sha512(
            salt: [UInt8](repeating: 0, count: 64), secret: secrets.flatMap(\.bytes), info: "SimpleXX3DH", count: 96)
        return Derived(
            headerKey: Array(output[..<32]), nextHeaderKey: Array(output[32..<64]), secret: Array(output[64...]))
    }
}
