#include "tls_shim.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static int pipe_read(BIO *bio, char *bytes, int count) {
    sxtls_pipe *pipe = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (bytes == NULL || count <= 0) return 0;
    size_t left = pipe->input_count - pipe->input_position;
    if (left == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t taken = left < (size_t)count ? left : (size_t)count;
    memcpy(bytes, pipe->input + pipe->input_position, taken);
    pipe->input_position += taken;
    return (int)taken;
}

static int spill(sxtls_pipe *pipe, const char *bytes, size_t count) {
    if (count > pipe->spill_capacity - pipe->spill_count) {
        size_t capacity = pipe->spill_capacity == 0 ? 4096 : pipe->spill_capacity;
        while (capacity - pipe->spill_count < count) {
            if (capacity > SIZE_MAX / 2) return 0;
            capacity *= 2;
        }
        uint8_t *grown = realloc(pipe->spill, capacity);
        if (grown == NULL) return 0;
        pipe->spill = grown;
        pipe->spill_capacity = capacity;
    }
    memcpy(pipe->spill + pipe->spill_count, bytes, count);
    pipe->spill_count += count;
    return 1;
}

static int pipe_write(BIO *bio, const char *bytes, int count) {
    sxtls_pipe *pipe = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (bytes == NULL || count <= 0) return 0;
    size_t direct = 0;
    // Once something has spilled, everything later must follow it.
    if (pipe->spill_count == 0) {
        size_t room = pipe->output_capacity - pipe->output_count;
        direct = room < (size_t)count ? room : (size_t)count;
        if (direct > 0) memcpy(pipe->output + pipe->output_count, bytes, direct);
        pipe->output_count += direct;
    }
    if (direct < (size_t)count && !spill(pipe, bytes + direct, (size_t)count - direct)) return -1;
    return count;
}

static long pipe_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int pipe_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *pipe_method;
static pthread_once_t pipe_method_once = PTHREAD_ONCE_INIT;

static void make_pipe_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "borrowed memory");
    if (method == NULL) return;
    if (BIO_meth_set_read(method, pipe_read) && BIO_meth_set_write(method, pipe_write)
        && BIO_meth_set_ctrl(method, pipe_control) && BIO_meth_set_create(method, pipe_create)) {
        pipe_method = method;
    } else {
        BIO_meth_free(method);
    }
}

BIO *sxtls_bio_new(sxtls_pipe *pipe) {
    pthread_once(&pipe_method_once, make_pipe_method);
    if (pipe_method == NULL) return NULL;
    BIO *bio = BIO_new(pipe_method);
    if (bio != NULL) BIO_set_data(bio, pipe);
    return bio;
}

void sxtls_pipe_clear_spill(sxtls_pipe *pipe) {
    free(pipe->spill);
    pipe->spill = NULL;
    pipe->spill_capacity = 0;
    pipe->spill_count = 0;
}

int sxtls_context_configure(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION
                                     | SSL_OP_CIPHER_SERVER_PREFERENCE);
    // Idle connections give their record buffers back; the chain is exactly what was set.
    SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1
        && SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1
        && SSL_CTX_set_ciphersuites(context, "TLS_CHACHA20_POLY1305_SHA256") == 1
        && SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-CHACHA20-POLY1305") == 1
        && SSL_CTX_set1_groups_list(context, "X448:X25519") == 1
        && SSL_CTX_set1_sigalgs_list(context, "ed448:ed25519") == 1
        && SSL_CTX_set_num_tickets(context, 0) == 1;
}

int sxtls_context_add_chain_certificate(SSL_CTX *context, X509 *certificate) {
    return SSL_CTX_add1_chain_cert(context, certificate) == 1;
}

static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_count,
                           const unsigned char *offered, unsigned int offered_count, void *argument) {
    (void)ssl;
    const uint8_t *protocols = argument;
    unsigned int count = (unsigned int)protocols[0] << 8 | protocols[1];
    unsigned char *selected = NULL;
    if (SSL_select_next_proto(&selected, chosen_count, protocols + 2, count, offered, offered_count)
        != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = selected;
    return SSL_TLSEXT_ERR_OK;
}

void sxtls_context_choose_protocol(SSL_CTX *context, const uint8_t *protocols) {
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, (void *)protocols);
}

int sxtls_certificate_is_unusable(X509 *certificate) {
    return (X509_get_extension_flags(certificate) & (EXFLAG_CRITICAL | EXFLAG_INVALID)) != 0;
}

int sxtls_certificate_add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL) return 0;
    int added = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added == 1;
}
