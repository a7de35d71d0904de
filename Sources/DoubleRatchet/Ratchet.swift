import Primitives
import WireFormat

/// The double ratchet with header encryption of the SimpleX agent protocol (smp.md, section 4), versions 2 and 3, no KEM.
///
/// A value: a copy is a snapshot. State changes only after a message has proved authentic.
public struct Ratchet: Sendable, Equatable {
    /// Keys of messages passed over that are kept; the oldest are given up first.
    public static let skippedLimit = 512
    /// How many numbers of a chain one message may pass over.
    public static let aheadLimit = 65_536
<<<<<<< HEAD
    /// Past receiving chains whose messages are still recognised as duplicates.
    static let pastChainLimit = 8
=======
    /// Receiving chains that ended and whose messages are still recognized as duplicates.
    static let endedLimit = 4
>>>>>>> link

    struct SendingChain: Equatable, Sendable {
        var chainKey: [UInt8]
        var headerKey: [UInt8]
    }

    /// The key of a number that was passed over.
    struct SkippedKey: Equatable, Sendable {
        var number: UInt32
<<<<<<< HEAD
        var keys: MessageKeys
=======
        var messageKey: [UInt8]
        var messageIV: [UInt8]

        /// No key: it remembers the header key of a chain that ended, so that what comes twice is known.
        static func ended(_ headerKey: [UInt8]) -> SkippedKey {
            SkippedKey(headerKey: headerKey, number: .max, messageKey: [UInt8](repeating: 0, count: 32),
                messageIV: [UInt8](repeating: 0, count: 16))
        }
        var isEndOfChain: Bool { number == .max }
>>>>>>> link
    }

    /// What is known of a receiving chain: the key that its headers have, and the numbers still missing.
    struct KnownChain: Equatable, Sendable {
        var headerKey: [UInt8]
        var skipped: [SkippedKey] = []
    }

    /// The raw public keys of both parties, joiner's first, 112 bytes; equal on both sides.
    public internal(set) var associatedData: [UInt8]
    /// The version in use; it rises to the highest that both parties have.
    public internal(set) var version: UInt16
    var ratchetKey: X448PrivateKey
    var rootKey: [UInt8]
    var sending: SendingChain?
    var nextSendingHeaderKey: [UInt8]
    var nextReceivingHeaderKey: [UInt8]
    /// The chain key of the last of `known`; nil until the first message.
    var receivingChainKey: [UInt8]?
    /// Receiving chains, oldest first; the last one is current.
    var known: [KnownChain] = []
    /// The number of the next message to send in the current chain.
    public internal(set) var sendingNumber: UInt32 = 0
    var previousCount: UInt32 = 0
    /// The number of the next message expected in the current chain.
    public internal(set) var receivingNumber: UInt32 = 0
    /// How many receiving chains there have been.
    ///
    /// A change of it means that new random keys were made: store the state before anything else is sent.
    public internal(set) var receivingSteps: UInt32 = 0

    init(
        joinerWith keys: AgreementKeys.Derived, associatedData: [UInt8], ratchetKey: X448PrivateKey,
        peerRatchetKey: X448PublicKey, version: UInt16
    ) throws(PrimitiveError) {
        let root = KeyDerivation.root(keys.secret, try ratchetKey.agree(with: peerRatchetKey))
        self.associatedData = associatedData
        self.version = version
        self.ratchetKey = ratchetKey
        rootKey = root.rootKey
        sending = SendingChain(chainKey: root.chainKey, headerKey: keys.headerKey)
        nextSendingHeaderKey = root.nextHeaderKey
        nextReceivingHeaderKey = keys.nextHeaderKey
    }

    init(
        initiatorWith keys: AgreementKeys.Derived, associatedData: [UInt8], ratchetKey: X448PrivateKey, version: UInt16
    ) {
        self.associatedData = associatedData
        self.version = version
        self.ratchetKey = ratchetKey
        rootKey = keys.secret
        nextSendingHeaderKey = keys.nextHeaderKey
        nextReceivingHeaderKey = keys.headerKey
    }

