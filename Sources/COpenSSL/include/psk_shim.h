// TLS 1.3 with a pre-shared key and nothing else, on a descriptor (RFC 8446, 2.2 and 4.2.9: psk_dhe_ke).
#pragma once
#include <stdint.h>
#include <openssl/ssl.h>

/// The key of one listener.
typedef struct sxtls_psk {
    uint8_t identity[16];
    uint8_t key[32];
} sxtls_psk;

/// A context for one role; NULL when OpenSSL refuses.
SSL_CTX *sxtls_psk_context_new(int is_server);
/// One end of a connection on a non-blocking socket, which is not closed with it. `psk` must outlive it. What is written
/// may be gathered: `sxtls_flush` sends it.
SSL *sxtls_psk_connection_new(SSL_CTX *context, int is_server, int descriptor, sxtls_psk *psk);
/// Hands what was gathered to the socket: 1 when all of it is, 0 when the socket has no room now, -1 for an error.
int sxtls_flush(SSL *ssl);
