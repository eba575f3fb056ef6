/* Matrix multiplication in 32-bit integers, the plain triple loop. */
#include "bench.h"

enum { N = 160 };
static int32_t a[N][N], b[N][N], c[N][N];

uint64_t work(uint32_t scale) {
  uint64_t seed = 2;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      a[i][j] = next_random(&seed) >> 40;
      b[i][j] = next_random(&seed) >> 40;
    }
  for (uint32_t round = 0; round < 10 * scale; round++) {
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) {
        int32_t sum = 0;
        for (int l = 0; l < N; l++) sum += a[i][l] * b[l][j];
        c[i][j] = sum;
      }
    a[round % N][round % N] ^= c[1][2];
  }
  return checksum(c, sizeof c);
}
