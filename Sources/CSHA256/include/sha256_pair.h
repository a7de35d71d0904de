#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// SHA-256 (FIPS 180-4) of two inputs at once: a processor with SHA instructions has twice the throughput that one input can
// use, because each round waits for the one before it.

// Whether this processor can.
bool sx_sha256_pair_available(void);
// The digests of two inputs of `count` bytes each. Only where it is available.
void sx_sha256_pair(const uint8_t *first, const uint8_t *second, size_t count, uint8_t first_digest[32],
    uint8_t second_digest[32]);
