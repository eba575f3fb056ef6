/* Pointer chasing through 64 MiB in random order: the latency of memory and of address translation. */
#include "bench.h"

uint64_t work(uint32_t scale) {
  enum { NODES = 1 << 20 }; /* of 64 bytes */
  struct node { struct node *next; uint64_t value, pad[6]; } *nodes = memory_of(NODES * 64ul);
  uint32_t *order = memory_of(NODES * 4ul);
  uint64_t seed = 4, sum = 0;
  for (uint32_t i = 0; i < NODES; i++) order[i] = i;
  for (uint32_t i = NODES - 1; i > 0; i--) {
    uint32_t j = (next_random(&seed) >> 32) % (i + 1), t = order[i];
    order[i] = order[j];
    order[j] = t;
  }
  for (uint32_t i = 0; i < NODES; i++) {
    nodes[order[i]].next = &nodes[order[(i + 1) % NODES]];
    nodes[order[i]].value = i;
  }
  struct node *p = nodes;
  for (uint32_t i = 0; i < 2000000 * scale; i++) {
    sum = sum * 31 + p->value;
    p = p->next;
  }
  return sum;
}
