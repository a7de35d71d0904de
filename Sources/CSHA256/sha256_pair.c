#include "sha256_pair.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <string.h>

// FIPS 180-4, section 4.2.2.
static const uint32_t constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

// FIPS 180-4, section 5.3.3.
static const uint32_t initial[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

enum { block = 64, lanes = 2 };

bool sx_sha256_pair_available(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1) || !(c & bit_SSSE3)) return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

// Takes `count` blocks into each state. The instructions want the state as the words ABEF and CDGH.
__attribute__((target("sha,sse4.1,ssse3")))
static void take_blocks(uint32_t state[lanes][8], const uint8_t *const inputs[lanes], size_t count) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i abef[lanes], cdgh[lanes];
    for (int lane = 0; lane < lanes; lane++) {
        __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)&state[lane][0]), 0xb1);
        __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)&state[lane][4]), 0x1b);
        abef[lane] = _mm_alignr_epi8(cdab, efgh, 8);
        cdgh[lane] = _mm_blend_epi16(efgh, cdab, 0xf0);
    }
    for (size_t offset = 0; offset < count * block; offset += block) {
        __m128i abef_before[lanes], cdgh_before[lanes], words[lanes][4];
        for (int lane = 0; lane < lanes; lane++) {
            abef_before[lane] = abef[lane];
            cdgh_before[lane] = cdgh[lane];
        }
        // Four rounds a step; the last four message words of each are kept.
#pragma clang loop unroll(full)
        for (int step = 0; step < 16; step++) {
            const __m128i constant = _mm_load_si128((const __m128i *)&constants[4 * step]);
#pragma clang loop unroll(full)
            for (int lane = 0; lane < lanes; lane++) {
                __m128i *w = words[lane];
                if (step < 4) {
                    const __m128i *input = (const __m128i *)(inputs[lane] + offset);
                    w[step] = _mm_shuffle_epi8(_mm_loadu_si128(input + step), big_endian);
                } else {
                    __m128i next = _mm_sha256msg1_epu32(w[step & 3], w[(step + 1) & 3]);
                    next = _mm_add_epi32(next, _mm_alignr_epi8(w[(step + 3) & 3], w[(step + 2) & 3], 4));
                    w[step & 3] = _mm_sha256msg2_epu32(next, w[(step + 3) & 3]);
                }
                __m128i sum = _mm_add_epi32(w[step & 3], constant);
                cdgh[lane] = _mm_sha256rnds2_epu32(cdgh[lane], abef[lane], sum);
                abef[lane] = _mm_sha256rnds2_epu32(abef[lane], cdgh[lane], _mm_shuffle_epi32(sum, 0x0e));
            }
        }
        for (int lane = 0; lane < lanes; lane++) {
            abef[lane] = _mm_add_epi32(abef[lane], abef_before[lane]);
            cdgh[lane] = _mm_add_epi32(cdgh[lane], cdgh_before[lane]);
        }
    }
    for (int lane = 0; lane < lanes; lane++) {
        __m128i feba = _mm_shuffle_epi32(abef[lane], 0x1b);
        __m128i dchg = _mm_shuffle_epi32(cdgh[lane], 0xb1);
        _mm_storeu_si128((__m128i *)&state[lane][0], _mm_blend_epi16(feba, dchg, 0xf0));
        _mm_storeu_si128((__m128i *)&state[lane][4], _mm_alignr_epi8(dchg, feba, 8));
    }
}

static void store_digest(const uint32_t state[8], uint8_t digest[32]) {
    for (int word = 0; word < 8; word++) {
        uint32_t value = __builtin_bswap32(state[word]);
        memcpy(digest + 4 * word, &value, sizeof value);
    }
}

void sx_sha256_pair(const uint8_t *first, const uint8_t *second, size_t count, uint8_t first_digest[32],
    uint8_t second_digest[32]) {
    uint32_t state[lanes][8];
    const uint8_t *inputs[lanes] = {first, second};
    size_t whole = count / block, rest = count % block;
    // What is left, a one bit, zeros, and the length in bits: FIPS 180-4, section 5.1.1.
    uint8_t ends[lanes][2 * block] = {{0}};
    size_t end_blocks = rest < block - 8 ? 1 : 2;
    uint64_t bits = __builtin_bswap64((uint64_t)count << 3);
    for (int lane = 0; lane < lanes; lane++) {
        memcpy(state[lane], initial, sizeof initial);
        if (rest > 0) memcpy(ends[lane], inputs[lane] + whole * block, rest);
        ends[lane][rest] = 0x80;
        memcpy(ends[lane] + end_blocks * block - sizeof bits, &bits, sizeof bits);
    }
    take_blocks(state, inputs, whole);
    take_blocks(state, (const uint8_t *const[lanes]){ends[0], ends[1]}, end_blocks);
    store_digest(state[0], first_digest);
    store_digest(state[1], second_digest);
}

#else

bool sx_sha256_pair_available(void) { return false; }

void sx_sha256_pair(const uint8_t *first, const uint8_t *second, size_t count, uint8_t first_digest[32],
    uint8_t second_digest[32]) {
    (void)first, (void)second, (void)count, (void)first_digest, (void)second_digest;
    __builtin_trap();
}

#endif
