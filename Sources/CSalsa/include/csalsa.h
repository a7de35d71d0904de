// Salsa20 (D. J. Bernstein, "The Salsa20 family of stream ciphers") sixteen blocks at a time.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Whether this processor has what `sx_salsa20_xor` needs (AVX-512).
int sx_salsa20_is_available(void);

/// XORs `count` bytes with the stream of `key` and `nonce`, from its block number `block` on. `output` may be `input`.
void sx_salsa20_xor(uint8_t *output, const uint8_t *input, size_t count, const uint8_t nonce[8], uint64_t block,
                    const uint8_t key[32]);
