/* Sieve of Eratosthenes over bytes: strided stores, short loops. */
#include "bench.h"

uint64_t work(uint32_t scale) {
  enum { LIMIT = 2000000 };
  uint8_t *composite = memory_of(LIMIT);
  uint64_t sum = 0;
  for (uint32_t round = 0; round < 10 * scale; round++) {
    for (uint32_t i = 0; i < LIMIT; i++) composite[i] = 0;
    for (uint32_t i = 2; i * i < LIMIT; i++)
      if (!composite[i])
        for (uint32_t j = i * i; j < LIMIT; j += i) composite[j] = 1;
    for (uint32_t i = 2; i < LIMIT; i++)
      if (!composite[i]) sum += i ^ round;
  }
  return sum;
}
