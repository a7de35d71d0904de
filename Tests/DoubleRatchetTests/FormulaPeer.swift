import Primitives

/// One party of the ratchet, worked out step by step from the formulas of smp.md section 4 and nothing of the module under
/// test: in order, no skipping, but with every header form that a peer may send.
struct FormulaPeer {
    var version: UInt16 = 3
    var maximumVersion: UInt16 = 3
    /// The KEM field of headers of version 3: `'0'`, or `'1'` and keys.
    var kem: [UInt8] = [0x30]
    var headerSize = 88

    let associatedData: [UInt8]
    private(set) var rootKey: [UInt8]
    private var ownKey: X448PrivateKey
    private var sendingChain: [UInt8] = []
    private var sendingHeader: [UInt8] = []
    private var receivingChain: [UInt8] = []
    private var nextSendingHeader: [UInt8]
    private var nextReceivingHeader: [UInt8]
    private(set) var sent: UInt32 = 0
    private(set) var previous: UInt32 = 0

    static func key(_ byte: UInt8) throws -> X448PrivateKey {
        try X448PrivateKey(raw: [UInt8](repeating: byte, count: 56))
    }

    /// hk‖nhk‖sk.
    private static func agree(_ secrets: [SecretBytes]) -> [UInt8] {
        HKDF.sha512(
            salt: [UInt8](repeating: 0, count: 64), secret: secrets.flatMap(\.bytes), info: "SimpleXX3DH", count: 96)
    }

    /// The joiner, with private keys sk1 and sk2, a first ratchet key, and the initiator's public keys.
    init(
        joiner sk1: X448PrivateKey, _ sk2: X448PrivateKey, ratchetKey: X448PrivateKey, rk1: X448PublicKey,
        rk2: X448PublicKey
    ) throws {
        let agreed = Self.agree([try sk2.agree(with: rk1), try sk1.agree(with: rk2), try sk2.agree(with: rk2)])
        associatedData = sk1.publicKey.raw + rk1.raw
        ownKey = ratchetKey
        let root = HKDF.sha512(
            salt: agreed[64..<96], secret: try ratchetKey.agree(with: rk2).bytes, info: "SimpleXRootRatchet", count: 96)
        rootKey = Array(root[0..<32])
        sendingChain = Array(root[32..<64])
        sendingHeader = Array(agreed[0..<32])
        nextSendingHeader = Array(root[64..<96])
        nextReceivingHeader = Array(agreed[32..<64])
    }

    /// The initiator, with private keys rk1 and rk2 and the joiner's public keys.
    init(initiator rk1: X448PrivateKey, _ rk2: X448PrivateKey, sk1: X448PublicKey, sk2: X448PublicKey) throws {
        let agreed = Self.agree([try rk1.agree(with: sk2), try rk2.agree(with: sk1), try rk2.agree(with: sk2)])
        associatedData = sk1.raw + rk1.publicKey.raw
        ownKey = rk2
        rootKey = Array(agreed[64..<96])
        nextSendingHeader = Array(agreed[32..<64])
        nextReceivingHeader = Array(agreed[0..<32])
    }

    /// The next message, `plain` padded to `size`.
    mutating func send(_ plain: [UInt8], paddedTo size: Int, number: UInt32? = nil) throws -> [UInt8] {
        let step = HKDF.sha512(salt: [], secret: sendingChain, info: "SimpleXChainRatchet", count: 96)
        sendingChain = Array(step[0..<32])
        let (key, messageIV, headerIV) = (step[32..<64], step[64..<80], Array(step[80..<96]))
        var header = Self.u16(Int(maximumVersion)) + [68] + ownKey.publicKey.spki
        if version >= 3 { header += kem }
        header += Self.u32(previous) + Self.u32(number ?? sent)
        let (sealed, headerTag) = try AES256GCM.seal(
            Self.pad(header, headerSize), key: sendingHeader, iv: headerIV, associatedData: associatedData)
        let emHeader = Self.u16(Int(version)) + headerIV + headerTag + variable(sealed)
        let (body, tag) = try AES256GCM.seal(
            Self.pad(plain, size), key: key, iv: messageIV, associatedData: associatedData + emHeader)
        sent += 1
        return variable(emHeader) + tag + body
    }

    /// Opens the first message of the other party's next chain, which has `peerKey`, and starts a new one with `newKey`.
    mutating func receiveNewChain(_ message: [UInt8], peerKey: X448PublicKey, newKey: X448PrivateKey) throws -> [UInt8]
    {
        let header = nextReceivingHeader
        let forReceiving = HKDF.sha512(
            salt: rootKey, secret: try ownKey.agree(with: peerKey).bytes, info: "SimpleXRootRatchet", count: 96)
        let forSending = HKDF.sha512(
            salt: forReceiving[0..<32], secret: try newKey.agree(with: peerKey).bytes, info: "SimpleXRootRatchet",
            count: 96)
        rootKey = Array(forSending[0..<32])
        receivingChain = Array(forReceiving[32..<64])
        nextReceivingHeader = Array(forReceiving[64..<96])
        sendingChain = Array(forSending[32..<64])
        sendingHeader = nextSendingHeader
        nextSendingHeader = Array(forSending[64..<96])
        ownKey = newKey
        (previous, sent) = (sent, 0)
        return try receive(message, headerKey: header, peerKey: peerKey)
    }

    /// Opens a message without a KEM; checks its header's fields.
    private mutating func receive(_ message: [UInt8], headerKey: [UInt8], peerKey: X448PublicKey) throws -> [UInt8] {
        let width = message[0] < 32 ? 2 : 1
        let length = width == 2 ? Int(message[0]) << 8 | Int(message[1]) : Int(message[0])
        let emHeader = Array(message[width..<width + length])
        let rest = message[(width + length)...]
        let step = HKDF.sha512(salt: [], secret: receivingChain, info: "SimpleXChainRatchet", count: 96)
        receivingChain = Array(step[0..<32])
        let plainHeader = try AES256GCM.open(
            emHeader[(34 + width)...], tag: emHeader[18..<34], key: headerKey, iv: emHeader[2..<18],
            associatedData: associatedData)
        guard Array(emHeader[2..<18]) == Array(step[80..<96]), plainHeader.count == 88,
            Array(plainHeader[5..<73]) == peerKey.spki
        else { throw PrimitiveError.authenticationFailed }
        let padded = try AES256GCM.open(
            rest.dropFirst(16), tag: rest.prefix(16), key: step[32..<64], iv: step[64..<80],
            associatedData: associatedData + emHeader)
        return Array(padded[2..<2 + (Int(padded[0]) << 8 | Int(padded[1]))])
    }

    private func variable(_ bytes: [UInt8]) -> [UInt8] {
        version >= 3 ? Self.u16(bytes.count) + bytes : [UInt8(bytes.count)] + bytes
    }

    static func u16(_ value: Int) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }
    static func u32(_ value: UInt32) -> [UInt8] { u16(Int(value >> 16)) + u16(Int(value & 0xFFFF)) }

    static func pad(_ bytes: [UInt8], _ size: Int) -> [UInt8] {
        u16(bytes.count) + bytes + [UInt8](repeating: 0x23, count: size - 2 - bytes.count)
    }
}
