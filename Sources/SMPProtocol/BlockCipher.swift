public import Primitives
import WireFormat

/// Pads, and from version 11 on encrypts, the blocks of one connection (smp.md, section 1).
///
/// Each direction has a chain of keys; every block takes the next key and nonce.
public struct BlockCipher: Sendable {
    private struct Chain: Sendable {
        var key: [UInt8]

        mutating func next() -> (key: ArraySlice<UInt8>, nonce: ArraySlice<UInt8>) {
            let output = HKDF.sha512(salt: [], secret: key, info: "SimpleXSbChain", count: 88)
            key = Array(output[..<32])
            return (output[32..<64], output[64...])
        }
    }

    private var sending: Chain?
    private var receiving: Chain?

    /// Which end of the connection this is.
    public enum Side: Sendable {
        /// The client.
        case client
        /// The relay.
        case server
    }

    /// Pads only.
    public init() {}

    /// Encrypts with chains made from the secret of the two handshake keys.
    public init(sharedSecret: SecretBytes, sessionID: [UInt8], side: Side) {
        let chains = sharedSecret.withUnsafeBytes {
            HKDF.sha512(salt: sessionID, secret: $0, info: "SimpleXSbChainInit", count: 64)
        }
        let toClient = Chain(key: Array(chains[..<32]))
        let toServer = Chain(key: Array(chains[32...]))
        sending = side == .client ? toServer : toClient
        receiving = side == .client ? toClient : toServer
    }

    /// Whether blocks are encrypted.
    public var isEncrypting: Bool { sending != nil }

    /// A block of 16384 bytes around `body`; throws `tooLong`.
    public mutating func seal(_ body: [UInt8]) throws(SMPProtocolError) -> [UInt8] {
        let size = paddedSize
        do { return encrypt(try WireWriter.pad(body, to: size)) } catch {
            throw .tooLong(count: body.count, limit: size - 2)
        }
    }

    /// A block of 16384 bytes around what `builder` holds; the builder is empty afterwards.
    public mutating func seal(_ builder: inout BlockBuilder) -> [UInt8] {
        encrypt(builder.takePadded(to: paddedSize))
    }

    private var paddedSize: Int { sending == nil ? SMP.blockSize : SMP.encryptedBodySize }

    private mutating func encrypt(_ padded: [UInt8]) -> [UInt8] {
        guard let (key, nonce) = sending?.next() else { return padded }
        return BoxKey(sharedSecret: key).seal(padded, nonce: nonce)
    }

    /// The body inside `block`; throws `authentication` or `malformed`.
    public mutating func open(_ block: [UInt8]) throws(SMPProtocolError) -> ArraySlice<UInt8> {
        var padded = block
        if var chain = receiving {
            let (key, nonce) = chain.next()
            do { padded = try BoxKey(sharedSecret: key).open(block, nonce: nonce) } catch {
                throw .authentication("a block")
            }
            receiving = chain
        }
        do { return try WireReader.unpad(padded[...]) } catch { throw .malformed("block: \(error)") }
    }
}
