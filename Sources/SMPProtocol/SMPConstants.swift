/// Sizes and version ranges of the SimpleX messaging protocol (smp.md).
public enum SMP {
    /// Every block on the wire, in bytes.
    public static let blockSize = 16_384
    /// What an encrypted block pads its body to, length prefix included.
    public static let encryptedBodySize = blockSize - tagSize
    /// A Poly1305 tag.
    public static let tagSize = 16
    /// The most that the body of a block holds, count and length prefixes of its transmissions included.
    public static let bodyCapacity = encryptedBodySize - 2 - 1
    /// A nonce of NaCl's box; also a correlation id, a queue id and a message id.
    public static let nonceSize = 24
    /// What a relay pads a message for its recipient to.
    public static let deliveredSize = 16_106
    /// Versions that our client speaks.
    public static let clientVersions: ClosedRange<UInt16> = 9...18
    /// Versions that our relay speaks: SKEY and block encryption, no short links.
    public static let relayVersions: ClosedRange<UInt16> = 9...14
    /// ALPN.
    public static let applicationProtocol = "smp/1"

    /// The longest SEND body by version.
    public static func maximumMessageSize(_ version: UInt16) -> Int {
        switch version {
        case ...7: 16_088
        case 8...10: 16_064
        default: 16_048
        }
    }

    /// The highest version in both ranges; throws `incompatible`.
    public static func negotiate(
        _ ours: ClosedRange<UInt16>, _ theirs: ClosedRange<UInt16>
    ) throws(SMPProtocolError) -> UInt16 {
        let highest = min(ours.upperBound, theirs.upperBound)
        guard highest >= max(ours.lowerBound, theirs.lowerBound) else {
            throw .incompatible(
                ours: "\(ours.lowerBound)-\(ours.upperBound)", theirs: "\(theirs.lowerBound)-\(theirs.upperBound)")
        }
        return highest
    }
}
