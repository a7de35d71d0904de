// TLS: what the Swift side cannot say itself (macros, a BIO over borrowed memory).
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/// The two ends of a TLS object's memory. Input is borrowed for the time of a call. Output goes to borrowed memory
/// while there is room, and then, in order, to a buffer of its own.
typedef struct sxtls_pipe {
    const uint8_t *input;
    size_t input_count;
    size_t input_position;
    uint8_t *output;
    size_t output_capacity;
    size_t output_count;
    uint8_t *spill;
    size_t spill_capacity;
    size_t spill_count;
} sxtls_pipe;

/// A BIO that reads from and writes to `pipe`, which must outlive it. NULL when memory is short.
BIO *sxtls_bio_new(sxtls_pipe *pipe);
/// Frees the spilled output.
void sxtls_pipe_clear_spill(sxtls_pipe *pipe);

/// Sets versions, ciphers, groups, signature algorithms and options of both roles. 1 on success.
int sxtls_context_configure(SSL_CTX *context);
/// Adds a certificate behind the leaf. 1 on success.
int sxtls_context_add_chain_certificate(SSL_CTX *context, X509 *certificate);
/// Makes the server choose from `protocols`: a big-endian 16-bit length, then that many bytes in wire form. Not copied.
void sxtls_context_choose_protocol(SSL_CTX *context, const uint8_t *protocols);

/// Whether the certificate carries a critical extension that OpenSSL does not know, or a broken one.
int sxtls_certificate_is_unusable(X509 *certificate);
/// Adds an extension given in OpenSSL's configuration words. 1 on success.
int sxtls_certificate_add_extension(X509 *certificate, X509 *issuer, int nid, const char *value);
