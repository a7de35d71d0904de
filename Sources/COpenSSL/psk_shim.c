#include "psk_shim.h"

#include <string.h>

// The session that a pre-shared key stands for; NULL when memory is short.
static SSL_SESSION *session_of(SSL *ssl, const sxtls_psk *psk) {
    static const unsigned char suite[] = {0x13, 0x01}; // TLS_AES_128_GCM_SHA256
    const SSL_CIPHER *cipher = SSL_CIPHER_find(ssl, suite);
    SSL_SESSION *session = SSL_SESSION_new();
    if (cipher != NULL && session != NULL && SSL_SESSION_set1_master_key(session, psk->key, sizeof psk->key)
        && SSL_SESSION_set_cipher(session, cipher) && SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION))
        return session;
    SSL_SESSION_free(session);
    return NULL;
}

static int find_session(SSL *ssl, const unsigned char *identity, size_t count, SSL_SESSION **session) {
    const sxtls_psk *psk = SSL_get_app_data(ssl);
    *session = NULL;
    // No error: without a session the handshake goes on to certificates, of which there are none.
    if (psk == NULL || count != sizeof psk->identity || CRYPTO_memcmp(identity, psk->identity, count) != 0) return 1;
    *session = session_of(ssl, psk);
    return *session != NULL;
}

static int use_session(SSL *ssl, const EVP_MD *digest, const unsigned char **identity, size_t *count,
    SSL_SESSION **session) {
    const sxtls_psk *psk = SSL_get_app_data(ssl);
    if (psk == NULL) return 0;
    *session = NULL;
    // After a retry request the server has chosen another digest: the key does not fit.
    if (digest != NULL && EVP_MD_get_type(digest) != NID_sha256) return 1;
    *session = session_of(ssl, psk);
    *identity = psk->identity;
    *count = sizeof psk->identity;
    return *session != NULL;
}

SSL_CTX *sxtls_psk_context_new(int is_server) {
    SSL_CTX *context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    if (context == NULL) return NULL;
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    // A client that is shown a certificate instead of the key trusts nobody's.
    SSL_CTX_set_verify(context, is_server ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    // Several records a read.
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, 256 << 10);
    if (is_server) SSL_CTX_set_psk_find_session_callback(context, find_session);
    else SSL_CTX_set_psk_use_session_callback(context, use_session);
    if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1
        && SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1
        && SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") == 1
        && SSL_CTX_set1_groups_list(context, "X25519") == 1 && SSL_CTX_set_num_tickets(context, 0) == 1)
        return context;
    SSL_CTX_free(context);
    return NULL;
}

int sxtls_flush(SSL *ssl) {
    if (BIO_flush(SSL_get_wbio(ssl)) > 0) return 1;
    return BIO_should_retry(SSL_get_wbio(ssl)) ? 0 : -1;
}

SSL *sxtls_psk_connection_new(SSL_CTX *context, int is_server, int descriptor, sxtls_psk *psk) {
    SSL *ssl = SSL_new(context);
    if (ssl == NULL) return NULL;
    BIO *gathering = BIO_new(BIO_f_buffer());
    if (gathering == NULL || BIO_set_write_buffer_size(gathering, 128 << 10) != 1
        || SSL_set_app_data(ssl, psk) != 1 || SSL_set_fd(ssl, descriptor) != 1) {
        BIO_free(gathering);
        SSL_free(ssl);
        return NULL;
    }
    // Several records a write: each alone would wake the other side.
    BIO *plain = SSL_get_wbio(ssl);
    BIO_up_ref(plain);
    SSL_set0_wbio(ssl, BIO_push(gathering, plain));
    if (is_server) SSL_set_accept_state(ssl);
    else SSL_set_connect_state(ssl);
    return ssl;
}