    /// Equal states.
    public static func == (left: Ratchet, right: Ratchet) -> Bool {
        constantTimeEquals(left.encoded(), right.encoded())
    }

    /// Whether this party has something to encrypt with; the initiator has not before its first message came.
    public var canSend: Bool { sending != nil }

    /// How many keys of messages passed over are kept.
    public var skippedCount: Int { known.reduce(0) { $0 + $1.skipped.count } }

    /// Encrypts `plain`, padded to `size` bytes, as the next message; 142 bytes longer than `size` (version 2: 140).
    ///
    /// Throws `cannotSendYet`, `tooLong`, `outOfNumbers`; the state then stays as it was.
    public mutating func encrypt(_ plain: some Collection<UInt8>, paddedTo size: Int) throws(RatchetError) -> [UInt8] {
        guard var chain = sending else { throw .cannotSendYet }
        guard sendingNumber < UInt32.max else { throw .outOfNumbers }
        let padded: [UInt8]
        do { padded = try WireWriter.pad(plain, to: size) } catch {
            throw .tooLong(count: plain.count, limit: min(size - 2, Int(UInt16.max)))
        }
        let step = KeyDerivation.message(&chain.chainKey)
        let header = RatchetHeader(
            maximumVersion: E2EParameters.versions.upperBound, ratchetKey: ratchetKey.publicKey,
            previousCount: previousCount, number: sendingNumber)
        do {
            let message = try EncryptedMessage.seal(
                padded, header: header, version: version, headerKey: chain.headerKey, keys: step.keys,
                headerIV: step.headerIV, associatedData: associatedData)
            sending = chain
            sendingNumber += 1
            return message
        } catch {
            throw .malformed("state: \(error)")
        }
    }

    /// Moves the sending chain `count` numbers on without making messages: after a crash, behind a reserved block.
    ///
    /// Does nothing without a sending chain. The caller keeps `count` within the numbers of a chain (2³² − 1).
    public mutating func skipSending(by count: Int) {
        guard var chain = sending, count > 0 else { return }
        for _ in 0..<count { _ = KeyDerivation.message(&chain.chainKey) }
        sending = chain
        sendingNumber += UInt32(count)
    }
<<<<<<< HEAD
=======

    /// `u16 maxVersion, PK(ratchet key), [v ≥ 3: M(kem)], u32 PN, u32 Ns`.
    private func headerPlain() -> [UInt8] {
        var writer = WireWriter(capacity: 88)
        writer.u16(E2EParameters.versions.upperBound)
        writer.short(ratchetKey.publicKey.spki)
        if version >= 3 { writer.tag("0") }
        writer.u32(previousCount)
        writer.u32(sendingNumber)
        return writer.bytes
    }

    // MARK: Receiving

    /// Decrypts a message in whatever order it comes; changes nothing if that fails.
    public mutating func decrypt(_ message: ArraySlice<UInt8>) throws(RatchetError) -> [UInt8] {
        let parsed = try EncryptedMessage(message)
        if let plain = try decryptSkipped(parsed) { return plain }
        var next = self
        let plain = try next.decryptNow(parsed)
        self = next
        return plain
    }

    private mutating func decryptSkipped(_ message: EncryptedMessage) throws(RatchetError) -> [UInt8]? {
        var tried: Set<[UInt8]> = []
        for key in skipped where !key.isEndOfChain && tried.insert(key.headerKey).inserted {
            guard let header = message.openHeader(key.headerKey, associatedData) else { continue }
            if let index = skipped.firstIndex(where: { $0.headerKey == key.headerKey && $0.number == header.number }) {
                let plain = try message.open(skipped[index].messageKey, skipped[index].messageIV, associatedData)
                skipped.remove(at: index)
                return plain
            }
            // A number of an earlier chain that is not kept: it came before. The current chain may go on.
            if key.headerKey != receiving?.headerKey { throw .duplicate(number: header.number) }
        }
        return nil
    }

