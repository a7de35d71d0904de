import COpenSSL
import Glibc
import Primitives

/// TLS 1.3 with a pre-shared key on one non-blocking socket. Used by one thread.
struct DirectSocket: ~Copyable {
    /// Which part of the handshake this side has.
    enum Role: Sendable {
        /// It dialled.
        case client
        /// It listened.
        case server
    }

    enum Progress: Equatable {
        /// So many bytes went through; of a handshake: it is complete.
        case done(Int)
        case wantsRead
        case wantsWrite
        /// The other side said that it will send no more.
        case ended
        case failed(String)
    }

    let descriptor: Int32
    private let ssl: OpaquePointer
    private let key: UnsafeMutablePointer<sxtls_psk>

    /// Takes over `descriptor`.
    init(descriptor: Int32, role: Role, key: DirectKey) throws(DirectError) {
        let psk = UnsafeMutablePointer<sxtls_psk>.allocate(capacity: 1)
        psk.initialize(to: sxtls_psk())
        withUnsafeMutableBytes(of: &psk.pointee.identity) { $0.copyBytes(from: key.identity) }
        key.key.withUnsafeBytes { bytes in
            withUnsafeMutableBytes(of: &psk.pointee.key) { $0.copyMemory(from: bytes) }
        }
        let isServer: Int32 = role == .server ? 1 : 0
        ERR_clear_error()
        guard let context = role == .server ? DirectContext.server.pointer : DirectContext.client.pointer,
            let ssl = sxtls_psk_connection_new(context, isServer, descriptor, psk)
        else {
            OPENSSL_cleanse(psk, MemoryLayout<sxtls_psk>.size)
            psk.deallocate()
            Glibc.close(descriptor)
            throw .tls("OpenSSL has no memory or no TLS 1.3")
        }
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        self.descriptor = descriptor
        self.ssl = ssl
        self.key = psk
    }

    deinit {
        SSL_free(ssl)
        OPENSSL_cleanse(key, MemoryLayout<sxtls_psk>.size)
        key.deallocate()
        Glibc.close(descriptor)
    }

    /// Goes on with the handshake.
    func handshake() -> Progress {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        guard result == 1 else { return progress(result) }
        // Anything but the pre-shared key is a stranger.
        return SSL_session_reused(ssl) == 1 ? .done(0) : .failed("the other side does not have the key")
    }

    /// Reads up to `memory.count` bytes, which must not be 0.
    func read(into memory: UnsafeMutableRawBufferPointer) -> Progress {
        ERR_clear_error()
        return progress(SSL_read(ssl, memory.baseAddress, Int32(clamping: memory.count)))
    }

    /// Writes some of `memory`, which must not be empty; `flush` sends what is gathered of it. After `wantsWrite` the same bytes have to come again.
    func write(_ memory: UnsafeRawBufferPointer) -> Progress {
        ERR_clear_error()
        return progress(SSL_write(ssl, memory.baseAddress, Int32(clamping: memory.count)))
    }

    /// Hands all that was written to the kernel.
    func flush() -> Progress {
        ERR_clear_error()
        switch sxtls_flush(ssl) {
        case 1: return .done(0)
        case 0: return .wantsWrite
        default: return .failed(errno == 0 ? "it was cut" : describe(errno: errno))
        }
    }

    /// Says that no more will be sent.
    func endOutput() {
        ERR_clear_error()
        SSL_shutdown(ssl)
        _ = sxtls_flush(ssl)
        ERR_clear_error()
        shutdown(descriptor, Int32(SHUT_WR))
    }

    private func progress(_ result: Int32) -> Progress {
        if result > 0 { return .done(Int(result)) }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        case SSL_ERROR_ZERO_RETURN: return .ended
        case SSL_ERROR_SYSCALL: return .failed(errno == 0 ? "it was cut" : describe(errno: errno))
        default:
            let code = ERR_peek_error()
            ERR_clear_error()
            guard let reason = ERR_reason_error_string(code) else { return .failed("TLS error \(code)") }
            return .failed(String(cString: reason))
        }
    }
}

/// The two contexts that all connections share.
private struct DirectContext: @unchecked Sendable {
    // Safe: set up once, then only handed to SSL_new, which OpenSSL allows on any thread.
    let pointer: OpaquePointer?

    static let client = DirectContext(pointer: sxtls_psk_context_new(0))
    static let server = DirectContext(pointer: sxtls_psk_context_new(1))
}
