/* Quicksort with a comparison by callback. */
#include "bench.h"

typedef int (*compare)(const void *, const void *);

static void swap(char *a, char *b, size_t size) {
  for (size_t i = 0; i < size; i += 4) {
    uint32_t t = *(uint32_t *)(a + i);
    *(uint32_t *)(a + i) = *(uint32_t *)(b + i);
    *(uint32_t *)(b + i) = t;
  }
}

static void quicksort(char *base, size_t count, size_t size, compare order) {
  while (count > 1) {
    char *last = base + (count - 1) * size, *store = base;
    swap(base + count / 2 * size, last, size);
    for (char *p = base; p < last; p += size)
      if (order(p, last) < 0) swap(p, store, size), store += size;
    swap(store, last, size);
    size_t left = (store - base) / size, right = count - left - 1;
    if (left < right) {
      quicksort(base, left, size, order);
      base = store + size;
      count = right;
    } else {
      quicksort(store + size, right, size, order);
      count = left;
    }
  }
}

struct record { uint32_t key, value; };

static int by_key(const void *a, const void *b) {
  uint32_t x = ((const struct record *)a)->key, y = ((const struct record *)b)->key;
  return x < y ? -1 : x > y;
}

uint64_t work(uint32_t scale) {
  enum { N = 100000 };
  struct record *records = memory_of(N * sizeof *records);
  uint64_t seed = 5, sum = 0;
  compare volatile order = by_key;
  for (uint32_t round = 0; round < 4 * scale; round++) {
    for (int i = 0; i < N; i++) records[i] = (struct record){next_random(&seed) >> 32, i};
    quicksort((char *)records, N, sizeof *records, order);
    sum = sum * 31 + checksum(records, N * sizeof *records / 16);
  }
  return sum;
}