    private mutating func decryptNow(_ message: EncryptedMessage) throws(RatchetError) -> [UInt8] {
        let header: RatchetHeader
        if let current = receiving, let opened = message.openHeader(current.headerKey, associatedData) {
            header = opened
            guard header.number >= receivingNumber else { throw .duplicate(number: header.number) }
        } else if let opened = message.openHeader(nextReceivingHeaderKey, associatedData) {
            header = opened
            try skipReceiving(to: header.previousCount)
            try step(header)
        } else {
            for ended in skipped where ended.isEndOfChain {
                // The sender repeated it, across a change of chains, because it did not see the relay's OK.
                if let header = message.openHeader(ended.headerKey, associatedData) {
                    throw .duplicate(number: header.number)
                }
            }
            throw .undecryptable
        }
        version = max(version, min(header.maximumVersion, E2EParameters.versions.upperBound))
        try skipReceiving(to: header.number)
        guard var chain = receiving else { throw .undecryptable }
        let keys = Self.chainStep(&chain.chainKey)
        let plain = try message.open(keys.messageKey, keys.messageIV, associatedData)
        receiving = chain
        receivingNumber += 1
        return plain
    }

    /// Keeps the keys of the numbers below `number` that have not come.
    private mutating func skipReceiving(to number: UInt32) throws(RatchetError) {
        guard var chain = receiving, number > receivingNumber else { return }
        let count = Int(number - receivingNumber)
        guard count <= Self.aheadLimit else { throw .tooFarAhead(count: count) }
        for _ in 0..<count {
            let keys = Self.chainStep(&chain.chainKey)
            skipped.append(
                SkippedKey(
                    headerKey: chain.headerKey, number: receivingNumber, messageKey: keys.messageKey,
                    messageIV: keys.messageIV))
            receivingNumber += 1
            if skipped.count > 2 * Self.skippedLimit { skipped.removeFirst(skipped.count - Self.skippedLimit) }
        }
        if skipped.count > Self.skippedLimit { skipped.removeFirst(skipped.count - Self.skippedLimit) }
        receiving = chain
    }

    /// The Diffie-Hellman step: new receiving and sending chains.
    private mutating func step(_ header: RatchetHeader) throws(RatchetError) {
        do {
            let receivingStep = Self.rootStep(rootKey, try ratchetKey.agree(with: header.ratchetKey))
            let newKey = X448PrivateKey()
            let sendingStep = Self.rootStep(receivingStep.rootKey, try newKey.agree(with: header.ratchetKey))
            if let ended = receiving {
                let older = skipped.indices.filter { skipped[$0].isEndOfChain }
                if older.count >= Self.endedLimit { skipped.remove(at: older[0]) }
                skipped.append(.ended(ended.headerKey))
            }
            receiving = ReceivingChain(chainKey: receivingStep.chainKey, headerKey: nextReceivingHeaderKey)
            nextReceivingHeaderKey = receivingStep.nextHeaderKey
            sending = SendingChain(chainKey: sendingStep.chainKey, headerKey: nextSendingHeaderKey)
            nextSendingHeaderKey = sendingStep.nextHeaderKey
            rootKey = sendingStep.rootKey
            ratchetKey = newKey
            previousCount = sendingNumber
            sendingNumber = 0
            receivingNumber = 0
            receivingSteps += 1
        } catch {
            throw .malformed("ratchet key of the other side")
        }
    }

    // MARK: Key derivation

    /// The plaintext of a header is padded to this without post-quantum keys.
    static let headerSize = 88

