/* SHA-256 and CRC-32 over a megabyte: rotates, table lookups, dependent arithmetic. FIPS 180-4; ISO 3309. */
#include "bench.h"

static uint32_t k[64];
static uint32_t crc_table[256];

static uint32_t rotate(uint32_t x, int n) {
  return x >> n | x << (32 - n);
}

/* First 32 bits of the fractional parts of the cube roots of the first 64 primes, by integer arithmetic. */
static void make_tables(void) {
  int n = 0;
  for (uint32_t p = 2; n < 64; p++) {
    int prime = 1;
    for (uint32_t d = 2; d * d <= p; d++)
      if (p % d == 0) prime = 0;
    if (!prime) continue;
    /* floor(cbrt(p) * 2^32): the largest r with r^3 <= p * 2^96 */
    uint64_t r = 0;
    for (int bit = 35; bit >= 0; bit--) {
      uint64_t t = r | 1ull << bit;
      unsigned __int128 square = (unsigned __int128)t * t;
      /* t^3 <= p << 96, compared as t^2 <= (p << 96) / t in two steps to stay within 128 bits */
      unsigned __int128 high = square >> 32;
      unsigned __int128 cube = high * t + (((square & 0xffffffff) * t) >> 32);
      if (cube <= (unsigned __int128)p << 64) r = t;
    }
    k[n++] = (uint32_t)r;
  }
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int j = 0; j < 8; j++) c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
    crc_table[i] = c;
  }
}

static void sha256_block(uint32_t *h, const uint8_t *p) {
  uint32_t w[64];
  for (int i = 0; i < 16; i++) w[i] = p[i * 4] << 24 | p[i * 4 + 1] << 16 | p[i * 4 + 2] << 8 | p[i * 4 + 3];
  for (int i = 16; i < 64; i++) {
    uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], x = h[7];
  for (int i = 0; i < 64; i++) {
    uint32_t t1 = x + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + k[i] + w[i];
    uint32_t t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    x = g; g = f; f = e; e = d + t1; d = c; c = b; b = a; a = t1 + t2;
  }
  h[0] += a; h[1] += b; h[2] += c; h[3] += d; h[4] += e; h[5] += f; h[6] += g; h[7] += x;
}

uint64_t work(uint32_t scale) {
  enum { BYTES = 1 << 20 };
  make_tables();
  uint8_t *data = memory_of(BYTES);
  uint64_t seed = 1;
  for (int i = 0; i < BYTES; i++) data[i] = next_random(&seed) >> 56;
  uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint32_t crc = ~0u;
  for (uint32_t round = 0; round < 8 * scale; round++) {
    for (int i = 0; i < BYTES; i += 64) sha256_block(h, data + i);
    for (int i = 0; i < BYTES; i++) crc = crc_table[(crc ^ data[i]) & 0xff] ^ crc >> 8;
  }
  return (uint64_t)(h[0] ^ h[7]) << 32 | ~crc;
}
