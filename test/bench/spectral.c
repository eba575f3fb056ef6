/* Spectral norm of an infinite matrix: divisions of doubles, conversions from integers. */
#include "bench.h"

enum { N = 300 };
static double u[N], w[N], t[N];

static double entry(int i, int j) {
  return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1);
}

static void multiply(const double *in, double *out) {
  for (int i = 0; i < N; i++) {
    double sum = 0;
    for (int j = 0; j < N; j++) sum += entry(i, j) * in[j];
    t[i] = sum;
  }
  for (int i = 0; i < N; i++) {
    double sum = 0;
    for (int j = 0; j < N; j++) sum += entry(j, i) * t[j];
    out[i] = sum;
  }
}

uint64_t work(uint32_t scale) {
  for (int i = 0; i < N; i++) u[i] = 1;
  for (uint32_t round = 0; round < 10 * scale; round++) {
    multiply(u, w);
    double largest = 0;
    for (int i = 0; i < N; i++) largest = w[i] > largest ? w[i] : largest;
    for (int i = 0; i < N; i++) u[i] = w[i] / largest;
  }
  return checksum(u, sizeof u);
}