    static func rootStep(_ rootKey: [UInt8], _ secret: SecretBytes) -> (
        rootKey: [UInt8], chainKey: [UInt8], nextHeaderKey: [UInt8]
    ) {
        let output = secret.withUnsafeBytes {
            HKDF.sha512(salt: rootKey, secret: $0, info: "SimpleXRootRatchet", count: 96)
        }
        return (Array(output[..<32]), Array(output[32..<64]), Array(output[64...]))
    }

    static func chainStep(_ chainKey: inout [UInt8]) -> (messageKey: [UInt8], messageIV: [UInt8], headerIV: [UInt8]) {
        let output = HKDF.sha512(salt: [], secret: chainKey, info: "SimpleXChainRatchet", count: 96)
        chainKey = Array(output[..<32])
        return (Array(output[32..<64]), Array(output[64..<80]), Array(output[80...]))
    }
}

/// The plaintext of a header.
struct RatchetHeader {
    let maximumVersion: UInt16
    let ratchetKey: X448PublicKey
    let previousCount: UInt32
    let number: UInt32
}

/// A message taken apart: `vl(emHeader), tag16, ciphertext`; a first byte below 32 tells 16-bit lengths (v ≥ 3).
private struct EncryptedMessage {
    private let emHeader: ArraySlice<UInt8>
    private let version: UInt16
    private let headerIV, headerTag, sealedHeader: ArraySlice<UInt8>
    private let tag, ciphertext: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) throws(RatchetError) {
        do throws(WireError) {
            var reader = WireReader(bytes)
            emHeader = try Self.variable(&reader)
            tag = try reader.take(AES256GCM.tagCount)
            ciphertext = reader.rest()
            var header = WireReader(emHeader)
            version = try header.u16()
            headerIV = try header.take(16)
            headerTag = try header.take(AES256GCM.tagCount)
            sealedHeader = try Self.variable(&header)
            try header.end()
        } catch {
            throw .malformed("message: \(error)")
        }
    }

    private static func variable(_ reader: inout WireReader) throws(WireError) -> ArraySlice<UInt8> {
        (reader.peek ?? 0) < 32 ? try reader.long() : try reader.short()
    }

    /// The header, if `key` opens it.
    func openHeader(_ key: [UInt8], _ associatedData: [UInt8]) -> RatchetHeader? {
        guard
            let padded = try? AES256GCM.open(
                sealedHeader, tag: headerTag, key: key, iv: headerIV, associatedData: associatedData),
            let plain = try? WireReader.unpad(padded[...])
        else { return nil }
        var reader = WireReader(plain)
        guard let maximumVersion = try? reader.u16(), let spki = try? reader.short(),
            let ratchetKey = try? X448PublicKey(spki: spki)
        else { return nil }
        if version >= 3 { skipKEM(&reader) }
        guard let previousCount = try? reader.u32(), let number = try? reader.u32() else { return nil }
        return RatchetHeader(
            maximumVersion: maximumVersion, ratchetKey: ratchetKey, previousCount: previousCount, number: number)
    }

    /// Post-quantum keys that a peer proposes are passed over: `'0'`, or `'1'` and `'P' L(pk)` or `'A' L(ct) L(pk)`.
    private func skipKEM(_ reader: inout WireReader) {
        _ = try? reader.maybe { (inner) throws(WireError) in
            let kind = try inner.u8()
            _ = try inner.long()
            if kind == UInt8(ascii: "A") { _ = try inner.long() }
        }
    }

    /// The plaintext, if key and tag fit.
    func open(_ key: [UInt8], _ iv: [UInt8], _ associatedData: [UInt8]) throws(RatchetError) -> [UInt8] {
        let padded: [UInt8]
        do {
            padded = try AES256GCM.open(
                ciphertext, tag: tag, key: key, iv: iv, associatedData: associatedData + emHeader)
        } catch {
            throw .undecryptable
        }
        do { return Array(try WireReader.unpad(padded[...])) } catch { throw .malformed("padding: \(error)") }
    }
>>>>>>> link
}
