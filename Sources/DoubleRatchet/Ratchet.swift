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
    /// Past receiving chains whose messages are still recognised as duplicates.
    static let pastChainLimit = 8

    struct SendingChain: Equatable, Sendable {
        var chainKey: [UInt8]
        var headerKey: [UInt8]

        /// Gives the next message's keys to `body`; the chain moves on unless that throws.
        mutating func encrypt(_ body: ([UInt8], KeyDerivation.Step) throws -> Void) throws {
            let headerKey = headerKey
            try KeyDerivation.step(&chainKey) { keys in try body(headerKey, keys) }
        }
    }

    /// The key of a number that was passed over.
    struct SkippedKey: Equatable, Sendable {
        var number: UInt32
        var keys: MessageKeys
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
        let padded: [UInt8]
        do { padded = try WireWriter.pad(plain, to: size) } catch {
            throw .tooLong(count: plain.count, limit: min(size - 2, Int(UInt16.max)))
        }
        var message = [UInt8](repeating: 0, count: overhead) + padded
        try message.withUnsafeMutableBufferPointer { message throws(RatchetError) in try encrypt(inPlace: message) }
        return message
    }

    /// How many bytes a message is longer than its padded plaintext.
    public var overhead: Int { EncryptedMessage.overhead(version: version) }

    /// Encrypts as the next message what stands in `message` behind `overhead` bytes: a padded plaintext.
    ///
    /// Throws `cannotSendYet`, `outOfNumbers`; the state then stays as it was.
    public mutating func encrypt(inPlace message: UnsafeMutableBufferPointer<UInt8>) throws(RatchetError) {
        guard sending != nil else { throw .cannotSendYet }
        guard sendingNumber < UInt32.max else { throw .outOfNumbers }
        precondition(message.count > overhead, "a message has a plaintext")
        let header = RatchetHeader(
            maximumVersion: E2EParameters.versions.upperBound, ratchetKey: ratchetKey.publicKey.spki[...],
            previousCount: previousCount, number: sendingNumber)
        do {
            let (version, associatedData) = (version, associatedData)
            try sending?.encrypt { headerKey, keys in
                try EncryptedMessage.seal(
                    inPlace: message, header: header, version: version, headerKey: headerKey, keys: keys,
                    associatedData: associatedData)
            }
            sendingNumber += 1
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
}
