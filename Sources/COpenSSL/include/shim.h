#pragma once
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stddef.h>
#include <stdint.h>
#include "psk_shim.h"
#include "tls_shim.h"

/// HKDF with HMAC-SHA-512 (RFC 5869): `count` bytes of `output`, at most 255 * 64.
void sx_hkdf_sha512(const uint8_t *salt, size_t salt_count, const uint8_t *secret, size_t secret_count,
                    const uint8_t *info, size_t info_count, uint8_t *output, size_t count);

/// Poly1305 (RFC 8439, 2.5) under a key that is used once. 1 on success.
int sx_poly1305(const uint8_t key[32], const uint8_t *bytes, size_t count, uint8_t tag[16]);

/// One message of AES-256-GCM: 32 bytes of key, an initialization vector, associated data in two pieces, the bytes.
typedef struct sx_aes256gcm_input {
    const uint8_t *key;
    const uint8_t *iv;
    size_t iv_count;
    const uint8_t *first;
    size_t first_count;
    const uint8_t *second;
    size_t second_count;
    const uint8_t *bytes;
    size_t count;
} sx_aes256gcm_input;

/// Encrypts and writes the tag, or checks the tag and decrypts; `output` may be where the bytes are. 1 on success; 0 if the
/// tag does not fit, and then what is in `output` is not to be used.
int sx_aes256gcm(int encrypting, const sx_aes256gcm_input *input, uint8_t *output, uint8_t tag[16]);

/// Random bytes of the kernel's generator, asked for ahead of need by each thread: for what is not secret.
void sx_random(uint8_t *output, size_t count);
