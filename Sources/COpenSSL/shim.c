// The states of a keyed hash, to be kept and copied, are only to be had from the functions that OpenSSL 3 calls deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "shim.h"

#include <pthread.h>
#include <string.h>

#define BLOCK_COUNT 128
#define DIGEST_COUNT SHA512_DIGEST_LENGTH

/// HMAC-SHA-512 (RFC 2104) after its key: the two hashes that have taken the padded key in.
typedef struct keyed_hash {
    SHA512_CTX inner;
    SHA512_CTX outer;
} keyed_hash;

static void set_key(keyed_hash *hash, const uint8_t *key, size_t count) {
    uint8_t padded[BLOCK_COUNT] = {0};
    if (count > BLOCK_COUNT) {
        SHA512(key, count, padded);
    } else if (count > 0) {
        memcpy(padded, key, count);
    }
    for (size_t index = 0; index < BLOCK_COUNT; index++) padded[index] ^= 0x36;
    SHA512_Init(&hash->inner);
    SHA512_Update(&hash->inner, padded, BLOCK_COUNT);
    for (size_t index = 0; index < BLOCK_COUNT; index++) padded[index] ^= 0x36 ^ 0x5c;
    SHA512_Init(&hash->outer);
    SHA512_Update(&hash->outer, padded, BLOCK_COUNT);
    OPENSSL_cleanse(padded, sizeof padded);
}

/// Ends `inner`, which has taken the message in; `hash` stays as it was.
static void finish(const keyed_hash *hash, SHA512_CTX *inner, uint8_t digest[DIGEST_COUNT]) {
    SHA512_CTX outer = hash->outer;
    SHA512_Final(digest, inner);
    SHA512_Update(&outer, digest, DIGEST_COUNT);
    SHA512_Final(digest, &outer);
    OPENSSL_cleanse(&outer, sizeof outer);
}

static keyed_hash unsalted;
static pthread_once_t unsalted_once = PTHREAD_ONCE_INIT;
static void make_unsalted(void) { set_key(&unsalted, NULL, 0); }

void sx_hkdf_sha512(const uint8_t *salt, size_t salt_count, const uint8_t *secret, size_t secret_count,
                    const uint8_t *info, size_t info_count, uint8_t *output, size_t count) {
    keyed_hash hash;
    uint8_t digest[DIGEST_COUNT];
    if (salt_count == 0) {
        pthread_once(&unsalted_once, make_unsalted);
        hash = unsalted;
    } else {
        set_key(&hash, salt, salt_count);
    }
    SHA512_CTX inner = hash.inner;
    SHA512_Update(&inner, secret, secret_count);
    finish(&hash, &inner, digest);
    set_key(&hash, digest, DIGEST_COUNT);
    for (uint8_t counter = 1; count > 0; counter++) {
        inner = hash.inner;
        if (counter > 1) SHA512_Update(&inner, digest, DIGEST_COUNT);
        SHA512_Update(&inner, info, info_count);
        SHA512_Update(&inner, &counter, 1);
        finish(&hash, &inner, digest);
        size_t taken = count < DIGEST_COUNT ? count : DIGEST_COUNT;
        memcpy(output, digest, taken);
        output += taken;
        count -= taken;
    }
    OPENSSL_cleanse(&hash, sizeof hash);
    OPENSSL_cleanse(&inner, sizeof inner);
    OPENSSL_cleanse(digest, sizeof digest);
}

static EVP_MAC *poly1305;
static pthread_once_t poly1305_once = PTHREAD_ONCE_INIT;
static void fetch_poly1305(void) { poly1305 = EVP_MAC_fetch(NULL, "POLY1305", NULL); }

int sx_poly1305(const uint8_t key[32], const uint8_t *bytes, size_t count, uint8_t tag[16]) {
    pthread_once(&poly1305_once, fetch_poly1305);
    EVP_MAC_CTX *context = poly1305 == NULL ? NULL : EVP_MAC_CTX_new(poly1305);
    if (context == NULL) return 0;
    size_t tag_count = 0;
    int done = EVP_MAC_init(context, key, 32, NULL) == 1 && EVP_MAC_update(context, bytes, count) == 1
        && EVP_MAC_final(context, tag, &tag_count, 16) == 1 && tag_count == 16;
    EVP_MAC_CTX_free(context);
    return done;
}
