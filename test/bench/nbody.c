/* Planets under gravity, in doubles: multiplications, a square root and a division each step. */
#include "bench.h"

enum { N = 5 };
static double x[N][3], v[N][3], mass[N];

uint64_t work(uint32_t scale) {
  uint64_t seed = 7;
  for (int i = 0; i < N; i++) {
    mass[i] = i ? 0.001 * (1 + i) : 39.5;
    for (int d = 0; d < 3; d++) {
      x[i][d] = i ? (double)(int64_t)(next_random(&seed) >> 44) / 65536 - 8 : 0;
      v[i][d] = i ? (double)(int64_t)(next_random(&seed) >> 44) / 4194304 - 0.125 : 0;
    }
  }
  for (uint32_t step = 0; step < 200000 * scale; step++) {
    for (int i = 0; i < N; i++)
      for (int j = i + 1; j < N; j++) {
        double dx = x[i][0] - x[j][0], dy = x[i][1] - x[j][1], dz = x[i][2] - x[j][2];
        double square = dx * dx + dy * dy + dz * dz + 0.01;
        double factor = 0.001 / (square * square_root(square));
        v[i][0] -= dx * mass[j] * factor; v[i][1] -= dy * mass[j] * factor; v[i][2] -= dz * mass[j] * factor;
        v[j][0] += dx * mass[i] * factor; v[j][1] += dy * mass[i] * factor; v[j][2] += dz * mass[i] * factor;
      }
    for (int i = 0; i < N; i++)
      for (int d = 0; d < 3; d++) x[i][d] += 0.001 * v[i][d];
  }
  return checksum(x, sizeof x);
}
