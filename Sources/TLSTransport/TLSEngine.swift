internal import COpenSSL
internal import NIOCore
internal import Primitives

/// One end of one TLS connection: ciphertext and plaintext in and out, no socket, no clock.
///
/// Ciphertext that came is lent with `lend` for the time of the calls that use it up. Ciphertext to send goes to the
/// buffer given to `encrypt`; whatever OpenSSL wants to send at other times is fetched with `takeOutput`.
struct TLSEngine: ~Copyable {
    /// How much plaintext one TLS record holds, in bytes (RFC 8446, 5.1).
    static let recordCapacity = 16384
    /// More than header, content type and tag of a record add, in bytes.
    static let recordOverhead = 64

    enum Progress {
        case complete
        /// Nothing more can be done before the peer has said something.
        case needsPeer
        case failed(TLSError)
    }

    enum ReadResult {
        case bytes
        case needsPeer
        /// The peer said that it will send no more.
        case closed
        case failed(TLSError)
    }

    private let ssl: OpaquePointer
    private let pipe: UnsafeMutablePointer<sxtls_pipe>
    private let context: TLSContext
    private let verification: ChainVerification?

    /// A client that expects this identity (SHA-256 of the certificate at index 1).
    static func client(_ context: TLSContext, fingerprint: [UInt8], at now: Int64?) throws(TLSError) -> TLSEngine {
        try TLSEngine(context, verification: ChainVerification(fingerprint: fingerprint, at: now))
    }

    /// A server.
    static func server(_ context: TLSContext) throws(TLSError) -> TLSEngine {
        try TLSEngine(context, verification: nil)
    }

    private init(_ context: TLSContext, verification: ChainVerification?) throws(TLSError) {
        ERR_clear_error()
        guard let ssl = SSL_new(context.pointer) else { throw .fromQueue("no TLS connection") }
        let pipe = UnsafeMutablePointer<sxtls_pipe>.allocate(capacity: 1)
        pipe.initialize(to: sxtls_pipe())
        guard let bio = sxtls_bio_new(pipe) else {
            SSL_free(ssl)
            pipe.deallocate()
            throw .fromQueue("no TLS connection")
        }
        SSL_set_bio(ssl, bio, bio)
        self.ssl = ssl
        self.pipe = pipe
        self.context = context
        self.verification = verification
        if let verification {
            SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(verification).toOpaque())
            SSL_set_connect_state(ssl)
        } else {
            SSL_set_accept_state(ssl)
        }
    }

    deinit {
        SSL_free(ssl)
        sxtls_pipe_clear_spill(pipe)
        pipe.deallocate()
    }

    /// Makes ciphertext from the peer available until `takeBack`.
    mutating func lend(_ ciphertext: UnsafeRawBufferPointer) {
        pipe.pointee.input = ciphertext.bindMemory(to: UInt8.self).baseAddress
        pipe.pointee.input_count = ciphertext.count
        pipe.pointee.input_position = 0
    }

    /// Ends the loan.
    mutating func takeBack() {
        pipe.pointee.input = nil
        pipe.pointee.input_count = 0
        pipe.pointee.input_position = 0
    }

    /// Goes on with the handshake.
    mutating func handshake() -> Progress {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        if result == 1 { return .complete }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsPeer
        case SSL_ERROR_ZERO_RETURN: return .failed(.closedDuringHandshake)
        default: return .failed(failure())
        }
    }

    /// Decrypts as much as fits into the writable bytes of `plaintext`, which must not be none.
    mutating func read(into plaintext: inout ByteBuffer) -> ReadResult {
        ERR_clear_error()
        var result: Int32 = 0
        plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: 1) { room in
            result = SSL_read(ssl, room.baseAddress, Int32(clamping: room.count))
            return Int(max(0, result))
        }
        if result > 0 { return .bytes }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .needsPeer
        case SSL_ERROR_ZERO_RETURN: return .closed
        default: return .failed(failure())
        }
    }

    /// Encrypts one record's worth from the front of `plaintext`, which must not be empty, and appends it to `output`.
    mutating func encrypt(_ plaintext: inout ByteBuffer, into output: inout ByteBuffer) -> TLSError? {
        takeOutput(into: &output)
        ERR_clear_error()
        let count = min(plaintext.readableBytes, Self.recordCapacity)
        var result: Int32 = 0
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: count + Self.recordOverhead) { room in
            pipe.pointee.output = room.bindMemory(to: UInt8.self).baseAddress
            pipe.pointee.output_capacity = room.count
            result = plaintext.withUnsafeReadableBytes { SSL_write(ssl, $0.baseAddress, Int32(count)) }
            defer {
                pipe.pointee.output = nil
                pipe.pointee.output_capacity = 0
                pipe.pointee.output_count = 0
            }
            return pipe.pointee.output_count
        }
        takeOutput(into: &output)
        guard result > 0 else { return failure() }
        plaintext.moveReaderIndex(forwardBy: Int(result))
        return nil
    }

    /// Says that no more plaintext will be sent.
    mutating func endOutput() {
        ERR_clear_error()
        SSL_shutdown(ssl)
        ERR_clear_error()
    }

    /// How many bytes `takeOutput` would give.
    var outputCount: Int { pipe.pointee.spill_count }

    /// Appends what OpenSSL wants to be sent.
    mutating func takeOutput(into output: inout ByteBuffer) {
        guard pipe.pointee.spill_count > 0 else { return }
        output.writeBytes(UnsafeRawBufferPointer(start: pipe.pointee.spill, count: pipe.pointee.spill_count))
        sxtls_pipe_clear_spill(pipe)
    }

    private func failure() -> TLSError {
        guard let rejection = verification?.rejection else { return .ofPeer() }
        ERR_clear_error()
        return rejection
    }
}

extension TLSEngine {
    /// What the handshake established; to be called once it is complete.
    func session() throws(TLSError) -> TLSSession {
        let isClient = verification != nil
        var certificates = context.credentials?.certificates ?? []
        if isClient, let stack = SSL_get_peer_cert_chain(ssl) {
            certificates = Certificate.members(of: stack)
        }
        guard let leaf = certificates.first, let leafKey = AuthKey(leaf: leaf) else {
            throw .invalidChain(.unsuitableLeaf)
        }
        guard let applicationProtocol = applicationProtocol, context.protocols.contains(applicationProtocol) else {
            throw .noCommonProtocol
        }
        var identifier = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        let count =
            isClient
            ? SSL_get_finished(ssl, &identifier, identifier.count)
            : SSL_get_peer_finished(ssl, &identifier, identifier.count)
        return TLSSession(
            sessionID: Array(identifier.prefix(count)), certificates: certificates.map(\.der), leafKey: leafKey,
            applicationProtocol: applicationProtocol,
            version: SSL_version(ssl) == TLS1_3_VERSION ? .tls13 : .tls12, credentials: context.credentials)
    }

    private var applicationProtocol: String? {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &count)
        return name.map { String(decoding: UnsafeBufferPointer(start: $0, count: Int(count)), as: UTF8.self) }
    }
}
