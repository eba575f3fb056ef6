/* Memory copied and filled: by REP, by words and by bytes. */
#include "bench.h"

uint64_t work(uint32_t scale) {
  enum { BYTES = 4 << 20 };
  uint8_t *a = memory_of(BYTES), *b = memory_of(BYTES);
  for (uint32_t round = 0; round < 12 * scale; round++) {
    memset(a, round + 1, BYTES);
    memcpy(b, a, BYTES);
    uint64_t *p = (uint64_t *)a, *q = (uint64_t *)b;
    for (int i = 0; i < BYTES / 8; i++) {
      p[i] = q[i] + i;
      __asm__ volatile("" : : : "memory");
    }
    for (int i = 1; i < BYTES; i += 3) b[i] = a[i - 1];
  }
  return checksum(b, BYTES / 8);
}
