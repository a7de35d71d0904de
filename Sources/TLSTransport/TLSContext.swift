internal import COpenSSL
internal import Guarding

/// The settings that many connections share.
///
/// Unchecked: an `SSL_CTX` is set up in `init` and then only handed to `SSL_new`, which OpenSSL allows on any thread.
final class TLSContext: @unchecked Sendable {
    let pointer: OpaquePointer
    let protocols: [String]
    let credentials: TLSCredentials?
    /// Length and wire form of the protocols, for the server's call-back; OpenSSL keeps the address.
    private let choices: UnsafeMutableBufferPointer<UInt8>

    /// Sets up a client's context, or with credentials a server's.
    init(protocols: [String], credentials: TLSCredentials?) throws(TLSError) {
        let wire = try Self.wireForm(protocols)
        ERR_clear_error()
        guard let context = SSL_CTX_new(credentials == nil ? TLS_client_method() : TLS_server_method()) else {
            throw .fromQueue("no TLS context")
        }
        let choices = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: wire.count + 2)
        _ = choices.initialize(from: [UInt8(wire.count >> 8), UInt8(wire.count & 0xff)] + wire)
        self.pointer = context
        self.protocols = protocols
        self.credentials = credentials
        self.choices = choices
        guard sxtls_context_configure(context) == 1 else { throw .fromQueue("the TLS settings were refused") }
        if let credentials {
            try present(credentials)
            sxtls_context_choose_protocol(context, choices.baseAddress)
        } else {
            // Returns 0 on success, unlike everything else.
            guard SSL_CTX_set_alpn_protos(context, wire, UInt32(wire.count)) == 0 else {
                throw .fromQueue("the protocol names were refused")
            }
            verifyPeers()
        }
    }

    deinit {
        SSL_CTX_free(pointer)
        choices.deallocate()
    }

    private static func wireForm(_ protocols: [String]) throws(TLSError) -> [UInt8] {
        var wire: [UInt8] = []
        for name in protocols {
            guard (1...255).contains(name.utf8.count) else { throw .openSSL("a protocol name has 1 to 255 bytes") }
            wire.append(UInt8(name.utf8.count))
            wire += name.utf8
        }
        guard (1...65535).contains(wire.count) else { throw .openSSL("at least one protocol name is needed") }
        return wire
    }

    private func present(_ credentials: TLSCredentials) throws(TLSError) {
        guard SSL_CTX_use_certificate(pointer, credentials.certificates[0].pointer) == 1,
            SSL_CTX_use_PrivateKey(pointer, credentials.privateKey.pointer) == 1,
            SSL_CTX_check_private_key(pointer) == 1,
            credentials.certificates.dropFirst().allSatisfy({
                sxtls_context_add_chain_certificate(pointer, $0.pointer) == 1
            })
        else { throw .fromQueue("the certificates were refused") }
    }

    private func verifyPeers() {
        SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER, nil)
        SSL_CTX_set_cert_verify_callback(
            pointer,
            { storeContext, _ in
                guard let storeContext,
                    let ssl = X509_STORE_CTX_get_ex_data(storeContext, SSL_get_ex_data_X509_STORE_CTX_idx()),
                    let data = SSL_get_ex_data(OpaquePointer(ssl), 0)
                else { return 0 }
                let verification = Unmanaged<ChainVerification>.fromOpaque(data).takeUnretainedValue()
                return verification.accepts(storeContext) ? 1 : 0
            }, nil)
    }
}

/// A client's settings, shared by its connections.
public final class TLSClientContext: Sendable {
    let context: TLSContext

    /// Sets up a context that offers these application protocols, in this order.
    public init(protocols: [String] = [TLSClient.applicationProtocol]) throws(TLSError) {
        self.context = try TLSContext(protocols: protocols, credentials: nil)
    }
}

/// A server's settings, shared by its connections.
public final class TLSServerContext: Sendable {
    private let current: Guarded<TLSContext>
    private let protocols: [String]

    /// Sets up a context with these credentials that takes the first of these application protocols that a client
    /// offers. A client that offers none of them is refused.
    public init(
        credentials: TLSCredentials, protocols: [String] = [TLSClient.applicationProtocol]
    ) throws(TLSError) {
        self.current = Guarded(try TLSContext(protocols: protocols, credentials: credentials))
        self.protocols = protocols
    }

    /// The credentials that the next connection will get.
    public var credentials: TLSCredentials? { context.credentials }

    /// Uses other credentials from the next connection on; connections that stand keep theirs.
    public func replaceCredentials(_ credentials: TLSCredentials) throws(TLSError) {
        let fresh = try TLSContext(protocols: protocols, credentials: credentials)
        current.withLock { $0 = fresh }
    }

    var context: TLSContext { current.withLock { $0 } }
}
