// The states of a keyed hash, to be kept and copied, are only to be had from the functions that OpenSSL 3 calls deprecated.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "shim.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

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

// As below: each thread keeps a context. Its key is used once.
static EVP_MAC *poly1305;
static pthread_key_t poly1305_key;
static pthread_once_t poly1305_once = PTHREAD_ONCE_INIT;
static void free_poly1305(void *context) { EVP_MAC_CTX_free(context); }
static void fetch_poly1305(void) {
    poly1305 = EVP_MAC_fetch(NULL, "POLY1305", NULL);
    if (pthread_key_create(&poly1305_key, free_poly1305) != 0) poly1305 = NULL;
}

static EVP_MAC_CTX *poly1305_context(void) {
    pthread_once(&poly1305_once, fetch_poly1305);
    if (poly1305 == NULL) return NULL;
    EVP_MAC_CTX *context = pthread_getspecific(poly1305_key);
    if (context != NULL) return context;
    context = EVP_MAC_CTX_new(poly1305);
    if (context != NULL && pthread_setspecific(poly1305_key, context) != 0) {
        EVP_MAC_CTX_free(context);
        return NULL;
    }
    return context;
}

int sx_poly1305(const uint8_t key[32], const uint8_t *bytes, size_t count, uint8_t tag[16]) {
    EVP_MAC_CTX *context = poly1305_context();
    size_t tag_count = 0;
    return context != NULL && EVP_MAC_init(context, key, 32, NULL) == 1
        && EVP_MAC_update(context, bytes, count) == 1 && EVP_MAC_final(context, tag, &tag_count, 16) == 1
        && tag_count == 16;
}

// A cipher's context costs as much as a short message: each thread keeps one, with the key of its last message, which opens
// nothing else.
static EVP_CIPHER *aes256gcm;
static pthread_key_t context_key;
static pthread_once_t aes256gcm_once = PTHREAD_ONCE_INIT;
static void free_context(void *context) { EVP_CIPHER_CTX_free(context); }
static void fetch_aes256gcm(void) {
    aes256gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (pthread_key_create(&context_key, free_context) != 0) aes256gcm = NULL;
}

static EVP_CIPHER_CTX *aes256gcm_context(void) {
    pthread_once(&aes256gcm_once, fetch_aes256gcm);
    if (aes256gcm == NULL) return NULL;
    EVP_CIPHER_CTX *context = pthread_getspecific(context_key);
    if (context != NULL) return context;
    context = EVP_CIPHER_CTX_new();
    if (context == NULL) return NULL;
    if (EVP_CipherInit_ex(context, aes256gcm, NULL, NULL, NULL, 1) != 1 || pthread_setspecific(context_key, context) != 0) {
        EVP_CIPHER_CTX_free(context);
        return NULL;
    }
    return context;
}

static int run_aes256gcm(EVP_CIPHER_CTX *context, int encrypting, const sx_aes256gcm_input *input, uint8_t *output,
                         uint8_t tag[16]) {
    int count = 0;
    if (input->iv_count > INT_MAX || input->count > INT_MAX || input->first_count > INT_MAX
        || input->second_count > INT_MAX)
        return 0;
    if (EVP_CIPHER_CTX_get_iv_length(context) != (int)input->iv_count
        && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, (int)input->iv_count, NULL) != 1)
        return 0;
    if (EVP_CipherInit_ex(context, NULL, NULL, input->key, input->iv, encrypting) != 1) return 0;
    if (input->first_count > 0
        && EVP_CipherUpdate(context, NULL, &count, input->first, (int)input->first_count) != 1)
        return 0;
    if (input->second_count > 0
        && EVP_CipherUpdate(context, NULL, &count, input->second, (int)input->second_count) != 1)
        return 0;
    if (input->count > 0 && EVP_CipherUpdate(context, output, &count, input->bytes, (int)input->count) != 1) return 0;
    if (!encrypting && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, tag) != 1) return 0;
    uint8_t rest[16];
    if (EVP_CipherFinal_ex(context, rest, &count) != 1) return 0;
    return !encrypting || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1;
}

int sx_aes256gcm(int encrypting, const sx_aes256gcm_input *input, uint8_t *output, uint8_t tag[16]) {
    EVP_CIPHER_CTX *context = aes256gcm_context();
    if (context == NULL) return 0;
    int done = run_aes256gcm(context, encrypting, input, output, tag);
    if (!done) ERR_clear_error();
    return done;
}

// Nonces and ids are short, and asking the kernel costs more than all else about them: each thread asks for some together.
void sx_random(uint8_t *output, size_t count) {
    static _Thread_local uint8_t ahead[256];
    static _Thread_local size_t left;
    while (count > 0) {
        if (left == 0) {
            // Up to 256 bytes come whole or, on a system without this call, never.
            if (getrandom(ahead, sizeof ahead, 0) != (ssize_t)sizeof ahead) abort();
            left = sizeof ahead;
        }
        size_t taken = count < left ? count : left;
        uint8_t *start = ahead + sizeof ahead - left;
        memcpy(output, start, taken);
        OPENSSL_cleanse(start, taken);
        output += taken;
        count -= taken;
        left -= taken;
    }
}
