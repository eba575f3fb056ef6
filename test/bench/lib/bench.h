/*
 * What the benchmark programs stand on: no C library, only system calls. A program defines `work`, which gets the scale given on the
 * command line (1 if none) and returns a checksum; runtime.c prints it.
 */
#ifndef BENCH_H
#define BENCH_H
#include <stddef.h>
#include <stdint.h>

uint64_t work(uint32_t scale);

long system_call(long number, long a, long b, long c, long d, long e, long f);
void *memory_of(size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *text);
double square_root(double x);

/* xorshift64*; the same numbers everywhere. */
static inline uint64_t next_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return x * 0x2545f4914f6cdd1dull;
}

/* FNV-1a over a block of memory. */
static inline uint64_t checksum(const void *data, size_t bytes) {
  const uint8_t *p = data;
  uint64_t sum = 0xcbf29ce484222325ull;
  for (size_t i = 0; i < bytes; i++) sum = (sum ^ p[i]) * 0x100000001b3ull;
  return sum;
}
#endif
