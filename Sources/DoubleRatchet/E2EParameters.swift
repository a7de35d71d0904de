public import Primitives
import WireFormat

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
            if version >= 3 { try KeyEncapsulation.skip(&reader) }
            try reader.end()
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
        var range: [UInt16?] = []
        var keys: [X448PublicKey?] = []
        for field in text.split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            switch parts[0] {
            case "v": range = parts[1].split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
            case "x3dh":
                keys = parts[1].split(separator: ",", omittingEmptySubsequences: false).map { text in
                    Base64.decode(text, .url).flatMap { try? X448PublicKey(spki: $0) }
                }
            default: break
            }
        }
        guard 1...2 ~= range.count, let lowest = range[0], let highest = range[range.count - 1], lowest <= highest,
            keys.count == 2, let key1 = keys[0], let key2 = keys[1]
        else { throw .malformed("keys in the link") }
        guard lowest <= Self.versions.upperBound else { throw .malformed("keys in the link: too new a version") }
        self.init(version: highest, key1: key1, key2: key2)
        try checkVersion()
    }

    private func checkVersion() throws(RatchetError) {
        guard version >= Self.versions.lowerBound else { throw .malformed("keys: too old a version") }
    }
}

/// Post-quantum key material, which we decline: it is passed over wherever it stands.
enum KeyEncapsulation {
    /// `M('P' L(public key) | 'A' L(ciphertext) L(public key))`.
    static func skip(_ reader: inout WireReader) throws(WireError) {
        _ = try reader.maybe { (inner) throws(WireError) in
            let at = inner.offset
            switch try inner.u8() {
            case UInt8(ascii: "P"): _ = try inner.long()
            case UInt8(ascii: "A"):
                _ = try inner.long()
                _ = try inner.long()
            default: throw .unexpected(offset: at)
            }
        }
    }
}
