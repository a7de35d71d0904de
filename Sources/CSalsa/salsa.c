#include "csalsa.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define SX_AVX512 __attribute__((target("avx512f")))

int sx_salsa20_is_available(void) { return __builtin_cpu_supports("avx512f") != 0; }

#define QUARTER(a, b, c, d)                                                                                            \
    b = _mm512_xor_si512(b, _mm512_rol_epi32(_mm512_add_epi32(a, d), 7));                                              \
    c = _mm512_xor_si512(c, _mm512_rol_epi32(_mm512_add_epi32(b, a), 9));                                              \
    d = _mm512_xor_si512(d, _mm512_rol_epi32(_mm512_add_epi32(c, b), 13));                                             \
    a = _mm512_xor_si512(a, _mm512_rol_epi32(_mm512_add_epi32(d, c), 18))

// Sixteen blocks: vector i holds word i of each of them.
SX_AVX512 static inline void sixteen_blocks(__m512i x[16], const uint32_t state[16], uint64_t block) {
    __m512i start[16];
    for (int i = 0; i < 16; i++) start[i] = _mm512_set1_epi32((int)state[i]);
    const __m512i steps = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    const __m512i first = _mm512_add_epi64(_mm512_set1_epi64((long long)block), steps);
    const __m512i second = _mm512_add_epi64(first, _mm512_set1_epi64(8));
    const __m512i low = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i high = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    start[8] = _mm512_permutex2var_epi32(first, low, second);
    start[9] = _mm512_permutex2var_epi32(first, high, second);
    for (int i = 0; i < 16; i++) x[i] = start[i];
    for (int round = 0; round < 20; round += 2) {
        QUARTER(x[0], x[4], x[8], x[12]);
        QUARTER(x[5], x[9], x[13], x[1]);
        QUARTER(x[10], x[14], x[2], x[6]);
        QUARTER(x[15], x[3], x[7], x[11]);
        QUARTER(x[0], x[1], x[2], x[3]);
        QUARTER(x[5], x[6], x[7], x[4]);
        QUARTER(x[10], x[11], x[8], x[9]);
        QUARTER(x[15], x[12], x[13], x[14]);
    }
    for (int i = 0; i < 16; i++) x[i] = _mm512_add_epi32(x[i], start[i]);
}

// Turns vectors of words into blocks: afterwards vector i is block i.
SX_AVX512 static inline void transpose(__m512i x[16]) {
    __m512i a[16], b[16];
    for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
        a[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
        b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
        b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
        b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    // b[4 g + j] holds, in its lane l, words 4 g ... 4 g + 3 of block 4 l + j.
    for (int j = 0; j < 4; j++) {
        const __m512i even_low = _mm512_shuffle_i32x4(b[j], b[4 + j], 0x88);
        const __m512i even_high = _mm512_shuffle_i32x4(b[8 + j], b[12 + j], 0x88);
        const __m512i odd_low = _mm512_shuffle_i32x4(b[j], b[4 + j], 0xdd);
        const __m512i odd_high = _mm512_shuffle_i32x4(b[8 + j], b[12 + j], 0xdd);
        x[j] = _mm512_shuffle_i32x4(even_low, even_high, 0x88);
        x[8 + j] = _mm512_shuffle_i32x4(even_low, even_high, 0xdd);
        x[4 + j] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
        x[12 + j] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xdd);
    }
}

SX_AVX512 void sx_salsa20_xor(uint8_t *output, const uint8_t *input, size_t count, const uint8_t nonce[8],
                              uint64_t block, const uint8_t key[32]) {
    uint32_t state[16] = {0x61707865, 0, 0, 0, 0, 0x3320646e, 0, 0, 0, 0, 0x79622d32, 0, 0, 0, 0, 0x6b206574};
    memcpy(state + 1, key, 16);
    memcpy(state + 6, nonce, 8);
    memcpy(state + 11, key + 16, 16);
    __m512i x[16];
    while (count > 0) {
        sixteen_blocks(x, state, block);
        transpose(x);
        for (int i = 0; i < 16; i++) {
            if (count >= 64) {
                _mm512_storeu_si512(output, _mm512_xor_si512(x[i], _mm512_loadu_si512(input)));
                output += 64;
                input += 64;
                count -= 64;
                continue;
            }
            // The last words, then the last bytes.
            uint8_t rest[64];
            _mm512_storeu_si512(rest, x[i]);
            for (size_t j = 0; j < count; j++) output[j] = input[j] ^ rest[j];
            memset(rest, 0, sizeof rest);
            __asm__ volatile("" : : "r"(rest) : "memory");
            count = 0;
            break;
        }
        block += 16;
    }
    memset(state, 0, sizeof state);
    memset(x, 0, sizeof x);
    __asm__ volatile("" : : "r"(state), "r"(x) : "memory");
}

#else

int sx_salsa20_is_available(void) { return 0; }

void sx_salsa20_xor(uint8_t *output, const uint8_t *input, size_t count, const uint8_t nonce[8], uint64_t block,
                    const uint8_t key[32]) {
    (void)output, (void)input, (void)count, (void)nonce, (void)block, (void)key;
}

#endif
